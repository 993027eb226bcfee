"""CSV of any habit: byte order marks, encodings, separators, title lines before the columns."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Final

from roadseal.assess.inventory.estate.lexicon import (
    column_likeness,
    normal,
    unknown_words,
    western,
    words,
)
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
_HEAD_LINES: Final = 5
_HEAD_BYTES: Final = 1 << 16
_TELLING_WIDTH: Final = 4
"""From so many columns on a line with as many cells is a row, wherever it stands."""
_CELLS: Final = re.compile(r"[,;\t|\"]+")
_UNIT: Final = re.compile(r"[(\[]?[°º'%m]{1,2}[)\]]?")
"""Units without a letter that a comparison would leave."""
_DEFAULT: Final = "cp1252"
_GUESSED: Final = (
    *(_DEFAULT, "cp932", "gb18030", "big5", "cp949", "euc_jp"),
    *("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp1250", "cp1254", "cp874"),
)
"""What a file that is not in Unicode may be in; the first where none speaks better than it."""
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
        read = _records(path, encoding, separator, width=width)
        return islice((row for row in read if row[0] > start), LIMITS.rows)

    open_quotes = _open_quotes(path, encoding, separator, width)
    return Table("csv", columns, rows, (*notes, *renamed, *open_quotes))


def _open_quotes(path: Path, encoding: str, separator: str, width: int) -> list[Note]:
    found: list[Note] = []

    def take(row: int, line: str) -> None:
        found.append(note(row, "row", Action.REPAIRED, "open-quote", line.strip()))

    deque(islice(_records(path, encoding, separator, take, width), LIMITS.rows), maxlen=0)
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


def _encoding(path: Path) -> tuple[str, tuple[Note, ...]]:
    with path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding, ()
    at = _undecodable(path, "utf-8")
    if at is None:
        return "utf-8", ()
    best = max(_GUESSED, key=lambda encoding: _speaking(start, encoding))
    if best != _DEFAULT and _undecodable(path, best) is not None:
        best = _DEFAULT
    return best, (note(0, "file", Action.REPAIRED, "encoding", at, best),)


def _undecodable(path: Path, encoding: str) -> str | None:
    """The first octets that are not of this encoding, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return error.object[error.start : error.start + 8].hex(" ")
    return None


def _speaking(start: bytes, encoding: str) -> int:
    """How many words of the lexicon stand in the first lines, read so."""
    lines = start.decode(encoding, errors="replace").splitlines()[:_HEAD_LINES]
    known = {word for each in words("columns").values() for word in each}
    return len(known & {normal(cell) for line in lines for cell in _CELLS.split(line)})


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
