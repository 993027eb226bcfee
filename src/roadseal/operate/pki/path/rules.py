"""What a relying party asks of a chain, and what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from roadseal.clock import Time64
from roadseal.crypto import Profile
from roadseal.operate.pki.path.policies import ANY_POLICY
from roadseal.operate.pki.standing import TIERS, StatusKeeper, Tier


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
    NONCONFORMING = "nonconforming"
    DISTRUSTED = "distrusted"


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
        purpose: extended key usage that the leaf, and authorities which name any, must allow;
            None: any.
        distrusted: certificates of names and keys that may stand in no chain.
        crls: revocation lists; when there are any, each issued certificate needs a current one.
        status: status lists; with them the leaf needs a standing that `tier` accepts.
        tier: what the age of a status list means.
        policies: acceptable certificate policies, dotted; they bind where a policy is required.
        require_policy: whether every chain must have an acceptable policy.
        inhibit_mapping: whether policy mappings count for nothing.
        inhibit_any_policy: whether anyPolicy counts for nothing.
        strict: whether what RFC 5280 forbids authorities to issue is refused too.
    """

    at: Time64
    profile: Profile | None = None
    purpose: ObjectIdentifier | None = None
    distrusted: Sequence[x509.Certificate] = ()
    crls: Sequence[x509.CertificateRevocationList] = ()
    status: StatusKeeper | None = None
    tier: Tier = TIERS["T1"]
    policies: frozenset[str] = frozenset({ANY_POLICY})
    require_policy: bool = False
    inhibit_mapping: bool = False
    inhibit_any_policy: bool = False
    strict: bool = False
