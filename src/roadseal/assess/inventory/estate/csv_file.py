"""CSV of any habit: byte order marks, encodings, separators, title lines before the columns."""

from __future__ import annotations

import codecs
import csv
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.assess.inventory.estate.table import (
    LIMITS,
    Row,
    Table,
    check_columns,
    distinct_columns,
    unreadable,
)
from roadseal.errors import RoadsealError

_SEPARATORS: Final = (",", ";", "\t", "|")
_HEAD_ROWS: Final = 40
HEADLESS: Final = -1
"""Place of the column names of a table that has none."""
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


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
        encoding, notes = _encoding(path)
    else:
        _check_encoding(encoding)
    separator = _separator(path, encoding)
    head = list(islice(_records(path, encoding, separator), _HEAD_ROWS))
    header_at = header_row([cells for _, cells in head])
    if header_at is None:
        check_columns((), path.name)
    start, names = head[max(header_at or 0, 0)]
    if header_at == HEADLESS:
        start, names = 0, [f"column {number}" for number in range(1, len(names) + 1)]
        notes = (*notes, note(0, "file", Action.REPAIRED, "no-header", "", ", ".join(names)))
    elif header_at:
        skipped = " / ".join(" ".join(cells) for _, cells in head[:header_at])
        notes = (*notes, note(0, "file", Action.REPAIRED, "title-line", skipped))
    while names and not names[-1].strip():
        names = names[:-1]
    columns, renamed = distinct_columns(names)
    check_columns(columns, path.name)

    def rows() -> Iterator[Row]:
        return islice(
            (row for row in _records(path, encoding, separator) if row[0] > start), LIMITS.rows
        )

    return Table("csv", columns, rows, (*notes, *renamed, *_open_quotes(path, encoding, separator)))


def _open_quotes(path: Path, encoding: str, separator: str) -> list[Note]:
    found: list[Note] = []

    def take(row: int, line: str) -> None:
        found.append(note(row, "row", Action.REPAIRED, "open-quote", line.strip()))

    deque(islice(_records(path, encoding, separator, take), LIMITS.rows), maxlen=0)
    return found


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
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _encoding(path: Path) -> tuple[str, tuple[Note, ...]]:
    with path.open("rb") as file:
        start = file.read(4)
        for mark, encoding in _BOMS:
            if start.startswith(mark):
                return encoding, ()
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(0)
        try:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            quote = error.object[error.start : error.start + 8].hex(" ")
            return "cp1252", (note(0, "file", Action.REPAIRED, "encoding", quote, "cp1252"),)
    return "utf-8", ()


def _check_encoding(name: str) -> None:
    try:
        b"a".decode(name)
    except (LookupError, ValueError):
        raise RoadsealError(
            "estate-encoding",
            f"{name!r} is no encoding of text that is known here.",
            advice="Such as cp1251, shift_jis, gb18030, iso8859-2, utf-16.",
        ) from None


def _separator(path: Path, encoding: str) -> str:
    """The separator that cuts the head into most columns, most evenly."""

    def evenness(separator: str) -> tuple[float, int]:
        head = islice(_records(path, encoding, separator), _HEAD_ROWS)
        widths = Counter(len(cells) for _, cells in head if cells)
        several = [(rows, width) for width, rows in widths.items() if width > 1]
        rows, width = max(several, default=(0, 0))
        return rows / max(widths.total(), 1), width

    return max(_SEPARATORS, key=evenness)


def _records(
    path: Path,
    encoding: str,
    separator: str,
    on_open_quote: Callable[[int, str], None] = lambda row, line: None,
) -> Iterator[Row]:
    """Yield the rows; the line of a quotation mark that is never closed is read without quoting."""
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
                    lines.taken.clear()
                    yield number, cells
                else:
                    return
                first, *others = lines.taken
                on_open_quote(number, first)
                plain = csv.reader([first], delimiter=separator, quoting=csv.QUOTE_NONE)
                yield number, next(plain, [])
                rest = iter(others)
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
