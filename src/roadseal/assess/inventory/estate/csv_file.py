"""CSV of any habit: encodings, separators, title lines before the columns, second headers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from roadseal.assess.inventory.estate.csv_records import read_records
from roadseal.assess.inventory.estate.header import HEADLESS, header_row, second_header
from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.assess.inventory.estate.table import (
    LIMITS,
    Row,
    Table,
    check_columns,
    distinct_columns,
)
from roadseal.assess.inventory.estate.text_encoding import check_encoding, tell_encoding

_SEPARATORS: Final = (",", ";", "\t", "|")
_HEAD_ROWS: Final = 40


def read_csv(path: Path, encoding: str | None = None) -> Table:
    """Read delimited text.

    Args:
        path: the file.
        encoding: by its name in Python, such as ``shift_jis``; told from the octets without it.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``,
            ``estate-encoding``.
    """
    notes: tuple[Note, ...] = ()
    if encoding is None:
        encoding, notes = tell_encoding(path)
    else:
        check_encoding(encoding)
    separator = _separator(path, encoding)
    head = list(islice(read_records(path, encoding, separator), _HEAD_ROWS))
    header_at = header_row([cells for _, cells in head])
    if header_at is None:
        check_columns((), path.name)
    start_row = max(header_at or 0, 0)
    start, names = head[start_row]
    if header_at == HEADLESS:
        start, names = 0, [f"column {number}" for number in range(1, len(names) + 1)]
        notes = (*notes, note(0, "file", Action.REPAIRED, "no-header", "", ", ".join(names)))
    elif header_at:
        skipped = " / ".join(" ".join(cells) for _, cells in head[:header_at])
        notes = (*notes, note(0, "file", Action.REPAIRED, "title-line", skipped))
    while names and not names[-1].strip():
        names = names[:-1]
    if header_at != HEADLESS and (merged := second_header([cells for _, cells in head], start_row)):
        names, said = merged
        start = head[start_row + 1][0]
        notes = (*notes, note(0, "file", Action.REPAIRED, "second-header", said))
    columns, renamed = distinct_columns(names)
    check_columns(columns, path.name)

    width = len(columns)

    def rows() -> Iterator[Row]:
        read = read_records(path, encoding, separator, width=width)
        return islice((row for row in read if row[0] > start), LIMITS.rows)

    open_quotes = _open_quotes(path, encoding, separator, width)
    return Table("csv", columns, rows, (*notes, *renamed, *open_quotes))


def _open_quotes(path: Path, encoding: str, separator: str, width: int) -> list[Note]:
    found: list[Note] = []

    def take(row: int, line: str) -> None:
        found.append(note(row, "row", Action.REPAIRED, "open-quote", line.strip()))

    deque(islice(read_records(path, encoding, separator, take, width), LIMITS.rows), maxlen=0)
    return found


def _separator(path: Path, encoding: str) -> str:
    """The separator that cuts the head into most columns, most evenly."""

    def evenness(separator: str) -> tuple[float, int]:
        head = islice(read_records(path, encoding, separator), _HEAD_ROWS)
        widths = Counter(len(cells) for _, cells in head if cells)
        several = [(rows, width) for width, rows in widths.items() if width > 1]
        rows, width = max(several, default=(0, 0))
        return rows / max(widths.total(), 1), width

    return max(_SEPARATORS, key=evenness)
