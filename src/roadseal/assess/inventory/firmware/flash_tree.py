"""Files of a file system that is a log: pieces of content and names, the newest of each counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from roadseal.assess.inventory.collector import Member
from roadseal.assess.inventory.firmware.budget import Budget, safe_name

_MAX_DEPTH: Final = 64
_MAX_FILE_BYTES: Final = 1 << 31

Unpack = Callable[[], bytes | None]
"""Gives the content of a piece, or None where it cannot be read."""


@dataclass
class FlashTree:
    """What the nodes of a log say, whatever their form.

    Args:
        root: number of the root folder.
    """

    root: int
    names: dict[tuple[int, bytes], tuple[int, int]] = field(default_factory=dict)
    pieces: dict[int, dict[int, tuple[int, Unpack]]] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    unread: int = 0

    def name(self, version: int, parent: int, name: bytes, number: int) -> None:
        """A name in a folder; the number 0 takes it away."""
        known = self.names.get((parent, name))
        if known is None or known[0] <= version:
            self.names[parent, name] = (version, number)

    def piece(self, version: int, number: int, offset: int, unpack: Unpack) -> None:
        """Content of a file at an offset."""
        pieces = self.pieces.setdefault(number, {})
        if offset not in pieces or pieces[offset][0] <= version:
            pieces[offset] = (version, unpack)

    def size(self, version: int, number: int, size: int) -> None:
        """The size of a file."""
        known = self.sizes.get(number)
        if known is None or known[0] <= version:
            self.sizes[number] = (version, size)

    def files(self, budget: Budget, *, contained: bool) -> Iterator[Member]:
        """Yield every file that has a name; `unread` counts pieces that could not be read.

        Raises:
            TooMuchError: they hold more than the limit.
        """
        parents = {number: key for key, (_, number) in self.names.items() if number}
        for number in sorted(self.pieces):
            if number in parents and (content := self._content(number, budget)):
                yield Member(safe_name(self._path(number, parents)), content, contained)

    def _content(self, number: int, budget: Budget) -> bytes:
        budget.member()
        size = self.sizes.get(number, (0, 0))[1]
        content = bytearray()
        # the order of versions is that of writing: a later piece lies over an earlier one
        for offset, (_, unpack) in sorted(self.pieces[number].items(), key=lambda one: one[1][0]):
            part = unpack()
            if part is None or offset + len(part) > _MAX_FILE_BYTES:
                self.unread += 1
                continue
            part = part[: max(0, size - offset)]
            end = offset + len(part)
            if end > len(content):
                budget.take(end - len(content))
                content.extend(bytes(end - len(content)))
            content[offset:end] = part
        return bytes(content)

    def _path(self, number: int, parents: dict[int, tuple[int, bytes]]) -> str:
        parts: list[str] = []
        while number != self.root and number in parents and len(parts) < _MAX_DEPTH:
            number, name = parents[number]
            parts.append(name.decode("utf-8", "replace").replace("/", "_"))
        return "/".join(reversed(parts))
