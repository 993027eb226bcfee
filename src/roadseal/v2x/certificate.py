"""Making certificates (IEEE 1609.2 clause 6.4, TS 103 097 clause 6), explicit ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from roadseal import _core
from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.v2x.signer import Signer

DUAL = "ecdsa-p256+fn-dsa-512/pre1"

_FN_DSA_512 = "fn-dsa-512/pre1"
_FN_DSA_512_SIGNATURE_BYTES = 666

Degrees = tuple[int, int]
"""Latitude and longitude in units of 1/10 microdegree."""


@dataclass(frozen=True, slots=True)
class Permission:
    """A service and what the holder may do in it; `ssp=None` is the service's default."""

    psid: int
    ssp: bytes | None = None
    bitmap: bool = True


@dataclass(frozen=True, slots=True)
class PermissionRange:
    """A service that an authority may give, and within which SSPs.

    Args:
        psid: the service.
        bitmap: value and mask; `None` together with `opaque=None` is any SSP.
        opaque: the octet strings allowed.
        any_ssp: write "all" rather than nothing for any SSP.
    """

    psid: int
    bitmap: tuple[bytes, bytes] | None = None
    opaque: Sequence[bytes] | None = None
    any_ssp: bool = False


@dataclass(frozen=True, slots=True)
class GroupPermissions:
    """What an authority may give, and how far down; `subjects=None` is every service."""

    subjects: Sequence[PermissionRange] | None
    min_chain_length: int = 1
    chain_length_range: int = 0
    app: bool = True
    enrol: bool = False


@dataclass(frozen=True, slots=True)
class Circle:
    """Within `radius_m` of `center`."""

    center: Degrees
    radius_m: int


@dataclass(frozen=True, slots=True)
class Rectangles:
    """In any of the rectangles, each from its north-west to its south-east corner."""

    rectangles: Sequence[tuple[Degrees, Degrees]]


@dataclass(frozen=True, slots=True)
class Polygon:
    """Inside the polygon."""

    corners: Sequence[Degrees]


@dataclass(frozen=True, slots=True)
class Country:
    """A country by its UN M.49 code, or regions of it, or subregions of those."""

    code: int
    regions: Sequence[tuple[int, Sequence[int] | None]] | None = None


@dataclass(frozen=True, slots=True)
class Countries:
    """In any of the countries."""

    countries: Sequence[Country]


Region = Circle | Rectangles | Polygon | Countries


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as the standard writes it: `count` of a `unit`."""

    unit: int
    count: int

    @classmethod
    def hours(cls, hours: int) -> Duration:
        """At most 65,535 hours; longer ones are written in units of sixty."""
        if hours <= 0xFFFF:
            return cls(4, hours)
        return cls(5, math.ceil(hours / 60))

    @classmethod
    def seconds(cls, seconds: int) -> Duration:
        """At most 65,535 seconds."""
        return cls(2, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateContents:
    """What a certificate says, but for its keys and issuer.

    Args:
        start: when it begins; only whole seconds are written.
        duration: how long it holds.
        name: its name; at most one of `name`, `binary_id` and `linkage`, none for a pseudonym.
        binary_id: 1 to 64 octets.
        linkage: the period and the linkage value of nine bytes.
        app_permissions: what the holder may do.
        issue_permissions: what the holder may give.
        request_permissions: what the holder may ask for.
        region: where it holds; `None` is the issuer's region.
        assurance: assurance level and confidence.
        craca_id: which CRACA revokes it.
        crl_series: on which series of CRLs.
        can_request_rollover: whether the holder may ask for a successor.
        encryption_key: the curve (0 P-256, 1 brainpoolP256r1) and a compressed point.
    """

    start: Time64
    duration: Duration
    name: str | None = None
    binary_id: bytes | None = None
    linkage: tuple[int, bytes] | None = None
    app_permissions: Sequence[Permission] = ()
    issue_permissions: Sequence[GroupPermissions] = ()
    request_permissions: Sequence[GroupPermissions] = ()
    region: Region | None = None
    assurance: int | None = None
    craca_id: bytes = bytes(3)
    crl_series: int = 0
    can_request_rollover: bool = False
    encryption_key: tuple[int, bytes] | None = None

    @property
    def start_s(self) -> int:
        """Time32: whole seconds of TAI since 2004."""
        return self.start // MICROSECONDS_PER_SECOND


@dataclass(frozen=True)
class Credential:
    """A certificate and the key that goes with it."""

    certificate: bytes
    signer: Signer

    @cached_property
    def digest(self) -> bytes:
        """The whole hash of the certificate: 32 or 48 bytes."""
        return _core.certificate_digest(self.certificate)[0]

    @property
    def hashed_id8(self) -> bytes:
        """How messages name it."""
        return self.digest[-8:]


def self_signed(contents: CertificateContents, signer: Signer) -> Credential:
    """Make a root.

    Raises:
        ValueError: the contents do not fit a certificate.
    """
    certificate = _certify(contents, signer.algorithm, signer.public_key, signer, None)
    return Credential(certificate, signer)


def issue(
    contents: CertificateContents, algorithm: str, public_key: bytes, issuer: Credential
) -> bytes:
    """Issue a certificate for somebody's key.

    Nothing is checked here: what the issuer may give is for its own rules to say, and every
    receiver checks it.

    Args:
        contents: what it says.
        algorithm: of the holder's key.
        public_key: the holder's key, as `Signer.public_key` gives it.
        issuer: who signs.

    Raises:
        ValueError: the contents or the key do not fit a certificate.
    """
    return _certify(contents, algorithm, public_key, issuer.signer, issuer)


def _certify(
    contents: CertificateContents,
    algorithm: str,
    public_key: bytes,
    signer: Signer,
    issuer: Credential | None,
) -> bytes:
    issuer_digest = issuer.digest if issuer else None
    encode = _core.encode_to_be_signed_certificate
    if signer.algorithm == DUAL:
        # The post-quantum signature goes inside and is made first, over itself as zeros.
        zeros = bytes(_FN_DSA_512_SIGNATURE_BYTES)
        blank = encode(contents, algorithm, public_key, alt_signature=zeros)
        digest = _core.signing_digest(_FN_DSA_512, blank, issuer_digest)
        second = signer.sign(digest, _FN_DSA_512)
        to_be_signed = encode(contents, algorithm, public_key, alt_signature=second)
        outer = "ecdsa-p256"
    else:
        to_be_signed = encode(contents, algorithm, public_key)
        outer = signer.algorithm
    digest = _core.signing_digest(signer.algorithm, to_be_signed, issuer_digest)
    return _core.encode_certificate(
        to_be_signed,
        signer.algorithm,
        issuer.hashed_id8 if issuer else None,
        outer,
        signer.sign(digest, outer),
    )
