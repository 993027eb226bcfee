"""Places in the spellings of the field: WKT, WKB, GeoJSON, pairs, degrees and minutes.

Source: OGC 06-103r4 (WKT and WKB), RFC 7946 (GeoJSON), PostGIS manual "EWKB"; projected
systems by PROJ, from the grids that it brings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any, Final, NamedTuple, cast

from roadseal.assess.inventory.estate.lexicon import western
from roadseal.assess.inventory.estate.wkb import wkb_corners


class Place(NamedTuple):
    """Degrees north and east, WGS 84."""

    latitude: float
    longitude: float

    @property
    def on_globe(self) -> bool:
        """Whether both are in range."""
        return abs(self.latitude) <= 90 and abs(self.longitude) <= 180

    @property
    def swapped(self) -> Place:
        """The same with its numbers exchanged."""
        return Place(self.longitude, self.latitude)

    @property
    def wkt(self) -> str:
        """The point as text, which `parse_place` reads."""
        return f"POINT ({self.longitude!r} {self.latitude!r})"


GEOGRAPHIC: Final = frozenset({0, 4326, 4269, 4258, 4979, 4283, 4617})
"""EPSG codes in degrees that differ from WGS 84 by a metre or two; 0 says nothing."""
WEB_MERCATOR_EPSG: Final = 3857
WEB_MERCATOR: Final = frozenset({3857, 900913, 102100, 102113, 3785})
"""Codes that have been given to one system."""

_NUMBER: Final = r"[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?"
_WKT: Final = re.compile(
    r"\s*(?:SRID\s*=\s*(?P<srid>\d{1,6})\s*;)?\s*(?P<type>(?:MULTI)?(?:POINT|LINESTRING|POLYGON))"
    r"\s*(?P<dimension>ZM|Z|M)?\s*(?P<body>\(.*\))[\s)]*",
    re.IGNORECASE | re.DOTALL,
)
_PAIR: Final = re.compile(rf"\s*[\[(]?\s*({_NUMBER})\s*°?\s*[,; ]\s*({_NUMBER})\s*°?\s*[\])]?\s*")
_TRAILING_PAIR: Final = re.compile(rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)[\s,;]*$")
_DMS: Final = re.compile(
    r"\s*([-−]?\d{1,3}(?:[.,]\d+)?)\s*[°d:\s]\s*(?:(\d{1,2}(?:[.,]\d+)?)\s*['′’:m\s]\s*)?"
    r"(?:(\d{1,2}(?:[.,]\d+)?)\s*(?:\"|″|''|”|s(?=\s*[NSEWO]))?\s*)?([NSEWO]?)\s*",
    re.IGNORECASE,
)
_LETTER_FIRST: Final = re.compile(r"([NSEWO])\s*(\d.*)", re.IGNORECASE | re.DOTALL)
_NORTH_EAST: Final = re.compile(  # each half with its letter, before or behind
    r"\s*([NS])?([^NSEWO]{1,40})(?(1)|([NS]))[\s,;/]*([EWO])?([^NSEWO]{1,40})(?(4)|([EWO]))\s*",
    re.IGNORECASE,
)
_DECIMALS: Final = re.compile(r"\d{1,3}[.,]\d+")
_HEX_WKB: Final = re.compile(r"(?:\\x)?(0[01][0-9A-Fa-f]{40,})")


class Letter(StrEnum):
    """What the letter O behind degrees stands for."""

    EAST = "east"  # Ost, Oost, Øst
    WEST = "west"  # Ouest, Oeste, Ovest
    UNKNOWN = "unknown"


def parse_place(text: str, letter_o: Letter = Letter.UNKNOWN) -> Place | None:
    """Read a place from one text; ``None`` if it holds none. Not checked against the globe.

    Args:
        text: as the file has it.
        letter_o: what O stands for; a place that hangs on it is none while that is not known.
    """
    text = western(text)
    if wkt := _WKT.fullmatch(text):
        return _wkt(wkt)
    if "{" in text:
        return _geojson_text(text)
    if binary := _HEX_WKB.fullmatch(text.strip()):
        return _wkb(bytes.fromhex(binary[1][: len(binary[1]) // 2 * 2]))
    if pair := _PAIR.fullmatch(text) or _TRAILING_PAIR.search(text):
        return Place(_float(pair[1]), _float(pair[2]))
    if halves := _NORTH_EAST.fullmatch(text):
        before_n, north, behind_n, before_e, east, behind_e = halves.groups()
        latitude = _half(north, before_n or behind_n, letter_o)
        longitude = _half(east, before_e or behind_e, letter_o)
        return None if latitude is None or longitude is None else Place(latitude, longitude)
    return None


def hangs_on_letter(text: str) -> bool:
    r"""Whether a text is a coordinate or place only once it is known what its O stands for.

    >>> hangs_on_letter('9°59\'10"O'), hangs_on_letter('9°59\'10"E'), hangs_on_letter("Oslo")
    (True, False, False)
    """
    if "o" not in text.casefold():
        return False
    unsaid, said = (
        parse_place(text, letter) or parse_degrees(text, letter)
        for letter in (Letter.UNKNOWN, Letter.EAST)
    )
    return unsaid is None and said is not None


def _half(text: str, letter: str, letter_o: Letter) -> float | None:
    text = text.strip(" ,;/")
    joined = f"{text}°{letter}" if _DECIMALS.fullmatch(text) else text + letter
    return parse_degrees(joined, letter_o)


def parse_degrees(text: str, letter_o: Letter = Letter.UNKNOWN) -> float | None:
    """Read one coordinate: decimal with point or comma, or degrees, minutes and seconds.

    Args:
        text: as the file has it.
        letter_o: what O stands for, as for `parse_place`.
    """
    text = western(text.strip())
    try:
        number = float(text.replace("−", "-").replace(",", "."))
    except ValueError:
        pass
    else:
        return number if math.isfinite(number) else None
    if letter_first := _LETTER_FIRST.fullmatch(text):
        text = letter_first[2] + letter_first[1]
    parts = _DMS.fullmatch(text.rstrip("°"))
    if not parts:
        return None
    degrees, minutes, seconds = (
        _float((part or "0").replace(",", ".")) for part in parts.groups()[:3]
    )
    size = abs(degrees) + minutes / 60 + seconds / 3600
    side = "" if parts[4] == "s" and "m" in text else parts[4].upper()  # 33d51m54s: seconds
    if side == "O":
        if letter_o is Letter.UNKNOWN:
            return None
        side = "W" if letter_o is Letter.WEST else "E"
    negative = parts[1][0] in "-−" or side in ("S", "W")
    return -size if negative else size


def shape_place(geometry: Any) -> Place | None:
    """The place of a GeoJSON geometry or of an Esri one; of a shape, the middle of its corners."""
    if not isinstance(geometry, dict):
        return None
    x, y = (
        next((geometry[name] for name in names if geometry.get(name) is not None), None)
        for names in (("x", "longitude", "lon", "lng"), ("y", "latitude", "lat"))
    )
    if x is not None and y is not None:
        longitude, latitude = parse_degrees(str(x)), parse_degrees(str(y))
        return None if longitude is None or latitude is None else Place(latitude, longitude)
    members = geometry.get("geometries")  # of a GeometryCollection
    shapes = members if isinstance(members, list) else [geometry]
    corners = [
        corner
        for shape in shapes
        if isinstance(shape, dict)
        for corner in _positions(shape.get("coordinates"), depth=0)
    ]
    return middle(corners)


def in_degrees(place: Place | None, srid: int | str) -> Place | None:
    """`place`, its numbers north and east in the system `srid`, as degrees.

    Args:
        place: of any system.
        srid: EPSG code, 0 where nothing is said, or the system written out (WKT, PROJJSON).

    Returns:
        Nothing where the system is not known, or the place is outside of it.
    """
    if place is None or srid in GEOGRAPHIC:
        return place
    transform = _transform(WEB_MERCATOR_EPSG if srid in WEB_MERCATOR else srid)
    if transform is None:
        return None
    longitude, latitude = transform(place.longitude, place.latitude)
    return Place(latitude, longitude) if math.isfinite(longitude + latitude) else None


def is_known_system(srid: int | str) -> bool:
    """Whether places of this system can be turned into degrees."""
    return srid in GEOGRAPHIC or srid in WEB_MERCATOR or _transform(srid) is not None


def middle(corners: list[tuple[float, float]]) -> Place | None:
    """The middle of corners, each east and north; ``None`` without any."""
    if not corners:
        return None
    if len(corners) > 2 and corners[0] == corners[-1]:
        corners = corners[:-1]
    longitude = math.fsum(x for x, _ in corners) / len(corners)
    latitude = math.fsum(y for _, y in corners) / len(corners)
    return Place(latitude, longitude)


@cache
def _transform(srid: int | str) -> Callable[[float, float], tuple[float, float]] | None:
    from pyproj import Transformer  # half the estates of the world need none
    from pyproj.exceptions import CRSError

    try:
        transformer = Transformer.from_crs(srid, 4326, always_xy=True)
    except CRSError:
        return None
    return cast("Callable[[float, float], tuple[float, float]]", transformer.transform)


def _wkt(match: re.Match[str]) -> Place | None:
    corners = []
    for corner in re.split(r"[(),]+", match["body"]):
        numbers = re.findall(_NUMBER, corner)
        if len(numbers) >= 2:
            corners.append((_float(numbers[0]), _float(numbers[1])))
    return in_degrees(middle(corners), int(match["srid"] or 0))


def _geojson_text(text: str) -> Place | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return shape_place(value)


def _positions(coordinates: Any, depth: int) -> Any:
    if not isinstance(coordinates, list) or depth > 4:
        return
    if len(coordinates) >= 2 and all(_is_number(one) for one in coordinates[:2]):
        yield float(coordinates[0]), float(coordinates[1])
        return
    for inner in coordinates:
        yield from _positions(inner, depth + 1)


def _is_number(value: Any) -> bool:
    # An integer of a thousand digits is a number to JSON and none to a float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _wkb(encoded: bytes) -> Place | None:
    try:
        srid, corners = wkb_corners(encoded)
    except ValueError:
        return None
    return in_degrees(middle(corners), srid)


def _float(text: str) -> float:
    """A number; one too long for a float becomes one that is on no globe."""
    number = float(text.replace("−", "-"))
    return number if math.isfinite(number) else math.copysign(1e9, number)
