"""Windows and EFI programs: what they import, and where their signatures lie.

Source: Microsoft, "PE Format" (headers, section table, import directory, attribute certificates).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Data
from roadseal.assess.inventory.firmware.elf import Names

MAGIC: Final = b"MZ"

_OPTIONAL_AT: Final = 24
_DIRECTORIES_AT: Final = {0x10B: 96, 0x20B: 112}  # of 32 bits and of 64
_IMPORTS, _CERTIFICATES = 1, 4
_SIGNED_DATA: Final = 2
_MAX_LIBRARIES, _MAX_NAMES, _MAX_SECTIONS = 4096, 200_000, 96
_MAX_NAME_BYTES: Final = 512


class Program:
    """A file that begins with `MAGIC`.

    Raises:
        struct.error: it ends where it should not.
        ValueError: it is a program of another kind, such as one for DOS.
    """

    def __init__(self, data: Data) -> None:
        self._data = data
        self._head = self._number(0x3C)
        if data[self._head : self._head + 4] != b"PE\0\0":
            raise ValueError(self._head)
        self._optional = self._head + _OPTIONAL_AT
        self._wide = self._number(self._optional, 2) == 0x20B

    def signatures(self) -> Iterator[tuple[int, bytes]]:
        """Yield place and octets of each message that signs it (Authenticode)."""
        at, size = self._directory(_CERTIFICATES)  # a place in the file, unlike the others
        end = min(at + size, len(self._data))
        while at and at + 8 <= end:
            length, kind = self._number(at), self._number(at + 6, 2)
            if not 8 < length <= end - at:
                return
            if kind == _SIGNED_DATA:
                yield at + 8, self._data[at + 8 : at + length]
            at += length + -length % 8

    def names(self) -> Names:
        """Return the functions that it imports, and from which libraries."""
        names = Names()
        table, _ = self._directory(_IMPORTS)
        at = self._place(table) if table else None
        width, by_number = (8, 1 << 63) if self._wide else (4, 1 << 31)
        for _ in range(_MAX_LIBRARIES):
            if at is None:
                break
            lookup, library, bound = (self._number(at + each) for each in (0, 12, 16))
            at += 20
            if not library:
                break
            names.needed.append(self._text(library))
            thunk = self._place(lookup or bound)
            while thunk is not None and len(names.imported) < _MAX_NAMES:
                entry = self._number(thunk, width)
                thunk += width
                if not entry:
                    break
                if not entry & by_number:
                    names.imported.add(self._text(entry + 2))  # after a hint
        return names

    def _number(self, at: int, octets: int = 4) -> int:
        piece = self._data[at : at + octets]
        if len(piece) < octets:
            raise struct.error(at)
        return int.from_bytes(piece, "little")

    def _directory(self, index: int) -> tuple[int, int]:
        start = _DIRECTORIES_AT.get(self._number(self._optional, 2))
        if start is None or self._number(self._optional + start - 4) <= index:
            return 0, 0
        at = self._optional + start + 8 * index
        return self._number(at), self._number(at + 4)

    def _place(self, address: int) -> int | None:
        """Where in the file that lies which is loaded to an address; None if nowhere."""
        count = min(self._number(self._head + 6, 2), _MAX_SECTIONS)
        first = self._optional + self._number(self._head + 20, 2)
        for section in range(first, first + 40 * count, 40):
            start, size, at = (self._number(section + each) for each in (12, 16, 20))
            if start <= address < start + size:
                return at + address - start
        return None

    def _text(self, address: int) -> str:
        at = self._place(address)
        octets = b"" if at is None else self._data[at : at + _MAX_NAME_BYTES]
        return octets.split(b"\0")[0].decode("latin-1")


def read_names(data: Data) -> Names:
    """Read the names of a file that begins with `MAGIC`; none of one for DOS.

    Raises:
        struct.error: it ends where it should not.
    """
    try:
        return Program(data).names()
    except ValueError:
        return Names()
