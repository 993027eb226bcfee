"""From rows of text to assets, by a mapping and the declared rules; every change is noted."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from roadseal.assess.inventory.estate.asset import Asset, Exposure, Kind, UpdatePath
from roadseal.assess.inventory.estate.dates import parse_date
from roadseal.assess.inventory.estate.lexicon import is_answer, is_yes, normal, unknown_words, words
from roadseal.assess.inventory.estate.mapping import DEGREES, Mapping
from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.assess.inventory.estate.place import (
    Letter,
    Place,
    hangs_on_letter,
    in_degrees,
    parse_degrees,
    parse_place,
)
from roadseal.assess.inventory.estate.sample import PARTS
from roadseal.assess.inventory.estate.table import Row, Table
from roadseal.assess.inventory.estate.zone import is_south, parse_zone
from roadseal.errors import RoadsealError

FAR_DEGREES: Final = 5.0
MAX_TEXT_CHARS: Final = 200

_NULLS: Final = ("0", "None")
"""What databases and Python write into a text that is not there."""
_UNFIT_IN_ID: Final = re.compile(r"[^\w.@:+-]+")


@dataclass(frozen=True, slots=True)
class Import:
    """What became of a source.

    Args:
        assets: in the order of the source, each with an id of its own.
        notes: every rejected, repaired and doubted row, in the order of the source.
        rows: how many rows were read.
    """

    assets: tuple[Asset, ...]
    notes: tuple[Note, ...]
    rows: int

    def count(self, action: Action) -> int:
        """How many rows met `action` at least once."""
        return len({each.row for each in self.notes if each.action is action and each.row})


def import_table(
    table: Table, mapping: Mapping, estate: str, *, progress: Callable[[int], None] | None = None
) -> Import:
    """Clean every row of `table` and make assets of them.

    Args:
        table: the source.
        mapping: what its columns mean.
        estate: name of the estate, the first part of every id.
        progress: is told the number of rows read, now and then.

    Raises:
        RoadsealError: ``mapping-column``: the mapping names a column that is not there.
    """
    cleaner = _Cleaner(table, mapping, estate)
    count = 0
    assets = []
    for count, row in enumerate(table.rows(), 1):
        if asset := cleaner.asset(row):
            assets.append(asset)
        if progress and count % 2_000 == 0:
            progress(count)
    settled = tuple(_settle_places(assets, cleaner.notes))
    notes = sorted(cleaner.notes, key=lambda each: each.row)
    return Import(settled, (*table.notes, *notes), count)


class _Cleaner:
    """Cleans row after row; remembers what it has seen, to find duplicates."""

    def __init__(self, table: Table, mapping: Mapping, estate: str) -> None:
        self.notes: list[Note] = []
        self._estate = estate
        self._mapping = mapping
        self._width = len(table.columns)
        self._header = list(table.columns)
        self._at = {name: self._indices(table, names) for name, names in mapping.columns.items()}
        self._reject = [
            (self._indices(table, (each.column,))[0], {normal(value) for value in each.values})
            for each in mapping.reject
        ]
        self._values = {
            name: {normal(key): value for key, value in each.items()}
            for name, each in mapping.values.items()
        }
        self._seen_rows: set[int] = set()
        self._seen_ids: Counter[str] = Counter()
        self._translations: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._unknown = unknown_words()
        self._totals = frozenset(words("total")["words"])
        self._texts: dict[str, str | None] = {}
        self._halves: tuple[str, ...] = ()
        self._zone_doubted = False
        if "id" not in self._at:
            self._note(0, "id", Action.REPAIRED, "no-reference", "no column", "every row")

    def asset(self, row: Row) -> Asset | None:
        number, cells = row
        fitted = self._fit(number, cells)
        if fitted is None:
            return None
        for at, values in self._reject:
            if normal(fitted[at]) in values:
                self._rejected(number, "not-in-service", fitted[at])
                return None
        place = self._place(number, fitted)
        reference, name = self._text("id", fitted), self._name(fitted)
        if not (reference or name or place):
            self._rejected(number, "says-nothing", " ".join(filter(None, fitted)))
            return None
        if place is None and normal(reference or name) in self._totals:
            self._rejected(number, "total-row", " ".join(filter(None, fitted)))
            return None
        kind = self._kind(number, fitted)
        constants = self._mapping.constants
        exposure = self._translate("exposure", number, fitted) or tuple(
            filter(None, [constants.get("exposure")])
        )
        update = self._translate("update_path", number, fitted) or tuple(
            filter(None, [constants.get("update_path")])
        )
        return Asset(
            self._id(number, reference, kind, name, place),
            kind,
            name or reference or "",
            number,
            place.latitude if place else None,
            place.longitude if place else None,
            self._text("corridor", fitted) or constants.get("corridor"),
            self._text("owner", fitted) or constants.get("owner"),
            self._text("vendor", fitted) or constants.get("vendor"),
            self._text("model", fitted) or constants.get("model"),
            self._text("firmware", fitted),
            self._date("installed", number, fitted),
            self._date("end_of_life", number, fitted),
            UpdatePath(update[0]) if update else None,
            tuple(sorted(Exposure(each) for each in set(exposure))),
            tuple(sorted(set(self._translate("services", number, fitted)))),
            self._text("address", fitted),
        )

    # --- rows -------------------------------------------------------------------------------------

    def _fit(self, number: int, cells: list[str]) -> list[str] | None:
        """The row as wide as the columns, or ``None`` if a rule rejects it."""
        filled = sum(map(bool, map(str.strip, cells)))
        if not filled:
            self._rejected(number, "empty-row", "")
            return None
        if len(cells) > self._width:
            if any(cell.strip() for cell in cells[self._width :]):
                self._rejected(number, "long-row", " ".join(cells[self._width :]))
                return None
            cells = cells[: self._width]
        elif len(cells) < self._width:
            if filled > 1:
                self._note(
                    number, "row", Action.REPAIRED, "short-row", f"{len(cells)} of {self._width}"
                )
            cells = cells + [""] * (self._width - len(cells))
        if filled == 1 and self._width >= 4:
            self._rejected(number, "lone-cell", next(cell for cell in cells if cell.strip()))
            return None
        if cells == self._header:
            self._rejected(number, "repeated-header", cells[0])
            return None
        print_of_row = hash(tuple(cells))
        if print_of_row in self._seen_rows:
            self._rejected(number, "duplicate-row", " ".join(filter(None, cells)))
            return None
        self._seen_rows.add(print_of_row)
        return cells

    def _rejected(self, number: int, rule: str, quote: str) -> None:
        self._note(number, "row", Action.REJECTED, rule, quote)

    def _note(
        self, number: int, field: str, action: Action, rule: str, before: str = "", after: str = ""
    ) -> None:
        self.notes.append(note(number, field, action, rule, before, after))

    def _id(
        self, number: int, reference: str | None, kind: Kind, name: str, place: Place | None
    ) -> str:
        if reference:
            key = _UNFIT_IN_ID.sub("-", reference)[:64].strip("-") or "-"
        else:
            stated = f"{kind}|{name}|{place}"
            key = hashlib.sha256(stated.encode(errors="replace")).hexdigest()[:10]
            if "id" in self._at:
                self._note(number, "id", Action.REPAIRED, "no-reference", "", key)
        self._seen_ids[key] += 1
        if (count := self._seen_ids[key]) > 1:
            renamed = f"{key}~{count}"
            self._note(number, "id", Action.REPAIRED, "duplicate-reference", key, renamed)
            key = renamed
        return f"{self._estate}/{key}"

    # --- values -----------------------------------------------------------------------------------

    def _text(self, field: str, cells: list[str]) -> str | None:
        at = self._at.get(field)
        text = self._clean(cells[at[0]]) if at else None
        return None if text in _NULLS and field != "id" else text

    def _clean(self, cell: str) -> str | None:
        """One line of text without control characters; ``None`` if it says nothing."""
        if cell in self._texts:
            return self._texts[cell]
        printable = cell
        if not cell.isprintable():
            printable = "".join(char if char.isprintable() else " " for char in cell)
        text: str | None = " ".join(printable.split())[:MAX_TEXT_CHARS]
        if not text or (not text[-1].isdigit() and normal(text) in self._unknown):
            text = None  # no word that says nothing ends in a digit
        if len(self._texts) < 100_000:
            self._texts[cell] = text
        return text

    def _name(self, cells: list[str]) -> str:
        parts = [self._clean(cells[at]) for at in self._at.get("name", ())]
        return " & ".join(dict.fromkeys(each for each in parts if each and each not in _NULLS))

    def _date(self, field: str, number: int, cells: list[str]) -> str | None:
        at = self._at.get(field)
        if not at or not (text := self._clean(cells[at[0]])):
            return None
        parsed = parse_date(text, self._mapping.date_order)
        if parsed.rule:
            self._note(number, field, Action.REPAIRED, parsed.rule, text, parsed.iso or "unknown")
        return parsed.iso

    def _kind(self, number: int, cells: list[str]) -> Kind:
        at = self._at.get("kind")
        text = self._clean(cells[at[0]]) if at else None
        if text is None:
            return self._mapping.kind
        value = self._values.get("kind", {}).get(normal(text))
        if value is None:
            self._note(
                number, "kind", Action.DOUBTED, "unknown-value", text, str(self._mapping.kind)
            )
            return self._mapping.kind
        return Kind(value or "unknown")

    def _translate(self, field: str, number: int, cells: list[str]) -> tuple[str, ...]:
        """The values of Roadseal for a cell that may name several things."""
        meanings: list[str] = []
        for at in self._at.get(field, ()):
            if not (text := self._clean(cells[at])):
                continue
            if field == "services" and is_answer(text):
                if not is_yes(text):
                    continue
                text = self._header[at]  # its name asked
            key = (field, text)
            if key not in self._translations:
                self._translations[key] = self._look_up(field, text)
            known, strange = self._translations[key]
            meanings += known
            for part in strange:
                self._note(number, field, Action.DOUBTED, "unknown-value", part, "unknown")
        return tuple(meanings)

    def _look_up(self, field: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        table = self._values.get(field, {})
        if (whole := table.get(normal(text))) is not None:
            return ((whole,) if whole else ()), ()
        known, strange = [], []
        for part in filter(None, PARTS.split(text)):
            meaning = table.get(normal(part))
            if meaning:
                known.append(meaning)
            elif meaning is None and normal(part) not in self._unknown:
                strange.append(part)
        return tuple(known), tuple(strange)

    def _place(self, number: int, cells: list[str]) -> Place | None:
        place, text = self._said_place(cells)
        if not text:
            return None
        if place is None:
            rule = "not-a-place"
            if self._mapping.letter_o is Letter.UNKNOWN and any(map(hangs_on_letter, self._halves)):
                rule = "ambiguous-letter"
            self._note(number, "place", Action.REPAIRED, rule, text, "unknown")
            return None
        if self._mapping.swap:
            place = place.swapped
        epsg = self._system(number, place, cells)
        if epsg != DEGREES and not place.on_globe:
            place = in_degrees(place, epsg) if epsg else None
            if place is None:
                self._note(number, "place", Action.REPAIRED, "out-of-range", text, "unknown")
                return None
        if place == (0.0, 0.0):
            self._note(number, "place", Action.REPAIRED, "null-island", text, "unknown")
            return None
        if place.on_globe:
            return place
        if place.swapped.on_globe:
            place = place.swapped
            self._note(number, "place", Action.REPAIRED, "swapped", text, _show(place))
            return place
        self._note(number, "place", Action.REPAIRED, "out-of-range", text, "unknown")
        return None

    def _system(self, number: int, place: Place, cells: list[str]) -> int:
        """The system of a row's coordinates, by its zone if it has one; 0 if that is none."""
        at = self._at.get("zone")
        text = cells[at[0]].strip() if at else ""
        if not text or normal(text) in self._unknown:
            return self._mapping.epsg
        zone = parse_zone(text)
        if zone is None:
            return 0
        if not zone.letter and not self._zone_doubted:
            self._zone_doubted = True
            self._note(number, "place", Action.DOUBTED, "ambiguous-zone", text, f"{text}N")
        return zone.epsg(south=is_south(zone, place.latitude))

    def _said_place(self, cells: list[str]) -> tuple[Place | None, str]:
        letter_o = self._mapping.letter_o
        if at := self._at.get("place"):
            text = cells[at[0]].strip()
            if text and normal(text) not in self._unknown:
                self._halves = (text,)
                return parse_place(text, letter_o), text
        north, east = self._at.get("latitude"), self._at.get("longitude")
        if not (north and east):
            return None, ""
        texts = cells[north[0]].strip(), cells[east[0]].strip()
        self._halves = texts
        latitude, longitude = (parse_degrees(text, letter_o) for text in texts)
        if latitude is not None and longitude is not None:
            parts = self._mapping.per_degree
            return Place(latitude / parts, longitude / parts), ", ".join(texts)
        if all(normal(text) in self._unknown for text in texts):
            return None, ""
        return None, ", ".join(texts)

    @staticmethod
    def _indices(table: Table, names: Sequence[str]) -> tuple[int, ...]:
        folded = {normal(name): at for at, name in reversed(list(enumerate(table.columns)))}
        found = []
        for name in names:
            at = table.columns.index(name) if name in table.columns else folded.get(normal(name))
            if at is None:
                raise RoadsealError(
                    "mapping-column",
                    f"The mapping names a column {name!r} that is not there.",
                    advice=f"The columns are: {', '.join(table.columns[:30])}.",
                )
            found.append(at)
        return tuple(found)


def _settle_places(assets: list[Asset], notes: list[Note]) -> Iterator[Asset]:
    """Look at each place beside all others: exchanged, far away, or shared."""
    placed = [(each.latitude, each.longitude) for each in assets if each.latitude is not None]
    shared = Counter(placed)
    if not placed:
        yield from assets
        return
    middle = Place(
        median(each[0] or 0.0 for each in placed), median(each[1] or 0.0 for each in placed)
    )
    for asset in assets:
        if asset.latitude is None or asset.longitude is None:
            yield asset
            continue
        place = Place(asset.latitude, asset.longitude)
        if shared[place] > 1:
            notes.append(
                note(
                    asset.row,
                    "place",
                    Action.DOUBTED,
                    "same-place",
                    _show(place),
                    f"{shared[place]} assets",
                )
            )
        if not _near(place, middle):
            if place.swapped.on_globe and _near(place.swapped, middle):
                notes.append(
                    note(
                        asset.row,
                        "place",
                        Action.REPAIRED,
                        "swapped",
                        _show(place),
                        _show(place.swapped),
                    )
                )
                asset = replace(asset, latitude=place.longitude, longitude=place.latitude)
            else:
                notes.append(note(asset.row, "place", Action.DOUBTED, "far-away", _show(place)))
        yield asset


def _near(place: Place, middle: Place) -> bool:
    return (
        abs(place.latitude - middle.latitude) <= FAR_DEGREES
        and abs(place.longitude - middle.longitude) <= FAR_DEGREES
    )


def _show(place: Place) -> str:
    return f"{place.latitude:.6f}, {place.longitude:.6f}"
