"""A proposal of a mapping, from the names of the columns and, more, from what is in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from roadseal.assess.inventory.estate.asset import Kind
from roadseal.assess.inventory.estate.dates import order_of, parse_date
from roadseal.assess.inventory.estate.guess_place import PlaceProposal, is_place
from roadseal.assess.inventory.estate.lexicon import (
    column_likeness,
    is_absent,
    meaning_of,
    normal,
    words,
)
from roadseal.assess.inventory.estate.mapping import TRANSLATED, Mapping, Rejection
from roadseal.assess.inventory.estate.sample import PARTS, Choice, Column
from roadseal.assess.inventory.estate.table import Table

SAMPLE_ROWS: Final = 20_000
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
        name: Column(name, at, [row[at].strip() if at < len(row) else "" for row in sample])
        for at, name in enumerate(table.columns)
    }
    found = _Proposal(table, columns)
    return found.guess()


class _Proposal:
    def __init__(self, table: Table, columns: dict[str, Column]) -> None:
        self.table, self.columns = table, columns
        self.choice = Choice(columns)
        self.chosen, self.reasons = self.choice.chosen, self.choice.reasons
        self.values: dict[str, dict[str, str]] = {}

    def guess(self) -> Guess:
        place = PlaceProposal(self.choice)
        place.propose(self.table.place)
        self.choice.pick(
            "id",
            lambda each: (
                # What is called a number of a signal is one, though some be given twice.
                each.distinct_share >= (0.9 if column_likeness(each.name, "id") > 0.9 else 0.98)
                and not each.share(is_place) > 0.5
            ),
        )
        self.choice.pick("installed", lambda each: each.share(_is_date) > 0.6)
        self.choice.pick("end_of_life", lambda each: each.share(_is_date) > 0.6)
        self.choice.pick("address", lambda each: each.share(_is_address) > 0.8)
        self._translated("kind", limit=100)
        self._translated("exposure", limit=200)
        self._translated("update_path", limit=20, at_least=0.6)
        self._translated("services", limit=200, at_least=0.6)
        self._vendor()
        self.choice.pick("model", lambda each: _few(each) and not each.share(_is_date) > 0.8)
        self.choice.pick("firmware", lambda each: bool(each.filled), at_least=0.6)
        for name in ("owner", "corridor"):
            self.choice.pick(name, lambda each: bool(each.filled) and not each.unique, at_least=0.6)
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
            place.epsg,
            place.swap,
            place.letter_o(),
            place.per_degree,
        )
        return Guess(mapping, self.reasons)

    # --- place ------------------------------------------------------------------------------------

    def _translated(self, field: str, *, limit: int, at_least: float = 0.5) -> None:
        def fits(column: Column) -> bool:
            known = column.share(
                lambda cell: any(meaning_of(part, field) for part in _parts(cell, field))
            )
            likest = max(TRANSLATED, key=lambda each: column_likeness(column.name, each))
            if column_likeness(column.name, likest) > column_likeness(column.name, field):
                return False  # a comm type is a medium before it is a type
            return 0 < len(column.distinct) <= limit and known > (0.25 if field == "kind" else 0.2)

        while column := self.choice.pick(field, fits, at_least=at_least):
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

        def fits(column: Column) -> bool:
            # "Controller" alone is its model, though "Controller make" begins with it.
            likelier = column_likeness(column.name, "model") > column_likeness(
                column.name, "vendor"
            )
            return _few(column) and not likelier

        if self.choice.pick("vendor", fits):
            return
        used = self.choice.used
        for column in self.columns.values():
            if column.name not in used and _few(column) and column.share(is_vendor) > 0.5:
                self.choice.choose("vendor", column, "its values are makers")
                return

    def _name(self) -> None:
        used = self.choice.used - set(self.chosen.get("corridor", ()))
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
            self.choice.choose("name", column, "its name")
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


def _parts(cell: str, field: str) -> Iterable[str]:
    return (cell,) if field == "kind" else PARTS.split(cell)


def _few(column: Column) -> bool:
    return (
        0 < len(column.distinct) <= max(60, len(column.filled) // 4)
        and column.share(_is_words) > 0.3
    )


def _is_words(cell: str) -> bool:
    return any(char.isalpha() for char in cell) and "{" not in cell


def _is_date(cell: str) -> bool:
    return parse_date(cell).iso is not None or cell == "0"


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
