"""From the metres of a SUMO network to longitude and latitude.

SUMO stores its own metres and, in `<location>`, the offset to the map projection. Networks made
from OpenStreetMap are projected to UTM, which is inverted here; any other projection is left alone.

Source: Karney, "Transverse Mercator with an accuracy of a few nanometers" (2011), equations 11, 15
and 35 to third order in the flattening: better than a millimetre inside a UTM zone.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_WGS84_AXIS_M = 6_378_137.0
_WGS84_FLATTENING = 1 / 298.257223563
_UTM_SCALE = 0.9996
_UTM_FALSE_EASTING_M = 500_000.0
_UTM_FALSE_NORTHING_M = 10_000_000.0  # southern hemisphere only


@dataclass(frozen=True, slots=True)
class UtmZone:
    """A UTM zone and the offset of a network in it.

    Args:
        zone: 1 to 60.
        south: the zone counts its northings from the south pole.
        offset_x_m: what SUMO added to the easting (`netOffset`).
        offset_y_m: what SUMO added to the northing.
    """

    zone: int
    south: bool
    offset_x_m: float
    offset_y_m: float

    def longitude_latitude(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Convert network metres to WGS 84 degrees (longitude, latitude)."""
        n = _WGS84_FLATTENING / (2 - _WGS84_FLATTENING)
        radius = _WGS84_AXIS_M / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
        northing = y_m - self.offset_y_m - (_UTM_FALSE_NORTHING_M if self.south else 0.0)
        xi = northing / (_UTM_SCALE * radius)
        eta = (x_m - self.offset_x_m - _UTM_FALSE_EASTING_M) / (_UTM_SCALE * radius)
        beta = (
            n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96,
            n**2 / 48 + n**3 / 15,
            17 * n**3 / 480,
        )
        xi_conformal = xi - sum(
            b * math.sin(2 * k * xi) * math.cosh(2 * k * eta) for k, b in enumerate(beta, 1)
        )
        eta_conformal = eta - sum(
            b * math.cos(2 * k * xi) * math.sinh(2 * k * eta) for k, b in enumerate(beta, 1)
        )
        sine = math.sin(xi_conformal) / math.cosh(eta_conformal)
        longitude = math.atan2(math.sinh(eta_conformal), math.cos(xi_conformal))
        return math.degrees(longitude) + self.zone * 6 - 183, math.degrees(_geodetic(sine))


def read_projection(projection: str, offset_x_m: float, offset_y_m: float) -> UtmZone | None:
    """Read SUMO's `projParameter`; None when the network is not in UTM on WGS 84."""
    zone = re.search(r"\+zone=(\d+)", projection)
    if "+proj=utm" not in projection or zone is None:
        return None
    return UtmZone(int(zone[1]), "+south" in projection, offset_x_m, offset_y_m)


def _geodetic(sine_conformal: float) -> float:
    """Latitude in radians from the sine of the conformal latitude (fixed point, converges fast)."""
    eccentricity = math.sqrt(_WGS84_FLATTENING * (2 - _WGS84_FLATTENING))
    target = math.atanh(sine_conformal)
    sine = sine_conformal
    for _ in range(8):
        sine = math.tanh(target + eccentricity * math.atanh(eccentricity * sine))
    return math.asin(sine)
