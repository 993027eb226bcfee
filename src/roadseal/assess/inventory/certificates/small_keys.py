"""Keys, signatures and files of small tools: age, minisign, signify.

Sources: C2SP, age.md (format v1 and its recipients); minisign's manual, "Signature format" and
"Public key format"; OpenBSD, usr.bin/signify/signify.c.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import encrypted_key, material, private_key
from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

AGE_SECRETS: Final = (b"AGE-SECRET-KEY-1", b"AGE-SECRET-KEY-PQ-1")
AGE_FILE: Final = b"age-encryption.org/v1\n"
COMMENT: Final = b"untrusted comment:"

_IDENTITY: Final = re.compile(rb"AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{20,4000}")
_STANZA: Final = re.compile(rb"^-> (\S+)", re.MULTILINE)
_STANZAS: Final = {
    "X25519": "x25519", "scrypt": "scrypt", "ssh-rsa": "rsa", "ssh-ed25519": "x25519",
    "piv-p256": "p256", "mlkem768x25519": "x25519mlkem768",
}  # fmt: skip
_ED25519: Final = (b"Ed", b"ED")
_PUBLIC, _SIGNATURE, _SIGNIFY_SECRET, _MINISIGN_SECRET = 42, 74, 104, 158
_MAX_HEADER: Final = 1 << 16


def age_identities(uri: str, data: bytes, context: Context) -> Iterator[Finding]:
    """Describe every identity of age: a private key in clear."""
    for match in _IDENTITY.finditer(data):
        name = "x25519mlkem768" if match[1] else "x25519"
        line = data.count(b"\n", 0, match.start()) + 1
        found = private_key(Location(uri, line=line), name, match[0], context, "age-key")
        uses = [AlgorithmUse(name, Role.ENCRYPTION)]
        yield material(found.location, "age-key", found.title, uses, dict(found.facts))


def age_file(location: Location, data: bytes) -> Iterator[Finding | Gap]:
    """Describe to whom a file of age is encrypted."""
    header, end, _ = data[:_MAX_HEADER].partition(b"\n--- ")
    kinds = [each.decode("latin-1")[:40] for each in _STANZA.findall(header)]
    kinds = [each for each in kinds if not each.endswith("-grease")]
    if not end or not kinds:
        yield Gap(location, Cause.UNREADABLE, "The header of a file of age is malformed.")
        return
    names = dict.fromkeys(_STANZAS.get(each, f"age:{each}") for each in kinds)
    uses = [
        AlgorithmUse(name, Role.STORAGE if name == "scrypt" else Role.ENCRYPTION) for name in names
    ]
    uses += [AlgorithmUse("chacha20-poly1305", Role.STORAGE)]
    facts = {"recipients": len(kinds)}
    yield material(location, "age", "file encrypted by age", uses, {**facts})


def signed_by_small_tools(uri: str, data: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe a key or signature of minisign or signify: a comment and a line of base64."""
    here = Location(uri, offset=0)
    lines = data[:_MAX_HEADER].splitlines()
    try:
        octets = base64.b64decode(lines[1].strip(), validate=True) if len(lines) > 1 else b""
    except binascii.Error:
        octets = b""
    if octets[:2] not in _ED25519:
        if octets:
            detail = "A key or signature of minisign or signify is of no known kind."
            yield Gap(here, Cause.UNREADABLE, detail)
        return  # prose may begin so
    use = AlgorithmUse("ed25519", Role.FIRMWARE_SIGNATURE)
    match len(octets):
        case n if n == _PUBLIC:
            facts = {"key_number": octets[2:10][::-1].hex().upper()}
            yield material(here, "minisign", "public key ed25519", [use], {**facts})
        case n if n == _SIGNATURE:
            facts = {"key_number": octets[2:10][::-1].hex().upper()}
            yield material(here, "minisign", "signature ed25519", [use], {**facts})
        case n if n in (_SIGNIFY_SECRET, _MINISIGN_SECRET):
            yield _secret(here, octets, use, context)
        case _:
            yield Gap(here, Cause.UNREADABLE, "A key of minisign or signify is cut off.")


def _secret(here: Location, octets: bytes, use: AlgorithmUse, context: Context) -> Finding:
    """A secret key, in clear where it names no derivation or, as signify, asks for no round."""
    minisign = len(octets) == _MINISIGN_SECRET
    clear = octets[2:4] == b"\0\0" if minisign else not int.from_bytes(octets[4:8])
    if clear:
        found = private_key(here, use.name, octets, context, "minisign")
        return material(here, "minisign", found.title, [use], dict(found.facts))
    derivation = "scrypt" if minisign else "bcrypt"
    found = encrypted_key(here, "minisign", [derivation])
    uses = [use, *found.algorithms]
    return material(here, "minisign", found.title, uses, dict(found.facts))
