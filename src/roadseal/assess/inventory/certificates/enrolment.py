"""Messages by which certificates are asked for and given: CMP, CRMF, CMC.

Source: RFC 9810 (CMP, PKIMessage), RFC 4211 (CRMF, CertReqMessages), RFC 5272 (CMC, PKIData).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates import der
from roadseal.assess.inventory.certificates.keys import material, public_key
from roadseal.assess.inventory.certificates.names import oids_in, signature_name
from roadseal.assess.inventory.certificates.protection import PBMAC1, authentication
from roadseal.assess.inventory.certificates.x509 import certificate, request
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Location, Role
from roadseal.assess.inventory.identifiers import from_oid

CMC_CONTENTS: Final = frozenset({"1.3.6.1.5.5.7.12.2", "1.3.6.1.5.5.7.12.3"})
"""Content types of a signed message: a request, and its answer."""

_PBM: Final = "1.2.840.113533.7.66.13"  # a MAC by a password, RFC 9810 §5.1.3.1
_BODIES: Final = {
    0: "initialisation request", 1: "initialisation response", 2: "certification request",
    3: "certification response", 4: "PKCS #10 request", 7: "key update request",
    8: "key update response", 11: "revocation request", 12: "revocation response",
    19: "confirmation", 20: "nested message", 21: "general message", 22: "general response",
    23: "error", 24: "certificate confirmation",
}  # fmt: skip
_GENERAL_NAMES: Final = range(0xA0, 0xA9)
_BODY_TAGS: Final = range(0xA0, 0xBB)
_PUBLIC_KEY_TAG: Final = 0xA6  # of a CertTemplate
_NOTHING: Final = AlgorithmUse("null", Role.LIVE_AUTHENTICATION)
_MAX_DEPTH: Final = 24
_MAX_ELEMENTS: Final = 20_000


def cmp_message(location: Location, encoded: bytes) -> Iterator[Finding]:
    """Describe the PKIMessage that starts `encoded`; nothing if it is none."""
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 4) if outer else []
    if len(parts) < 2 or parts[0].tag != der.SEQUENCE or parts[1].tag not in _BODY_TAGS:
        return
    header = der.shape(encoded, parts[0])
    tags = [one.tag for one in header[:3]]
    if len(tags) < 3 or tags[0] != der.INTEGER or not set(tags[1:]) <= set(_GENERAL_NAMES):
        return
    body = _BODIES.get(parts[1].tag - 0xA0, "message")
    protection = next((one for one in header[3:] if one.tag == 0xA1), None)
    uses = _protection(encoded, protection) if protection else [_NOTHING]
    title = f"CMP {body}{'' if protection else ', not protected'}"
    facts = {"sha256": hashlib.sha256(encoded).hexdigest()}
    yield material(location, "cmp", title, uses, {**facts})
    yield from within(location, encoded)


def requests(location: Location, encoded: bytes) -> Iterator[Finding]:
    """Describe the keys that CertReqMessages ask certificates for; nothing if they are none."""
    outer = der.element(encoded, 0, len(encoded))
    first = next(der.children(encoded, outer), None) if outer else None
    asked = next(der.children(encoded, first), None) if first else None
    fields = der.shape(encoded, asked, 2) if asked else []
    if [one.tag for one in fields] == [der.INTEGER, der.SEQUENCE]:
        template = [one.tag for one in der.shape(encoded, fields[1])]
        if template and all(0x80 <= tag < 0xC0 for tag in template):
            yield from within(location, encoded)


def within(location: Location, encoded: bytes) -> Iterator[Finding]:
    """Describe the certificates, requests and requested keys anywhere in a structure."""
    outer = der.element(encoded, 0, len(encoded))
    pending = [(one, 1) for one in der.children(encoded, outer)][::-1] if outer else []
    for _ in range(_MAX_ELEMENTS):
        if not pending:
            return
        one, depth = pending.pop()
        octets = encoded[one.start : one.end]
        if one.tag == der.SEQUENCE:
            found = certificate(location, octets, "x509") or request(location, octets)
            if found and "defects" not in found.facts:
                yield found
                continue
        elif one.tag == _PUBLIC_KEY_TAG and (key := _requested(location, octets)):
            yield key
            continue
        if one.tag & 0x20 and depth < _MAX_DEPTH:
            pending += [(each, depth + 1) for each in der.children(encoded, one)][::-1]


def _requested(location: Location, implicit: bytes) -> Finding | None:
    """A public key under another tag than its own."""
    return public_key(location, bytes((der.SEQUENCE,)) + implicit[1:], "requested-key")


def _protection(encoded: bytes, explicit: der.Element) -> list[AlgorithmUse]:
    """A signature, or a MAC whose key comes from a password."""
    oids = oids_in(encoded, explicit)
    if oids[:1] == [PBMAC1]:
        return [AlgorithmUse(name, Role.INTEGRITY) for name in authentication(oids)]
    if oids[:1] == [_PBM]:
        return [AlgorithmUse(from_oid(oid), Role.INTEGRITY) for oid in oids[1:]]
    algorithm = next(der.children(encoded, explicit), None)
    parts = der.shape(encoded, algorithm, 2) if algorithm else []
    parameters = encoded[parts[1].start : parts[1].end] if len(parts) > 1 else None
    name = signature_name(oids[0] if oids else None, parameters) or "unreadable-signature"
    return [AlgorithmUse(name, Role.LIVE_AUTHENTICATION)]
