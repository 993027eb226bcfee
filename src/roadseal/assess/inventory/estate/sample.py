"""A column's sample, and what a proposal may want to know of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Final

from roadseal.assess.inventory.estate.lexicon import column_likeness, normal, unknown_words

PARTS: Final = re.compile(r"\s*[,;/&|+()\[\]]+\s*")
"""Where a cell that names several things is cut."""

_MAX_VALUES: Final = 500
_COUNTED: Final = 10_000
_NAMELESS: Final = frozenset({"id", "no", "nr", "num", "number", "fid", "ogcfid", "objectid"})


class Column:
    """The first cells of a column.

    Args:
        name: its name.
        at: its place in the table, from 0.
        cells: its first cells, stripped.
    """

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
        """Whether nearly every cell is one of a kind."""
        return self.distinct_share >= 0.98

    @property
    def distinct_share(self) -> float:
        """Share of the cells that are one of a kind; 0 where many are empty."""
        enough = self.share_filled > 0.9 and self.filled
        return len(self.distinct) / len(self.filled) if enough else 0.0

    @property
    def counts_rows(self) -> bool:
        """Whether it only counts the rows, from 0 or 1, and is called after nothing."""
        first = self.cells[0] if self.cells else ""
        if normal(self.name).replace(" ", "") not in _NAMELESS:
            return False
        cells = self.cells[:_COUNTED]
        return first in ("0", "1") and cells == [
            str(number) for number in range(int(first), int(first) + len(cells))
        ]

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


class Choice:
    """Which columns a proposal has chosen for which field, and why.

    Args:
        columns: by their names.
    """

    def __init__(self, columns: dict[str, Column]) -> None:
        self.columns = columns
        self.chosen: dict[str, tuple[str, ...]] = {}
        self.reasons: dict[str, str] = {}

    @property
    def used(self) -> set[str]:
        """The names of the columns that are taken."""
        return {name for names in self.chosen.values() for name in names}

    def pick(
        self, field: str, fits: Callable[[Column], bool], *, at_least: float = 0.5
    ) -> Column | None:
        """Choose the unused column whose name is likest to `field` among those that fit."""
        used = self.used
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
                self.choose(
                    field, column, "its name" + (", and its values fit" if column.filled else "")
                )
                return column
        return None

    def choose(self, field: str, column: Column, why: str) -> None:
        """Take a column for a field."""
        self.chosen[field] = (*self.chosen.get(field, ()), column.name)
        self.reasons[field] = why

    def forget(self, *fields: str) -> None:
        """Take back what was chosen for some fields."""
        for field in fields:
            self.chosen.pop(field, None)
            self.reasons.pop(field, None)
