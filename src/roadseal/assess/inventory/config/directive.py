"""Lines of configurations: a name and its words; comments, quotes and continuations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

MAX_CHARS: Final = 4 << 20
MAX_LINE_CHARS: Final = 1 << 16
_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([^\s"\']+)')
_QUOTED_OR_END: Final = re.compile(r"\"[^\"]*\"|'[^']*'|;")
_INLINE_FILE: Final = re.compile(  # of OpenVPN
    r"\s*<(ca|cert|extra-certs|key|pkcs12|dh|secret|crl-verify|tls-auth|tls-crypt(?:-v2)?)>\s*"
)
_SECTION: Final = re.compile(r"\[\s*([^\]]*?)\s*\]")
_BLOCK: Final = re.compile(r"([\w.*-]+)\s*(?:=\s*)?\{")


@dataclass(frozen=True, slots=True)
class Directive:
    """One statement.

    Args:
        line: where, from 1.
        name: in the file's own spelling.
        words: what follows, without quotes; a trailing ``;`` is gone.
        section: the innermost ``[section]`` or ``block {`` it stands in.
        terminated: whether it ended in ``;``.
    """

    line: int
    name: str
    words: tuple[str, ...]
    section: str
    terminated: bool

    @property
    def value(self) -> str:
        """The words with one space between them."""
        return " ".join(self.words)


def directives(text: str) -> Iterator[Directive]:
    """Read the statements of `text`: ``name words…``, ``name = words``, ``name: words``."""
    section = ""
    blocks: list[str] = []
    for number, line in _logical_lines(text):
        if header := _SECTION.fullmatch(line):
            section, blocks = header[1], []
            continue
        rest = line
        while opened := _BLOCK.match(rest):
            blocks = [*blocks[:63], opened[1]]
            rest = rest[opened.end() :].strip()
        closing = rest.rstrip().endswith("}")
        rest = rest.rstrip("} \t")
        for statement in _statements(rest):
            terminated = statement.endswith(";")
            words = _words(statement.rstrip("; \t"))
            if words:
                where = blocks[-1] if blocks else section
                yield Directive(number, words[0], tuple(words[1:]), where, terminated)
        if closing and blocks:
            blocks = blocks[: -line.count("}")]


def _statements(line: str) -> Iterator[str]:
    """Several statements may share a line where ``;`` ends them outside of quotes."""
    ends = [match.end() for match in _QUOTED_OR_END.finditer(line) if match[0] == ";"]
    if len(ends) < 2:
        if line:
            yield line
        return
    for start, end in pairwise([0, *ends, len(line)]):
        part = line[start:end].rpartition("{")[2].rstrip(";").strip("} \t")
        if part:
            yield f"{part};"


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
