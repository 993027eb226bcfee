"""Answers about certificates and time: OCSP, time stamps, attribute certificates.

Source: RFC 6960 §4.2.1; RFC 3161 §2.4.2; RFC 5755 §4.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates import cms, der
from roadseal.assess.inventory.certificates.names import signature_name
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Finding,
    Gap,
    Location,
    Role,
)

_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"


def status(location: Location, encoded: bytes) -> Iterator[Finding | Gap]:
    """Describe what starts `encoded` if it is one of these; nothing if it is none."""
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 3) if outer and outer.tag == der.SEQUENCE else []
    match [one.tag for one in parts]:
        case [0x0A, 0xA0]:
            yield from _ocsp(location, encoded, parts[1])
        case [der.SEQUENCE, der.SEQUENCE] if _starts_with(encoded, parts[0], der.INTEGER):
            signed = encoded[parts[1].start : parts[1].end]
            if _starts_with(encoded, parts[1], der.OID) and _content(signed) in cms.CONTENTS:
                yield from cms.message(location, signed)
        case [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
            if found := _attributes(location, encoded, parts):
                yield found


def _starts_with(encoded: bytes, one: der.Element, tag: int) -> bool:
    first = next(der.children(encoded, one), None)
    return first is not None and first.tag == tag


def _content(signed: bytes) -> str:
    outer = der.element(signed, 0, len(signed))
    first = next(der.children(signed, outer), None) if outer else None
    return der.dotted(signed, first) if first else ""


def _ocsp(location: Location, encoded: bytes, explicit: der.Element) -> Iterator[Finding]:
    """ResponseBytes: the type, and in octets the signed response with its certificates."""
    body = next(der.children(encoded, explicit), None)
    parts = der.shape(encoded, body, 2) if body else []
    if len(parts) < 2 or der.dotted(encoded, parts[0]) != _BASIC:
        return
    basic = encoded[parts[1].content : parts[1].end]
    outer = der.element(basic, 0, len(basic))
    fields = der.shape(basic, outer, 4) if outer else []
    if len(fields) < 2:
        return
    yield _finding(location, "ocsp", "OCSP response", _signature(basic, fields[1]), encoded)
    for field in fields[3:]:  # certs [0]
        for sequence in der.children(basic, field):
            for each in der.children(basic, sequence):
                if found := certificate(location, basic[each.start : each.end], "ocsp"):
                    yield found


def _attributes(location: Location, encoded: bytes, parts: list[der.Element]) -> Finding | None:
    """AttributeCertificateInfo: version, holder, issuer, signature, serial, validity."""
    info = der.shape(encoded, parts[0], 6)
    tags = [one.tag for one in info]
    if tags[:2] != [der.INTEGER, der.SEQUENCE] or tags[3:] != [
        der.SEQUENCE,
        der.INTEGER,
        der.SEQUENCE,
    ]:
        return None
    if not _starts_with(encoded, info[5], 0x18):
        return None
    use = _signature(encoded, parts[1])
    return _finding(location, "attribute", "attribute certificate", use, encoded)


def _signature(encoded: bytes, algorithm: der.Element) -> AlgorithmUse:
    parts = der.shape(encoded, algorithm, 2)
    oid = der.dotted(encoded, parts[0]) if parts and parts[0].tag == der.OID else None
    parameters = encoded[parts[1].start : parts[1].end] if len(parts) > 1 else None
    name = signature_name(oid, parameters) or "unreadable-signature"
    return AlgorithmUse(name, Role.TRUST_ANCHOR)


def _finding(
    location: Location, rule: str, title: str, use: AlgorithmUse, encoded: bytes
) -> Finding:
    return Finding(
        f"certificate/{rule}",
        location,
        AssetType.CERTIFICATE,
        title,
        (use,),
        Basis.OBSERVED,
        excerpt=f"{title} signed with {use.name}",
        facts={"sha256": hashlib.sha256(encoded).hexdigest()},
    )
