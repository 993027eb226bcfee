"""Reading a report that somebody else wrote, under limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from roadseal.assess.inventory.finding import Cause, Finding, Gap, Location
from roadseal.errors import RoadsealError

MAX_BYTES: Final = 512 << 20
"""Largest report that is read, in bytes."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that breaks a report's format and was read all the same.

    Args:
        place: a path in the document: ``components[3].cryptoProperties``.
        what: what was wrong and how it was taken.
    """

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What a report says.

    Args:
        format: such as ``CycloneDX 1.6 JSON``.
        tool: who wrote it, where it says.
        findings: what it found.
        repairs: where it breaks its format.
        gaps: what of it could not be read.
    """

    format: str
    tool: str
    findings: tuple[Finding, ...]
    repairs: tuple[Repair, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def __iter__(self) -> Iterator[Finding | Gap]:
        yield from self.findings
        yield from self.gaps


def load_json(data: bytes, what: str) -> Any:
    """Parse a JSON document.

    Raises:
        RoadsealError: ``report-too-large`` or ``report-malformed``.
    """
    check_size(data, what)
    try:
        return orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise malformed(what, str(error)) from None


def check_size(data: bytes, what: str) -> None:
    """Refuse a report beyond `MAX_BYTES`."""
    if len(data) > MAX_BYTES:
        raise RoadsealError(
            "report-too-large",
            f"The {what} has {len(data)} bytes, over the limit of {MAX_BYTES}.",
            advice="Split it, or export only its cryptographic part.",
        )


def malformed(what: str, why: str) -> RoadsealError:
    """The error of a document that cannot be read at all."""
    return RoadsealError(
        "report-malformed",
        f"The {what} cannot be read: {why}.",
        advice="Export it again, or check that the file is complete.",
    )


def row_gap(uri: str, line: int, why: str) -> Gap:
    """A line of a log that cannot be read; the others stand."""
    return Gap(Location(uri, line=line), Cause.UNREADABLE, why)


def table(value: object) -> dict[str, Any]:
    """The value if it is an object, else an empty one: reports put anything anywhere."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[dict[str, Any]]:
    """The objects of a list; what else stands there is left out."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The texts of a list, or the one text that stands in its place."""
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    """The value as text, empty where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)
