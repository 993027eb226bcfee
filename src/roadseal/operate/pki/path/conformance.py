"""What RFC 5280 asks of authorities and not of verifiers: for `--strict`.

A chain may hold by clause 6.1 and still have certificates that no conforming authority makes.

Source: RFC 5280 §4, each rule with its clause.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from roadseal.operate.pki.path.names import is_whole, same_name


def nonconforming(certificate: x509.Certificate) -> Iterator[str]:
    """Say what a conforming authority would have done otherwise."""
    found = {type(one.value): one for one in certificate.extensions}
    values = {kind: one.value for kind, one in found.items()}
    basic = values.get(x509.BasicConstraints)
    is_authority = isinstance(basic, x509.BasicConstraints) and basic.ca
    own = values.get(x509.AuthorityKeyIdentifier)
    has_issuer = isinstance(own, x509.AuthorityKeyIdentifier) and own.key_identifier is not None
    if not 0 < certificate.serial_number < 1 << 159:
        yield "a serial number outside 1 to 20 octets (§4.1.2.2)"
    if not has_issuer and not same_name(certificate.issuer, certificate.subject):
        yield "no authority key identifier (§4.2.1.1)"
    if is_authority:
        if x509.SubjectKeyIdentifier not in found:
            yield "an authority without subject key identifier (§4.2.1.2)"
        if x509.KeyUsage not in found:
            yield "an authority without key usage (§4.2.1.3)"
    for kind, called, clause in _CRITICAL:
        if kind in found and not found[kind].critical and (kind in _ANYBODY or is_authority):
            yield f"{called} not critical (§{clause})"
    names = values.get(x509.SubjectAlternativeName)
    if isinstance(names, x509.SubjectAlternativeName):
        if len(names) == 0:
            yield "an empty subjectAltName (§4.2.1.6)"
        for name in names:
            if not is_whole(name):
                yield f"{name.value} in subjectAltName is none (§4.2.1.6)"
    limits = values.get(x509.PolicyConstraints)
    if (
        isinstance(limits, x509.PolicyConstraints)
        and limits.require_explicit_policy is None
        and limits.inhibit_policy_mapping is None
    ):
        yield "empty policy constraints (§4.2.1.11)"


_CRITICAL = (
    (x509.BasicConstraints, "basic constraints", "4.2.1.9"),
    (x509.NameConstraints, "name constraints", "4.2.1.10"),
    (x509.PolicyConstraints, "policy constraints", "4.2.1.11"),
    (x509.InhibitAnyPolicy, "inhibitAnyPolicy", "4.2.1.14"),
)
_ANYBODY = frozenset({x509.NameConstraints, x509.PolicyConstraints, x509.InhibitAnyPolicy})
