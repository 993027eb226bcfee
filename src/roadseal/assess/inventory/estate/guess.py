"""A proposal of a mapping, from the names of the columns and, more, from what is in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final

from roadseal.assess.inventory.estate.asset import Kind
from roadseal.assess.inventory.estate.dates import order_of, parse_date
from roadseal.assess.inventory.estate.lexicon import (
    column_likeness,
    is_absent,
    meaning_of,
    normal,
    projected_systems,
    unknown_words,
    western,
    words,
)
from roadseal.assess.inventory.estate.mapping import (
    DEGREES,
    TRANSLATED,
    Mapping,
    Rejection,
)
from roadseal.assess.inventory.estate.place import (
    Letter,
    Place,
    hangs_on_letter,
    in_degrees,
    parse_degrees,
    parse_place,
)
from roadseal.assess.inventory.estate.table import Table
from roadseal.assess.inventory.estate.zone import is_south, parse_zone

SAMPLE_ROWS: Final = 20_000
PARTS: Final = re.compile(r"\s*[,;/&|+()\[\]]+\s*")
"""Where a cell that names several things is cut."""

_SIDE: Final = re.compile(r"(?<![A-Za-z])[ELW](?![A-Za-z])", re.IGNORECASE)
_UTM_EASTINGS: Final = (100_000, 900_000)
_CITY_DEGREES: Final = 15
"""An estate that is wider does not lie in the zones that a column seems to name."""
_MAX_VALUES: Final = 500
_NAME_COLUMNS: Final = 3
_ADDRESS: Final = re.compile(
    r"(?:\d{1,3}\.){3}\d{1,3}(?:/\d+)?|[0-9a-fA-F:]*:[0-9a-fA-F:]+|[\w-]+(?:\.[\w-]+)+"
)


@dataclass(frozen=True, slots=True)
class Guess:
    """A proposal and why.

    Args:
        mapping: the proposal.
        reasons: field → one line for people.
    """

    mapping: Mapping
    reasons: dict[str, str]


def guess_mapping(table: Table) -> Guess:
    """Propose a mapping from the first rows of `table`; nothing is decided by it alone."""
    sample = [cells for _, cells in islice(table.rows(), SAMPLE_ROWS)]
    columns = {
        name: _Column(name, at, [row[at].strip() if at < len(row) else "" for row in sample])
        for at, name in enumerate(table.columns)
    }
    found = _Proposal(table, columns)
    return found.guess()


class _Column:
    """A column's sample, and what a field's test may want to know of it."""

    def __init__(self, name: str, at: int, cells: list[str]) -> None:
        self.name, self.at, self.cells = name, at, cells
        unknown = unknown_words()
        self.filled = [cell for cell in cells if normal(cell) not in unknown]
        self.share_filled = len(self.filled) / len(cells) if cells else 0.0
        self.distinct = Counter(self.filled)

    def share(self, holds: Callable[[str], bool]) -> float:
        """Share of the distinct values that pass a test."""
        values = list(islice(self.distinct, 2_000))
        return sum(map(holds, values)) / len(values) if values else 0.0

    @property
    def unique(self) -> bool:
        return self.distinct_share >= 0.98

    @property
    def distinct_share(self) -> float:
        """Share of the cells that are one of a kind; 0 where many are empty."""
        enough = self.share_filled > 0.9 and self.filled
        return len(self.distinct) / len(self.filled) if enough else 0.0

    def parts(self) -> list[str]:
        """The distinct values, cut where a cell names several things."""
        counted = Counter(
            part
            for value, n in self.distinct.items()
            for part in PARTS.split(value)
            for _ in range(n)
            if part
        )
        return [part for part, _ in counted.most_common(_MAX_VALUES)]


class _Proposal:
    def __init__(self, table: Table, columns: dict[str, _Column]) -> None:
        self.table, self.columns = table, columns
        self.chosen: dict[str, tuple[str, ...]] = {}
        self.reasons: dict[str, str] = {}
        self.values: dict[str, dict[str, str]] = {}
        self.swap = False
        self.epsg = DEGREES
        self.per_degree = 1

    def guess(self) -> Guess:
        self._place()
        self._pick(
            "id",
            lambda each: (
                # What is called a number of a signal is one, though some be given twice.
                each.distinct_share >= (0.9 if column_likeness(each.name, "id") > 0.9 else 0.98)
                and not each.share(_is_place) > 0.5
            ),
        )
        self._pick("installed", lambda each: each.share(_is_date) > 0.6)
        self._pick("end_of_life", lambda each: each.share(_is_date) > 0.6)
        self._pick("address", lambda each: each.share(_is_address) > 0.8)
        self._translated("kind", limit=100)
        self._translated("exposure", limit=200)
        self._translated("update_path", limit=20, at_least=0.6)
        self._translated("services", limit=200, at_least=0.6)
        self._vendor()
        self._pick("model", lambda each: _few(each) and not each.share(_is_date) > 0.8)
        self._pick("firmware", lambda each: bool(each.filled), at_least=0.6)
        for name in ("owner", "corridor"):
            self._pick(name, lambda each: bool(each.filled) and not each.unique, at_least=0.6)
        self._name()
        reject = self._reject()
        dates = [
            cell
            for name in ("installed", "end_of_life")
            for column in self.chosen.get(name, ())
            for cell in self.columns[column].distinct
        ]
        mapping = Mapping(
            {name: self.chosen[name] for name in sorted(self.chosen)},
            self.values,
            {},
            self._default_kind(),
            order_of(dates),
            reject,
            self.epsg,
            self.swap,
            self._letter_o(),
            self.per_degree,
        )
        return Guess(mapping, self.reasons)

    def _pick(
        self, field: str, fits: Callable[[_Column], bool], *, at_least: float = 0.5
    ) -> _Column | None:
        """Choose the unused column whose name is likest to `field` among those that fit."""
        used = {name for names in self.chosen.values() for name in names}
        ranked = sorted(
            (
                (column_likeness(name, field), -each.at, each)
                for name, each in self.columns.items()
                if name not in used
            ),
            key=lambda item: item[:2],
            reverse=True,
        )
        for likeness, _, column in ranked:
            if likeness >= at_least and fits(column):
                self._choose(
                    field, column, "its name" + (", and its values fit" if column.filled else "")
                )
                return column
        return None

    def _choose(self, field: str, column: _Column, why: str) -> None:
        self.chosen[field] = (*self.chosen.get(field, ()), column.name)
        self.reasons[field] = why

    # --- place ------------------------------------------------------------------------------------

    def _place(self) -> None:
        if self.table.place:
            self.chosen["place"] = (self.table.place,)
            self.reasons["place"] = "the format says so"
            return
        latitude = self._pick(
            "latitude", lambda each: each.share(_is_degrees(180)) > 0.9, at_least=0.6
        )
        longitude = self._pick(
            "longitude", lambda each: each.share(_is_degrees(180)) > 0.9, at_least=0.6
        )
        if latitude and longitude and latitude.filled and longitude.filled:
            north = [parse_degrees(cell) or 0.0 for cell in islice(latitude.filled, 2_000)]
            if sum(abs(each) > 90 for each in north) > len(north) / 2:
                self.swap = True
                self.reasons["latitude"] = (
                    "its name; its values are longitudes, so the two are exchanged"
                )
            return
        for field in ("latitude", "longitude"):
            self.chosen.pop(field, None)
            self.reasons.pop(field, None)
        candidates = [each for each in self.columns.values() if each.share(_is_place) > 0.8]
        if candidates:
            best = max(
                candidates,
                key=lambda each: (each.share_filled, column_likeness(each.name, "place"), -each.at),
            )
            self._choose("place", best, "its values are places")
            return
        self._pair_by_value()
        if "latitude" not in self.chosen:
            self._projected()
        if "latitude" not in self.chosen:
            self._parts_of_degrees()

    def _parts_of_degrees(self) -> None:
        """Whole numbers in columns of degrees: millionths, or ten millionths as in SAE J2735.

        The larger part that leaves both on the globe is taken.
        """
        latitude = self._pick("latitude", lambda each: each.share(_is_whole) > 0.9, at_least=0.6)
        longitude = self._pick("longitude", lambda each: each.share(_is_whole) > 0.9, at_least=0.6)
        if latitude and longitude and latitude.filled and longitude.filled:
            north, east = (
                max(abs(parse_degrees(cell) or 0.0) for cell in islice(each.filled, 2_000))
                for each in (latitude, longitude)
            )
            for parts in (1_000_000, 10_000_000):
                if parts <= north <= 90 * parts and east <= 180 * parts:
                    self.per_degree = parts
                    self.reasons["latitude"] = f"its name; whole numbers, {parts:,} to a degree"
                    return
        for field in ("latitude", "longitude"):
            self.chosen.pop(field, None)
            self.reasons.pop(field, None)

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
            self._choose("longitude", east, "easting")
            self._choose("latitude", north, "northing, in the zone of its row")
            return
        fitting = [
            system
            for system in projected_systems()
            if sum(system.holds(x, y) for x, y in points) > 0.9 * len(points)
        ]
        names = "".join(normal(name) for name in self.columns).replace(" ", "")
        hinted = [each for each in fitting if any(hint in names for hint in each.hints)]
        fitting = [each for each in fitting if not each.only_hinted or each in hinted]
        found = hinted if len(hinted) == 1 else fitting
        if len(found) != 1:
            candidates = ", ".join(f"EPSG:{each.epsg} {each.name}" for each in found) or "unknown"
            self.reasons["place"] = f"projected, and nobody says how ({candidates}): give --epsg"
        else:
            self.epsg = found[0].epsg
        self._choose("longitude", east, "easting")
        self._choose("latitude", north, f"northing in {found[0].name if len(found) == 1 else '?'}")

    def _letter_o(self) -> Letter:
        """What O behind degrees stands for: by E and W beside it, else by the columns' language."""
        names = [*self.chosen.get("place", ()), *self.chosen.get("longitude", ())]
        chosen = [self.columns[name] for name in names if name in self.columns]
        cells = [cell for column in chosen for cell in islice(column.distinct, 2_000)]
        if not any(map(hangs_on_letter, cells)):
            return Letter.UNKNOWN
        sides = {match[0].upper() for cell in cells for match in _SIDE.finditer(cell)}
        if "W" in sides and "E" not in sides:
            self.reasons["letter o"] = "east: W stands for west in the same column"
            return Letter.EAST
        if sides & {"E", "L"} and "W" not in sides:
            self.reasons["letter o"] = "west: E stands for east in the same column"
            return Letter.WEST
        said = {word for name in self.columns for word in normal(name).split()}
        east, west = (len(said & set(words("letter o")[side])) for side in ("east", "west"))
        if (east > 0) == (west > 0):
            self.reasons["letter o"] = "east or west? Say letter_o in the mapping"
            return Letter.UNKNOWN
        letter = Letter.EAST if east else Letter.WEST
        self.reasons["letter o"] = f"{letter}, by the language of the column names"
        return letter

    def _zone(self, east: _Column, north: _Column) -> bool:
        """Whether a column gives the UTM zone of each row, and with it they lie together."""

        def fits(column: _Column) -> bool:
            rows = zip(column.cells, east.cells, north.cells, strict=True)
            places = [_in_zone(*row) for row in islice(rows, 500) if all(row)]
            found = [place for place in places if place]
            return (
                len(found) > 0.9 * len(places)
                and bool(found)
                and all(max(each) - min(each) < _CITY_DEGREES for each in zip(*found, strict=True))
            )

        return self._pick("zone", fits) is not None

    def _likest(self, known: tuple[str, ...]) -> _Column | None:
        """The column of numbers whose name is, or holds, one of some words."""
        for word in known:
            for column in self.columns.values():
                tokens = normal(column.name)
                if (tokens == word or word in tokens.split()) and column.share(_is_number) > 0.9:
                    return column
        return None

    def _pair_by_value(self) -> None:
        """Two columns of decimal degrees side by side, whatever they are called."""
        decimal = [
            each
            for each in self.columns.values()
            if each.share_filled > 0.5 and each.share(_is_fine_degrees) > 0.9
        ]
        for first, second in pairwise(decimal):
            if second.at - first.at != 1:
                continue
            east_first = max(abs(parse_degrees(cell) or 0) for cell in first.filled) > 90
            latitude, longitude = (second, first) if east_first else (first, second)
            self._choose("latitude", latitude, "two columns of degrees side by side")
            self._choose("longitude", longitude, "two columns of degrees side by side")
            return

    # --- values that are translated ---------------------------------------------------------------

    def _translated(self, field: str, *, limit: int, at_least: float = 0.5) -> None:
        def fits(column: _Column) -> bool:
            known = column.share(
                lambda cell: any(meaning_of(part, field) for part in _parts(cell, field))
            )
            likest = max(TRANSLATED, key=lambda each: column_likeness(column.name, each))
            if column_likeness(column.name, likest) > column_likeness(column.name, field):
                return False  # a comm type is a medium before it is a type
            return 0 < len(column.distinct) <= limit and known > (0.25 if field == "kind" else 0.2)

        while column := self._pick(field, fits, at_least=at_least):
            values = column.distinct if field == "kind" else column.parts()
            table = self.values.setdefault(field, {})
            for value in values:
                meaning = (
                    "" if field == "services" and is_absent(value) else meaning_of(value, field)
                )
                if meaning is not None or field == "kind":
                    table.setdefault(value, meaning or "unknown")
            if field not in ("services",):
                return

    def _vendor(self) -> None:
        known = words("vendors")["words"]

        def is_vendor(cell: str) -> bool:
            text = normal(cell)
            return any(word in text for word in known)

        def fits(column: _Column) -> bool:
            # "Controller" alone is its model, though "Controller make" begins with it.
            likelier = column_likeness(column.name, "model") > column_likeness(
                column.name, "vendor"
            )
            return _few(column) and not likelier

        if self._pick("vendor", fits):
            return
        used = {name for names in self.chosen.values() for name in names}
        for column in self.columns.values():
            if column.name not in used and _few(column) and column.share(is_vendor) > 0.5:
                self._choose("vendor", column, "its values are makers")
                return

    def _name(self) -> None:
        used = {name for names in self.chosen.values() for name in names} - set(
            self.chosen.get("corridor", ())
        )
        likely = [
            (column_likeness(each.name, "name"), each)
            for each in self.columns.values()
            if each.name not in used
            and each.filled
            and column_likeness(each.name, "name") >= 0.5
            and each.share(_is_words) > 0.5
        ]
        best = sorted(likely, key=lambda item: (-item[0], item[1].at))[:_NAME_COLUMNS]
        if not best:
            return
        if len({_street(each.name) for _, each in best}) == 1 or not _street(best[0][1].name):
            best = best[:1] if not _street(best[0][1].name) else best
        else:
            best = [item for item in best if _street(item[1].name)]
        for _, column in sorted(best, key=lambda item: item[1].at):
            self._choose("name", column, "its name")
        if "corridor" not in self.chosen and len(best) > 1:
            self.chosen["corridor"] = self.chosen["name"][:1]
            self.reasons["corridor"] = "the first street, for want of better"

    def _reject(self) -> tuple[Rejection, ...]:
        found = []
        for column in self.columns.values():
            if column_likeness(column.name, "status") < 0.6 or len(column.distinct) > 100:
                continue
            absent = sorted(value for value in column.distinct if is_absent(value))
            if absent and sum(column.distinct[value] for value in absent) < len(column.filled):
                found.append(Rejection(column.name, tuple(absent)))
                self.reasons.setdefault("reject", "values that say planned, pending or removed")
        return tuple(found)

    def _default_kind(self) -> Kind:
        if self.table.format == "cvmanager":
            return Kind.RSU
        if self.chosen.get("kind"):
            return Kind.UNKNOWN
        hints = Counter(filter(None, (meaning_of(name, "kind") for name in self.columns)))
        return Kind(hints.most_common(1)[0][0]) if hints else Kind.UNKNOWN


def _in_zone(zone: str, east: str, north: str) -> Place | None:
    known, x, y = parse_zone(zone), parse_degrees(east), parse_degrees(north)
    if known is None or x is None or y is None or not _UTM_EASTINGS[0] <= x <= _UTM_EASTINGS[1]:
        return None
    return in_degrees(Place(y, x), known.epsg(south=is_south(known, y)))


def _parts(cell: str, field: str) -> Iterable[str]:
    return (cell,) if field == "kind" else PARTS.split(cell)


def _few(column: _Column) -> bool:
    return (
        0 < len(column.distinct) <= max(60, len(column.filled) // 4)
        and column.share(_is_words) > 0.3
    )


def _is_words(cell: str) -> bool:
    return any(char.isalpha() for char in cell) and "{" not in cell


def _is_date(cell: str) -> bool:
    return parse_date(cell).iso is not None or cell == "0"


def _is_place(cell: str) -> bool:
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


def _is_address(cell: str) -> bool:
    return _ADDRESS.fullmatch(cell) is not None


def _street(name: str) -> bool:
    """Whether a column holds one of the streets that meet, rather than a whole name."""
    streets = (
        "street",
        "crossst",
        "road",
        "calle",
        "rue",
        "straat",
        "ulica",
        "via",
        "rua",
        "strasse",
        "main",
        "side",
    )
    return any(word in normal(name).replace(" ", "") for word in streets)
