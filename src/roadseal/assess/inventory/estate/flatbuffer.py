"""Tables of FlatBuffers, read where they lie.

Source: FlatBuffers documentation, "FlatBuffer Internals". Whatever the octets say, a read stays
within them or raises `struct.error`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FlatTable:
    """A table: some fields by their numbers, each of which may be missing.

    Args:
        octets: the whole buffer.
        at: where the table lies in it.
    """

    octets: bytes
    at: int

    @classmethod
    def root(cls, octets: bytes) -> FlatTable:
        """The table that a buffer is about."""
        return cls(octets, _read(octets, "<I", 0))

    def number(self, field: int, kind: str, default: Any = 0) -> Any:
        """A number, by the kind that `struct` knows."""
        place = self._place(field)
        return _read(self.octets, "<" + kind, place) if place else default

    def text(self, field: int) -> str:
        """A string; the empty one where there is none."""
        return self.vector(field, "B").decode(errors="replace")

    def vector(self, field: int, kind: str) -> bytes:
        """The octets of a vector of numbers."""
        if not (place := self._place(field)):
            return b""
        start, count = self._vector(place)
        size = count * struct.calcsize(kind)
        if start + size > len(self.octets):
            raise struct.error("a vector is cut off")
        return self.octets[start : start + size]

    def table(self, field: int) -> FlatTable | None:
        """A table within this one."""
        place = self._place(field)
        return self._follow(place) if place else None

    def tables(self, field: int) -> Iterator[FlatTable]:
        """The tables of a vector of them."""
        if place := self._place(field):
            start, count = self._vector(place)
            for number in range(count):
                yield self._follow(start + 4 * number)

    def _place(self, field: int) -> int:
        about = self.at - int(_read(self.octets, "<i", self.at))
        offset = 4 + 2 * field
        if offset >= _read(self.octets, "<H", about):
            return 0
        inside = int(_read(self.octets, "<H", about + offset))
        return self.at + inside if inside else 0

    def _follow(self, place: int) -> FlatTable:
        return FlatTable(self.octets, place + int(_read(self.octets, "<I", place)))

    def _vector(self, place: int) -> tuple[int, int]:
        start = place + int(_read(self.octets, "<I", place))
        return start + 4, int(_read(self.octets, "<I", start))


def _read(octets: bytes, kind: str, at: int) -> Any:
    if at < 0:
        raise struct.error("an offset leads out of the buffer")
    return struct.unpack_from(kind, octets, at)[0]
