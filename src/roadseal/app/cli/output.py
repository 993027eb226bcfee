"""How a command tells what it did: a sentence for people, or a line of JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from roadseal.events import Event

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]


def say(text: str, row: Mapping[str, object], *, as_json: bool) -> None:
    """Say what was done.

    Args:
        text: for people.
        row: the same for programs.
        as_json: whether programs listen.
    """
    if as_json:
        write_json_line(row)
    else:
        Console().print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def tell(event: Event) -> None:
    """An `Emit` that says what happened, on standard error."""
    facts = " ".join(f"{name}={value}" for name, value in event.facts.items())
    typer.echo(f"{event.kind} {event.subject} {facts}".rstrip(), err=True)


def write_json_line(value: object) -> None:
    """Write one line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def counted(count: int, thing: str) -> str:
    """A number of things, in words."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
