"""Files beside a source, for collectors whose sources name others: never one outside of the root.

A name is followed as the system would follow it that the root was unpacked from: an absolute one
begins at the root, unless it lies under the root as it is; links are resolved here, step by step,
and one that leaves the root leads nowhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from roadseal.assess.inventory.walk import printable

MAX_MATCHES: Final = 1000
"""Files that one pattern may name."""

_MAX_LINKS: Final = 40
_MAGIC: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Near:
    """A file under the root: its uri as a scan writes it, and where the system finds it."""

    uri: str
    path: str


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What lies under the root of a scan, seen from one source.

    Args:
        root: absolute, without links.
        path: of the source.
        prefix: before the uris of this root.
    """

    root: str
    path: str
    prefix: str = ""

    def matching(self, pattern: str, beside: str, *, folders: str = "") -> tuple[list[Near], bool]:
        """Files that `pattern` names, and whether it led out of the root or nowhere under it.

        Args:
            pattern: a path, relative or not, with ``*``, ``?`` and ``[…]`` in its parts.
            beside: the file that says it: a relative one is looked for beside it, and in the
                folders above it, the nearest first.
            folders: of a folder that is named, the files of this pattern are meant.
        """
        away, blocked = True, False
        for base, parts in self._bases(pattern, beside):
            found: list[Near] = []
            for path in islice(self._expand(base, parts), MAX_MATCHES + 1):
                resolved = self._resolve(path)
                if resolved is None:
                    blocked = True  # a link out of the root
                    continue
                away = False
                if folders and os.path.isdir(resolved):  # noqa: PTH112 - paths of any octets
                    inner = self._expand(resolved, (folders,))
                    found += [self._near(one) for each in inner if (one := self._resolve(each))]
                else:
                    found.append(self._near(resolved))
            files = [one for one in found if os.path.isfile(one.path)]  # noqa: PTH113
            if files:
                return files, False
            if parts and self._resolve(os.path.join(base, *_plain(parts))):  # noqa: PTH118
                away = False  # its folder is there, and nothing in it
        return [], away or blocked

    def read(self, near: Near, limit_bytes: int) -> bytes | None:
        """At most `limit_bytes` and one more of a file; None where it cannot be read."""
        try:
            handle = os.open(near.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            return file.read(limit_bytes + 1)

    def _near(self, path: str) -> Near:
        return Near(printable(self.prefix + os.path.relpath(path, self.root)), path)

    def _bases(self, pattern: str, beside: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        pure = PurePosixPath(pattern)
        if pure.is_absolute():
            if pattern.startswith(f"{self.root}/"):
                yield self.root, PurePosixPath(pattern[len(self.root) + 1 :]).parts
            yield self.root, pure.parts[1:]
            return
        folder = os.path.dirname(beside)  # noqa: PTH120
        while folder == self.root or folder.startswith(f"{self.root}/"):
            yield folder, pure.parts
            folder = os.path.dirname(folder)  # noqa: PTH120

    def _expand(self, base: str, parts: tuple[str, ...]) -> Iterator[str]:
        """Paths of a pattern, in the order of names; hidden ones only where the pattern says so."""
        if not parts:
            yield base
            return
        first, rest = parts[0], parts[1:]
        if not _MAGIC & set(first):
            path = os.path.join(base, first)  # noqa: PTH118
            if os.path.lexists(path):
                yield from self._expand(path, rest)
            return
        folder = self._resolve(base)
        try:
            names = sorted(os.listdir(folder)) if folder else []  # noqa: PTH208
        except OSError:
            return
        for name in names:
            if fnmatchcase(name, first) and not (name[0] == "." and first[0] != "."):
                yield from self._expand(os.path.join(base, name), rest)  # noqa: PTH118

    def _resolve(self, path: str) -> str | None:
        """`path` without links, if all of it is there and under the root."""
        pending = [part for part in path.split("/") if part not in {"", "."}]
        at, links = "/", 0
        pending.reverse()
        while pending:
            part = pending.pop()
            if part == "..":
                at = os.path.dirname(at)  # noqa: PTH120
                continue
            step = os.path.join(at, part)  # noqa: PTH118
            try:
                mode = os.lstat(step).st_mode
                named = os.readlink(step) if stat.S_ISLNK(mode) else None  # noqa: PTH115
            except (OSError, ValueError):
                return None
            if named is None:
                at = step
                continue
            links += 1
            if links > _MAX_LINKS:
                return None
            if named.startswith("/"):
                inside = named == self.root or named.startswith(f"{self.root}/")
                at = "/" if inside else self.root
            pending.extend(each for each in reversed(named.split("/")) if each not in {"", "."})
        return at if at == self.root or at.startswith(f"{self.root}/") else None


def _plain(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts before the first that is a pattern, without the name of the file."""
    for at, part in enumerate(parts):
        if _MAGIC & set(part):
            return parts[:at]
    return parts[:-1]
