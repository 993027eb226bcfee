"""The rows of a plain PostgreSQL dump: ``COPY … FROM stdin`` blocks and ``INSERT`` statements.

Only the tables that are asked for are kept: a dump of a fleet manager also holds passwords.

Source: PostgreSQL documentation, "COPY" (text format) and "Lexical Structure" (constants).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

Rows = dict[str, list[dict[str, str | None]]]
"""Table name without schema → its rows; ``None`` is NULL."""

_NAME: Final = r'(?:"[^"]+"|[A-Za-z_][\w$]*)'
_COPY: Final = re.compile(
    rf"COPY\s+(?:ONLY\s+)?(?:{_NAME}\.)?(?P<table>{_NAME})\s*\((?P<columns>[^)]*)\)\s+FROM\s+stdin",
    re.IGNORECASE,
)
_INSERT: Final = re.compile(
    rf"\s*INSERT\s+INTO\s+(?:ONLY\s+)?(?:{_NAME}\.)?(?P<table>{_NAME})\s*"
    r"(?:\((?P<columns>[^)]*)\))?\s*(?:OVERRIDING\s+\w+\s+VALUE\s*)?VALUES",
    re.IGNORECASE,
)
_CREATE: Final = re.compile(
    rf"\s*CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:{_NAME}\.)?(?P<table>{_NAME})"
    r"\s*\((?P<body>.*)\)",
    re.IGNORECASE | re.DOTALL,
)
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>[Ee]?'(?:[^']|'')*')|(?P<open>\()|(?P<close>\))|(?P<comma>,)"
    r"|(?P<word>[^\s,()']+))"
)
_UNESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
MAX_STATEMENT_CHARS: Final = 64 << 20


def read_dump(lines: Iterable[str], wanted: Collection[str]) -> Rows:
    """Collect the rows of the `wanted` tables from the lines of a dump, in their order."""
    rows: Rows = {name: [] for name in wanted}
    declared: dict[str, list[str]] = {}
    source = iter(lines)
    for statement in _statements(source):
        if copy := _COPY.match(statement):
            table, columns = _plain(copy["table"]), _columns(copy["columns"])
            for cells in _copy_rows(source):
                if table in rows and len(cells) == len(columns):
                    rows[table].append(dict(zip(columns, cells, strict=True)))
        elif create := _CREATE.match(statement):
            declared[_plain(create["table"])] = _declared_columns(create["body"])
        elif insert := _INSERT.match(statement):
            table = _plain(insert["table"])
            if table in rows:
                columns = (
                    _columns(insert["columns"]) if insert["columns"] else declared.get(table, [])
                )
                for values in _tuples(statement[insert.end() :]):
                    if columns and len(values) <= len(columns):
                        rows[table].append(dict(zip(columns, values, strict=False)))
    return rows


def _statements(lines: Iterator[str]) -> Iterator[str]:
    """SQL statements without comments; a COPY ends at its line, and its data follow in `lines`."""
    parts: list[str] = []
    size, quoted = 0, False
    for line in lines:
        if not quoted:
            if not parts and not line.strip():
                continue
            line = _without_comment(line)
        parts.append(line)
        size += len(line)
        quoted ^= line.count("'") % 2 == 1
        if (not quoted and line.rstrip().endswith(";")) or size > MAX_STATEMENT_CHARS:
            yield "".join(parts).lstrip()
            parts, size, quoted = [], 0, False
    if parts:
        yield "".join(parts).lstrip()


def _without_comment(line: str) -> str:
    at = line.find("--")
    while at >= 0:
        if line.count("'", 0, at) % 2 == 0:
            return line[:at] + "\n"
        at = line.find("--", at + 2)
    return line


def _copy_rows(lines: Iterator[str]) -> Iterator[list[str | None]]:
    for line in lines:
        line = line.rstrip("\r\n")
        if line == "\\.":
            return
        yield [None if cell == "\\N" else _unescape(cell) for cell in line.split("\t")]


def _unescape(cell: str) -> str:
    if "\\" not in cell:
        return cell
    return re.sub(r"\\(.)", lambda match: _UNESCAPES.get(match[1], match[1]), cell)


def _tuples(text: str) -> Iterator[list[str | None]]:
    """The rows after VALUES; a call such as ``ST_GeomFromText('…')`` gives its first text."""
    values: list[str | None] = []
    words: list[str] = []
    string: str | None = None
    depth = 0
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup, token[token.lastgroup or 0].strip()
        if kind == "open":
            depth += 1
            if depth == 1:
                values, words, string = [], [], None
        elif kind == "close":
            depth -= 1
            if depth == 0:
                values.append(_value(string, words))
                yield values
            if depth < 0:
                return
        elif kind == "comma" and depth == 1:
            values.append(_value(string, words))
            words, string = [], None
        elif kind == "string" and depth and string is None:
            string = _constant(value)
        elif kind == "word":
            if depth == 0:
                return  # ON CONFLICT, RETURNING, or the end
            words.append(value)


def _value(string: str | None, words: list[str]) -> str | None:
    if string is not None:
        return string
    word = " ".join(words)
    return None if word.upper() in ("NULL", "DEFAULT", "") else word


def _constant(quoted: str) -> str:
    escaped = quoted[0] in "Ee"
    text = quoted[quoted.index("'") + 1 : -1].replace("''", "'")
    return _unescape(text) if escaped else text


def _columns(names: str) -> list[str]:
    return [_plain(name) for name in names.split(",")]


def _declared_columns(body: str) -> list[str]:
    constraints = ("constraint", "primary", "unique", "check", "foreign", "exclude", "like")
    names = re.findall(rf"(?:^|,)\s*({_NAME})\s+{_NAME}", body)
    return [_plain(name) for name in names if name.casefold() not in constraints]


def _plain(name: str) -> str:
    name = name.strip()
    return name[1:-1] if name.startswith('"') else name.casefold()
