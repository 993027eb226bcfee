"""Well-known binary: the corners of a shape, of any type and dimension.

Source: OGC 06-103r4, clause 8; PostGIS manual, "EWKB"; OGC 12-128r19, clause 2.1.3 (the
GeoPackage header before it).
"""

from __future__ import annotations

import math
import struct
from typing import Final

Corner = tuple[float, float]
"""East and north, in whatever system the shape is."""

_SHAPES: Final = range(1, 18)  # Point … Triangle
_POINT: Final = 1
_MAX_CORNERS: Final = 1 << 20
_MAX_DEPTH: Final = 8
_ENVELOPE_BYTES: Final = (0, 32, 48, 48, 64)
_PACKAGE_HEADER: Final = 8


def wkb_corners(encoded: bytes) -> tuple[int, list[Corner]]:
    """The EPSG code that the shape itself names (0: none), and its corners that are numbers.

    Raises:
        ValueError: the octets are no shape, or end within it.
    """
    reader = _Reader(encoded)
    try:
        reader.shape(0)
    except struct.error:
        raise ValueError("the shape is cut off") from None
    return reader.srid, reader.corners


def package_corners(blob: bytes) -> list[Corner]:
    """The corners of a geometry as a GeoPackage keeps it.

    Raises:
        ValueError: the octets are no geometry.
    """
    if len(blob) < _PACKAGE_HEADER or blob[:2] != b"GP":
        raise ValueError("no GeoPackage geometry")
    envelope = blob[3] >> 1 & 7
    if envelope >= len(_ENVELOPE_BYTES):
        raise ValueError("an envelope of no known form")
    return wkb_corners(blob[_PACKAGE_HEADER + _ENVELOPE_BYTES[envelope] :])[1]


class _Reader:
    def __init__(self, encoded: bytes) -> None:
        self._encoded, self._at = encoded, 0
        self.srid = 0
        self.corners: list[Corner] = []

    def shape(self, depth: int) -> None:
        if depth > _MAX_DEPTH or self._at >= len(self._encoded):
            raise ValueError("the shape is cut off or nested too deep")
        order = {0: ">", 1: "<"}.get(self._encoded[self._at])
        if order is None:
            raise ValueError("no byte order")
        self._at += 1
        code = self._count(order)
        thousands, shape = divmod(code & 0x0FFF_FFFF, 1000)  # ISO: 1000 with Z, 2000 M, 3000 both
        extended_z, extended_m = code >> 31 & 1, code >> 30 & 1
        if shape not in _SHAPES or thousands > 3:
            raise ValueError("no shape that is known")
        if code & 0x2000_0000:
            self.srid = self._count(order)
        numbers = 2 + (0, 1, 1, 2)[thousands] + extended_z + extended_m
        if shape == _POINT:
            self._corner(order, numbers)
        elif shape in (2, 8, 13):  # a line, an arc, a curve
            self._line(order, numbers)
        elif shape in (3, 17):  # rings
            for _ in range(self._count(order)):
                self._line(order, numbers)
        else:
            for _ in range(self._count(order)):
                self.shape(depth + 1)

    def _line(self, order: str, numbers: int) -> None:
        for _ in range(self._count(order)):
            self._corner(order, numbers)

    def _corner(self, order: str, numbers: int) -> None:
        east, north, *_ = struct.unpack_from(f"{order}{numbers}d", self._encoded, self._at)
        self._at += 8 * numbers
        if len(self.corners) >= _MAX_CORNERS:
            raise ValueError("too many corners")
        if math.isfinite(east + north):  # PostGIS writes an empty point as two NaN
            self.corners.append((east, north))

    def _count(self, order: str) -> int:
        (number,) = struct.unpack_from(f"{order}I", self._encoded, self._at)
        self._at += 4
        return int(number)
