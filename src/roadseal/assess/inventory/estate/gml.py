"""Geometries in GML, and in what order their numbers stand.

Source: OGC 07-036r1, clause 10.1 (``pos``, ``posList``, ``srsName``) and GML 2's ``coordinates``;
OGC 09-048r5 (names of coordinate systems): a URN or an http name means the axis order of the
authority, ``EPSG:4326`` east before north.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from xml.etree.ElementTree import Element

from roadseal.assess.inventory.estate.place import Place, in_degrees, middle

_SHAPES: Final = re.compile(
    r"(?:Multi)?(?:Point|LineString|Polygon|Curve|Surface|Geometry|GeometryCollection)"
    r"|CompositeCurve|Solid|Box|Envelope"
)
_NAMESPACE: Final = "opengis.net/gml"
_EPSG: Final = re.compile(r"(?:EPSG|epsg)\D*(?:\d+\.\d+[:/]|[:/]|\d[:/])*?(\d{4,6})\s*$")
_CRS84: Final = re.compile(r"CRS:?84\s*$", re.IGNORECASE)
_MAX_NUMBERS: Final = 1 << 20


def is_geometry(element: Element) -> bool:
    """Whether an element is a shape of GML."""
    tag = element.tag if isinstance(element.tag, str) else ""
    namespace, _, name = tag.rpartition("}")
    return _NAMESPACE in namespace and _SHAPES.fullmatch(name) is not None


def place_of_geometry(geometry: Element) -> tuple[Place | None, str]:
    """The middle of a shape in degrees, if its system is known, and the name of the system."""
    system, size, corners = "", 0, []
    for element in geometry.iter():
        name = str(element.tag).rpartition("}")[2]
        system = element.get("srsName") or system
        size = _size(element) or size
        text = (element.text or "").strip()[: 32 * _MAX_NUMBERS]
        if name == "coordinates":
            pairs = [pair.split(element.get("cs", ",")) for pair in text.split()]
            corners += [_corner(pair) for pair in pairs]
        elif name == "pos":
            corners.append(_corner(text.split()))
        elif name == "posList":
            numbers, step = text.split(), size or 2
            corners += [_corner(numbers[at : at + 2]) for at in range(0, len(numbers), step)]
    place = middle([corner for corner in corners if corner])
    if place is None:
        return None, system
    code = _code(system)
    if code is None:
        return None, system
    if _north_first(system, code):
        place = place.swapped
    return in_degrees(place, code), system


def _size(element: Element) -> int:
    text = element.get("srsDimension", "")
    return int(text) if text in ("2", "3", "4") else 0


def _corner(numbers: list[str]) -> tuple[float, float] | None:
    try:
        return float(numbers[0]), float(numbers[1])
    except (IndexError, ValueError):
        return None


def _code(system: str) -> int | None:
    """EPSG code of a name; 0 where nothing is said, ``None`` where the name is strange."""
    if not system or _CRS84.search(system):
        return 0
    match = _EPSG.search(system.replace("#", ":"))
    return int(match[1]) if match else None


def _north_first(system: str, code: int) -> bool:
    """Whether the first number points north; of an unnamed system, as GML 3's default is WGS 84."""
    if not code or not system.startswith(("urn:", "http://www.opengis.net/def", "https://")):
        return False
    return _axes_north_first(code)


@cache
def _axes_north_first(code: int) -> bool:
    from pyproj import CRS  # half the estates of the world need none
    from pyproj.exceptions import CRSError

    try:
        axes = CRS.from_epsg(code).axis_info
    except CRSError:
        return False
    return bool(axes) and axes[0].direction == "north"
