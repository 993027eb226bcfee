"""Keystores of Bouncy Castle: BKS in clear, UBER and BCFKS under a password.

Source: of org.bouncycastle.jcajce.provider.keystore, bc.BcKeyStoreSpi (BKS and UBER) and
bcfks.BcFKSKeyStoreSpi; org.bouncycastle.asn1.bc.ObjectStore (BCFKS).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates import der
from roadseal.assess.inventory.certificates.java_stream import (
    Stream,
    TruncatedError,
    certificate_entry,
)
from roadseal.assess.inventory.certificates.keys import (
    der_key,
    encrypted_key,
    material,
    private_key,
)
from roadseal.assess.inventory.certificates.names import oids_in, signature_name
from roadseal.assess.inventory.certificates.protection import authentication, protections
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

STARTS: Final = tuple(bytes((0, 0, 0, version, 0, 0, 0, 20)) for version in (0, 1, 2))
"""Version and length of the salt; Bouncy Castle has always written one of twenty octets."""

_ENTRIES: Final = 32  # where they begin: after version, salt and rounds
_TAGS: Final = range(5)
_CERTIFICATE, _KEY, _SECRETS = 1, 2, (3, 4)  # a secret under the key, and a sealed one
_PROTECTION: Final = ["3des-cbc", "pkcs12-kdf-sha-1"]  # PBEWithSHAAnd3-KeyTripleDES-CBC
_UBER: Final = ["twofish-256-cbc", "pkcs12-kdf-sha-1"]  # PBEWithSHAAndTwofish-CBC
_BLOCK_BYTES: Final = 16
_MAC_BYTES: Final = 20
_MAX_CHAIN: Final = 1000


def bks_or_uber(uri: str, data: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe a BKS file, whose MAC is by SHA-1 over the whole, or an UBER file.

    UBER is BKS encrypted, after the same head: only its first entry, which makes no sense, tells.
    """
    here = Location(uri, offset=0)
    if _is_uber(data):
        uses = [AlgorithmUse(name, Role.STORAGE) for name in _UBER]
        uses.append(AlgorithmUse("sha-1", Role.INTEGRITY))
        title = "keystore of Bouncy Castle (UBER), all under a password"
        yield material(here, "uber", title, uses, {"encrypted": True})
        if (len(data) - _ENTRIES) % _BLOCK_BYTES:
            yield Gap(here, Cause.UNREADABLE, "The keystore is cut off.")
        return
    integrity = AlgorithmUse("hmac-sha-1", Role.INTEGRITY)
    yield material(here, "bks", "keystore of Bouncy Castle", [integrity])
    stream = Stream(data, _ENTRIES)
    try:
        while tag := stream.number(1):
            if tag not in _TAGS:
                detail = "An entry of unknown kind; what follows it is not read."
                yield Gap(Location(uri, offset=stream.at - 1), Cause.NOT_SUPPORTED, detail)
                return
            yield from _bks_entry(uri, stream, tag, context)
    except TruncatedError:
        at = Location(uri, offset=stream.at)
        yield Gap(at, Cause.UNREADABLE, "The keystore ends in the middle of an entry.")


def bcfks(location: Location, encoded: bytes) -> Iterator[Finding]:
    """Describe the ObjectStore that starts `encoded`; nothing if it is none.

    Its content is encrypted; a MAC or a signature with certificates keeps it.
    """
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 3) if outer else []
    if [one.tag for one in parts] not in ([der.SEQUENCE, der.SEQUENCE], [der.SEQUENCE, 0xA0]):
        return
    store, check = parts
    inside = der.shape(encoded, store, 3)
    if [one.tag for one in inside] != [der.SEQUENCE, der.OCTET_STRING]:
        return
    uses = [AlgorithmUse(name, Role.STORAGE) for name in protections(oids_in(encoded, inside[0]))]
    certificates: list[Finding] = []
    if check.tag == der.SEQUENCE:
        fields = der.shape(encoded, check, 2)  # the MAC, and how its key is derived
        oids = [oid for one in reversed(fields) for oid in oids_in(encoded, one)]
        uses += [AlgorithmUse(name, Role.INTEGRITY) for name in authentication(oids)]
    else:
        signature, certificates = _signature_check(location, encoded, check)
        uses.append(AlgorithmUse(signature, Role.INTEGRITY))
    if not uses:
        return
    title = "keystore of Bouncy Castle (BCFKS), all under a password"
    yield material(location, "bcfks", title, uses, {"encrypted": True})
    yield from certificates


def _is_uber(data: bytes) -> bool:
    stream = Stream(data, _ENTRIES)
    try:
        tag = stream.number(1)
        if tag not in _TAGS:
            return True
        if tag:
            stream.text()
            stream.take(12)  # when it was made, and how many certificates follow
    except TruncatedError:
        return bool(stream.left) and not (len(data) - _ENTRIES) % _BLOCK_BYTES
    return not tag and stream.left > _MAC_BYTES


def _bks_entry(uri: str, stream: Stream, tag: int, context: Context) -> Iterator[Finding | Gap]:
    start = Location(uri, offset=stream.at - 1)
    stream.text()  # alias
    stream.take(8)  # when it was made
    for _ in range(min(stream.number(), _MAX_CHAIN)):
        yield from certificate_entry(uri, stream, typed=True)
    if tag == _CERTIFICATE:
        yield from certificate_entry(uri, stream, typed=True)
    elif tag in _SECRETS:
        stream.take(stream.number())
        yield encrypted_key(start, "bks", _PROTECTION)
    elif tag == _KEY:
        yield from _clear_key(start, stream, context)


def _clear_key(start: Location, stream: Stream, context: Context) -> Iterator[Finding]:
    """A key as it is: private, public or secret, its format, its algorithm, its octets."""
    stream.take(1)
    form, algorithm = stream.text(), stream.text()
    octets = stream.take(stream.number())
    found = None if form == "RAW" else der_key(start, octets, context)
    yield found or private_key(start, algorithm.lower()[:40], octets, context, "bks")


def _signature_check(
    location: Location, encoded: bytes, check: der.Element
) -> tuple[str, list[Finding]]:
    """SignatureCheck: algorithm, certificates [0], signature."""
    fields = next((der.shape(encoded, one, 3) for one in der.children(encoded, check)), [])
    name: str | None = None
    found: list[Finding] = []
    for one in fields:
        if one.tag == der.SEQUENCE and (oids := oids_in(encoded, one)):
            name = signature_name(oids[0], None)
        elif one.tag == 0xA0:
            for sequence in der.children(encoded, one):
                for each in der.children(encoded, sequence):
                    octets = encoded[each.start : each.end]
                    if certified := certificate(location, octets, "bcfks"):
                        found.append(certified)
    return name or "unreadable-signature", found
