"""Certificate profiles of ETSI's ITS test suite: XML that says what a certificate shall hold.

The files are read as the suite's own stylesheet reads them: names of services, default ranges of
what an authority may give, times relative to a base date, places relative to a base position.

Source: ETSI forge, ITS, tools/itscertgen, profiles and `profile2xer.xsl`; TS 103 097 clause 7.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.crypto import registry
from roadseal.errors import RoadsealError
from roadseal.v2x import service
from roadseal.v2x.certificate import (
    CertificateContents,
    Circle,
    Countries,
    Country,
    Degrees,
    Duration,
    GroupPermissions,
    Permission,
    PermissionRange,
    Polygon,
    Rectangles,
    Region,
)

Subject = Literal["ROOT", "TLM", "EA", "AA", "EC", "AT"]

MAX_BYTES: Final = 1 << 20
"""Larger files are no profiles."""

_EPOCH: Final = datetime(2004, 1, 1, tzinfo=UTC)
_DEGREES_A_METRE: Final = (
    89.833458  # tenths of a microdegree a metre, for both axes as in the suite
)
_DISTANCE: Final = re.compile(r"(?:(\d{1,4})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?")
_MAX_ENTRIES: Final = 1_000

_AIDS: Final = {
    "CAM": service.CAM,
    "DENM": service.DENM,
    "TLM": service.SPATEM,
    "SPAT": service.SPATEM,
    "RLT": service.MAPEM,
    "MAP": service.MAPEM,
    "IVI": service.IVIM,
    "TLC": service.SREM,
    "SREM": service.SREM,
    "SSEM": service.SSEM,
    "GN-MGMT": service.GN_MANAGEMENT,
    "CRT-REQ": service.CERTIFICATE_REQUEST,
    "CRL": service.CRL,
    "CTL": service.CTL,
    "CPM": service.CPM,
    "VRU": service.VAM,
    "GPC": 540_802,
    "SA": 540_801,
}
_RANGES: Final = {
    service.CAM: ("01fffc", "ff0003"),
    service.DENM: ("01ffffff", "ff000000"),
    service.SPATEM: ("01e0", "ff1f"),
    service.MAPEM: ("01c0", "ff3f"),
    service.IVIM: ("01000000fff8", "ff0000000007"),
    service.SREM: ("02ffffe0", "ff00001f"),
    service.SSEM: ("01", "ff"),
    540_802: ("01", "ff"),
}
_REQUEST_RANGES: Final = {"ROOT": ("01fe", "ff01"), "EA": ("01c0", "ffff")}
_OTHER_REQUEST_RANGE: Final = ("0100", "01ff")


@dataclass(frozen=True, slots=True)
class Bases:
    """What the relative values of a profile count from; the defaults are the suite's own.

    Args:
        date: a date of TAI, whose midnight is the base instant.
        position: latitude and longitude in 1/10 microdegree.
        country: UN M.49 code of the local region, ``RGN_LOCAL``.
    """

    date: datetime = datetime(2022, 1, 1, tzinfo=UTC)
    position: Degrees = (436_169_490, 70_533_080)
    country: int = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class EtsiProfile:
    """A certificate as the profile wants it; its keys are made by whoever makes it.

    Args:
        subject: the kind of holder.
        signer: the name of the issuer's profile; `None` for a certificate that signs itself.
        algorithm: of the holder's key.
        encryption_curve: 0 P-256, 1 brainpoolP256r1; `None` for no encryption key.
        contents: everything but the keys.
    """

    subject: Subject
    signer: str | None
    algorithm: str
    encryption_curve: int | None
    contents: CertificateContents

    @property
    def is_authority(self) -> bool:
        """Whether the holder signs certificates or lists, rather than messages."""
        return self.subject not in ("EC", "AT")


def read_etsi_profile(octets: bytes, bases: Bases | None = None) -> EtsiProfile:
    """Read a profile.

    Raises:
        RoadsealError: ``etsi-profile``: it is none, or asks for what no certificate can say.
    """
    if len(octets) > MAX_BYTES:
        raise _wrong(f"the file is larger than {MAX_BYTES:,} bytes")
    try:
        root = fromstring(octets, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise _wrong("the file is no plain XML") from None
    if root.tag != "certificate":
        raise _wrong(f"the outermost element is <{root.tag[:40]}>, not <certificate>")
    return _Reader(root, bases or Bases()).profile()


class _Reader:
    """One pass over one profile; every method reads one part."""

    def __init__(self, root: Element, bases: Bases) -> None:
        self.root = root
        self.bases = bases
        self.subject = _child(root, "subject")
        kind = self.subject.get("type", "")
        if kind not in get_args(Subject):
            raise _wrong(
                f"the subject's type {kind[:40]!r} is none of {', '.join(get_args(Subject))}"
            )
        self.kind: Subject = kind  # type: ignore[assignment]  # just checked against the literal

    def profile(self) -> EtsiProfile:
        name = self.subject.get("name")
        start, duration = self.validity()
        contents = CertificateContents(
            start=start,
            duration=duration,
            name=name or None,
            app_permissions=self.app_permissions(),
            issue_permissions=self.issue_permissions(),
            region=self.region(),
            assurance=self.assurance(),
        )
        return EtsiProfile(
            subject=self.kind,
            signer=self.signer(),
            algorithm=self.algorithm(),
            encryption_curve=self.encryption_curve(),
            contents=contents,
        )

    def signer(self) -> str | None:
        signer = _child(self.root, "signer")
        match signer.get("type"):
            case "self":
                return None
            case "digest" if signer.get("name"):
                return signer.get("name")
        raise _wrong("the signer is neither 'self' nor a 'digest' with a name")

    def attributes(self, kind: str) -> list[Element]:
        return [one for one in self.subject.findall("attribute") if one.get("type") == kind]

    def algorithm(self) -> str:
        keys = [key for one in self.attributes("verification_key") for key in one]
        if len(keys) != 1:
            raise _wrong("it wants not exactly one verification key")
        if keys[0].tag == "reconstruction_value":
            raise _wrong("it wants an implicit certificate, which needs the holder's request")
        name = keys[0].get("algorithm", "0")
        if name in registry():
            return name
        lowered = name.lower()
        for parts, algorithm in (
            (("brainpool", "256"), "ecdsa-brainpoolp256r1"),
            (("brainpool", "384"), "ecdsa-brainpoolp384r1"),
            (("nist", "384"), "ecdsa-p384"),
            (("nist", "256"), "ecdsa-p256"),
        ):
            if all(part in lowered for part in parts):
                return algorithm
        if name.strip() in ("0", ""):
            return "ecdsa-p256"
        raise _wrong(f"the verification key's algorithm {name[:60]!r} is unknown")

    def encryption_curve(self) -> int | None:
        keys = [key for one in self.attributes("encryption_key") for key in one]
        if not keys:
            return None
        cipher, curve = keys[0].get("sym_alg", "0"), keys[0].get("algorithm", "0").lower()
        if cipher not in ("0", "aes_128_ccm"):
            raise _wrong(f"the encryption key's cipher {cipher[:60]!r} is not aes_128_ccm")
        if curve in ("0", "ecies_nistp256"):
            return 0
        if curve == "ecies_brainpoolp256r1":
            return 1
        raise _wrong(f"the encryption key's algorithm {curve[:60]!r} is unknown")

    def assurance(self) -> int | None:
        levels = [level for one in self.attributes("assurance_level") for level in one]
        if not levels:
            return None
        level = _integer(levels[0].get("level", ""), 0, 7, "assurance level")
        confidence = _integer(levels[0].get("confidence", "0"), 0, 3, "confidence")
        return level << 5 | confidence

    def app_permissions(self) -> tuple[Permission, ...]:
        rows = [row for one in self.attributes("its_aid_ssp_list") for row in one.findall("ssp")]
        permissions = []
        for row in _limited(rows):
            octets = _hexadecimal(row.text or "")
            permissions.append(Permission(_aid(row.get("aid", "")), octets or None))
        return tuple(permissions)

    def issue_permissions(self) -> tuple[GroupPermissions, ...]:
        return tuple(self.group(one) for one in _limited(self.attributes("its_aid_list")))

    def group(self, attribute: Element) -> GroupPermissions:
        shortest = attribute.get("minChainLength", "2" if self.kind == "ROOT" else "1")
        match attribute.get("eeType"):
            case "enrol" | "40":
                app, enrol = False, True
            case "app" | "80":
                app, enrol = True, False
            case _:
                app, enrol = True, True
        return GroupPermissions(
            tuple(self.range(row) for row in _limited(attribute.findall("aid"))),
            min_chain_length=_integer(shortest, 1, 255, "minChainLength"),
            app=app,
            enrol=enrol,
        )

    def range(self, row: Element) -> PermissionRange:
        psid = _aid(row.get("value", ""))
        value, slash, mask = (row.text or "").strip().partition("/")
        if value.strip():
            octets = _hexadecimal(value)
            pattern = octets, _hexadecimal(mask) if slash else b"\xff" * len(octets)
            if len(pattern[0]) != len(pattern[1]):
                raise _wrong(f"the value and the mask of service {psid} differ in length")
            return PermissionRange(psid, pattern)
        if psid == service.CERTIFICATE_REQUEST:
            pair = _REQUEST_RANGES.get(self.kind, _OTHER_REQUEST_RANGE)
        elif psid in _RANGES:
            pair = _RANGES[psid]
        else:
            return PermissionRange(psid)
        return PermissionRange(psid, (bytes.fromhex(pair[0]), bytes.fromhex(pair[1])))

    def restriction(self, kind: str) -> Element | None:
        rows = _child(self.root, "validity").findall("restriction")
        return next((row for row in rows if row.get("type") == kind), None)

    def validity(self) -> tuple[Time64, Duration]:
        row = self.restriction("time")
        if row is None:
            raise _wrong("it says not how long the certificate holds")
        start = _instant(row.get("start", ""), self.bases.date)
        if (end := row.get("end")) is not None:
            seconds = (_instant(end, self.bases.date) - start) / timedelta(seconds=1)
        else:
            length = "+" + row.get("duration", "").lstrip("+")
            seconds = (_instant(length, start) - start) / timedelta(seconds=1)
        start_s = (start - _EPOCH) // timedelta(seconds=1)
        if not 0 <= start_s < 1 << 32:
            raise _wrong("it begins outside what the standard can write")
        return Time64(start_s * MICROSECONDS_PER_SECOND), _duration(seconds)

    def region(self) -> Region | None:
        row = self.restriction("region")
        if row is None or not len(row) or row[0].tag == "none":
            return None
        match row[0].tag:
            case "circle":
                radius_m = _integer(row[0].get("radius", ""), 0, 0xFFFF, "radius")
                return Circle(self.place(row[0]), radius_m)
            case "rectangle":
                # One element with several pairs of corners, or several elements.
                corners = self.places([place for one in row.findall("rectangle") for place in one])
                if not corners or len(corners) % 2:
                    raise _wrong("a rectangle has two corners")
                return Rectangles(tuple(zip(corners[::2], corners[1::2], strict=True)))
            case "polygon":
                corners = self.places(list(row[0]))
                if len(corners) < 3:
                    raise _wrong("a polygon has at least three corners")
                return Polygon(tuple(corners))
            case "id":
                return Countries(tuple(self.country(one) for one in _limited(row.findall("id"))))
        raise _wrong(f"<{row[0].tag[:40]}> is no region")

    def places(self, rows: list[Element]) -> list[Degrees]:
        return [self.place(row) for row in _limited(rows) if row.tag == "location"]

    def place(self, row: Element) -> Degrees:
        latitude = _coordinate(row.get("latitude", ""), self.bases.position[0], 900_000_000)
        longitude = _coordinate(row.get("longitude", ""), self.bases.position[1], 1_800_000_000)
        return latitude, longitude

    def country(self, row: Element) -> Country:
        code = row.get("id", "")
        local_region = code == "RGN_LOCAL"
        number = self.bases.country if local_region else _integer(code, 0, 999, "country")
        local = _integer(row.get("local", "0"), 0, 255, "region of a country")
        return Country(number, ((local, None),) if local else None)


def _instant(text: str, base: datetime) -> datetime:
    """`+365d`, `-1y`, `cur`, or a date; relative ones count from `base`."""
    text = text.strip()
    try:
        if text == "cur":
            return base
        if text[:1] not in ("+", "-"):
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        sign = -1 if text[0] == "-" else 1
        if not (
            parts := re.fullmatch(
                r"(?:(\d{1,4})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?", text[1:].lower()
            )
        ):
            raise ValueError
        years, months, days = (sign * int(part or 0) for part in parts.groups())
        month = base.month - 1 + months
        shifted = base.replace(year=base.year + years + month // 12, month=month % 12 + 1)
        return shifted + timedelta(days=days)
    except (ValueError, OverflowError):
        raise _wrong(f"{text[:40]!r} is no date and no distance like +365d") from None


def _duration(seconds: float) -> Duration:
    """In the unit that the suite writes, hours, as long as that can hold it."""
    if seconds <= 0:
        raise _wrong("it ends before it begins")
    hours = math.ceil(seconds / 3600)
    duration = Duration.hours(hours)
    if duration.count > 0xFFFF:
        raise _wrong("it holds longer than the standard can write")
    return duration


def _coordinate(text: str, base: int, bound: int) -> int:
    """`+5km`, `-300m`, or degrees, from the base; in 1/10 microdegree."""
    parts = re.fullmatch(r"\s*([+-]?)(\d{1,9}(?:\.\d{1,9})?)(km|m|)\s*", text)
    if not parts:
        raise _wrong(f"{text[:40]!r} is no coordinate like +5km or 0.25")
    number = float(parts[2]) * (-1 if parts[1] == "-" else 1)
    scale = {"km": 1_000 * _DEGREES_A_METRE, "m": _DEGREES_A_METRE, "": 1e7}[parts[3]]
    coordinate = math.floor(base + scale * number)
    if abs(coordinate) > bound:
        raise _wrong(f"{text[:40]!r} lies off the map")
    return coordinate


def _aid(text: str) -> int:
    if text in _AIDS:
        return _AIDS[text]
    return _integer(text, 0, 0xFFFF_FFFF, "service")


def _integer(text: str, low: int, high: int, what: str) -> int:
    if re.fullmatch(r"\s*\d{1,10}\s*", text) and low <= int(text) <= high:
        return int(text)
    raise _wrong(f"{text[:40]!r} is no {what} from {low} to {high}")


def _hexadecimal(text: str) -> bytes:
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        raise _wrong(f"{text.strip()[:40]!r} is not hexadecimal") from None
    if len(octets) > 31:  # BitmapSsp ::= OCTET STRING (SIZE(0..31))
        raise _wrong("an SSP is longer than 31 bytes")
    return octets


def _limited(rows: list[Element]) -> list[Element]:
    if len(rows) > _MAX_ENTRIES:
        raise _wrong(f"a list has more than {_MAX_ENTRIES} entries")
    return rows


def _child(element: Element, tag: str) -> Element:
    child = element.find(tag)
    if child is None:
        raise _wrong(f"<{element.tag[:40]}> has no <{tag}>")
    return child


def _wrong(what: str) -> RoadsealError:
    return RoadsealError(
        "etsi-profile",
        f"The profile cannot be used: {what}.",
        advice="Compare it with the profiles of ETSI's ITS test suite.",
    )
