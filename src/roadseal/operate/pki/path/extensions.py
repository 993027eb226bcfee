"""The extensions of a certificate, also where the library stumbles over one that no rule asks for.

`cryptography` decodes all of them or none. A certificate is not refused for an extension that is
not critical and that nobody here looks at, nor because its authority wrote out that it is none:
DER leaves a FALSE that is the default away, and too many certificates in the field do not.

Source: RFC 5280 §4.2 (what is not recognised and not critical is ignored), ITU-T X.690 §11.5.
"""

from __future__ import annotations

from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from roadseal.operate.pki import der

_T = TypeVar("_T", bound=x509.ExtensionType)
_BASIC_CONSTRAINTS: Final = der.object_identifier(ExtensionOID.BASIC_CONSTRAINTS.dotted_string)
_LOOKED_AT: Final = frozenset(
    der.object_identifier(oid.dotted_string)
    for oid in (
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    )
)
_NO_AUTHORITY: Final = der.tlv(der.OCTET_STRING, der.sequence())
_NO_AUTHORITY_WRITTEN_OUT: Final = der.tlv(der.OCTET_STRING, der.sequence(b"\x01\x01\x00"))


def extensions_of(certificate: x509.Certificate) -> x509.Extensions:
    """Every extension; if the library decodes one of them not, those that rules look at.

    Raises:
        ValueError: one of those cannot be decoded, or one is there twice.
        x509.DuplicateExtension: one is there twice.
    """
    try:
        return certificate.extensions
    except x509.DuplicateExtension:
        raise
    except Exception:  # KeyError too, of a TLS feature that it does not know
        return _those_looked_at(certificate)


def extension(certificate: x509.Certificate, kind: type[_T]) -> _T | None:
    """The extension of this kind, if the certificate has it."""
    try:
        return extensions_of(certificate).get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _those_looked_at(certificate: x509.Certificate) -> x509.Extensions:
    *fields, wrapped = der.elements(der.contents(certificate.tbs_certificate_bytes))
    found = [der.elements(der.contents(one)) for one in der.elements(_inside(wrapped))]
    if len({parts[0] for parts in found}) < len(found):
        raise ValueError
    kept = [_as_der(parts) for parts in found if parts[0] in _LOOKED_AT or der.TRUE in parts[1:-1]]
    rest = der.elements(der.contents(certificate.public_bytes(Encoding.DER)))[1:]
    body = der.sequence(*fields, der.tlv(0xA3, der.sequence(*kept)) if kept else b"")
    return x509.load_der_x509_certificate(der.sequence(body, *rest)).extensions


def _inside(wrapped: bytes) -> bytes:
    if wrapped[:1] != b"\xa3":
        raise ValueError
    return der.contents(der.contents(wrapped))


def _as_der(parts: list[bytes]) -> bytes:
    if parts[0] == _BASIC_CONSTRAINTS and parts[-1] == _NO_AUTHORITY_WRITTEN_OUT:
        parts = [*parts[:-1], _NO_AUTHORITY]
    return der.sequence(*parts)
