"""OpenPGP keys and messages by their packets; nothing is decrypted.

Source: RFC 9580 §4.2 (packet headers), §5.5 (keys), §9.1 (public-key algorithms).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.der import Element, dotted
from roadseal.assess.inventory.certificates.keys import encrypted_key, material, private_key
from roadseal.assess.inventory.certificates.openpgp_messages import message
from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role
from roadseal.assess.inventory.identifiers import curve_from_oid, from_oid

_MAX_PACKETS: Final = 100_000
_SECRET, _PUBLIC, _SECRET_SUB, _PUBLIC_SUB = 5, 6, 7, 14
_SIZED: Final = {1: "rsa", 2: "rsa", 3: "rsa", 16: "elgamal", 17: "dsa", 20: "elgamal"}
_CURVED: Final = {18: "", 19: "ecdsa-", 22: ""}
_FIXED: Final = {25: "x25519", 26: "x448", 27: "ed25519", 28: "ed448"}
_CIPHERS: Final = {
    0: "null", 1: "idea-cfb", 2: "3des-cfb", 3: "cast5-cfb", 4: "blowfish-cfb", 7: "aes-128-cfb",
    8: "aes-192-cfb", 9: "aes-256-cfb", 10: "twofish-256-cfb", 11: "camellia-128-cfb",
    12: "camellia-192-cfb", 13: "camellia-256-cfb",
}  # fmt: skip


def packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield tag, offset and body of each packet, as far as they can be read."""
    at = 0
    for _ in range(_MAX_PACKETS):
        if at + 2 > len(data) or not data[at] & 0x80:
            return
        start, head, at = at, data[at], at + 1
        if head & 0x40:
            tag = head & 0x3F
            body = b""
            while True:  # partial lengths
                length, at, partial = _new_length(data, at)
                if length is None:
                    return
                body += data[at : at + length]
                at += length
                if not partial:
                    break
        else:
            tag, kind = head >> 2 & 0x0F, head & 0x03
            octets = (1, 2, 4, 0)[kind]
            length = int.from_bytes(data[at : at + octets]) if octets else len(data) - at
            at += octets
            body = data[at : at + length]
            at += length
        if at > len(data):
            return
        yield tag, start, body


def _new_length(data: bytes, at: int) -> tuple[int | None, int, bool]:
    if at >= len(data):
        return None, at, False
    first = data[at]
    if first < 192:
        return first, at + 1, False
    if first < 224:
        if at + 1 >= len(data):
            return None, at, False
        return (first - 192 << 8) + data[at + 1] + 192, at + 2, False
    if first < 255:
        return 1 << (first & 0x1F), at + 1, True
    return int.from_bytes(data[at + 1 : at + 5]), at + 5, False


def keys(
    location: Location, data: bytes, context: Context, base: int | None = None
) -> Iterator[Finding | Gap]:
    """Describe every key packet, or else the message or signature.

    Args:
        location: of the whole.
        data: packets without armour.
        context: for what identifies a private key.
        base: makes offsets of `data` those of the file.
    """
    seen = False
    for tag, offset, body in packets(data):
        if tag not in {_SECRET, _PUBLIC, _SECRET_SUB, _PUBLIC_SUB}:
            continue
        seen = True
        at = location if base is None else Location(location.uri, offset=base + offset)
        yield from _key(at, tag, body, context)
    if seen:
        return
    found = list(message(location, packets(data), _CIPHERS))
    yield from found
    if not found:
        yield Gap(location, Cause.NOT_SUPPORTED, "OpenPGP without a key.")


def _key(at: Location, tag: int, body: bytes, context: Context) -> Iterator[Finding | Gap]:
    version = body[0] if body else 0
    start = {3: 7, 4: 5, 6: 9}.get(version)
    if start is None or len(body) <= start:
        yield Gap(at, Cause.UNREADABLE, f"An OpenPGP key of version {version}.")
        return
    # version 6 says between algorithm and material how long the material is
    algorithm, material_at = (body[5], 10) if version == 6 else (body[start], start + 1)
    name, end = _name(algorithm, body, material_at)
    sub = tag in {_SECRET_SUB, _PUBLIC_SUB}
    role = Role.ENCRYPTION if algorithm in {2, 16, 18, 25, 26} else Role.UNKNOWN
    use = AlgorithmUse(name, role)
    if tag in {_PUBLIC, _PUBLIC_SUB}:
        title = f"OpenPGP {'subkey' if sub else 'key'} {name}"
        facts = {"sha256": hashlib.sha256(body).hexdigest()}
        yield material(at, "openpgp", title, [use], {**facts})
        return
    usage = body[end] if end is not None and end < len(body) else None
    if usage == 0:
        yield private_key(at, name, body, context, "openpgp")
        return
    cipher = (
        _CIPHERS.get(body[end + 1])
        if usage in {253, 254, 255} and end and end + 1 < len(body)
        else None
    )
    found = encrypted_key(at, "openpgp", [cipher] if cipher else [])
    yield material(at, "openpgp", found.title, [use, *found.algorithms], dict(found.facts))


def _name(algorithm: int, body: bytes, at: int) -> tuple[str, int | None]:
    """Name the key, and say where its public part ends."""
    if algorithm in _FIXED:
        octets = {25: 32, 26: 56, 27: 32, 28: 57}[algorithm]
        return _FIXED[algorithm], at + octets
    if algorithm in _SIZED:
        bits = int.from_bytes(body[at : at + 2])
        count = {"rsa": 2, "elgamal": 3, "dsa": 4}[_SIZED[algorithm]]
        end: int | None = at
        for _ in range(count):
            end = _after_number(body, end)
        return f"{_SIZED[algorithm]}-{bits}", end
    if algorithm in _CURVED and at < len(body):
        length = body[at]
        oid = dotted(body, Element(6, at, at + 1, min(at + 1 + length, len(body))))
        curve = curve_from_oid(oid)
        name = from_oid(oid) if curve.startswith("oid:") else f"{_CURVED[algorithm]}{curve}"
        end = _after_number(body, at + 1 + length)
        if algorithm == 18 and end is not None and end < len(body):
            end += 1 + body[end]  # parameters of the key derivation
        return name, end
    return f"openpgp-algorithm:{algorithm}", None


def _after_number(body: bytes, at: int | None) -> int | None:
    if at is None or at + 2 > len(body):
        return None
    return at + 2 + (int.from_bytes(body[at : at + 2]) + 7) // 8
