"""OpenPGP messages and detached signatures: who signed by what, and what they are encrypted with.

Source: RFC 9580 §5.1 (sessions under a public key), §5.2 (signatures), §5.3 (under a password),
§5.13 (encrypted data), §9.1, §9.3, §9.5 (public-key, symmetric and hash algorithms).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import material
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Location, Role

_SESSION, _SIGNATURE, _PASSWORD, _UNPROTECTED, _PROTECTED, _AEAD = 1, 2, 3, 9, 18, 20
_HASHES: Final = {
    1: "md5", 2: "sha-1", 3: "ripemd-160", 8: "sha-256", 9: "sha-384", 10: "sha-512",
    11: "sha-224", 12: "sha3-256", 14: "sha3-512",
}  # fmt: skip
_SIGNERS: Final = {1: "rsa-pkcs1", 3: "rsa-pkcs1", 17: "dsa", 19: "ecdsa"}
_WITH_OWN_HASH: Final = {22: "ed25519", 27: "ed25519", 28: "ed448"}
_RECIPIENTS: Final = {1: "rsa", 2: "rsa", 16: "elgamal", 18: "ecdh", 25: "x25519", 26: "x448"}


def message(
    location: Location, packets: Iterable[tuple[int, int, bytes]], ciphers: dict[int, str]
) -> Iterator[Finding]:
    """Describe a message or signature by the packets that stand outside of any encryption.

    Args:
        location: of the whole.
        packets: tag, offset and body of each.
        ciphers: names of symmetric algorithms, by their number.
    """
    signatures: list[AlgorithmUse] = []
    encryption: list[AlgorithmUse] = []
    for tag, _, body in packets:
        match tag:
            case _ if tag == _SIGNATURE:
                signatures += _signature(body)
            case _ if tag == _SESSION:
                encryption += _recipient(body)
            case _ if tag == _PASSWORD:
                at = 2 if body[:1] in {b"\5", b"\6"} else 1
                encryption += _cipher(body[at : at + 1], ciphers)
            case _ if tag == _AEAD or (tag == _PROTECTED and body[:1] == b"\2"):
                encryption += _cipher(body[1:2], ciphers)
            case _ if tag in (_UNPROTECTED, _PROTECTED) and not encryption:
                encryption.append(AlgorithmUse("unreadable-encryption", Role.STORAGE))
    if encryption:
        uses = list(dict.fromkeys(encryption))
        yield material(location, "openpgp", "OpenPGP encrypted message", uses)
    if signatures:
        uses = list(dict.fromkeys(signatures))
        yield material(location, "openpgp", "OpenPGP signature", uses)


def _signature(body: bytes) -> list[AlgorithmUse]:
    at = 15 if body[:1] in {b"\2", b"\3"} else 2
    if len(body) < at + 2:
        return []
    algorithm, digest = body[at], _HASHES.get(body[at + 1], f"openpgp-hash:{body[at + 1]}")
    if algorithm in _WITH_OWN_HASH:
        name = _WITH_OWN_HASH[algorithm]
    elif algorithm in _SIGNERS:
        name = f"{_SIGNERS[algorithm]}-{digest}"
    else:
        name = f"openpgp-algorithm:{algorithm}"
    return [AlgorithmUse(name, Role.MESSAGE_SIGNATURE)]


def _recipient(body: bytes) -> list[AlgorithmUse]:
    at = 2 + body[1] if body[:1] == b"\6" and len(body) > 1 else 9
    if len(body) <= at:
        return []
    name = _RECIPIENTS.get(body[at], f"openpgp-algorithm:{body[at]}")
    return [AlgorithmUse(name, Role.ENCRYPTION)]


def _cipher(number: bytes, ciphers: dict[int, str]) -> list[AlgorithmUse]:
    name = ciphers.get(number[0], f"openpgp-cipher:{number[0]}") if number else "unreadable"
    return [AlgorithmUse(name, Role.STORAGE)]
