"""TOML that knows its lines: an error points to the file, the line and the remedy.

`tomllib` gives values without their places. This module finds the place of any key afterwards, and
turns pydantic's findings into errors an operator can act on.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from roadseal.errors import RoadsealError, all_of

MAX_TOML_CHARS = 262_144
"""Longest TOML text that is read; a profile has two thousand characters."""

Path = tuple[str | int, ...]
"""Where a value stands: table names, keys and array indices from the root."""

_Model = TypeVar("_Model", bound=BaseModel)

_HEADER = re.compile(r"^\s*(\[\[?)\s*(?P<name>[^\[\]].*?)\s*\]\]?\s*(#.*)?$")
_BARE_OR_QUOTED = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"^\s*(?P<name>{_BARE_OR_QUOTED}(?:\s*\.\s*{_BARE_OR_QUOTED})*)\s*=")


class TomlError(RoadsealError):
    """A mistake in a TOML text.

    Args:
        line: where it stands, from 1, if that is known; the message names it too.
    """

    def __init__(self, code: str, message: str, *, advice: str, line: int | None) -> None:
        super().__init__(code, message, advice=advice)
        self.line = line


@dataclass(frozen=True)
class TomlSource:
    """One TOML text and where it came from.

    Args:
        name: the file, as the reader knows it.
        text: its content.
    """

    name: str
    text: str

    def parse(self) -> dict[str, Any]:
        """Return the root table.

        Raises:
            RoadsealError: ``toml-syntax`` with the line, or ``toml-too-large``.
        """
        if len(self.text) > MAX_TOML_CHARS:
            raise self.error("toml-too-large", (), "The file is too large.", "Split or trim it.")
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise RoadsealError(
                "toml-syntax",
                f"{self.name}: {error}.",
                advice="Correct the TOML at that place.",
            ) from None
        except (RecursionError, ValueError):  # nesting without end, dates and numbers out of range
            raise self.error(
                "toml-syntax", (), "The file is not readable as TOML.", "Correct the TOML."
            ) from None

    def validate(
        self, model: type[_Model], table: Mapping[str, Any], at: Path, code: str
    ) -> _Model:
        """Check the table that stands at `at` against `model`.

        Raises:
            RoadsealError: `code`, for the first thing that is wrong, with its line.
        """
        try:
            return model.model_validate(table)
        except ValidationError as error:
            raise self.explain(error, at, code)[0] from None

    def explain(self, error: ValidationError, at: Path, code: str) -> list[RoadsealError]:
        """What pydantic found in the table at `at`, each with its line and remedy."""
        explained: list[RoadsealError] = []
        for finding in error.errors(include_url=False, include_input=False):
            where = (*at, *finding["loc"])
            message, advice = _explain(finding["type"], where, finding["msg"])
            explained.append(self.error(code, where, message, advice))
        return explained

    @contextmanager
    def at(self, *at: str | int) -> Iterator[None]:
        """Errors inside the `with` come from the value at `at`: they get its file and line.

        Raises:
            RoadsealError: what was raised inside, with the place in front.
        """
        try:
            yield
        except RoadsealError as error:
            raise all_of(
                [self.error(one.code, at, one.message, one.advice) for one in error.each]
            ) from None

    def error(self, code: str, at: Path, message: str, advice: str) -> TomlError:
        """Make the error that points to `at`: ``file:line: message``."""
        line = self.line_of(at)
        place = f"{self.name}:{line}" if line else self.name
        return TomlError(code, f"{place}: {message}", advice=advice, line=line)

    def line_of(self, at: Path, value: str | None = None) -> int | None:
        """Return the line (from 1) of the value at `at`, or of the nearest thing that encloses it.

        Args:
            at: the path.
            value: a string inside the value; its own line is returned when it stands on one.
        """
        for length in range(len(at), 0, -1):
            line = self._lines.get(at[:length])
            if line is not None:
                return self._line_of_value(line, value) if value is not None else line
        return None

    def _line_of_value(self, first: int, value: str) -> int:
        for number, line in enumerate(self.text.splitlines()[first - 1 :], first):
            if f'"{value}"' in line or f"'{value}'" in line:
                return number
            if number > first and (_HEADER.match(line) or _KEY.match(line)):
                break
        return first

    @cached_property
    def _lines(self) -> dict[Path, int]:
        lines: dict[Path, int] = {}
        table: Path = ()
        counts: dict[Path, int] = {}
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := _HEADER.match(line):
                table = _split(header["name"])
                if header[1] == "[[":
                    counts[table] = counts.get(table, -1) + 1
                    table = (*table, counts[table])
                lines.setdefault(table, number)
            elif key := _KEY.match(line):
                lines.setdefault(table + _split(key["name"]), number)
        return lines


def _split(dotted: str) -> Path:
    """Split a TOML key, quoted or bare, into its parts, by TOML's own rules."""
    try:
        table: Any = tomllib.loads(f"{dotted} = 0")
    except (ValueError, RecursionError):
        return (dotted,)
    parts: list[str] = []
    while isinstance(table, dict):
        key, table = next(iter(table.items()))
        parts.append(key)
    return tuple(parts)


def _explain(kind: str, where: Path, reason: str) -> tuple[str, str]:
    """Say a finding of pydantic in one sentence, and what to do in another."""
    name = ".".join(map(str, where)) or "the file"
    match kind:
        case "missing":
            return f"{name} is missing.", f"Add {where[-1]}."
        case "extra_forbidden":
            return f"{name} is not known here.", "Remove it, or correct its spelling."
        case _:
            return f"{name}: {reason}.", "Correct the value."
