"""What a certificate shall hold, between Roadseal's values and those of the protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from roadseal import _core
from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.dot2 import TO_BE_SIGNED_CERTIFICATE
from roadseal.operate.pki.v2x.points import read_point, write_point
from roadseal.v2x.certificate import (
    CertificateContents,
    Circle,
    Countries,
    Country,
    Degrees,
    Duration,
    Permission,
    Polygon,
    Rectangles,
    Region,
)

_DUAL: Final = "ecdsa-p256+fn-dsa-512/pre1"
_POINT_BYTES: Final = 33
_KEYS: Final = {
    "ecdsaNistP256": "ecdsa-p256",
    "ecdsaBrainpoolP256r1": "ecdsa-brainpoolp256r1",
    "ecdsaBrainpoolP384r1": "ecdsa-brainpoolp384r1",
    "ecdsaNistP384": "ecdsa-p384",
    "fnDsa512": "fn-dsa-512/pre1",
    "mlDsa44": "ml-dsa-44",
    "mlDsa65": "ml-dsa-65",
    "ecdsaNistP256FnDsa512": _DUAL,
}
_CHOICES: Final = {algorithm: name for name, algorithm in _KEYS.items()}
_CURVES: Final = ("eciesNistP256", "eciesBrainpoolP256r1")
_UNITS_S: Final = {
    "microseconds": 1e-6,
    "milliseconds": 1e-3,
    "seconds": 1,
    "minutes": 60,
    "hours": 3_600,
    "sixtyHours": 216_000,
    "years": 31_556_952,
}
_UNIT_NAMES: Final = tuple(_UNITS_S)
_PLACEHOLDER: Final = bytes([2]) + (1).to_bytes(32)

MAX_SKEW_US: Final = 5 * 60 * MICROSECONDS_PER_SECOND
"""How far a station's clock may be ahead of the authority's."""


def verification_key_value(algorithm: str, octets: bytes) -> tuple[str, Any]:
    """`PublicVerificationKey` of a key as `Signer` has it.

    Raises:
        ValueError: the protocols have no choice for it.
    """
    if algorithm not in _CHOICES:
        raise ValueError(f"no request can carry a key of {algorithm}")
    if algorithm == _DUAL:
        point, second = write_point(octets[:_POINT_BYTES]), octets[_POINT_BYTES:]
        return _CHOICES[algorithm], {"ecdsaP256": point, "fnDsa": second}
    return _CHOICES[algorithm], write_point(octets) if "ecdsa" in algorithm else octets


def read_verification_key(value: tuple[str, Any] | bytes) -> tuple[str, bytes] | None:
    """Algorithm and octets of a `PublicVerificationKey`; `None` for one that cannot be used."""
    if not isinstance(value, tuple):
        return None  # of a kind that a later edition added
    name, inner = value
    algorithm = _KEYS.get(name)
    if algorithm is None:
        return None
    octets = _key_octets(algorithm, inner)
    if octets is None:
        return None
    try:
        _core.VerifyingKey(algorithm, octets)
    except ValueError:
        return None
    return algorithm, octets


def _key_octets(algorithm: str, inner: Any) -> bytes | None:
    if algorithm == _DUAL:
        point = read_point(inner["ecdsaP256"])
        second: bytes = inner["fnDsa"]
        return point + second if point else None
    octets: bytes | None = read_point(inner) if "ecdsa" in algorithm else inner
    return octets


def encryption_key_value(curve: int, octets: bytes) -> dict[str, Any]:
    """`PublicEncryptionKey` of a compressed point."""
    return {
        "supportedSymmAlg": "aes128Ccm",
        "publicKey": (_CURVES[curve], write_point(octets)),
    }


def read_encryption_key(value: Mapping[str, Any]) -> tuple[int, bytes] | None:
    """Curve and point of a `PublicEncryptionKey`; `None` for one that cannot be used."""
    name, inner = value["publicKey"]
    if value["supportedSymmAlg"] != "aes128Ccm" or name not in _CURVES:
        return None
    point = read_point(inner)
    return (_CURVES.index(name), point) if point else None


def attributes_of(contents: CertificateContents) -> dict[str, Any]:
    """`CertificateSubjectAttributes` that ask for these contents."""
    plain = replace(contents, encryption_key=None)
    octets = _core.encode_to_be_signed_certificate(plain, "ecdsa-p256", _PLACEHOLDER)
    value = TO_BE_SIGNED_CERTIFICATE.decode(octets)
    names = ("id", "validityPeriod", "region", "assuranceLevel", "appPermissions")
    return {name: value[name] for name in names if name in value}


def permissions_of(value: Iterable[Mapping[str, Any]]) -> tuple[Permission, ...]:
    """Permissions of a `SequenceOfPsidSsp`.

    Raises:
        CoerError: one is of a kind that is not known.
    """
    return tuple(_permission(one) for one in value)


def contents_of(attributes: Mapping[str, Any]) -> CertificateContents:
    """What `CertificateSubjectAttributes` ask for.

    Raises:
        CoerError: something cannot be granted because it is not understood.
    """
    if "validityPeriod" not in attributes:
        raise CoerError("no validity is asked for")
    period = attributes["validityPeriod"]
    unit, count = period["duration"]
    if unit not in _UNITS_S:
        raise CoerError("a duration of this kind is not known")
    name: str | None = None
    match attributes.get("id", ("none", None)):
        case ("name", str(text)):
            name = text
        case ("none", None):
            pass
        case _:
            raise CoerError("an id of this kind is not given on request")
    region = attributes.get("region")
    assurance = attributes.get("assuranceLevel")
    return CertificateContents(
        start=Time64(period["start"] * MICROSECONDS_PER_SECOND),
        duration=Duration(_UNIT_NAMES.index(unit), count),
        name=name,
        app_permissions=permissions_of(attributes.get("appPermissions", ())),
        region=region_of(region) if region else None,
        assurance=assurance[0] if assurance else None,
    )


def ends_at(contents: CertificateContents) -> Time64:
    """The first instant at which the certificate no longer holds."""
    length_s = contents.duration.count * list(_UNITS_S.values())[contents.duration.unit]
    whole_us = contents.start_s * MICROSECONDS_PER_SECOND
    return Time64(whole_us + round(length_s * MICROSECONDS_PER_SECOND))


def may_hold(contents: CertificateContents, now: Time64, longest: int, issuer: bytes) -> bool:
    """Whether the validity that is asked for may be given.

    It has not ended, is no longer than `longest` microseconds, ends within that time from now (and
    the skew of the station's clock), and not after the issuer's certificate.
    """
    start, end = contents.start, ends_at(contents)
    if not now < end <= now + longest + MAX_SKEW_US or end - start > longest:
        return False
    return end <= ends_of(issuer)


def ends_of(certificate: bytes) -> Time64:
    """The first instant at which a certificate no longer holds."""
    return Time64(_core.describe_certificate(certificate)["validUntil"])


def covers(granted: Iterable[Permission], asked: Iterable[Permission]) -> bool:
    """Whether everything that is asked for is granted: a bitmap SSP bit by bit, else exactly."""
    by_psid = {one.psid: one for one in granted}
    return all(one.psid in by_psid and _within(by_psid[one.psid], one) for one in asked)


def region_of(value: tuple[str, Any]) -> Region:
    """A `GeographicRegion`.

    Raises:
        CoerError: it is of a kind that is not known.
    """
    kind, inner = value
    match kind:
        case "circularRegion":
            return Circle(_place(inner["center"]), inner["radius"])
        case "rectangularRegion":
            return Rectangles(
                tuple((_place(one["northWest"]), _place(one["southEast"])) for one in inner)
            )
        case "polygonalRegion":
            return Polygon(tuple(_place(one) for one in inner))
        case "identifiedRegion":
            return Countries(tuple(_country(one) for one in inner))
    raise CoerError("a region of this kind is not known")


def _permission(value: Mapping[str, Any]) -> Permission:
    match value.get("ssp"):
        case None:
            return Permission(value["psid"])
        case ("opaque", bytes(octets)):
            return Permission(value["psid"], octets, bitmap=False)
        case ("bitmapSsp", bytes(octets)):
            return Permission(value["psid"], octets)
    raise CoerError("an SSP of this kind is not known")


def _within(granted: Permission, asked: Permission) -> bool:
    if asked.ssp is None or granted.ssp is None or not (asked.bitmap and granted.bitmap):
        return (asked.ssp, asked.bitmap or asked.ssp is None) == (
            granted.ssp,
            granted.bitmap or granted.ssp is None,
        )
    if len(asked.ssp) != len(granted.ssp) or asked.ssp[:1] != granted.ssp[:1]:
        return False  # the first octet of an ETSI SSP is its version
    return all(a & ~g == 0 for a, g in zip(asked.ssp, granted.ssp, strict=True))


def _place(value: Mapping[str, int]) -> Degrees:
    return value["latitude"], value["longitude"]


def _country(value: tuple[str, Any]) -> Country:
    match value:
        case ("countryOnly", int(code)):
            return Country(code)
        case ("countryAndRegions", inner):
            return Country(inner["countryOnly"], tuple((one, None) for one in inner["regions"]))
        case ("countryAndSubregions", inner):
            rows = inner["regionAndSubregions"]
            return Country(
                inner["country"], tuple((one["region"], tuple(one["subregions"])) for one in rows)
            )
    raise CoerError("a region of this kind is not known")
