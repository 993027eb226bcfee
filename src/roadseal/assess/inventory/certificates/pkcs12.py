"""PKCS #12 files: how they are protected, and what in them is not.

Source: RFC 7292; RFC 9579 (PBMAC1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from roadseal import _core
from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.certificates import cms, der
from roadseal.assess.inventory.certificates.keys import der_key, material
from roadseal.assess.inventory.certificates.names import oids_in
from roadseal.assess.inventory.certificates.protection import PBMAC1, authentication, protections
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Gap, Location, Role

_SIGNED: Final = "1.2.840.113549.1.7.2"
_KEY_BAG: Final = "1.2.840.113549.1.12.10.1.1"  # a key that is not encrypted, RFC 7292 §4.2.1
_CLOSED: Final = frozenset(  # a bag of a key under a password; enveloped and encrypted data
    {"1.2.840.113549.1.12.10.1.2", "1.2.840.113549.1.7.3", "1.2.840.113549.1.7.6"}
)
_NO_ALGORITHM: Final = ("1.2.840.113549.1.7", "1.2.840.113549.1.9", "1.2.840.113549.1.12.10")
_MAX_OIDS: Final = 256
_MAX_DEPTH: Final = 24
_LEAST_NESTED: Final = 32


def pkcs12(location: Location, encoded: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe a PKCS #12 file: how it is protected, and certificates and keys that are not."""
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 3) if outer else []
    if len(parts) < 2 or [parts[0].tag, parts[1].tag] != [der.INTEGER, der.SEQUENCE]:
        return
    safes = _Safes.read(encoded, parts[1])
    names = protections(safes.oids)
    closed = ["unreadable-encryption"] if safes.closed else ["null"]
    uses = [AlgorithmUse(name, Role.STORAGE) for name in names or closed]
    signed = oids_in(encoded, parts[1])[:1] == [_SIGNED]
    if len(parts) > 2:
        uses += [AlgorithmUse(name, Role.INTEGRITY) for name in _mac(oids_in(encoded, parts[2]))]
    elif not signed:
        uses.append(AlgorithmUse("null", Role.INTEGRITY))
    yield material(location, "pkcs12", "PKCS #12 keystore", list(dict.fromkeys(uses)))
    if signed:  # integrity by a signature, RFC 7292 §3.1
        yield from cms.message(location, encoded[parts[1].start : parts[1].end])
    for each in safes.keys:
        if found := der_key(location, each, context):
            yield found
    for each in safes.certificates:
        if found := certificate(location, each, "pkcs12"):
            yield found


def _mac(oids: list[str]) -> list[str]:
    """What the MAC is by: PBMAC1, or a digest with the derivation of PKCS #12 itself."""
    if PBMAC1 in oids:
        return authentication(oids)
    return [f"pkcs12-kdf-{identifiers.from_oid(oids[0])}"] if oids else []


@dataclass
class _Safes:
    """What the authenticated safes hold: identifiers, and what is in clear."""

    oids: list[str] = field(default_factory=list)
    certificates: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    closed: bool = False

    @classmethod
    def read(cls, encoded: bytes, content: der.Element) -> _Safes:
        safes = cls()
        pending: list[tuple[bytes, der.Element, int]] = [(encoded, content, 0)]
        while pending and len(safes.oids) < _MAX_OIDS:
            data, one, depth = pending.pop()
            if one.tag == der.OID:
                safes._identifier(der.dotted(data, one))
            elif one.tag in der.OCTET_STRINGS:
                inner = der.octets(data, one)
                if nested := safes._octets(inner):
                    pending.append((inner, nested, depth + 1))
            elif one.tag & 0x20 and depth < _MAX_DEPTH:
                inside = der.shape(data, one, 512)
                if len(inside) > 1 and der.dotted(data, inside[0]) == _KEY_BAG:
                    safes.keys.append(data[inside[1].content : inside[1].end])
                    continue
                pending.extend((data, each, depth + 1) for each in reversed(inside))
        return safes

    def _identifier(self, oid: str) -> None:
        self.closed = self.closed or oid in _CLOSED
        if not oid.startswith(_NO_ALGORITHM):
            self.oids.append(oid)

    def _octets(self, inner: bytes) -> der.Element | None:
        """Keep a certificate; of other octets, the structure that they may be."""
        if len(inner) <= _LEAST_NESTED:
            return None
        if _core.certificate_outline(inner):
            self.certificates.append(inner)
            return None
        nested = der.element(inner, 0, len(inner))
        return nested if nested and nested.tag == der.SEQUENCE else None
