"""The once-only key store: no bit of a key leaves it twice.

A *block* of key bits, alike at both ends of a link, is cut into *cells* of 32 bytes, each sealed by
itself so that it can be erased by itself (`cells`). Cell 0 of a block is never a key: it is spent
on a check value by which both ends see that they hold the same block. The lower half of the rest
belongs to keys that the first KME starts, the upper half to the second's: neither has to ask.

Before a cell leaves, a *lease* that covers it is on disk (`journal`); a process that dies skips the
rest of its lease. What one end allocates the other end records, durably, before anybody gets it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.store.allotment import Allotment, together
from roadseal.operate.qkd.store.anchor import Anchor
from roadseal.operate.qkd.store.blocks import BlockFiles
from roadseal.operate.qkd.store.cells import Span
from roadseal.operate.qkd.store.files import corrupted, lock_directory
from roadseal.operate.qkd.store.health import objection
from roadseal.operate.qkd.store.journal import Journal, Record
from roadseal.operate.qkd.store.ledger import Ledger
from roadseal.operate.qkd.store.recovery import sweep, verify

LEASE_CELLS: Final = 2048
_WAITING_BYTES: Final = 33  # of a key that waits, in the journal: its ID, and its share of a record


class KeyStore:
    """Keys of one KME with all its links; one process at a time.

    Use `open`. Every method that changes what may leave is durable on return. After a failure of
    the disk nothing is handed out any more (``qkd-store-stopped``).
    """

    def __init__(self, directory: Path, anchor: Anchor, kme: str) -> None:
        self.kme = kme
        self._directory = directory
        self._anchor = anchor
        self._stopped = False
        self._blocks = BlockFiles(directory, anchor.derive)
        self._ledger = Ledger(kme)
        with ExitStack() as undo:  # a store that is refused leaves no file open
            undo.callback(anchor.close)
            undo.callback(self._blocks.close)
            self._lock = lock_directory(directory)
            undo.callback(os.close, self._lock)
            self._journal = Journal(directory / "journal", anchor)
            undo.callback(self._journal.close)
            self._replay()
            verify(self._ledger, self._blocks)
            sweep(self._ledger, self._blocks)
            self.tidy()
            undo.pop_all()

    @classmethod
    def open(cls, directory: Path, kek: Path, kme: str) -> KeyStore:
        """Open a store, or make it with its key file if neither exists.

        Raises:
            RoadsealError: ``qkd-store-corrupted``, ``qkd-store-rolled-back``, ``qkd-store-busy``,
                ``qkd-kek-unusable``.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise corrupted(directory, error.strerror or "no directory") from None
        fresh = not kek.exists() and not (directory / "journal").exists()
        anchor = Anchor.create(kek) if fresh else Anchor.open(kek)
        return cls(directory, anchor, kme)

    @property
    def waiting(self) -> Mapping[bytes, tuple[Allotment, int]]:
        """Key ID of each key that waits for its slaves, with its allotment and its index there."""
        return self._ledger.waiting

    @property
    def served(self) -> Mapping[bytes, frozenset[str]]:
        """Key ID of keys of which some slaves, and not all, have been served, and which."""
        return self._ledger.served

    def waiting_on(self, link: str) -> int:
        """How many keys of `link` wait for their slaves."""
        return sum(keys.span.link == link for keys, _ in self.waiting.values())

    def import_block(
        self, link: str, block: int, octets: bytes | bytearray, *, provenance: str
    ) -> bool:
        """Take a block; both ends import the same. Returns False if it is here already.

        Raises:
            RoadsealError: ``qkd-key-biased``, ``qkd-key-reused``, ``qkd-store-stopped``.
        """
        self._alive()
        if (why := objection(octets)) is not None:
            raise RoadsealError(
                "qkd-key-biased",
                f"Block {block} of {link} is refused: {why}.",
                advice="Look for a failing detector or a wrong file; discard the block.",
            )
        key = link, block
        prints = self._blocks.prints_of(octets)
        if self._blocks.has(key, prints):
            return False
        if key in self._blocks or self._blocks.has_any(prints):
            raise RoadsealError(
                "qkd-key-reused",
                f"Block {block} of {link} repeats bits or a number that this store has had.",
                advice="Import each block once, under its own number; the store never forgets.",
            )
        with self._durably():
            facts = self._blocks.write(key, octets, prints, provenance)
            self._journal.commit([facts])
        self._blocks.open(facts)
        self._ledger.apply(facts)
        return True

    def available(self, link: str) -> int:
        """Cells that this KME may still allocate on `link`."""
        return sum(span.cells for span in self._ledger.free(link))

    def capacity(self, link: str) -> int:
        """Cells that this KME could ever allocate on `link` from the blocks it was given."""
        return sum(end - start for _, (start, end) in self._ledger.halves(link, own=True))

    def provenance(self, span: Span) -> str:
        """Where the bits come from: ``simulated``, or the device."""
        return str(self._ledger.facts[span.link, span.block]["provenance"])

    def check(self, link: str, block: int) -> str | None:
        """The value by which two ends compare a block; None if it is not here."""
        facts = self._ledger.facts.get((link, block))
        return None if facts is None else str(facts["check"])

    def reserve(self, link: str, wanted: Iterable[tuple[int, int]]) -> list[list[Span]] | None:
        """Choose cells without moving on; None if they run out.

        Args:
            link: the KME at the other end.
            wanted: for each request, how many keys, and how many cells each.

        Returns:
            For each request spans of whole keys: one, or more where it goes over a block's end.
        """
        self._alive()
        return self._ledger.choose(link, wanted)

    def covered(self, spans: Iterable[Span]) -> bool:
        """Whether a lease on disk covers `spans` already, so that `spend` need not write."""
        leased = self._ledger.leased
        return all(span.end <= leased.get((span.link, span.block), 0) for span in spans)

    def spend(self, spans: Iterable[Span], waiting: Sequence[Allotment] = ()) -> None:
        """Move on behind `spans`; on return a lease on disk covers them.

        Args:
            spans: as `reserve` chose them.
            waiting: keys that are to be fetched here; recorded with the same write.
        """
        self._alive()
        ledger = self._ledger
        leases: dict[tuple[str, int], int] = {}
        for span in spans:
            key = span.link, span.block
            ledger.marks[key] = max(span.end, ledger.marks.get(key, 0))
            if span.end > ledger.leased.get(key, 0):
                last = ledger.half(key, own=True)[1]
                ledger.leased[key] = leases[key] = min(last, span.end + LEASE_CELLS)
        records: list[Record] = [{"lease": [*key, end]} for key, end in leases.items()]
        if waiting:
            records.append({"expect": [allotment.fields() for allotment in waiting]})
        if records:
            with self._durably():
                self._journal.commit(records)
        ledger.expect(waiting)

    def skip(self, link: str, block: int, cell: int) -> None:
        """Never allocate below `cell`: the peer has seen it allocated before."""
        if cell > self._ledger.marks.get((link, block), 0):
            self._ledger.marks[link, block] = cell
            with self._durably():
                self._journal.commit([{"lease": [link, block, cell]}])

    def take(self, span: Span, *, erase: bool) -> bytearray:
        """Read cells that `spend` covered, for the master; with `erase` they are gone.

        Raises:
            RoadsealError: ``qkd-store-corrupted``: a cell is not what was imported.
        """
        octets = self._read(span)
        if erase:
            self._erase(span)
        return octets

    def objection_to(self, allotment: Allotment) -> str | None:
        """Why the peer's allocation cannot be taken, or None."""
        span = allotment.span
        key = span.link, span.block
        if key not in self._blocks:
            return "no such block"
        if not allotment.sound:
            return "size"
        start, end = self._ledger.half(key, own=False)
        if span.first < max(self._ledger.seen.get(key, 0), start) or span.end > end:
            return "cells already allocated"
        return None

    def mark(self, link: str, block: int) -> int:
        """The next cell that the peer may allocate."""
        return self._ledger.seen.get((link, block), 0)

    def expect(self, allotments: Sequence[Allotment]) -> None:
        """Record keys that wait for their slaves; durable on return."""
        self.spend((), allotments)

    def deliver(
        self, fetched: Sequence[tuple[Sequence[bytes], str]]
    ) -> list[list[tuple[Allotment, bytearray]]]:
        """Give keys to slave SAEs, each once; who may have them the caller has judged.

        Args:
            fetched: for each request the key IDs, and the SAE.

        Returns:
            For each request the keys in its order, as parts of allotments with their bits.
        """
        self._alive()
        asked = [self._parts(ids) for ids, _ in fetched]
        record: Record = {"deliver": [[sae, b"".join(ids).hex()] for ids, sae in fetched]}
        with self._durably():
            self._journal.commit([record])
        self._ledger.apply(record)
        given = [[(part, self._read(part.span)) for part in parts] for parts in asked]
        for (ids, _), parts in zip(fetched, asked, strict=True):
            if not any(key_id in self.waiting for key_id in ids):
                for part in parts:
                    self._erase(part.span)
                continue
            for key_id, key in zip(ids, _single(parts), strict=True):
                if key_id not in self.waiting:
                    self._erase(key.span)
        return given

    def overdue(self, now: int) -> list[bytes]:
        """Keys that nobody fetched in time; `void` them, they are named once."""
        return self._ledger.overdue(now)

    def void(self, key_ids: Sequence[bytes]) -> None:
        """Give up keys that nobody may fetch any more, and erase them."""
        known = [key_id for key_id in key_ids if key_id in self.waiting]
        if not known:
            return
        parts = self._parts(known)
        record: Record = {"void": b"".join(known).hex()}
        with self._durably():
            self._journal.commit([record])
        self._ledger.apply(record)
        for part in parts:
            self._erase(part.span)

    def tidy(self) -> bool:
        """Compact the journal if most of it is history; returns whether it was."""
        self._alive()
        if not self._journal.overgrown(_WAITING_BYTES * len(self.waiting)):
            return False
        with self._durably():
            self._journal.compact(self._ledger.records())
        return True

    def close(self) -> None:
        """Close the files and erase the key from memory; the rest of the leases goes back."""
        ledger = self._ledger
        unused: list[Record] = [
            {"resume": [*key, ledger.marks[key]]}
            for key, end in ledger.leased.items()
            if end > ledger.marks[key]
        ]
        with suppress(OSError):  # then the rest of the leases is lost, as in a crash
            if unused and not self._stopped:
                self._journal.commit(unused)
        self._stopped = True
        self._journal.close()
        self._anchor.close()
        self._blocks.close()
        os.close(self._lock)

    def _parts(self, key_ids: Iterable[bytes]) -> list[Allotment]:
        return list(together(map(self.waiting.__getitem__, key_ids)))

    def _read(self, span: Span) -> bytearray:
        try:
            return self._blocks.read(span)
        except RoadsealError:
            self._stopped = True
            raise

    def _erase(self, span: Span) -> None:
        with self._durably():
            self._blocks.erase(span)

    def _replay(self) -> None:
        for record in self._journal.records:
            if "import" in record:
                self._blocks.open(record)
            try:
                self._ledger.apply(record)
            except (ValueError, TypeError, KeyError):
                path = self._directory / "journal"
                raise corrupted(path, "another version wrote it") from None
        self._journal.records.clear()

    def _alive(self) -> None:
        if self._stopped:
            raise RoadsealError(
                "qkd-store-stopped",
                "The key store has stopped handing out keys after a failure of its disk.",
                advice="Free or replace the disk, then restart the KME.",
            )

    @contextmanager
    def _durably(self) -> Iterator[None]:
        """Turn a failure of the disk into a store that hands out nothing more."""
        self._alive()
        try:
            yield
        except OSError:
            self._stopped = True
            self._alive()


def _single(parts: Iterable[Allotment]) -> Iterator[Allotment]:
    for part in parts:
        for index in range(part.number):
            yield part.part(index, 1)
