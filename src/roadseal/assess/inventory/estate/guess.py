"""A proposal of a mapping, from the names of the columns and, more, from what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from roadseal.assess.inventory.estate.asset import Kind
from roadseal.assess.inventory.estate.dates import Order, order_of, parse_date
from roadseal.assess.inventory.estate.guess_kind import column_of_kinds, kind_of_rows
from roadseal.assess.inventory.estate.guess_name import is_words, propose_name
from roadseal.assess.inventory.estate.guess_place import PlaceProposal, is_place
from roadseal.assess.inventory.estate.lexicon import (
    column_likeness,
    is_absent,
    is_answer,
    is_other,
    meaning_of,
    normal,
    words,
)
from roadseal.assess.inventory.estate.mapping import TRANSLATED, Mapping, Rejection
from roadseal.assess.inventory.estate.sample import PARTS, Choice, Column
from roadseal.assess.inventory.estate.table import Table

SAMPLE_ROWS: Final = 20_000
STEP: Final = 50
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
    """Propose a mapping from many rows of `table`; nothing is decided by it alone.

    These are its first `SAMPLE_ROWS` and one of `STEP` of the others: a long file may be sorted by
    what its rows are.
    """
    rows = (cells for _, cells in table.rows())
    sample = [*islice(rows, SAMPLE_ROWS), *islice(rows, 0, None, STEP)]
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
        self.kind, self.kind_reason = kind_of_rows(table)

    def guess(self) -> Guess:
        place = PlaceProposal(self.choice)
        place.propose(self.table.place)
        self._id()
        self.choice.pick("installed", _is_of_dates)
        self.choice.pick("end_of_life", _is_of_dates)
        self.choice.pick("address", lambda each: each.share(_is_address) > 0.8)
        self._translated("kind", limit=100)
        self._translated("exposure", limit=200)
        self._translated("update_path", limit=20, at_least=0.6)
        self._translated("services", limit=200, at_least=0.6)
        self._asked_services()
        self._vendor()
        self.choice.pick("model", lambda each: _few(each) and not each.share(_is_date) > 0.8)
        self.choice.pick("firmware", lambda each: bool(each.filled), at_least=0.6)
        for name in ("owner", "corridor"):
            self.choice.pick(name, lambda each: bool(each.filled) and not each.unique, at_least=0.6)
        propose_name(self.choice)
        reject = self._reject()
        if self.kind is not Kind.UNKNOWN:
            self.reasons.setdefault("kind", f"{self.kind}: {self.kind_reason}")
        mapping = Mapping(
            {name: self.chosen[name] for name in sorted(self.chosen)},
            self.values,
            {},
            self.kind,
            self._date_order(),
            reject,
            place.epsg,
            place.swap,
            place.letter_o(),
            place.per_degree,
        )
        return Guess(mapping, self.reasons)

    def _id(self) -> None:
        def fits(column: Column) -> bool:
            likeness = column_likeness(column.name, "id")
            if likeness <= 0.5 and not column.share(_is_reference) > 0.9:
                return False
            # What is called a number of a signal is one, though some be given twice.
            enough = 0.9 if likeness > 0.8 else 0.98
            return column.distinct_share >= enough and not column.share(is_place) > 0.5

        # A count of the file's rows is a worse name than any that was given.
        self.choice.pick("id", lambda each: fits(each) and not each.counts_rows, at_least=0.8)
        if "id" not in self.chosen:
            self.choice.pick("id", fits)

    def _translated(self, field: str, *, limit: int, at_least: float = 0.5) -> None:
        def fits(column: Column) -> bool:
            known = column.share(
                lambda cell: any(meaning_of(part, field) for part in _parts(cell, field))
            )
            likest = max(TRANSLATED, key=lambda each: column_likeness(column.name, each))
            if column_likeness(column.name, likest) > column_likeness(column.name, field):
                return False  # a comm type is a medium before it is a type
            return 0 < len(column.distinct) <= limit and known > (0.25 if field == "kind" else 0.2)

        while column := self.choice.pick(field, fits, at_least=at_least) or self._unnamed(field):
            values = column.distinct if field == "kind" else column.parts()
            table = self.values.setdefault(field, {})
            for value in values:
                meaning = (
                    "" if field == "services" and is_absent(value) else meaning_of(value, field)
                )
                if field == "kind":
                    meaning = meaning or str(Kind.UNKNOWN if is_other(value) else self.kind)
                if meaning is not None:
                    table.setdefault(value, meaning)
            if field not in ("services",):
                return

    def _unnamed(self, field: str) -> Column | None:
        if field != "kind":
            return None
        unused = (each for name, each in self.columns.items() if name not in self.choice.used)
        if column := column_of_kinds(unused):
            self.choice.choose("kind", column, "its values are kinds")
        return column

    def _date_order(self) -> Order:
        """Of the columns that are taken for dates, or else of the others beside them."""
        taken = [
            self.columns[name]
            for field in ("installed", "end_of_life")
            for name in self.chosen.get(field, ())
        ]
        order = order_of(cell for column in taken for cell in column.distinct)
        if taken and order is Order.UNKNOWN:
            beside = [each for each in self.columns.values() if each.share(_is_date) > 0.6]
            order = order_of(cell for column in beside for cell in column.distinct)
        return order

    def _asked_services(self) -> None:
        """Columns that ask whether there is a service; a yes is read as the column's name."""
        for name, column in self.columns.items():
            service = meaning_of(name, "service_columns")
            if service and name not in self.choice.used and column.share(is_answer) == 1.0:
                self.choice.choose("services", column, "its name asks, and its values say yes")
                self.values.setdefault("services", {})[name] = service

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


def _parts(cell: str, field: str) -> Iterable[str]:
    return (cell,) if field == "kind" else PARTS.split(cell)


def _few(column: Column) -> bool:
    return (
        0 < len(column.distinct) <= max(60, len(column.filled) // 4)
        and column.share(is_words) > 0.3
    )


def _is_reference(cell: str) -> bool:
    return any(char.isdigit() for char in cell) and " " not in cell


def _is_of_dates(column: Column) -> bool:
    """Whether a column holds dates; what is called one may hold impossible ones."""
    return column.share(_is_date) > 0.6 or (
        column_likeness(column.name, "installed") > 0.9 and column.share(_is_dated) > 0.6
    )


def _is_date(cell: str) -> bool:
    return parse_date(cell).iso is not None or cell == "0"


def _is_dated(cell: str) -> bool:
    return parse_date(cell).rule != "not-a-date"


def _is_address(cell: str) -> bool:
    return _ADDRESS.fullmatch(cell) is not None
