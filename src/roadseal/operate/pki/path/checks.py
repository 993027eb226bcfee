"""The rules of RFC 5280 clause 6.1 on one chain, and those of each certificate in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from roadseal.clock import to_datetime
from roadseal.crypto import Purpose
from roadseal.operate.pki.crls import CrlState, RevocationLists
from roadseal.operate.pki.path.conformance import nonconforming
from roadseal.operate.pki.path.extensions import extension, extensions_of
from roadseal.operate.pki.path.key_usages import usage_problems
from roadseal.operate.pki.path.names import outside_constraints, same_name
from roadseal.operate.pki.path.policies import PolicyState
from roadseal.operate.pki.path.rules import PathReason, PathRules
from roadseal.operate.pki.path.search import called as name_of
from roadseal.operate.pki.signature import (
    key_defect,
    key_name,
    names_one_algorithm,
    signature_name,
    subject_key_info,
)
from roadseal.operate.pki.standing import State

# A serial number below 1 gets a verdict of ours, not a warning of the library's.
warnings.filterwarnings("ignore", "Parsed a serial number", CryptographyDeprecationWarning)
warnings.filterwarnings("ignore", "Attribute's length must be", UserWarning)  # of a name: as above

_ANY_PURPOSE: Final = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_ALTERNATIVE_NAME: Final = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.OCSP_NO_CHECK,  # RFC 6960 §4.2.2.2.1: about responders; here it excuses nobody
    }
)


def chain_problems(
    chain: tuple[x509.Certificate, ...],
    rules: PathRules,
    lists: RevocationLists | None,
    compare: Callable[[int], None],
) -> Iterator[tuple[PathReason, str]]:
    """Say what rules a chain breaks, anchor first; its signatures have been checked.

    `compare` is told how many names are held to constraints, and may raise.
    """
    now = to_datetime(rules.at).replace(microsecond=0)  # a certificate's last second is its own
    walk = _Walk(chain, rules, lists, compare)
    for index, certificate in reversed(list(enumerate(chain))):
        called = name_of(certificate)
        is_anchor = index == len(chain) - 1
        yield from _own_problems(certificate, called, now, rules, is_anchor=is_anchor)
        if not is_anchor:
            yield from walk.reached(index, called)
        yield from _purpose_problems(certificate, called, rules)
        if index:
            yield from _authority_problems(certificate, called, is_anchor=is_anchor)
            yield from walk.left(certificate, called, is_anchor=is_anchor)
        else:
            yield from _standing_problems(certificate, called, rules)
            yield from _pretence_problems(certificate, called)


class _Walk:
    """What RFC 5280 clause 6.1 carries from the anchor down to the leaf."""

    def __init__(
        self,
        chain: tuple[x509.Certificate, ...],
        rules: PathRules,
        lists: RevocationLists | None,
        compare: Callable[[int], None],
    ) -> None:
        self._chain = chain
        self._rules = rules
        self._lists = lists
        self._compare = compare
        self._policies = PolicyState.start(
            len(chain),
            explicit=rules.require_policy,
            no_mapping=rules.inhibit_mapping,
            no_any=rules.inhibit_any_policy,
        )
        self._constraints: list[x509.NameConstraints] = []
        self._remaining: int | None = None  # certificates that pathLenConstraint still lets follow

    def reached(self, index: int, called: str) -> Iterator[tuple[PathReason, str]]:
        """Clause 6.1.3: names, policies and revocation, by what stands above."""
        certificate, is_leaf = self._chain[index], index == 0
        self_issued = _is_self_issued(certificate)
        if (is_leaf or not self_issued) and (
            bad := outside_constraints(certificate, self._constraints, self._compare)
        ):
            yield PathReason.NAME_CONSTRAINTS, f"{called}: {bad}"
        self._policies = self._policies.after(certificate, is_leaf=is_leaf, self_issued=self_issued)
        if self._policies.refused or (is_leaf and self._policies.refused_by(self._rules.policies)):
            yield PathReason.POLICY, f"{called}: no acceptable policy is left"
        if self._lists is not None:
            state = self._lists.state(certificate, self._chain[index + 1], self._chain[-1])
            if state is CrlState.UNKNOWN:
                yield PathReason.REVOCATION_UNKNOWN, f"{called}: no current CRL covers it"
            if state is CrlState.REVOKED:
                yield PathReason.REVOKED, called

    def left(
        self, authority: x509.Certificate, called: str, *, is_anchor: bool
    ) -> Iterator[tuple[PathReason, str]]:
        """Clause 6.1.4: how long the path may become, and which names may follow."""
        if not is_anchor and self._remaining is not None and not _is_self_issued(authority):
            if self._remaining == 0:
                yield PathReason.PATH_TOO_LONG, f"{called}: pathLenConstraint"
            self._remaining -= 1
        basic = extension(authority, x509.BasicConstraints)
        if basic and basic.path_length is not None:
            most = basic.path_length
            self._remaining = most if self._remaining is None else min(most, self._remaining)
        if constraints := extension(authority, x509.NameConstraints):
            self._constraints.append(constraints)


def _is_self_issued(certificate: x509.Certificate) -> bool:
    return same_name(certificate.issuer, certificate.subject)


def _purpose_problems(
    certificate: x509.Certificate, called: str, rules: PathRules
) -> Iterator[tuple[PathReason, str]]:
    """Whether its extended key usage has the purpose.

    Of authorities RFC 5280 §4.2.1.12 says little; that theirs bounds what they issue is the rule of
    OpenSSL, GnuTLS, Go and the browsers.
    """
    usage = extension(certificate, x509.ExtendedKeyUsage)
    if rules.purpose and usage and not {rules.purpose, _ANY_PURPOSE} & set(usage):
        yield PathReason.EXTENDED_KEY_USAGE, f"{called}: not {rules.purpose._name}"


def _pretence_problems(leaf: x509.Certificate, called: str) -> Iterator[tuple[PathReason, str]]:
    """What only an authority may have: RFC 5280 §4.2.1.9 and §4.2.1.10."""
    basic, signs = extension(leaf, x509.BasicConstraints), extension(leaf, x509.KeyUsage)
    if basic and basic.ca:
        return
    if signs and signs.key_cert_sign:
        yield PathReason.KEY_USAGE, f"{called}: keyCertSign, and no authority"
    if extension(leaf, x509.NameConstraints):
        yield PathReason.NAME_CONSTRAINTS, f"{called}: name constraints, and no authority"


def _is_same_authority(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Whether two certificates are of one name and one key."""
    return subject_key_info(one) == subject_key_info(other) and same_name(
        one.subject, other.subject
    )


def _standing_problems(
    leaf: x509.Certificate, called: str, rules: PathRules
) -> Iterator[tuple[PathReason, str]]:
    if rules.status is None:
        return
    standing = rules.status.judge(leaf, rules.at, rules.tier)
    if standing.state is State.REVOKED:
        yield PathReason.REVOKED, called
    elif not standing.accepted:
        yield PathReason.REVOCATION_UNKNOWN, f"{called}: {standing.alarm}"


def _own_problems(
    certificate: x509.Certificate, called: str, now: datetime, rules: PathRules, *, is_anchor: bool
) -> Iterator[tuple[PathReason, str]]:
    """What is wrong with a certificate wherever it stands."""
    if any(_is_same_authority(certificate, one) for one in rules.distrusted):
        yield PathReason.DISTRUSTED, f"{called}: its trust settings refuse it"
    if not names_one_algorithm(certificate):
        yield PathReason.MALFORMED, f"{called}: signatureAlgorithm differs inside and outside"
    if defect := key_defect(certificate):
        yield PathReason(defect), f"{called}: its key"
    if now < certificate.not_valid_before_utc:
        yield PathReason.NOT_YET_VALID, f"{called}: from {certificate.not_valid_before_utc}"
    if now > certificate.not_valid_after_utc:
        yield PathReason.EXPIRED, f"{called}: until {certificate.not_valid_after_utc}"
    for one in extensions_of(certificate):
        if one.critical and one.oid not in _UNDERSTOOD:
            yield PathReason.UNKNOWN_CRITICAL_EXTENSION, f"{called}: {one.oid.dotted_string}"
    yield from _name_problems(certificate, called)
    if policies := extension(certificate, x509.CertificatePolicies):
        named = [one.policy_identifier for one in policies]
        if len(set(named)) < len(named):  # §4.2.1.4
            yield PathReason.MALFORMED, f"{called}: it asserts a policy twice"
    if usage := extension(certificate, x509.KeyUsage):
        yield from usage_problems(certificate, usage, called)
    if rules.profile:
        accepted = rules.profile[Purpose.TLS_AUTHENTICATION].accept
        for name in (signature_name(certificate), key_name(certificate)):
            if name not in accepted:
                yield PathReason.NOT_IN_PROFILE, f"{called}: {name} under {rules.profile.label}"
    if not (is_anchor or 0 < certificate.serial_number < 1 << 159):
        yield PathReason.MALFORMED, f"{called}: serial number outside 1 to 20 octets"
    if rules.strict:
        for what in nonconforming(certificate):
            yield PathReason.NONCONFORMING, f"{called}: {what}"


def _name_problems(certificate: x509.Certificate, called: str) -> Iterator[tuple[PathReason, str]]:
    """Names that may not be empty (RFC 5280 §§ 4.1.2.4, 4.1.2.6, 4.2.1.6)."""
    if not certificate.issuer.rdns:
        yield PathReason.MALFORMED, f"{called}: it names no issuer"
    if certificate.subject.rdns:
        return
    basic = extension(certificate, x509.BasicConstraints)
    if basic and basic.ca:
        yield PathReason.MALFORMED, f"{called}: an authority without a name"
    names = [one for one in extensions_of(certificate) if one.oid == _ALTERNATIVE_NAME]
    if not names or not names[0].critical:
        yield PathReason.MALFORMED, f"{called}: no subject, and no critical subjectAltName"


def _authority_problems(
    certificate: x509.Certificate, called: str, *, is_anchor: bool
) -> Iterator[tuple[PathReason, str]]:
    basic = extension(certificate, x509.BasicConstraints)
    old_anchor = is_anchor and certificate.version is x509.Version.v1
    if not old_anchor and (basic is None or not basic.ca):
        yield PathReason.NOT_AN_AUTHORITY, f"{called}: basicConstraints"
    usage = extension(certificate, x509.KeyUsage)
    if usage and not usage.key_cert_sign:
        yield PathReason.KEY_USAGE, f"{called}: no keyCertSign"
