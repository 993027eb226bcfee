"""X.509 certificates, requests and revocation lists as findings.

Source: RFC 5280; RFC 2986.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from roadseal import _core
from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.certificates import der
from roadseal.assess.inventory.certificates.names import key_name, signature_name
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Finding,
    Location,
    Role,
)
from roadseal.events import Fact

_CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
_DIGITAL_SIGNATURE, _KEY_ENCIPHERMENT, _DATA_ENCIPHERMENT = 0x01, 0x04, 0x08
_KEY_AGREEMENT, _KEY_CERT_SIGN = 0x10, 0x20


def certificate(location: Location, encoded: bytes, collector: str) -> Finding | None:
    """Describe the certificate at the start of `encoded`; None if there is none."""
    outline = _core.certificate_outline(encoded)
    if outline is None:
        return None
    usage = outline.key_usage  # each look at the outline converts its value again
    role = _role(outline, usage)
    bits = usage or 0
    agreement = bool(bits & _KEY_AGREEMENT) and not bits & (_DIGITAL_SIGNATURE | _KEY_CERT_SIGN)
    key = key_name(outline, agreement=agreement)
    uses = [AlgorithmUse(key, role)]
    signature = signature_name(outline.signature_oid, outline.signature_parameters)
    self_issued = outline.self_issued
    # an anchor's signature over itself protects nothing, and is not what it is trusted for
    signature = signature or "unreadable-signature"
    uses.append(AlgorithmUse(signature, Role.TRUST_ANCHOR, preferred=not self_issued))
    # a hybrid certificate: who knows no second signature goes by the first alone
    if second := outline.second_key_oid:
        uses.append(AlgorithmUse(identifiers.from_oid(second), role, preferred=False))
    if second := outline.second_signature_oid:
        second = identifiers.from_oid(second)
        uses.append(AlgorithmUse(second, Role.TRUST_ANCHOR, preferred=False))
    subject, issuer, serial, not_after = (
        outline.subject,
        outline.issuer,
        outline.serial,
        outline.not_after,
    )
    spki, defects = outline.spki, outline.defects
    stated: tuple[tuple[str, Fact], ...] = (
        ("subject", subject),
        ("issuer", issuer),
        ("serial", serial),
        ("not_before", outline.not_before),
        ("not_after", not_after),
        ("sha256", hashlib.sha256(encoded[: outline.length]).hexdigest()),
        ("is_ca", outline.is_ca),
        ("self_issued", self_issued),
        ("spki_sha256", hashlib.sha256(spki).hexdigest() if spki else None),
        ("defects", "; ".join(defects) if defects else None),
        ("curve", _unknown_curve(outline) if key in {"ecdsa", "ecdh"} else None),
    )
    until = f" until {not_after}" if not_after else ""
    return Finding(
        f"certificate/{collector}",
        location,
        AssetType.CERTIFICATE,
        subject or f"certificate {serial}",
        tuple(uses),
        Basis.OBSERVED,
        confidence=0.8 if defects else 1.0,
        excerpt=f"X.509 certificate issued by {issuer or 'nobody named'}{until}",
        facts={key: value for key, value in stated if value is not None},
    )


def _unknown_curve(outline: _core.CertificateOutline) -> str:
    parameters = outline.key_parameters or b""
    one = der.element(parameters, 0, len(parameters))
    if one is None or one.tag == 0x05:
        return "not said"
    return der.dotted(parameters, one) if one.tag == der.OID else "written out in full"


def _role(outline: _core.CertificateOutline, usage: int | None) -> Role:
    if outline.is_ca or (usage is not None and usage & _KEY_CERT_SIGN):
        return Role.TRUST_ANCHOR
    if _CODE_SIGNING in outline.purposes:
        return Role.FIRMWARE_SIGNATURE
    if usage is not None and not usage & _DIGITAL_SIGNATURE:
        if usage & _KEY_AGREEMENT:
            return Role.KEY_EXCHANGE
        if usage & (_KEY_ENCIPHERMENT | _DATA_ENCIPHERMENT):
            return Role.ENCRYPTION
    kem = identifiers.from_oid(outline.key_oid or "").startswith("ml-kem-")
    return Role.ENCRYPTION if kem else Role.LIVE_AUTHENTICATION


def request(location: Location, encoded: bytes) -> Finding | None:
    """Describe a certificate request."""
    parts = _signed_parts(encoded)
    if parts is None:
        return None
    info, algorithm = parts
    fields = der.shape(encoded, info)
    if len(fields) < 3 or [one.tag for one in fields[:3]] != [der.INTEGER, *[der.SEQUENCE] * 2]:
        return None
    outline = _core.public_key_outline(encoded[fields[2].start : fields[2].end])
    if outline is None:
        return None
    uses = [AlgorithmUse(key_name(outline), Role.LIVE_AUTHENTICATION)]
    if signature := _algorithm(encoded, algorithm):
        uses.append(AlgorithmUse(signature, Role.LIVE_AUTHENTICATION, preferred=False))
    return Finding(
        "certificate/request",
        location,
        AssetType.CERTIFICATE,
        "certificate request",
        tuple(uses),
        Basis.OBSERVED,
        excerpt="PKCS #10 certificate request",
        facts={"sha256": hashlib.sha256(encoded).hexdigest()},
    )


def revocation_list(location: Location, encoded: bytes) -> Finding | None:
    """Describe a certificate revocation list."""
    parts = _signed_parts(encoded)
    if parts is None:
        return None
    info, algorithm = parts
    tags = [one.tag for one in der.shape(encoded, info, 4)]
    if tags[:1] == [der.INTEGER]:
        tags = tags[1:]
    if tags[:2] != [der.SEQUENCE, der.SEQUENCE] or tags[2:3] not in ([0x17], [0x18]):
        return None
    signature = _algorithm(encoded, algorithm) or "unreadable-signature"
    return Finding(
        "certificate/crl",
        location,
        AssetType.CERTIFICATE,
        "certificate revocation list",
        (AlgorithmUse(signature, Role.TRUST_ANCHOR),),
        Basis.OBSERVED,
        excerpt="X.509 revocation list",
        facts={"sha256": hashlib.sha256(encoded).hexdigest()},
    )


def certificates_in(location: Location, encoded: bytes, within: str) -> Iterator[Finding]:
    """Describe every certificate of a CMS SignedData (RFC 5652 §5.1)."""
    outer = der.element(encoded, 0, len(encoded))
    if outer is None:
        return
    pending = [(outer, 0)]
    while pending:
        one, depth = pending.pop()
        if one.tag == 0xA0 and depth == 3:  # certificates [0] of SignedData
            for each in der.children(encoded, one):
                found = certificate(location, encoded[each.start : each.end], within)
                if found:
                    yield found
        elif depth < 3:
            inner = [(each, depth + 1) for each in der.children(encoded, one) if each.tag & 0x20]
            pending.extend(reversed(inner))


def _signed_parts(encoded: bytes) -> tuple[der.Element, der.Element] | None:
    outer = der.element(encoded, 0, len(encoded))
    if outer is None or outer.tag != der.SEQUENCE:
        return None
    parts = der.shape(encoded, outer, 3)
    if [one.tag for one in parts] not in (
        [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING],
        [der.SEQUENCE, der.SEQUENCE],  # without its signature
    ):
        return None
    return parts[0], parts[1]


def _algorithm(encoded: bytes, algorithm: der.Element) -> str | None:
    parts = der.shape(encoded, algorithm, 2)
    if not parts or parts[0].tag != der.OID:
        return None
    parameters = encoded[parts[1].start : parts[1].end] if len(parts) > 1 else None
    return signature_name(der.dotted(encoded, parts[0]), parameters)
