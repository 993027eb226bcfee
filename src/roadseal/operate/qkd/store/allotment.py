"""Keys that were given out together: one size, cells that follow each other, the same SAEs.

A request for many keys is one allotment, not many keys: what both ends say, write and remember of
it is said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, Self

from roadseal.operate.qkd.store.cells import CELL_BITS, Span

KEY_ID_BYTES: Final = 16

Fields = list[Any]


class Allotment(NamedTuple):
    """Keys that wait for the SAEs named for them.

    Args:
        span: where their bits are; each key has as many cells as the others.
        bits: size of each.
        key_ids: a random UUID for each, 16 octets, one after the other.
        master: the SAE that asked.
        slaves: who may fetch each key, once.
        until: the instant (`Time64`) at which they are given up; 0 for never.
    """

    span: Span
    bits: int
    key_ids: bytes
    master: str
    slaves: frozenset[str]
    until: int = 0

    @property
    def number(self) -> int:
        """How many keys."""
        return len(self.key_ids) // KEY_ID_BYTES

    @property
    def cells_each(self) -> int:
        """Cells of one key."""
        return self.span.cells // self.number

    @property
    def sound(self) -> bool:
        """Whether it is whole: each key has an ID of its own, and cells enough for its bits."""
        number = self.number
        return (
            number > 0
            and len(self.key_ids) % KEY_ID_BYTES == 0
            and self.span.cells % number == 0
            and 0 < self.bits <= self.cells_each * CELL_BITS
            and len(set(split_ids(self.key_ids))) == number
        )

    def part(self, first: int, number: int) -> Self:
        """The keys from index `first`, `number` of them."""
        if number == self.number:
            return self
        each = self.cells_each
        link, block, start, _ = self.span
        span = Span(link, block, start + first * each, number * each)
        ids = self.key_ids[KEY_ID_BYTES * first : KEY_ID_BYTES * (first + number)]
        return self._replace(span=span, key_ids=ids)

    def fields(self) -> Fields:
        """As the journal keeps it, and the other KME reads it."""
        names = sorted(self.slaves)
        return [*self.span, self.bits, self.key_ids.hex(), self.master, names, self.until]

    @classmethod
    def of(cls, fields: Fields, *, link: str | None = None, until: int | None = None) -> Self:
        """Read what `fields` gave; from the peer, which calls the `link` by our name.

        Each end gives keys up by its own clock: `until` replaces what stands there.

        Raises:
            ValueError, TypeError: these are no fields of an allotment.
        """
        named, block, first, cells, bits, key_ids, master, slaves, due = fields
        texts = [named, key_ids, master, *slaves]
        numbers = [block, first, cells, bits, due]
        if not all(type(text) is str for text in texts):
            raise TypeError
        if not all(type(number) is int for number in numbers) or min(numbers) < 0:
            raise ValueError
        span = Span(named if link is None else link, block, first, cells)
        due = due if until is None else until
        return cls(span, bits, bytes.fromhex(key_ids), master, frozenset(slaves), due)


def split_ids(key_ids: bytes) -> list[bytes]:
    """Key IDs one by one."""
    return [key_ids[i : i + KEY_ID_BYTES] for i in range(0, len(key_ids), KEY_ID_BYTES)]


def together(slots: Iterable[tuple[Allotment, int]]) -> Iterator[Allotment]:
    """Keys in this order, each an allotment and its index there, in as few parts as possible."""
    run: tuple[Allotment, int, int] | None = None
    for allotment, index in slots:
        if run is not None:
            whole, first, number = run
            if allotment is whole and index == first + number:
                run = whole, first, number + 1
                continue
            yield whole.part(first, number)
        run = allotment, index, 1
    if run is not None:
        yield run[0].part(*run[1:])
