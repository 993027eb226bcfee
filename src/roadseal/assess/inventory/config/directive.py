"""Lines of configurations: a name and its words; comments, quotes and continuations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_CHARS: Final = 4 << 20
MAX_LINE_CHARS: Final = 1 << 16
_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([^\s"\']+)')
_INLINE_FILE: Final = re.compile(  # of OpenVPN
    r"\s*<(ca|cert|extra-certs|key|pkcs12|dh|secret|crl-verify|tls-auth|tls-crypt(?:-v2)?)>\s*"
)
_SECTION: Final = re.compile(r"\[\s*([^\]]*?)\s*\]")
_OPENED_BY: Final = re.compile(r"[\w.*-]+\s*=?\s*")


class Block(NamedTuple):
    """A ``name words {`` that statements stand in; `serial` tells two of one name apart."""

    name: str
    words: tuple[str, ...]
    serial: int


@dataclass(frozen=True, slots=True)
class Directive:
    """One statement.

    Args:
        line: where, from 1.
        name: in the file's own spelling.
        words: what follows, without quotes; a trailing ``;`` is gone.
        section: the innermost ``[section]`` or ``block {`` it stands in.
        terminated: whether it ended in ``;``.
        blocks: every ``block {`` it stands in, the outermost first.
        uri: the included file that it stands in; empty for the source itself.
    """

    line: int
    name: str
    words: tuple[str, ...]
    section: str
    terminated: bool
    blocks: tuple[Block, ...] = ()
    uri: str = ""

    @property
    def value(self) -> str:
        """The words with one space between them."""
        return " ".join(self.words)


def directives(text: str) -> Iterator[Directive]:
    """Read the statements of `text`: ``name words…``, ``name = words``, ``name: words``."""
    section = ""
    blocks: tuple[Block, ...] = ()
    serial = 0
    before: list[str] = []  # of a brace that has a line of its own
    for number, line in _logical_lines(text):
        if header := _SECTION.fullmatch(line):
            section, blocks = header[1], ()
            continue
        for piece, end in _pieces(line):
            words = _words(piece)
            if end == "{":
                serial += 1
                name, *rest = [word for word in words or before if word != "="] or [""]
                before = []
                blocks = (*blocks[:63], Block(name, tuple(rest), serial))
                continue
            if words:
                where = blocks[-1].name if blocks else section
                yield Directive(number, words[0], tuple(words[1:]), where, end == ";", blocks)
            if end == "}":
                blocks = blocks[:-1]
            before = [] if end else words


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """Statements of a line, each with what ended it: ``;``, ``{``, ``}`` or the line's end.

    A brace is one of a block only where it stands so: values have braces of their own. A single
    ``;`` without braces ends the line, and what follows it is still the statement's.
    """
    start = literal = semicolons = 0
    quote = ""
    pieces: list[tuple[str, str]] = []
    for at, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in ";{}":
            following = line[at + 1 : at + 2]
            if character == "{" and not _opens(line[start:at], following):
                literal += 1
                continue
            if character == "}" and literal:
                literal -= 1
                continue
            semicolons += character == ";"
            pieces.append((line[start:at].strip(), character))
            start = at + 1
    if semicolons == len(pieces) == 1:
        yield line.rstrip("; \t"), ";" if line.endswith(";") else ""
        return
    yield from pieces
    if rest := line[start:].strip():
        yield rest, ""


def _opens(before: str, following: str) -> bool:
    if not before.strip() or _OPENED_BY.fullmatch(before.lstrip()):
        return True
    return (not following or following.isspace()) and before[-1:].isspace()


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    held, first, inline = "", 0, ""
    for number, raw in enumerate(text[:MAX_CHARS].splitlines(), 1):
        if inline:
            inline = "" if raw.strip() == f"</{inline}>" else inline
            continue
        if tag := _INLINE_FILE.fullmatch(raw):
            inline = tag[1]
            continue
        line = held + _without_comment(raw[:MAX_LINE_CHARS])
        if not held:
            first = number
        if line.endswith("\\") and len(line) < MAX_LINE_CHARS:
            held = line[:-1] + " "
            continue
        held = ""
        if line.strip():
            yield first, line.strip()
    if held.strip():
        yield first, held.strip()


def _without_comment(line: str) -> str:
    stripped = line.lstrip()
    if stripped.startswith(("#", ";", "//", "<!--")):
        return ""
    quote = ""
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#" and (index == 0 or line[index - 1] in " \t;"):
            return line[:index].rstrip()
    return line.rstrip()


def _words(statement: str) -> list[str]:
    name, equals, rest = statement.partition("=")
    if equals and re.fullmatch(r"[\w.*-]+", name.strip()):
        return [name.strip(), *_split(rest)]
    return _split(statement)


def _split(text: str) -> list[str]:
    return [next(part for part in match if part) for match in _WORD.findall(text) if any(match)]
