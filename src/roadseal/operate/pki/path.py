"""X.509 path building and validation: every chain tried, each rule of RFC 5280 clause 6 applied.

A chain is searched depth first from the leaf to a trust anchor, with a budget, so that
cross-signed meshes end. Rules hold for the anchor too: its validity, path length, usage and name
constraints are taken from its certificate.

Source: RFC 5280 clauses 4.2, 6.1 and 6.3; RFC 9881 clause 5 and RFC 9909 clause 6 (signing keys),
RFC 9935 clause 5 (ML-KEM keys) for key usage.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

from roadseal.clock import Time64, to_datetime
from roadseal.crypto import Profile, Purpose
from roadseal.operate.pki.composite import COMPOSITES
from roadseal.operate.pki.crls import CrlState, RevocationLists
from roadseal.operate.pki.names import outside_constraints, same_name
from roadseal.operate.pki.policies import ANY_POLICY, PolicyState
from roadseal.operate.pki.signature import (
    check_signature,
    key_name,
    names_one_algorithm,
    signature_name,
)
from roadseal.operate.pki.standing import TIERS, State, StatusKeeper, Tier

# A serial number below 1 gets a verdict of ours, not a warning of the library's.
warnings.filterwarnings("ignore", "Parsed a serial number", CryptographyDeprecationWarning)

_T = TypeVar("_T", bound=x509.ExtensionType)
_DER: Final = Encoding.DER
_ANY_PURPOSE: Final = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_MAX_DEPTH: Final = 12
_MAX_SIGNATURES: Final = 200
_MAX_STEPS: Final = 2_000  # a mesh has more chains than signatures
_ALTERNATIVE_NAME: Final = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
_ML_KEM: Final = "2.16.840.1.101.3.4.4."
_COMPOSITE_ML_KEM: Final = frozenset(f"1.3.6.1.5.5.7.6.{number}" for number in range(55, 67))
_SIGNING_ONLY: Final = "2.16.840.1.101.3.4.3."  # ML-DSA, SLH-DSA
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
    }
)


class PathReason(StrEnum):
    """Why a certificate is believed or not."""

    OK = "ok"
    MALFORMED = "malformed"
    MALFORMED_KEY = "malformed-key"
    NO_ISSUER = "no-issuer"
    BAD_SIGNATURE = "bad-signature"
    UNKNOWN_ALGORITHM = "unknown-algorithm"
    WEAK_ALGORITHM = "weak-algorithm"
    NOT_IN_PROFILE = "not-in-profile"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    NOT_AN_AUTHORITY = "not-an-authority"
    PATH_TOO_LONG = "path-too-long"
    KEY_USAGE = "key-usage"
    EXTENDED_KEY_USAGE = "extended-key-usage"
    UNKNOWN_CRITICAL_EXTENSION = "unknown-critical-extension"
    NAME_CONSTRAINTS = "name-constraints"
    POLICY = "policy"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    TOO_COMPLEX = "too-complex"


@dataclass(frozen=True, slots=True)
class PathVerdict:
    """The answer about one certificate.

    Args:
        reason: ok, or what broke in the chain that came furthest.
        detail: which certificate and what was looked at.
        chain: the chain it concerns, leaf first.
    """

    reason: PathReason
    detail: str
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the certificate is believed."""
        return self.reason is PathReason.OK


@dataclass(frozen=True, slots=True)
class PathRules:
    """What a relying party asks for.

    Args:
        at: the instant.
        profile: algorithms that every key and signature must be accepted by; None: any sound one.
        purpose: extended key usage the leaf must allow; None: any.
        crls: revocation lists; when there are any, each issued certificate needs a current one.
        status: status lists; with them the leaf needs a standing that `tier` accepts.
        tier: what the age of a status list means.
        policies: acceptable certificate policies, dotted; they bind where a policy is required.
        require_policy: whether every chain must have an acceptable policy.
        inhibit_mapping: whether policy mappings count for nothing.
        inhibit_any_policy: whether anyPolicy counts for nothing.
    """

    at: Time64
    profile: Profile | None = None
    purpose: ObjectIdentifier | None = None
    crls: Sequence[x509.CertificateRevocationList] = ()
    status: StatusKeeper | None = None
    tier: Tier = TIERS["T1"]
    policies: frozenset[str] = frozenset({ANY_POLICY})
    require_policy: bool = False
    inhibit_mapping: bool = False
    inhibit_any_policy: bool = False


def validate_path(
    leaf: x509.Certificate,
    untrusted: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    rules: PathRules,
) -> PathVerdict:
    """Search a chain from `leaf` to one of `anchors` under `rules`; hostile ones get a verdict."""
    return _Validation(untrusted, anchors, rules).of(leaf)


class _Validation:
    """One leaf under one set of rules, and the signers of the CRLs that it takes."""

    def __init__(
        self,
        untrusted: Sequence[x509.Certificate],
        anchors: Sequence[x509.Certificate],
        rules: PathRules,
    ) -> None:
        self._untrusted = untrusted
        self._anchors = anchors
        self._rules = rules
        self._budget = _Budget()
        self._believed: dict[tuple[bytes, bytes], bool] = {}
        self._lists: RevocationLists | None = None
        if rules.crls:
            signers = [*anchors, *untrusted]
            now = to_datetime(rules.at)
            self._lists = RevocationLists(rules.crls, signers, now, self._believes)

    def of(self, leaf: x509.Certificate) -> PathVerdict:
        """The verdict about `leaf`."""
        try:
            return self._search(leaf, self._rules, self._anchors)
        except _TooComplexError:
            return PathVerdict(PathReason.TOO_COMPLEX, "too many chains to try")
        except Exception:
            return PathVerdict(PathReason.MALFORMED, "a certificate of the chain cannot be read")

    def _search(
        self, leaf: x509.Certificate, rules: PathRules, anchors: Sequence[x509.Certificate]
    ) -> PathVerdict:
        best = PathVerdict(
            PathReason.NO_ISSUER, "no certificate at hand names itself as the issuer"
        )
        chains = _chains((leaf,), self._untrusted, anchors, self._budget)
        for chain, reason, detail in chains:
            verdict = PathVerdict(reason, detail, chain)
            if verdict.ok:
                verdict = _validate(chain, rules, self._lists)
            if verdict.ok:
                return verdict
            if not best.chain or len(verdict.chain) > len(best.chain):
                best = verdict
        return best

    def _believes(self, signer: x509.Certificate, anchor: x509.Certificate) -> bool:
        """Whether the signer of a list chains to `anchor` and is not revoked itself.

        While that is being decided its own list counts: it may only accuse itself.
        """
        pair = signer.public_bytes(_DER), anchor.public_bytes(_DER)
        if pair not in self._believed:
            self._believed[pair] = True
            if signer != anchor:
                plain = replace(self._rules, purpose=None, status=None)
                self._believed[pair] = self._search(signer, plain, [anchor]).ok
        return self._believed[pair]


class _TooComplexError(Exception):
    pass


@dataclass
class _Budget:
    signatures: int = 0
    steps: int = 0
    known: dict[tuple[bytes, bytes], str | None] = field(default_factory=dict)

    def check(self, signed: x509.Certificate, issuer: x509.Certificate) -> str | None:
        """Verify once a pair."""
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise _TooComplexError
        pair = (signed.public_bytes(_DER), issuer.public_bytes(_DER))
        if pair not in self.known:
            self.signatures += 1
            if self.signatures > _MAX_SIGNATURES:
                raise _TooComplexError
            self.known[pair] = check_signature(signed, issuer)
        return self.known[pair]


def _chains(
    chain: tuple[x509.Certificate, ...],
    untrusted: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    budget: _Budget,
) -> Iterator[tuple[tuple[x509.Certificate, ...], PathReason, str]]:
    """Yield each chain whose signatures hold, and each that breaks, with its reason."""
    last = chain[-1]
    if last in anchors:
        broken = budget.check(last, last) if same_name(last.issuer, last.subject) else None
        yield chain, PathReason(broken or "ok"), f"signature of {_called(last)}"
        return
    if len(chain) >= _MAX_DEPTH:
        yield chain, PathReason.PATH_TOO_LONG, f"more than {_MAX_DEPTH} certificates"
        return
    for candidate in (*anchors, *untrusted):
        if candidate in chain or not same_name(candidate.subject, last.issuer):
            continue
        broken = budget.check(last, candidate)
        longer = (*chain, candidate)
        if broken:
            yield longer, PathReason(broken), f"signature of {_called(last)}"
        elif candidate in anchors:
            yield longer, PathReason.OK, ""
        else:
            yield from _chains(longer, untrusted, anchors, budget)


def _validate(
    chain: tuple[x509.Certificate, ...], rules: PathRules, lists: RevocationLists | None
) -> PathVerdict:
    for reason, detail in _problems(chain, rules, lists):
        return PathVerdict(reason, detail, chain)
    return PathVerdict(PathReason.OK, f"{len(chain)} certificates to {_called(chain[-1])}", chain)


def _problems(
    chain: tuple[x509.Certificate, ...], rules: PathRules, lists: RevocationLists | None
) -> Iterator[tuple[PathReason, str]]:
    now = to_datetime(rules.at)
    policies = PolicyState.start(
        len(chain),
        explicit=rules.require_policy,
        no_mapping=rules.inhibit_mapping,
        no_any=rules.inhibit_any_policy,
    )
    remaining: int | None = None
    constraints: list[x509.NameConstraints] = []
    for index in range(len(chain) - 1, -1, -1):
        certificate, is_leaf = chain[index], index == 0
        called = _called(certificate)
        self_issued = same_name(certificate.issuer, certificate.subject)
        is_anchor = index == len(chain) - 1
        yield from _own_problems(certificate, called, now, rules.profile)
        if not is_anchor:
            if (is_leaf or not self_issued) and (
                bad := outside_constraints(certificate, constraints)
            ):
                yield PathReason.NAME_CONSTRAINTS, f"{called}: {bad}"
            policies = policies.after(certificate, is_leaf=is_leaf, self_issued=self_issued)
            if policies.refused or (is_leaf and policies.refused_by(rules.policies)):
                yield PathReason.POLICY, f"{called}: no acceptable policy is left"
            if lists is not None:
                state = lists.state(certificate, chain[index + 1], chain[-1])
                if state is CrlState.UNKNOWN:
                    yield PathReason.REVOCATION_UNKNOWN, f"{called}: no current CRL covers it"
                if state is CrlState.REVOKED:
                    yield PathReason.REVOKED, called
        if is_leaf:
            yield from _standing_problems(certificate, called, rules)
            break
        yield from _authority_problems(certificate, called, is_anchor=is_anchor)
        if not is_anchor and not self_issued and remaining is not None:
            if remaining == 0:
                yield PathReason.PATH_TOO_LONG, f"{called}: pathLenConstraint"
            remaining -= 1
        basic = extension(certificate, x509.BasicConstraints)
        if basic and basic.path_length is not None:
            remaining = min(
                basic.path_length, basic.path_length if remaining is None else remaining
            )
        if own := extension(certificate, x509.NameConstraints):
            constraints.append(own)
    basic, signs = extension(chain[0], x509.BasicConstraints), extension(chain[0], x509.KeyUsage)
    if signs and signs.key_cert_sign and not (basic and basic.ca):  # RFC 5280 §4.2.1.9
        yield PathReason.KEY_USAGE, f"{_called(chain[0])}: keyCertSign, and no authority"
    usage = extension(chain[0], x509.ExtendedKeyUsage)
    if rules.purpose and usage and not {rules.purpose, _ANY_PURPOSE} & set(usage):
        yield PathReason.EXTENDED_KEY_USAGE, f"{_called(chain[0])}: not {rules.purpose._name}"


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
    certificate: x509.Certificate, called: str, now: datetime, profile: Profile | None
) -> Iterator[tuple[PathReason, str]]:
    """What is wrong with a certificate wherever it stands."""
    if not 0 < certificate.serial_number < 1 << 159:
        yield PathReason.MALFORMED, f"{called}: serial number outside 1 to 20 octets"
    if not names_one_algorithm(certificate):
        yield PathReason.MALFORMED, f"{called}: signatureAlgorithm differs inside and outside"
    if now < certificate.not_valid_before_utc:
        yield PathReason.NOT_YET_VALID, f"{called}: from {certificate.not_valid_before_utc}"
    if now > certificate.not_valid_after_utc:
        yield PathReason.EXPIRED, f"{called}: until {certificate.not_valid_after_utc}"
    for one in certificate.extensions:
        if one.critical and one.oid not in _UNDERSTOOD:
            yield PathReason.UNKNOWN_CRITICAL_EXTENSION, f"{called}: {one.oid.dotted_string}"
    yield from _name_problems(certificate, called)
    if usage := extension(certificate, x509.KeyUsage):
        yield from usage_problems(certificate, usage, called)
    if profile:
        accepted = profile[Purpose.TLS_AUTHENTICATION].accept
        for name in (signature_name(certificate), key_name(certificate)):
            if name not in accepted:
                yield PathReason.NOT_IN_PROFILE, f"{called}: {name} under {profile.label}"


def _name_problems(certificate: x509.Certificate, called: str) -> Iterator[tuple[PathReason, str]]:
    """Names that may not be empty (RFC 5280 §§ 4.1.2.4, 4.1.2.6, 4.2.1.6)."""
    if not certificate.issuer.rdns:
        yield PathReason.MALFORMED, f"{called}: it names no issuer"
    if certificate.subject.rdns:
        return
    basic = extension(certificate, x509.BasicConstraints)
    if basic and basic.ca:
        yield PathReason.MALFORMED, f"{called}: an authority without a name"
    names = [one for one in certificate.extensions if one.oid == _ALTERNATIVE_NAME]
    if not names or not names[0].critical:
        yield PathReason.MALFORMED, f"{called}: no subject, and no critical subjectAltName"


def usage_problems(
    certificate: x509.Certificate, usage: x509.KeyUsage, called: str
) -> Iterator[tuple[PathReason, str]]:
    """Key usage that the key's algorithm cannot serve."""
    oid = certificate.public_key_algorithm_oid.dotted_string
    signs = (
        usage.digital_signature or usage.content_commitment or usage.key_cert_sign or usage.crl_sign
    )
    others = usage.data_encipherment or usage.key_agreement
    is_kem = oid.startswith(_ML_KEM) or oid in _COMPOSITE_ML_KEM
    if is_kem and (signs or others or not usage.key_encipherment):
        yield PathReason.KEY_USAGE, f"{called}: an ML-KEM key has keyEncipherment only (RFC 9935)"
    only_signs = oid.startswith(_SIGNING_ONLY) or oid in COMPOSITES
    if only_signs and (not signs or others or usage.key_encipherment):
        yield PathReason.KEY_USAGE, f"{called}: its key can only sign (RFC 9881, RFC 9909)"


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


def extension(certificate: x509.Certificate, kind: type[_T]) -> _T | None:
    """The extension of this kind, if the certificate has it."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _called(certificate: x509.Certificate) -> str:
    name = certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"
    return name[:200]
