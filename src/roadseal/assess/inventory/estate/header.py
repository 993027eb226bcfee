"""Where a table's column names stand, and whether they take one row, two, or none."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from roadseal.assess.inventory.estate.lexicon import (
    column_likeness,
    is_absent,
    normal,
    unknown_words,
    western,
    words,
)

HEADLESS: Final = -1
"""Place of the column names of a table that has none."""

_UNIT: Final = re.compile(r"[(\[]?[°º'%m]{1,2}[)\]]?")
"""Units without a letter that a comparison would leave."""


def header_row(head: list[list[str]]) -> int | None:
    """Where the column names stand: the first row as wide as the rows after it, all words.

    `HEADLESS` where there are none, ``None`` where there is nothing. A title stands alone in its
    line; column names are as many as the values, and no numbers.
    """
    widths = Counter(_filled(cells) for cells in head if _filled(cells) > 1)
    if not widths:
        return next((at for at, cells in enumerate(head) if _filled(cells)), None)
    widest = max(widths)
    for at, cells in enumerate(head):
        # Values may be missing in every row, names seldom are: half of the widest row is enough.
        if _filled(cells) * 2 >= widest and _filled(cells) > 1 and not any(map(_numeric, cells)):
            return at
    first = next(at for at, cells in enumerate(head) if _filled(cells) * 2 >= widest)
    return HEADLESS if _is_like(head[first], head[first + 1 :]) else first


def second_header(head: list[list[str]], at: int) -> tuple[list[str], str] | None:
    """The column names of two rows: units, or another language, below those at `at`.

    A second row of names has words where every row after it has numbers. Of both names of a
    column the one that the lexicon knows better is taken.

    Returns:
        The names and what the second row said; None if there is no second row of names.
    """
    if at + 1 >= len(head):
        return None
    names, second, rest = head[at], head[at + 1], head[at + 2 :]
    rows = [cells for cells in rest if _filled(cells) * 2 >= len(second)]
    if len(rows) < 2 or _filled(second) < 2:
        return None
    numeric = [
        column
        for column in range(len(second))
        if sum(column < len(cells) and _numeric(cells[column]) for cells in rows) > 0.8 * len(rows)
    ]
    unknown = unknown_words()
    said = [column for column in numeric if normal(second[column]) not in unknown]
    said += [column for column in numeric if _UNIT.fullmatch(second[column])]
    if len(said) < min(len(numeric), 2) or not numeric or any(map(_numeric, second)):
        return None
    if any(is_absent(second[column]) for column in numeric if second[column].strip()):
        return None  # "pending" instead of a coordinate is said of a signal, and names nothing
    width = max(len(names), len(second))
    padded = ([*row, *[""] * (width - len(row))] for row in (names, second))
    merged = [max(pair, key=_familiarity) for pair in zip(*padded, strict=True)]
    return merged, " ".join(filter(None, second))


def _familiarity(name: str) -> float:
    """How well some field knows a column's name; a name at all is better than none."""
    known = max(column_likeness(name, meaning) for meaning in words("columns"))
    return known or (0.01 if any(char.isalpha() for char in name) else 0.0)


def _is_like(first: list[str], rest: list[list[str]]) -> bool:
    """Whether a row holds a number wherever the rows after it do: then it is one of them."""
    rows = [cells for cells in rest if len(cells) == len(first)]
    numeric = [
        at
        for at in range(len(first))
        if rows and sum(_numeric(cells[at]) for cells in rows) > 0.8 * len(rows)
    ]
    return bool(numeric) and all(_numeric(first[at]) for at in numeric)


def _filled(cells: list[str]) -> int:
    return sum(1 for cell in cells if cell.strip())


def _numeric(cell: str) -> bool:
    try:
        float(western(cell).replace(",", "."))
    except ValueError:
        return False
    return True
