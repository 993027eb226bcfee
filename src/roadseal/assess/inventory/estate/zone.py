"""Zones of the Universal Transverse Mercator grid, which some files give row by row.

Source: NGA.SIG.0012 (2014), clause 7, for zones and bands; EPSG registry for 326xx and 327xx.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from roadseal.assess.inventory.estate.lexicon import western

_ZONE: Final = re.compile(
    r"(?:utm|zone|zona|huso|fuseau|fuso|wgs ?84|etrs ?89|[\s/._-])*"
    r"(?P<number>\d{1,2})\s*(?P<letter>[c-hj-np-x])?(?P<word>orth|ord|orte|outh|ud|ur)?",
    re.IGNORECASE,
)
_EPSG: Final = re.compile(r"(?:epsg)?[\s:]*(32[67]\d\d|258[23]\d)", re.IGNORECASE)
_NORTHERN_BANDS: Final = "NPQRSTUVWX"


class Zone(NamedTuple):
    """One zone.

    Args:
        number: 1 to 60.
        letter: as it was written, upper case; empty where none was.
    """

    number: int
    letter: str

    def epsg(self, *, south: bool) -> int:
        """Its system on WGS 84; ETRS89 and NAD83 differ from it by a metre or two."""
        return (32_700 if south else 32_600) + self.number


def parse_zone(text: str) -> Zone | None:
    """Read a zone: ``33``, ``32N``, ``30T``, ``UTM zone 18 S``, ``EPSG:32633``."""
    text = western(text.strip())
    if code := _EPSG.fullmatch(text):
        number = int(code[1])
        return _checked(number % 100, "S" if number // 100 == 327 else "N")
    match = _ZONE.fullmatch(text)
    if match is None:
        return None
    letter = (match["letter"] or "").upper()
    if match["word"] and letter not in ("N", "S"):
        return None
    return _checked(int(match["number"]), letter)


def _checked(number: int, letter: str) -> Zone | None:
    return Zone(number, letter) if 1 <= number <= 60 else None


def is_south(zone: Zone, northing_m: float) -> bool:
    """Whether a point of this zone lies south of the equator.

    S is both a band, 32° to 40° north, and the southern half: it is the band where the northing
    fits that.
    """
    if zone.letter in ("", "N"):
        return False
    if zone.letter == "S":
        return not _BAND_S[0] <= northing_m <= _BAND_S[1]
    return zone.letter not in _NORTHERN_BANDS


_BAND_S: Final = (3_540_000, 4_435_000)
"""Northings of 32° and 40°, metres."""
