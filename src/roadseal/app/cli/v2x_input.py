"""What the v2x commands have in common: files, instants, exit codes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from roadseal.clock import Clock, Time64, parse_instant, to_datetime
from roadseal.errors import RoadsealError
from roadseal.v2x.recording import Recording, read_recording

HOLDS, DOES_NOT_HOLD, INCOMPLETE = 0, 1, 3
"""Exit codes of checks; 2 is usage."""

Files = Annotated[list[Path], typer.Argument(help="What to read; its content tells what it is.")]
TrustDirectory = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Certificates to judge by, anywhere below DIR."),
]
Roots = Annotated[
    list[Path] | None,
    typer.Option("--root", metavar="FILE", help="A root to trust; may be given several times."),
]


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        RoadsealError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise RoadsealError(
            "unreadable-file",
            f"{str(path)!r} is a directory.",
            advice=f"Give the files in it, as in {path / '*'!s}.",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = error.strerror if isinstance(error, OSError) else "no file name"
        raise RoadsealError(
            "unreadable-file",
            f"{str(path)!r} cannot be read: {why}.",
            advice="Give the path of a file that you may read.",
        ) from None


def read_file(path: Path) -> Recording:
    """What a file holds.

    Raises:
        RoadsealError: it cannot be read.
    """
    return read_recording(read_bytes(path))


def instant(text: str, clock: Clock, own: str) -> Time64 | None:
    """At which instant to judge.

    Args:
        text: an ISO 8601 instant, "now", or the word for each one's own time.
        clock: tells now.
        own: that word, for which the answer is `None`.

    Raises:
        RoadsealError: it is none of them.
    """
    if text == own:
        return None
    if text == "now":
        return clock.now()
    try:
        moment = parse_instant(text)
    except (ValueError, OverflowError):
        moment = Time64(-1)
    if moment < 0:
        raise RoadsealError(
            "bad-time",
            f"{text!r} is no instant since 2004.",
            advice=f"Write '{own}', 'now' or ISO 8601, as in 2026-11-23T08:30:00Z.",
        )
    return moment


def iso(moment: int | None) -> str | None:
    """A Time64 in ISO 8601; `None` for none, and for those after the year 9999."""
    if moment is None:
        return None
    try:
        return to_datetime(Time64(moment)).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None


def exit_code(
    findings: Collection[object],
    holds: Callable[..., bool],
    lacks_evidence: Callable[..., bool],
) -> int:
    """The exit code of a check over many things."""
    refused = [finding for finding in findings if not holds(finding)]
    if any(not lacks_evidence(finding) for finding in refused):
        return DOES_NOT_HOLD
    return INCOMPLETE if refused or not findings else HOLDS
