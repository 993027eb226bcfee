"""What a configuration includes, in the place where it says so.

An include is followed within the scanned root, to a depth; one that cannot be followed is a gap.

Sources: ngx_core_module (include); Apache httpd core (Include, IncludeOptional, ServerRoot);
sshd_config(5) (Include); HAProxy 2.6 §5.1 (crt-list); swanctl.conf(5), ipsec.conf(5);
mosquitto.conf(5) (include_dir); config(5) of OpenSSL (.include); chrony.conf(5) (include, confdir,
sourcedir); snmp_config(5); openvpn(8) (config).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from roadseal.assess.inventory.collector import Source
from roadseal.assess.inventory.config.directive import MAX_CHARS, Block, Directive, directives
from roadseal.assess.inventory.config.format import Format
from roadseal.assess.inventory.finding import Cause, Gap, Location
from roadseal.assess.inventory.neighbours import Near, Neighbourhood

MAX_DEPTH: Final = 8
MAX_FILES: Final = 500
"""Files that one configuration takes in, directly or not."""

_MAX_BYTES: Final = 4 * MAX_CHARS


def expanded(
    chosen: Format, statements: Sequence[Directive], source: Source
) -> Iterator[Directive | Gap]:
    """Yield the statements of `source`, and at each include those of what it includes."""
    expansion = _Expansion(chosen, source, _server_root(chosen, statements))
    yield from expansion.of(statements, source.near.path if source.near else "", ())


def has_includes(each: Format, statements: Sequence[Directive]) -> bool:
    """Whether any statement of this format includes something."""
    return any(_patterns(each, one) for one in statements)


def _server_root(chosen: Format, statements: Sequence[Directive]) -> str:
    roots = [one.value for one in statements if one.name.lower() == "serverroot"]
    return roots[-1] if chosen.name == "apache" and roots else ""


def _patterns(chosen: Format, one: Directive) -> tuple[tuple[str, ...], str] | None:
    """What a statement includes, and which files of a folder are meant."""
    name = one.name.lower()
    if chosen.name == "haproxy":
        if name in {"bind", "default-server", "server"} and "crt-list" in one.words[:-1]:
            return (one.words[one.words.index("crt-list") + 1],), ""
        return None
    if name not in chosen.includes or not one.words:
        return None
    words = one.words[1:] if one.words[0] == "=" else one.words
    return words, chosen.includes[name]


@dataclass
class _Expansion:
    chosen: Format
    source: Source
    server_root: str
    files: int = 0
    octets: int = 0
    serial: int = 1_000_000  # of blocks: no two files share one
    gone: bool = field(default=False)

    def of(
        self, statements: Sequence[Directive], path: str, within: tuple[str, ...]
    ) -> Iterator[Directive | Gap]:
        for one in statements:
            yield one
            if named := _patterns(self.chosen, one):
                for pattern in named[0]:
                    yield from self._included(one, pattern, named[1], path, within)

    def _included(
        self, one: Directive, pattern: str, folders: str, path: str, within: tuple[str, ...]
    ) -> Iterator[Directive | Gap]:
        here = Location(one.uri or self.source.uri, line=one.line)
        near = self.source.near
        if near is None:
            where = "in an archive" if self.source.depth else "outside of what is scanned"
            cause = Cause.NOT_SUPPORTED if self.source.depth else Cause.OUTSIDE
            yield Gap(here, cause, f"An include is not followed: it lies {where}.")
            return
        found, away = self._matching(near, pattern, path, folders)
        if not found:
            optional = re.search(r"[*?\[]", pattern) or self._optional(one)
            if away:
                yield Gap(here, Cause.OUTSIDE, "An include leads to nothing under the root.")
            elif not optional:
                yield Gap(here, Cause.UNREADABLE, "An include names nothing that is there.")
            return
        for each in found:
            yield from self._file(one, each, near, here, within)

    def _matching(
        self, near: Neighbourhood, pattern: str, path: str, folders: str
    ) -> tuple[list[Near], bool]:
        pattern = pattern.removeprefix("~/")
        if self.server_root and not pattern.startswith("/"):
            found, _ = near.matching(f"{self.server_root}/{pattern}", path, folders=folders)
            if found:
                return found, False
        return near.matching(pattern, path, folders=folders)

    def _optional(self, one: Directive) -> bool:
        name = one.name.lower()
        folder = self.chosen.includes.get(name, "") not in {"", "*"}
        return folder or name == "includeoptional" or self.chosen.name == "ssh"

    def _file(
        self,
        one: Directive,
        each: Near,
        near: Neighbourhood,
        here: Location,
        within: tuple[str, ...],
    ) -> Iterator[Directive | Gap]:
        if each.path == near.path or each.path in within:
            yield Gap(here, Cause.UNREADABLE, "An include comes back to itself.")
        elif len(within) >= MAX_DEPTH:
            yield Gap(here, Cause.TRUNCATED, f"Includes more than {MAX_DEPTH} deep.")
        elif self.files >= MAX_FILES or self.octets > _MAX_BYTES:
            if not self.gone:  # said once
                yield Gap(here, Cause.TRUNCATED, f"Includes of more than {MAX_FILES} files.")
            self.gone = True
        else:
            data = near.read(each, MAX_CHARS)
            if data is None or len(data) > MAX_CHARS or b"\0" in data[:8192]:
                yield Gap(here, Cause.UNREADABLE, "An include cannot be read as a text.")
                return
            self.files += 1
            self.octets += len(data)
            self.serial += 1_000_000
            text = data.decode("utf-8-sig", "replace")
            inner = _entries(text) if self.chosen.name == "haproxy" else directives(text)
            placed = [self._placed(each_one, one, each.uri) for each_one in inner]
            yield from self.of(placed, each.path, (*within, each.path))

    def _placed(self, inner: Directive, one: Directive, uri: str) -> Directive:
        own = tuple(
            Block(block.name, block.words, block.serial + self.serial) for block in inner.blocks
        )
        return replace(inner, blocks=one.blocks + own, uri=uri)


def _entries(text: str) -> Iterator[Directive]:
    """Lines of a crt-list: ``certificate [options of bind] names``."""
    for one in directives(text):
        options = re.search(r"\[([^\]]*)\]", one.value)
        words = tuple(options[1].split()) if options else ()
        yield replace(one, name="crt-list", words=("ssl", *words))
