"""From object identifiers and parameters to canonical names."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from roadseal import _core
from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.certificates import der

_EC = "1.2.840.10045.2.1"
_EC_KEYS = {_EC, "1.3.132.1.12", "1.3.132.1.13"}
_SIZED = {"rsa", "rsa-pss", "rsa-oaep", "dsa", "dh"}
_REMEMBERED = 64  # octets of parameters: longer ones are for a stranger to choose and ours to hold


def key_name(outline: _core.CertificateOutline, *, agreement: bool = False) -> str:
    """Name the algorithm of a public key; `agreement` says that it is no signature key."""
    oid, parameters = outline.key_oid, outline.key_parameters
    if oid is None:
        return "unreadable-key"
    read = _key_name if parameters is None or len(parameters) <= _REMEMBERED else key_name_from
    return read(oid, parameters, outline.key_bits, agreement=agreement)


def key_name_from(
    oid: str, parameters: bytes | None, bits: int | None, *, agreement: bool = False
) -> str:
    """Name the algorithm of a key by its identifier, parameters, and bits of modulus or field."""
    name = identifiers.from_oid(oid)
    if oid in _EC_KEYS:
        curve = curve_name(parameters or b"")
        if curve is None:
            return "ecdh" if agreement else "ecdsa"
        return curve if agreement or oid != _EC else f"ecdsa-{curve}"
    if name in _SIZED and bits:
        return f"{'rsa' if name.startswith('rsa') else name}-{bits}"
    return name


_key_name = lru_cache(4096)(key_name_from)


def curve_name(parameters: bytes) -> str | None:
    """Name the curve of ECParameters, named or written out in full; None if nobody knows it."""
    one = der.element(parameters, 0, len(parameters))
    if one is None:
        return None
    if one.tag == der.OID:
        name = identifiers.curve_from_oid(der.dotted(parameters, one))
        return None if name.startswith("oid:") else name
    return _explicit_curve(parameters, one) if one.tag == der.SEQUENCE else None


def _explicit_curve(parameters: bytes, outer: der.Element) -> str | None:
    """SpecifiedECDomain (SEC 1 §C.2): version, field, curve, base, order.

    All of them count: with another generator it is another curve, and may be an attack.
    """
    parts = der.shape(parameters, outer, 6)
    if [one.tag for one in parts[1:5]] != [
        der.SEQUENCE,
        der.SEQUENCE,
        der.OCTET_STRING,
        der.INTEGER,
    ]:
        return None
    coefficients = der.shape(parameters, parts[2], 2)
    base = parameters[parts[3].content : parts[3].end]
    if len(coefficients) < 2 or not base:
        return None
    width = (len(base) - 1) // (2 if base[0] in {4, 6, 7} else 1)
    numbers = [parameters[one.content : one.end].lstrip(b"\0") for one in coefficients]
    order = parameters[parts[4].content : parts[4].end].lstrip(b"\0")
    digits = [each.hex().encode() for each in (*numbers, base[1 : 1 + width], order)]
    field = parameters[parts[1].start : parts[1].end]
    fingerprint = hashlib.sha256(b"|".join([field, *digits])).hexdigest()[:32]
    return identifiers.curve_from_parameters(fingerprint)


def signature_name(oid: str | None, parameters: bytes | None) -> str | None:
    """Name a signature algorithm; of RSASSA-PSS, with the hash that its parameters say."""
    if oid is None:
        return None
    short = parameters is None or len(parameters) <= _REMEMBERED
    return (_signature_name if short else _signature_name.__wrapped__)(oid, parameters)


@lru_cache(4096)
def _signature_name(oid: str, parameters: bytes | None) -> str:
    name = identifiers.from_oid(oid)
    if name != "rsa-pss":
        return name
    # RFC 4055 §3.1: hashAlgorithm [0] DEFAULT sha1
    outer = der.element(parameters or b"", 0, len(parameters or b""))
    if parameters is None or outer is None or outer.tag != der.SEQUENCE:
        return name
    first = next(der.children(parameters, outer), None)
    if first is None or first.tag != 0xA0:
        return "rsa-pss-sha-1"
    oids = list(oids_in(parameters, first))
    return f"rsa-pss-{identifiers.from_oid(oids[0])}" if oids else name


def oids_in(data: bytes, parent: der.Element, depth: int = 8) -> list[str]:
    """Return every object identifier in `parent`, in order."""
    found: list[str] = []
    pending = [(parent, depth)]
    while pending and len(found) < 64:
        one, left = pending.pop()
        if one.tag == der.OID:
            found.append(der.dotted(data, one))
        elif one.tag & 0x20 and left:
            pending.extend((child, left - 1) for child in reversed(der.shape(data, one, 64)))
    return found
