"""The rows of delimited text, in spite of quotation marks that nobody closed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from roadseal.assess.inventory.estate.table import LIMITS, Row, unreadable

_TELLING_WIDTH: Final = 4
"""From so many columns on a line with as many cells is a row, wherever it stands."""


def read_records(
    path: Path,
    encoding: str,
    separator: str,
    on_open_quote: Callable[[int, str], None] = lambda row, line: None,
    width: int | None = None,
) -> Iterator[Row]:
    """Yield the rows; the line of a quotation mark that swallows others is read as it stands.

    Args:
        path: the file.
        encoding: its encoding.
        separator: between cells.
        on_open_quote: told of each such line.
        width: how many columns there are, where that is known: without it only a mark that is
            never closed is noticed, with it one that a later mark closes by chance, too.
    """
    csv.field_size_limit(LIMITS.cell_chars)
    number = 0
    # Windows-1252 leaves five octets undefined; a stranger's file may hold them all the same.
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        rest: Iterator[str] = (line.replace("\0", "") for line in file)
        try:
            while True:
                lines = _Lines(rest)
                for cells in csv.reader(lines, delimiter=separator):
                    number += 1
                    if lines.ended:  # inside of a quotation: it has swallowed the rest
                        break
                    if width and len(lines.taken) > 1 and _swallowed(lines.taken, separator, width):
                        break
                    lines.taken.clear()
                    yield number, cells
                else:
                    return
                first, *others = lines.taken
                on_open_quote(number, first)
                yield number, _mended(first, separator, width)
                rest = chain(others, rest)
        except csv.Error as error:
            raise unreadable(path.name, str(error)) from None


class _Lines:
    """Lines that remember which of them were taken for the row at hand, and that they ended."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.taken: list[str] = []
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.taken.append(line)
            yield line
        self.ended = True


def _swallowed(lines: list[str], separator: str, width: int) -> bool:
    """Whether a cell over several lines took rows into it.

    A cell that is quoted as RFC 4180 has it ends where its mark is followed by a separator or the
    end of the line; a mark that closes by chance is another cell's first, or stands for inches.
    Then the lines between are rows of their own.
    """
    try:
        rows = list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error:
        return True
    if len(rows) != 1 or len(rows[0]) != width:
        return True
    if width < _TELLING_WIDTH:
        return False  # two words with a comma between are a line of an address
    alone = (_plain(line, separator) for line in lines[1:])
    return any(len(cells) == width for cells in alone)


def _mended(line: str, separator: str, width: int | None) -> list[str]:
    """The cells of a line with one quotation mark too many."""
    marks = [at for at, char in enumerate(line) if char == '"']
    for at in reversed(marks if width else ()):
        try:
            without = [line[:at] + line[at + 1 :]]
            (cells,) = csv.reader(without, delimiter=separator, strict=True)
        except (csv.Error, ValueError):
            continue
        if len(cells) == width:
            return cells
    return _plain(line, separator)


def _plain(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, quoting=csv.QUOTE_NONE), [])
