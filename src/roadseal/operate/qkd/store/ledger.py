"""What a key store remembers beside the bits: a value that records make, and that makes records.

`apply` takes the journal's records in order; `records` says the same state in as few as it can.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count, repeat

from roadseal.operate.qkd.store.allotment import Allotment, split_ids, together
from roadseal.operate.qkd.store.cells import Span
from roadseal.operate.qkd.store.journal import Record

BlockKey = tuple[str, int]
"""The KME at the other end, and the number of the block on that link."""

_MOST_IDS_A_RECORD = 4096


class Ledger:
    """Which cells have been given to whom.

    Args:
        kme: whose store this is: of each block the lower half is the first KME's by name.

    Attributes:
        facts: the record of each block's import.
        marks: next cell that we may allocate.
        leased: up to where a lease on disk covers it.
        seen: next cell that the peer may allocate.
        waiting: key ID to its allotment and its index there.
        served: key ID to the SAEs that have it already, if some of several have.
    """

    def __init__(self, kme: str) -> None:
        self._kme = kme
        self.facts: dict[BlockKey, Record] = {}
        self.marks: dict[BlockKey, int] = {}
        self.leased: dict[BlockKey, int] = {}
        self.seen: dict[BlockKey, int] = {}
        self.waiting: dict[bytes, tuple[Allotment, int]] = {}
        self.served: dict[bytes, frozenset[str]] = {}
        self._due: list[tuple[int, int, Allotment]] = []  # a heap
        self._order = count()

    def apply(self, record: Record) -> None:
        """Take one record.

        Raises:
            ValueError: no version of ours wrote it.
        """
        match record:
            case {"import": [link, block, _]}:
                self.facts[link, block] = record
            case {"lease": [link, block, end]}:
                self.marks[link, block] = max(end, self.marks.get((link, block), 0))
                self.leased[link, block] = self.marks[link, block]
            case {"resume": [link, block, end]}:
                self.marks[link, block] = self.leased[link, block] = end
            case {"seen": [link, block, end]}:
                self.seen[link, block] = max(end, self.seen.get((link, block), 0))
            case {"expect": list(entries)}:
                self.expect(Allotment.of(fields) for fields in entries)
            case {"deliver": list(pairs)}:
                for sae, key_ids in pairs:
                    self._deliver(sae, bytes.fromhex(key_ids))
            case {"void": str(key_ids)}:
                for key_id in split_ids(bytes.fromhex(key_ids)):
                    self.waiting.pop(key_id, None)
                    self.served.pop(key_id, None)
            case _:
                raise ValueError

    def expect(self, allotments: Iterable[Allotment]) -> None:
        """Keys wait from now on."""
        for allotment in allotments:
            self.waiting.update(
                zip(split_ids(allotment.key_ids), zip(repeat(allotment), count()), strict=False)
            )
            if allotment.until:
                heapq.heappush(self._due, (allotment.until, next(self._order), allotment))
            span = allotment.span
            key = span.link, span.block
            start, end = self.half(key, own=False)
            if start <= span.first < end:
                self.seen[key] = max(span.end, self.seen.get(key, 0))

    def overdue(self, now: int) -> list[bytes]:
        """Keys whose time is up; each is named once."""
        found: list[bytes] = []
        while self._due and self._due[0][0] <= now:
            allotment = heapq.heappop(self._due)[2]
            found += (key_id for key_id in split_ids(allotment.key_ids) if key_id in self.waiting)
        return found

    def half(self, key: BlockKey, *, own: bool) -> tuple[int, int]:
        """The cells of a block that we, or the peer, may allocate; cell 0 is nobody's."""
        cells = int(self.facts[key]["import"][2])
        middle = 1 + (cells - 1) // 2
        return (1, middle) if (self._kme < key[0]) == own else (middle, cells)

    def halves(self, link: str, *, own: bool) -> list[tuple[BlockKey, tuple[int, int]]]:
        """Blocks of a link in order, each with the cells that we (or the peer) allocate."""
        keys = sorted(key for key in self.facts if key[0] == link)
        return [(key, self.half(key, own=own)) for key in keys]

    def free(self, link: str) -> list[Span]:
        """Cells of each block of `link` that we may still allocate."""
        found = []
        for key, (start, end) in self.halves(link, own=True):
            first = max(self.marks.get(key, start), start)
            found.append(Span(*key, first, max(0, end - first)))
        return found

    def choose(self, link: str, wanted: Iterable[tuple[int, int]]) -> list[list[Span]] | None:
        """Free cells for requests, each of so many keys of so many cells; None if they run out."""
        left = deque(self.free(link))
        found: list[list[Span]] = []
        for number, each in wanted:
            spans: list[Span] = []
            while number:
                if not left:
                    return None
                span = left.popleft()
                if fit := min(number, span.cells // each):
                    taken = fit * each
                    spans.append(span._replace(cells=taken))
                    left.appendleft(Span(*span[:2], span.first + taken, span.cells - taken))
                    number -= fit
            found.append(spans)
        return found

    def parts(self) -> Iterator[Allotment]:
        """What waits, in as few allotments as possible."""
        return together(self.waiting.values())

    def records(self) -> list[Record]:
        """The state, as records that `apply` makes it of; a lease counts as spent to its end."""
        found: list[Record] = list(self.facts.values())
        for key, end in self.marks.items():
            found.append({"lease": [*key, max(end, self.leased.get(key, 0))]})
        found += ({"seen": [*key, end]} for key, end in self.seen.items())
        found += ({"expect": [part.fields()]} for part in self.parts())
        by_sae: dict[str, list[bytes]] = {}
        for key_id, saes in self.served.items():
            for sae in saes:
                by_sae.setdefault(sae, []).append(key_id)
        for sae, ids in by_sae.items():
            for i in range(0, len(ids), _MOST_IDS_A_RECORD):
                some = b"".join(ids[i : i + _MOST_IDS_A_RECORD]).hex()
                found.append({"deliver": [[sae, some]]})
        return found

    def _deliver(self, sae: str, key_ids: bytes) -> None:
        for key_id in split_ids(key_ids):
            allotment, _ = self.waiting[key_id]
            served = self.served.get(key_id, frozenset()) | {sae}
            if served >= allotment.slaves:
                del self.waiting[key_id]
                self.served.pop(key_id, None)
            else:
                self.served[key_id] = served
