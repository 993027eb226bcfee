"""Where the places of a table stand: degrees, a grid, zones, or one column of text."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice, pairwise
from typing import Final

from roadseal.assess.inventory.estate.lexicon import (
    column_likeness,
    normal,
    projected_systems,
    western,
    words,
)
from roadseal.assess.inventory.estate.mapping import DEGREES
from roadseal.assess.inventory.estate.place import (
    Letter,
    Place,
    hangs_on_letter,
    in_degrees,
    parse_degrees,
    parse_place,
)
from roadseal.assess.inventory.estate.sample import Choice, Column
from roadseal.assess.inventory.estate.zone import is_south, parse_zone

_SIDE: Final = re.compile(r"(?<![A-Za-z])[ELW](?![A-Za-z])", re.IGNORECASE)
_UTM_EASTINGS: Final = (100_000, 900_000)
_CITY_DEGREES: Final = 15
"""An estate that is wider does not lie in the zones that a column seems to name."""


class PlaceProposal:
    """A proposal of the columns that say where things stand, and of how to read them.

    Args:
        choice: where it takes its columns from, and puts its reasons.
    """

    def __init__(self, choice: Choice) -> None:
        self._choice, self._columns = choice, choice.columns
        self.swap = False
        self.epsg = DEGREES
        self.per_degree = 1

    def propose(self, said: str | None) -> None:
        """Choose the columns.

        Args:
            said: the column that the format itself defines as the place.
        """
        if said:
            self._choice.chosen["place"] = (said,)
            self._choice.reasons["place"] = "the format says so"
            return
        latitude = self._choice.pick(
            "latitude", lambda each: each.share(_is_degrees(180)) > 0.9, at_least=0.6
        )
        longitude = self._choice.pick(
            "longitude", lambda each: each.share(_is_degrees(180)) > 0.9, at_least=0.6
        )
        if not (latitude and longitude):
            self._choice.forget("latitude", "longitude")
            latitude, longitude = (
                self._choice.pick(axis, lambda each: each.share(_is_fine_degrees) > 0.8)
                for axis in ("latitude", "longitude")
            )
        if latitude and longitude and latitude.filled and longitude.filled:
            north = [parse_degrees(cell) or 0.0 for cell in islice(latitude.filled, 2_000)]
            if sum(abs(each) > 90 for each in north) > len(north) / 2:
                self.swap = True
                self._choice.reasons["latitude"] = (
                    "its name; its values are longitudes, so the two are exchanged"
                )
            return
        self._choice.forget("latitude", "longitude")
        candidates = [each for each in self._columns.values() if each.share(is_place) > 0.8]
        if candidates:
            best = max(
                candidates,
                key=lambda each: (each.share_filled, column_likeness(each.name, "place"), -each.at),
            )
            self._choice.choose("place", best, "its values are places")
            return
        self._pair_by_value()
        if "latitude" not in self._choice.chosen:
            self._projected()
        if "latitude" not in self._choice.chosen:
            self._parts_of_degrees()

    def letter_o(self) -> Letter:
        """What O behind degrees stands for: by E and W beside it, else by the columns' language."""
        names = [*self._choice.chosen.get("place", ()), *self._choice.chosen.get("longitude", ())]
        chosen = [self._columns[name] for name in names if name in self._columns]
        cells = [cell for column in chosen for cell in islice(column.distinct, 2_000)]
        if not any(map(hangs_on_letter, cells)):
            return Letter.UNKNOWN
        sides = {match[0].upper() for cell in cells for match in _SIDE.finditer(cell)}
        if "W" in sides and "E" not in sides:
            self._choice.reasons["letter o"] = "east: W stands for west in the same column"
            return Letter.EAST
        if sides & {"E", "L"} and "W" not in sides:
            self._choice.reasons["letter o"] = "west: E stands for east in the same column"
            return Letter.WEST
        said = {word for name in self._columns for word in normal(name).split()}
        east, west = (len(said & set(words("letter o")[side])) for side in ("east", "west"))
        if (east > 0) == (west > 0):
            self._choice.reasons["letter o"] = "east or west? Say letter_o in the mapping"
            return Letter.UNKNOWN
        letter = Letter.EAST if east else Letter.WEST
        self._choice.reasons["letter o"] = f"{letter}, by the language of the column names"
        return letter

    def _parts_of_degrees(self) -> None:
        """Whole numbers in columns of degrees: millionths, or ten millionths as in SAE J2735.

        The larger part that leaves both on the globe is taken.
        """
        latitude = self._choice.pick(
            "latitude", lambda each: each.share(_is_whole) > 0.9, at_least=0.6
        )
        longitude = self._choice.pick(
            "longitude", lambda each: each.share(_is_whole) > 0.9, at_least=0.6
        )
        if latitude and longitude and latitude.filled and longitude.filled:
            north, east = (
                max(abs(parse_degrees(cell) or 0.0) for cell in islice(each.filled, 2_000))
                for each in (latitude, longitude)
            )
            for parts in (1_000_000, 10_000_000):
                if parts <= north <= 90 * parts and east <= 180 * parts:
                    self.per_degree = parts
                    self._choice.reasons["latitude"] = (
                        f"its name; whole numbers, {parts:,} to a degree"
                    )
                    return
        self._choice.forget("latitude", "longitude")

    def _projected(self) -> None:
        """Easting and northing of a system that the numbers, or a column's name, betray."""
        east, north = (self._likest(words(axis)["words"]) for axis in ("easting", "northing"))
        if east is None or north is None:
            return
        xs, ys = ([parse_degrees(cell) for cell in each.filled[:500]] for each in (east, north))
        points = [(x, y) for x, y in zip(xs, ys, strict=False) if x is not None and y is not None]
        if not points or all(abs(x) <= 180 and abs(y) <= 180 for x, y in points):
            return
        if self._zone(east, north):
            self._choice.choose("longitude", east, "easting")
            self._choice.choose("latitude", north, "northing, in the zone of its row")
            return
        fitting = [
            system
            for system in projected_systems()
            if sum(system.holds(x, y) for x, y in points) > 0.9 * len(points)
        ]
        said = {word for name in self._columns for word in normal(name).split()}
        hinted = [each for each in fitting if each.is_hinted(self._columns)]
        spoken = [each for each in fitting if each.words & said]
        found = hinted or spoken or fitting
        decided = len(found) == 1 and found is not fitting
        if not decided:
            candidates = ", ".join(f"EPSG:{each.epsg} {each.name}" for each in found) or "unknown"
            self._choice.reasons["place"] = (
                f"projected, and nobody says how ({candidates}): give --epsg"
            )
        else:
            self.epsg = found[0].epsg
        self._choice.choose("longitude", east, "easting")
        self._choice.choose(
            "latitude", north, f"northing in {found[0].name if len(found) == 1 else '?'}"
        )

    def _zone(self, east: Column, north: Column) -> bool:
        """Whether a column gives the UTM zone of each row, and with it they lie together."""

        def fits(column: Column) -> bool:
            rows = zip(column.cells, east.cells, north.cells, strict=True)
            places = [_in_zone(*row) for row in islice(rows, 500) if all(row)]
            found = [place for place in places if place]
            return (
                len(found) > 0.9 * len(places)
                and bool(found)
                and all(max(each) - min(each) < _CITY_DEGREES for each in zip(*found, strict=True))
            )

        return self._choice.pick("zone", fits) is not None

    def _likest(self, known: tuple[str, ...]) -> Column | None:
        """The column of numbers whose name is, or holds, one of some words."""
        for word in known:
            for column in self._columns.values():
                tokens = normal(column.name)
                if (tokens == word or word in tokens.split()) and column.share(_is_number) > 0.9:
                    return column
        return None

    def _pair_by_value(self) -> None:
        """Two columns of decimal degrees side by side, whatever they are called."""
        decimal = [
            each
            for each in self._columns.values()
            if each.share_filled > 0.5 and each.share(_is_fine_degrees) > 0.9
        ]
        for first, second in pairwise(decimal):
            if second.at - first.at != 1:
                continue
            east_first = max(abs(parse_degrees(cell) or 0) for cell in first.filled) > 90
            latitude, longitude = (second, first) if east_first else (first, second)
            self._choice.choose("latitude", latitude, "two columns of degrees side by side")
            self._choice.choose("longitude", longitude, "two columns of degrees side by side")
            return


def _in_zone(zone: str, east: str, north: str) -> Place | None:
    known, x, y = parse_zone(zone), parse_degrees(east), parse_degrees(north)
    if known is None or x is None or y is None or not _UTM_EASTINGS[0] <= x <= _UTM_EASTINGS[1]:
        return None
    return in_degrees(Place(y, x), known.epsg(south=is_south(known, y)))


def is_place(cell: str) -> bool:
    """Whether a cell holds a place by itself."""
    place = parse_place(cell, Letter.WEST)
    if place is None or not (place.on_globe or place.swapped.on_globe):
        return False
    # decimals, minutes, or WKB
    cell = western(cell)
    return "." in cell or "°" in cell or cell.removeprefix("\\x")[:2] in ("00", "01")


def _is_degrees(limit: float) -> Callable[[str], bool]:
    def holds(cell: str) -> bool:
        number = parse_degrees(cell, Letter.WEST)
        return number is not None and abs(number) <= limit

    return holds


def _is_fine_degrees(cell: str) -> bool:
    """Degrees with at least three decimals: finer than any count or percentage."""
    number = parse_degrees(cell)
    decimals = re.split(r"[.,]", western(cell))
    return (
        number is not None and abs(number) <= 180 and len(decimals) == 2 and len(decimals[1]) >= 3
    )


def _is_whole(cell: str) -> bool:
    number = parse_degrees(cell)
    return number is not None and number.is_integer()


def _is_number(cell: str) -> bool:
    return parse_degrees(cell) is not None
