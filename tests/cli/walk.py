"""Every command of `roadseal`, found by walking, and the examples of their help."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from roadseal.app.cli import app

_EXAMPLE = re.compile(r"\[bold\](roadseal .*?)\[/\]", re.S)


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command that does something, with its words after `roadseal`."""
    yield from _below(get_command(app), ())


def examples(command: Any) -> list[list[str]]:
    """The words of each example after `roadseal`; of a chain or a redirection the first part."""
    found = (" ".join(text.split()) for text in _EXAMPLE.findall(command.help or ""))
    return [shlex.split(re.split(r" && | > ", text)[0])[1:] for text in found]


def options(command: Any) -> set[str]:
    """The names of its options."""
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


def _below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "list_commands"):
        yield words, command
        return
    for name in command.list_commands(None):
        yield from _below(command.get_command(None, name), (*words, name))
