"""What certificates look like: which usages each kind has, and its bytes before they are signed.

Source: RFC 5280 §4; key usage by RFC 9881 §5 and RFC 9935 §5; RFC 6960 §4.2.2.2 for responders.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from roadseal.crypto import Purpose
from roadseal.errors import RoadsealError
from roadseal.operate.pki import der
from roadseal.operate.pki.public_key import SIGNATURE_IDENTIFIERS, PublicKey

_V3: Final = der.tlv(0xA0, der.integer(2))
_DNS: Final = re.compile(
    r"(?=.{1,253}\Z)(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*"
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of certificate.

    Args:
        name: what requests call it.
        purpose: which of a profile's purposes its key must be accepted for; None: it is a KEM's.
        extended_usage: object identifiers.
        key_usage: as `x509.KeyUsage` names it.
        is_authority: whether it may sign certificates.
    """

    name: str
    purpose: Purpose
    extended_usage: tuple[x509.ObjectIdentifier, ...]
    key_usage: tuple[str, ...] = ("digital_signature",)
    is_authority: bool = False


_TLS: Final = Purpose.TLS_AUTHENTICATION
TEMPLATES: Final = {
    one.name: one
    for one in (
        Template(
            "device", _TLS, (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
        ),
        Template("server", _TLS, (ExtendedKeyUsageOID.SERVER_AUTH,)),
        Template("client", _TLS, (ExtendedKeyUsageOID.CLIENT_AUTH,)),
        Template("firmware", Purpose.FIRMWARE, (ExtendedKeyUsageOID.CODE_SIGNING,)),
        Template("kem", Purpose.TLS_KEY_EXCHANGE, (), ("key_encipherment",)),
    )
}
"""Every kind that can be asked for, by name."""
AUTHORITY: Final = Template("authority", _TLS, (), ("key_cert_sign", "crl_sign"), is_authority=True)


def template_of(name: str) -> Template:
    """The template called `name`.

    Raises:
        RoadsealError: ``pki-template``.
    """
    if name not in TEMPLATES:
        raise RoadsealError(
            "pki-template",
            f"There is no template {name!r}.",
            advice=f"Use {', '.join(TEMPLATES)}.",
        )
    return TEMPLATES[name]


def template_like(certificate: x509.Certificate) -> str:
    """Name of the template that a certificate of ours was made with."""
    try:
        kinds = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return "kem"
    usage = tuple(kinds)
    return next(one.name for one in TEMPLATES.values() if one.extended_usage == usage)


def subject_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The alternative names of a certificate of ours, as `alternative_names` takes them."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(name.value) for name in found)


def to_be_signed(
    *,
    serial: int,
    signature_algorithm: str,
    issuer: bytes,
    validity: tuple[datetime, datetime],
    subject: bytes,
    key: PublicKey,
    extensions: Sequence[bytes],
) -> bytes:
    """TBSCertificate, DER; `issuer` and `subject` are encoded Names."""
    start, end = validity
    return der.sequence(
        _V3,
        der.integer(serial),
        SIGNATURE_IDENTIFIERS[signature_algorithm],
        issuer,
        der.sequence(der.time(start), der.time(end)),
        subject,
        key.info,
        der.tlv(0xA3, der.sequence(*extensions)),
    )


def signed(body: bytes, algorithm: str, signature: bytes) -> bytes:
    """A signed certificate or CRL around what was signed."""
    return der.sequence(body, SIGNATURE_IDENTIFIERS[algorithm], der.octet_bits(signature))


@lru_cache
def usage_extensions(template: Template, path_length: int | None = None) -> tuple[bytes, ...]:
    """Basic constraints and usages, encoded: the same for every certificate of a kind."""
    usages = dict.fromkeys(_KEY_USAGES, False) | dict.fromkeys(template.key_usage, True)
    basic = x509.BasicConstraints(template.is_authority, path_length)
    found = [encode(basic, critical=True), encode(x509.KeyUsage(**usages), critical=True)]
    if template.extended_usage:
        found.append(encode(x509.ExtendedKeyUsage(template.extended_usage)))
    return tuple(found)


_KEY_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def encode(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    """One Extension."""
    flag = der.TRUE if critical else b""
    octets = der.tlv(der.OCTET_STRING, value.public_bytes())
    return der.sequence(der.object_identifier(value.oid.dotted_string), flag, octets)


def alternative_names(names: Sequence[str]) -> bytes:
    """A subjectAltName of DNS names, URIs and IP addresses.

    Raises:
        RoadsealError: ``pki-name``.
    """
    return encode(x509.SubjectAlternativeName([_general_name(name) for name in names]))


def key_identifiers(key: PublicKey, issuer: bytes | None) -> tuple[bytes, ...]:
    """Own and, unless self-signed, the issuer's key identifier."""
    own = encode(x509.SubjectKeyIdentifier(key.identifier))
    return (own,) if issuer is None else (own, _issuers_key(issuer))


@lru_cache(16)
def _issuers_key(identifier: bytes) -> bytes:
    return encode(x509.AuthorityKeyIdentifier(identifier, None, None))


def common_name(name: str) -> bytes:
    """An encoded Name of a common name alone.

    Raises:
        RoadsealError: ``pki-identity``.
    """
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise RoadsealError(
            "pki-identity",
            "An identity has 1 to 64 printable characters (RFC 5280, ub-common-name).",
            advice="Give a shorter name, and further ones as DNS names.",
        )
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]).public_bytes()


def _general_name(name: str) -> x509.GeneralName:
    try:
        if ":" in name or name[-1:].isdigit():  # as IPv4 addresses end
            return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        if ":" in name:
            return x509.UniformResourceIdentifier(name)
        if _DNS.match(name):
            return x509.DNSName(name)
    except ValueError:
        pass
    raise RoadsealError(
        "pki-name",
        f"{name[:80]!r} is no DNS name, URI or IP address.",
        advice="Give --dns names in ASCII; international ones in their xn-- form.",
    )
