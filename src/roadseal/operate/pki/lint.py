"""Pre-issuance lint: what would be signed is parsed by another implementation and looked at first.

A fault of a template or a name is found before there is a signature under it. `pki lint` runs
pkilint over certificates as well, which is too slow for every issuance.

Source: RFC 5280 §4; key usage by RFC 9881 §5 and RFC 9935 §5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from cryptography import x509

from roadseal.errors import RoadsealError
from roadseal.operate.pki.path.key_usages import usage_problems
from roadseal.operate.pki.template import signed

_T = TypeVar("_T", bound=x509.ExtensionType)


def refuse_unsound(body: bytes, issuer: x509.Certificate) -> None:
    """Look at a TBSCertificate (DER) before `issuer` signs it.

    Raises:
        RoadsealError: ``pki-lint``.
    """
    try:
        found = x509.load_der_x509_certificate(signed(body, "ecdsa-p256", b"unsigned"))
        problems = list(lint(found, issuer))
    except ValueError as error:
        problems = [f"it does not parse: {error}"]
    if problems:
        raise RoadsealError(
            "pki-lint",
            f"The certificate would be unsound: {'; '.join(problems)}.",
            advice="Correct the request; if it looks right, report a fault of the template.",
        )


def lint(certificate: x509.Certificate, issuer: x509.Certificate | None) -> Iterator[str]:
    """Say what is wrong with a certificate that `issuer` (None: it itself) signs.

    Raises:
        ValueError: it cannot be decoded.
    """
    found = _by_kind(certificate)
    if not 1 << 64 <= certificate.serial_number < 1 << 159:
        yield "serial number without 64 random bits, or longer than 20 octets"
    if certificate.version is not x509.Version.v3:
        yield "not version 3"
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if start >= end:
        yield "it ends before it begins"
    basic = _get(found, x509.BasicConstraints)
    is_authority = basic is not None and basic.ca
    usage = _get(found, x509.KeyUsage)
    if usage is None:
        yield "no key usage"
    else:
        yield from (detail for _, detail in usage_problems(certificate, usage, "key usage"))
        if usage.key_cert_sign != is_authority:
            yield "keyCertSign and basicConstraints disagree"
    names = _get(found, x509.SubjectAlternativeName)
    if not is_authority:
        if names is None or len(names) == 0:
            yield "no subjectAltName"
        elif len(set(names)) != len(names):
            yield "a name twice"
    if x509.SubjectKeyIdentifier not in found:
        yield "no subject key identifier"
    if issuer is None:
        return
    if certificate.issuer != issuer.subject:
        yield "it names another issuer"
    if end > issuer.not_valid_after_utc:
        yield "it outlives its issuer"
    identifier = _get(found, x509.AuthorityKeyIdentifier)
    issuers = _get(_by_kind(issuer), x509.SubjectKeyIdentifier)
    if identifier is None or issuers is None or identifier.key_identifier != issuers.digest:
        yield "the authority key identifier is not the issuer's"


def _by_kind(certificate: x509.Certificate) -> dict[type[x509.ExtensionType], x509.ExtensionType]:
    """Every extension; it raises for any that the library cannot decode."""
    return {type(one.value): one.value for one in certificate.extensions}


def _get(found: Mapping[type[x509.ExtensionType], x509.ExtensionType], kind: type[_T]) -> _T | None:
    value = found.get(kind)
    return value if isinstance(value, kind) else None
