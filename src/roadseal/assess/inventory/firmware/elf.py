"""Names in an ELF file: what it imports, what it brings along, which libraries it needs.

Stripped firmware often has no section headers; then the dynamic segment says the same.

Source: System V ABI, gABI 4.1 chapters 4 and 5; the GNU hash table as glibc and binutils have it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from roadseal.assess.inventory.collector import Data

MAGIC: Final = b"\x7fELF"

_MAX_SYMBOLS: Final = 200_000
_MAX_NAME_BYTES: Final = 512
_SYMTAB, _DYNSYM, _DYNAMIC_SECTION = 2, 11, 6
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _HASH, _STRTAB, _SYMTAB_TAG, _STRSZ, _GNU_HASH = 1, 4, 5, 6, 10, 0x6FFFFEF5


@dataclass
class Names:
    """Names by what they are for.

    Args:
        imported: functions that come from elsewhere.
        defined: functions and objects that it has itself, as far as it names them.
        needed: libraries, by the names that the loader looks for.
    """

    imported: set[str] = field(default_factory=set)
    defined: set[str] = field(default_factory=set)
    needed: list[str] = field(default_factory=list)


def read_names(data: Data) -> Names:
    """Read the names of a file that begins with `MAGIC`.

    Raises:
        struct.error: it ends where it should not; `ValueError` and `IndexError`, too.
    """
    elf = _Elf(data)
    names = Names()
    sections = elf.sections()
    for kind, offset, size, link in sections:
        if kind in {_SYMTAB, _DYNSYM} and link < len(sections):
            _, at, length, _ = sections[link]
            elf.symbols(offset, size // elf.symbol_bytes, data[at : at + length], names)
        elif kind == _DYNAMIC_SECTION and link < len(sections):
            _, at, length, _ = sections[link]
            elf.libraries(elf.tags(offset, size), data[at : at + length], names)
    if not names.imported and not names.defined:
        elf.dynamic_segment(names)
    return names


class _Elf:
    """The form of a file: how wide its words are and in which order."""

    def __init__(self, data: Data) -> None:
        head = data[:64]
        self.data = data
        self.wide = head[4] == 2
        self.order = "<" if head[5] == 1 else ">"
        self.symbol_bytes = 24 if self.wide else 16

    def unpack(self, form: str, at: int) -> tuple[int, ...]:
        size = struct.calcsize(self.order + form)
        return struct.unpack(self.order + form, self.data[at : at + size])

    def sections(self) -> list[tuple[int, int, int, int]]:
        """Type, offset, size and link of each section."""
        (table_at,) = self.unpack("Q", 40) if self.wide else self.unpack("I", 32)
        size, count = self.unpack("HH", 58 if self.wide else 46)
        form = "IIQQQQIIQQ" if self.wide else "IIIIIIIIII"
        if not table_at or size != struct.calcsize(self.order + form):
            return []
        rows = [self.unpack(form, table_at + index * size) for index in range(count)]
        return [(row[1], row[4], row[5], row[6]) for row in rows]

    def symbols(self, at: int, count: int, strings: bytes, names: Names) -> None:
        count = min(count, _MAX_SYMBOLS)
        table = self.data[at : at + count * self.symbol_bytes]
        form = self.order + ("IBBHQQ" if self.wide else "IIIBBH")
        section_at = 3 if self.wide else 5
        usable = len(table) - len(table) % self.symbol_bytes
        for row in struct.iter_unpack(form, table[:usable]):
            if not row[0]:
                continue
            end = strings.find(b"\0", row[0], row[0] + _MAX_NAME_BYTES)
            name = strings[row[0] : end].decode("ascii", "replace") if end > row[0] else ""
            (names.defined if row[section_at] else names.imported).add(name)

    def tags(self, at: int, size: int) -> list[tuple[int, int]]:
        """Entries of a dynamic section, up to the one that ends it."""
        form = "QQ" if self.wide else "II"
        step = struct.calcsize(self.order + form)
        entries = []
        for position in range(at, at + min(size, 1 << 16) - step + 1, step):
            tag, value = self.unpack(form, position)
            if not tag:
                break
            entries.append((tag, value))
        return entries

    def libraries(self, tags: list[tuple[int, int]], strings: bytes, names: Names) -> None:
        for tag, value in tags:
            if tag == _NEEDED:
                end = strings.find(b"\0", value, value + _MAX_NAME_BYTES)
                names.needed.append(strings[value:end].decode("ascii", "replace"))

    def dynamic_segment(self, names: Names) -> None:
        (table_at,) = self.unpack("Q", 32) if self.wide else self.unpack("I", 28)
        size, count = self.unpack("HH", 54 if self.wide else 42)
        if not table_at or not size:
            return
        rows = [self._segment(table_at + index * size) for index in range(count)]
        loaded = [row[1:] for row in rows if row[0] == _LOAD]

        def offset(address: int) -> int:
            for at, begin, length in loaded:
                if begin <= address < begin + length:
                    return at + address - begin
            raise ValueError(address)

        for kind, at, _, length in rows:
            if kind != _DYNAMIC:
                continue
            tags = self.tags(at, length)
            known = dict(tags)
            if _STRTAB not in known or _SYMTAB_TAG not in known:
                continue
            strings_at = offset(known[_STRTAB])
            strings = self.data[strings_at : strings_at + known.get(_STRSZ, 0)]
            self.libraries(tags, strings, names)
            if _HASH in known:
                count = self.unpack("II", offset(known[_HASH]))[1]
            elif _GNU_HASH in known:
                count = self._gnu_count(offset(known[_GNU_HASH]))
            else:
                continue
            self.symbols(offset(known[_SYMTAB_TAG]), count, strings, names)

    def _segment(self, at: int) -> tuple[int, int, int, int]:
        """Type, offset, address and size in the file."""
        if self.wide:
            kind, _, file_at, address, _, size = self.unpack("IIQQQQ", at)
        else:
            kind, file_at, address, _, size = self.unpack("IIIII", at)
        return kind, file_at, address, size

    def _gnu_count(self, at: int) -> int:
        """The table has no count: it ends behind the longest chain."""
        buckets, first, bloom, _ = self.unpack("IIII", at)
        buckets_at = at + 16 + bloom * (8 if self.wide else 4)
        if buckets > _MAX_SYMBOLS:
            raise ValueError(buckets)
        last = max(self.unpack(f"{buckets}I", buckets_at), default=0)
        if last < first:
            return first
        chains_at = buckets_at + 4 * buckets
        while last < _MAX_SYMBOLS and not self.unpack("I", chains_at + 4 * (last - first))[0] & 1:
            last += 1
        return last + 1
