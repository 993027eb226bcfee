"""What kind of thing the rows of a table are, where it does not say so row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from roadseal.assess.inventory.estate.asset import Kind
from roadseal.assess.inventory.estate.lexicon import column_likeness, kind_of_title, meaning_of
from roadseal.assess.inventory.estate.sample import Column
from roadseal.assess.inventory.estate.table import Table

_ATTRIBUTES: Final = frozenset({Kind.PEDESTRIAN_SIGNAL, Kind.DETECTOR, Kind.SIGN, Kind.BEACON})
"""Kinds that a column may be called after without its rows being one: ``PED_BUTTONS``."""
_MAX_KINDS: Final = 30


def kind_of_rows(table: Table) -> tuple[Kind, str]:
    """The kind that a file says all of its rows are, and how it says so.

    Its own name counts first, then the columns that name its rows, then the other ones.
    """
    if table.format == "cvmanager":
        return Kind.RSU, "the format says so"
    for title in _titles(table):
        if kind := kind_of_title(title):
            return Kind(kind), f"it is called {' '.join(title.split())[:60]!r}"
    naming = [name for name in table.columns if _names_rows(name)]
    said = _most(filter(None, map(kind_of_title, naming)))
    if said is None:
        hints = (meaning_of(name, "kind") for name in table.columns)
        said = _most(hint for hint in hints if hint and hint not in _ATTRIBUTES)
    return (said, "the columns are called after it") if said else (Kind.UNKNOWN, "")


def column_of_kinds(columns: Iterable[Column]) -> Column | None:
    """The column whose every value is a kind of equipment, and not all the same."""
    for column in columns:
        if not 2 <= len(column.distinct) <= _MAX_KINDS:
            continue
        kinds = [meaning_of(value, "kind") for value in column.distinct]
        if all(kinds) and len(set(kinds)) > 1:
            return column
    return None


def _titles(table: Table) -> Iterator[str]:
    yield table.title
    yield from (each.before for each in table.notes if each.rule == "title-line")


def _names_rows(column: str) -> bool:
    return max(column_likeness(column, "id"), column_likeness(column, "name")) >= 0.5


def _most(kinds: Iterable[str]) -> Kind | None:
    counted = Counter(kinds)
    return Kind(counted.most_common(1)[0][0]) if counted else None
