"""The once-only key store: no bit of a key leaves it twice.

A *block* of key bits, alike at both ends of a link, is cut into *cells* of 32 bytes, each encrypted
by itself (AES-256-GCM) so that it can be erased by itself. Cell 0 of a block is never a key: it is
spent on a check value by which both ends see that they hold the same block. The lower half of the
rest belongs to keys that the first KME starts, the upper half to the second's: neither has to ask.

Before a cell leaves, a *lease* that covers it is on disk (`journal`); a process that dies skips the
rest of its lease. What one end allocates the other end records, durably, before anybody gets it.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.health import objection
from roadseal.operate.qkd.journal import (
    Anchor,
    Journal,
    Record,
    corrupted,
    fingerprint,
    sync_directory,
)

CELL_BYTES: Final = 32
LEASE_CELLS: Final = 2048
_SEALED: Final = CELL_BYTES + 16
_HEAD: Final = struct.Struct(">16s32sII")  # magic, salt, cells, 0
_MAGIC: Final = b"roadseal-cells/1"


class Span(NamedTuple):
    """Cells of one block: from `first`, `cells` of them. A tuple: thousands are made a second.

    Args:
        link: the KME at the other end.
        block: number of the block on that link.
        first: index of the first cell.
        cells: how many.
    """

    link: str
    block: int
    first: int
    cells: int


class Pending(NamedTuple):
    """A key that waits for the SAEs named for it.

    Args:
        key_id: a random UUID.
        span: where its bits are.
        bits: its size.
        master: the SAE that asked for it.
        slaves: who may fetch it, each once.
        served: who has.
        until: the instant (`Time64`) at which it is given up; 0 for never.
    """

    key_id: str
    span: Span
    bits: int
    master: str
    slaves: frozenset[str]
    served: frozenset[str] = frozenset()
    until: int = 0

    def record(self) -> Record:
        """As the journal and the other KME read it."""
        span = [self.span.link, self.span.block, self.span.first, self.span.cells]
        return {
            "key_ID": self.key_id,
            "span": span,
            "bits": self.bits,
            "master": self.master,
            "slaves": sorted(self.slaves),
            "until": self.until,
        }

    @classmethod
    def of(cls, record: Record, link: str | None = None, until: int | None = None) -> Pending:
        """Read what `record` wrote; from the peer, which calls the `link` by our name.

        Each end gives a key up by its own clock: `until` replaces the record's.
        """
        named, block, first, cells = record["span"]
        span = Span(link or str(named), int(block), int(first), int(cells))
        slaves = frozenset(str(each) for each in record["slaves"])
        bits, master = int(record["bits"]), str(record["master"])
        due = int(record.get("until", 0)) if until is None else until
        return cls(str(record["key_ID"]), span, bits, master, slaves, until=due)


class _Block:
    """One file of sealed cells."""

    def __init__(self, path: Path, key: Callable[[bytes], bytes], prints: set[bytes]) -> None:
        self.descriptor = os.open(path, os.O_RDWR)
        try:
            self._read_head(path, key, prints)
        except BaseException:
            os.close(self.descriptor)
            raise

    def _read_head(self, path: Path, key: Callable[[bytes], bytes], prints: set[bytes]) -> None:
        data = os.pread(self.descriptor, _HEAD.size, 0)
        if len(data) < _HEAD.size or not data.startswith(_MAGIC):
            raise corrupted(path, "it has no head")
        _, salt, self.cells, _ = _HEAD.unpack(data)
        self._cipher = AESGCM(key(salt))
        self._start = _HEAD.size + 8 * self.cells
        if os.fstat(self.descriptor).st_size != self._start + _SEALED * self.cells:
            raise corrupted(path, "its length is wrong")
        marks = os.pread(self.descriptor, 8 * self.cells, _HEAD.size)
        self.prints = [marks[i : i + 8] for i in range(0, len(marks), 8)]
        prints.update(self.prints)

    def read(self, first: int, count: int) -> bytearray:
        """Decrypt cells.

        Raises:
            InvalidTag: one is erased or altered.
        """
        data = os.pread(self.descriptor, _SEALED * count, self._start + _SEALED * first)
        out = bytearray()
        for i in range(count):
            nonce = struct.pack(">4xQ", first + i)
            out += self._cipher.decrypt(nonce, data[_SEALED * i : _SEALED * (i + 1)], None)
        return out

    def erase(self, first: int, count: int) -> None:
        os.pwrite(self.descriptor, bytes(_SEALED * count), self._start + _SEALED * first)


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
        self._blocks: dict[tuple[str, int], _Block] = {}
        self._facts: dict[tuple[str, int], Record] = {}
        self._prints: set[bytes] = set()
        self._print_key = anchor.derive(b"fingerprint")
        self._marks: dict[tuple[str, int], int] = {}  # next cell that we may lease
        self._seen: dict[tuple[str, int], int] = {}  # next cell that the peer may allocate
        self._leased: dict[tuple[str, int], int] = {}
        self.pending: dict[str, Pending] = {}
        with ExitStack() as undo:  # a store that is refused leaves no file open
            undo.callback(anchor.close)
            undo.callback(self._close_blocks)
            self._lock = _lock(directory)
            undo.callback(os.close, self._lock)
            self._journal = Journal(directory / "journal", anchor)
            undo.callback(self._journal.close)
            for record in self._journal.records:
                self._replay(record)
            self._journal.records.clear()
            self._check()
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
        view = memoryview(octets)
        cells = len(octets) // CELL_BYTES
        parts = [view[i * CELL_BYTES : (i + 1) * CELL_BYTES] for i in range(cells)]
        prints = [fingerprint(self._print_key, part) for part in parts]
        old = self._blocks.get((link, block))
        if old is not None and old.prints == prints:
            return False
        if old is not None or len(set(prints)) != cells or not self._prints.isdisjoint(prints):
            raise RoadsealError(
                "qkd-key-reused",
                f"Block {block} of {link} repeats bits or a number that this store has had.",
                advice="Import each block once, under its own number; the store never forgets.",
            )
        salt = os.urandom(32)
        cipher = AESGCM(self._anchor.derive(b"cells", salt))
        sealed = b"".join(
            cipher.encrypt(struct.pack(">4xQ", i), part, None) for i, part in enumerate(parts)
        )
        path = self._path(link, block)
        check = hmac.digest(bytes(parts[0]), view[CELL_BYTES:], "sha256")[:16].hex()
        facts = {"import": [link, block, cells], "check": check, "provenance": provenance}
        with self._durably():
            with path.open("wb") as file:
                head = _HEAD.pack(_MAGIC, salt, cells, 0)
                file.write(head + b"".join(prints) + sealed)
                file.flush()
                os.fsync(file.fileno())
            sync_directory(self._directory)
            self._journal.commit([facts])
        self._replay(facts)
        return True

    def available(self, link: str) -> int:
        """Cells that this KME may still allocate on `link`."""
        return sum(
            max(0, end - max(self._marks.get(key, start), start))
            for key, (start, end) in self._halves(link, own=True)
        )

    def capacity(self, link: str) -> int:
        """Cells that this KME could ever allocate on `link` from the blocks it was given."""
        return sum(end - start for _, (start, end) in self._halves(link, own=True))

    def provenance(self, span: Span) -> str:
        """Where the bits come from: ``simulated``, or the device."""
        return str(self._facts[span.link, span.block]["provenance"])

    def check(self, link: str, block: int) -> str | None:
        """The value by which two ends compare a block; None if it is not here."""
        facts = self._facts.get((link, block))
        return None if facts is None else str(facts["check"])

    def reserve(self, link: str, sizes: Iterable[int]) -> list[Span] | None:
        """Choose cells for keys of `sizes` cells each, without moving on; None if they run out."""
        self._alive()
        spans: list[Span] = []
        halves = deque(self._halves(link, own=True))
        at = -1
        for size in sizes:
            while halves:
                (name, block), (start, end) = halves[0]
                at = max(at, self._marks.get((name, block), start), start)
                if at + size <= end:
                    break
                halves.popleft()
                at = -1
            if not halves:
                return None
            spans.append(Span(link, halves[0][0][1], at, size))
            at += size
        return spans

    def spend(self, spans: Iterable[Span]) -> None:
        """Move on behind `spans`; on return a lease on disk covers them."""
        self._alive()
        leases: dict[tuple[str, int], int] = {}
        for span in spans:
            key, end = (span.link, span.block), span.first + span.cells
            self._marks[key] = max(end, self._marks.get(key, 0))
            if end > self._leased.get(key, 0):
                last = self._half(key, own=True)[1]
                self._leased[key] = leases[key] = min(last, end + LEASE_CELLS)
        if leases:
            with self._durably():
                self._journal.commit([{"lease": [*key, end]} for key, end in leases.items()])

    def skip(self, link: str, block: int, cell: int) -> None:
        """Never allocate below `cell`: the peer has seen it allocated before."""
        if cell > self._marks.get((link, block), 0):
            self._marks[link, block] = cell
            with self._durably():
                self._journal.commit([{"lease": [link, block, cell]}])

    def take(self, spans: Iterable[Span], *, erase: bool) -> list[bytearray]:
        """Read cells that `spend` covered, for the master; with `erase` they are gone.

        Raises:
            RoadsealError: ``qkd-store-corrupted``: a cell is not what was imported.
        """
        found: list[bytearray] = []
        for run in _runs(spans):
            first, last = run[0], run[-1]
            whole = Span(
                first.link, first.block, first.first, last.first + last.cells - first.first
            )
            octets = self._read(whole, erase=erase)
            for span in run:
                at = CELL_BYTES * (span.first - first.first)
                found.append(octets[at : at + CELL_BYTES * span.cells])
            octets[:] = bytes(len(octets))
        return found

    def objection_to(self, pending: Pending) -> str | None:
        """Why the peer's allocation cannot be taken, or None."""
        key, span = (pending.span.link, pending.span.block), pending.span
        if key not in self._blocks:
            return "no such block"
        half = self._half(key, own=False)
        mark = max(self._seen.get(key, 0), half[0])
        if span.first < mark or span.cells < 1 or span.first + span.cells > half[1]:
            return "cells already allocated"
        if pending.key_id in self.pending:
            return "key_ID already in use"
        return None

    def mark(self, link: str, block: int) -> int:
        """The next cell that the peer may allocate."""
        return self._seen.get((link, block), 0)

    def expect(self, keys: Iterable[Pending]) -> None:
        """Record keys that wait for their slaves; durable on return."""
        self._alive()
        waiting = list(keys)
        if waiting:
            with self._durably():
                self._journal.commit([{"expect": [key.record() for key in waiting]}])
            self._await(waiting)

    def deliver(self, fetched: Iterable[tuple[str, str]]) -> list[tuple[Pending, bytearray]]:
        """Give each key_ID to its slave SAE, once; who may have it the caller has judged."""
        self._alive()
        pairs = [(self.pending[key_id], sae) for key_id, sae in fetched]
        record: Record = {"deliver": [[key.key_id, sae] for key, sae in pairs]}
        with self._durably():
            self._journal.commit([record])
        self._replay(record)
        found = {key.key_id: (key, self._read(key.span, erase=False)) for key, _ in pairs}
        for key, _ in found.values():
            if key.key_id not in self.pending:
                self._erase(key.span)
        return [(key, bytearray(found[key.key_id][1])) for key, _ in pairs]

    def void(self, key_ids: Iterable[str]) -> None:
        """Give up keys that nobody may fetch any more, and erase them."""
        keys = [self.pending[each] for each in key_ids if each in self.pending]
        if not keys:
            return
        with self._durably():
            self._journal.commit([{"void": key.key_id} for key in keys])
            for key in keys:
                del self.pending[key.key_id]
                self._blocks[key.span.link, key.span.block].erase(key.span.first, key.span.cells)

    def close(self) -> None:
        """Close the files and erase the key from memory; the rest of the leases goes back."""
        unused = [
            {"resume": [*key, self._marks[key]]}
            for key, end in self._leased.items()
            if end > self._marks[key]
        ]
        with suppress(OSError):  # then the rest of the leases is lost, as in a crash
            if unused and not self._stopped:
                self._journal.commit(unused)
        self._stopped = True
        self._journal.close()
        self._anchor.close()
        self._close_blocks()
        os.close(self._lock)

    def _close_blocks(self) -> None:
        for block in self._blocks.values():
            os.close(block.descriptor)

    def _read(self, span: Span, *, erase: bool) -> bytearray:
        block = self._blocks[span.link, span.block]
        try:
            octets = block.read(span.first, span.cells)
        except InvalidTag:
            self._stopped = True
            raise corrupted(self._path(span.link, span.block), "a cell was altered") from None
        if erase:
            self._erase(span)
        return octets

    def _erase(self, span: Span) -> None:
        with self._durably():
            self._blocks[span.link, span.block].erase(span.first, span.cells)

    def _replay(self, record: Record) -> None:
        match record:
            case {"import": [link, block, cells]}:
                path = self._path(link, block)
                try:
                    found = _Block(path, lambda s: self._anchor.derive(b"cells", s), self._prints)
                except OSError:
                    raise corrupted(path, "it is missing") from None
                if found.cells != cells:
                    raise corrupted(path, "it is another block")
                self._blocks[link, block] = found
                self._facts[link, block] = record
            case {"lease": [link, block, end]}:
                self._marks[link, block] = max(end, self._marks.get((link, block), 0))
                self._leased[link, block] = self._marks[link, block]
            case {"resume": [link, block, end]}:
                self._marks[link, block] = self._leased[link, block] = end
            case {"expect": list(records)}:
                self._await([Pending.of(fields) for fields in records])
            case {"deliver": list(pairs)}:
                for key_id, sae in pairs:
                    key = self.pending.pop(key_id)
                    key = key._replace(served=key.served | {sae})
                    if key.served < key.slaves:
                        self.pending[key_id] = key
            case {"void": key_id}:
                self.pending.pop(key_id, None)

    def _await(self, keys: Sequence[Pending]) -> None:
        for key in keys:
            self.pending[key.key_id] = key
            link, block, first, cells = key.span
            start, end = self._half((link, block), own=False)
            if start <= first < end:
                seen = self._seen.get((link, block), 0)
                self._seen[link, block] = max(first + cells, seen)

    def _check(self) -> None:
        """Refuse a store in which a cell that may still leave is not what was imported."""
        for link in {name for name, _ in self._blocks}:
            for key, (start, end) in self._halves(link, own=True):
                first = max(start, self._marks.get(key, start))
                self._verify(key, first, end - first)
            for key, (start, end) in self._halves(link, own=False):
                first = max(start, self._seen.get(key, start))
                self._verify(key, first, end - first)
        for pending in self.pending.values():
            span = pending.span
            self._verify((span.link, span.block), span.first, span.cells)
        self._sweep()

    def _sweep(self) -> None:
        """Erase what a crash left behind: cells that were leased and wait for nobody."""
        waiting: dict[tuple[str, int], list[Span]] = {}
        for pending in self.pending.values():
            key = (pending.span.link, pending.span.block)
            waiting.setdefault(key, []).append(pending.span)
        for own, marks in ((True, self._marks), (False, self._seen)):
            for key, end in marks.items():
                at, last = self._half(key, own=own)
                spans = [s for s in waiting.get(key, []) if at <= s.first < last]
                for span in sorted(spans, key=lambda s: s.first):
                    self._blocks[key].erase(at, span.first - at)
                    at = span.first + span.cells
                self._blocks[key].erase(at, max(0, end - at))

    def _verify(self, key: tuple[str, int], first: int, count: int) -> None:
        try:
            octets = self._blocks[key].read(first, max(0, count))
        except InvalidTag:
            raise corrupted(self._path(*key), "a cell was altered") from None
        octets[:] = bytes(len(octets))

    def _halves(self, link: str, *, own: bool) -> list[tuple[tuple[str, int], tuple[int, int]]]:
        """Blocks of a link in order, each with the cells that we (or the peer) allocate."""
        keys = sorted(key for key in self._blocks if key[0] == link)
        return [(key, self._half(key, own=own)) for key in keys]

    def _half(self, key: tuple[str, int], *, own: bool) -> tuple[int, int]:
        cells = self._blocks[key].cells
        middle = 1 + (cells - 1) // 2
        return (1, middle) if (self.kme < key[0]) == own else (middle, cells)

    def _path(self, link: str, block: int) -> Path:
        return self._directory / f"{link.encode().hex()[:120]}-{block:08d}.cells"

    def _alive(self) -> None:
        if self._stopped:
            raise RoadsealError(
                "qkd-store-stopped",
                "The key store has stopped handing out keys after a failure of its disk.",
                advice="Free or replace the disk, then restart the KME.",
            )

    def _durably(self) -> _Durably:
        return _Durably(self)


def _runs(spans: Iterable[Span]) -> list[list[Span]]:
    """Spans that follow each other without a gap, together."""
    runs: list[list[Span]] = []
    for span in spans:
        if runs:
            last = runs[-1][-1]
            here = (last.link, last.block, last.first + last.cells)
            if (span.link, span.block, span.first) == here:
                runs[-1].append(span)
                continue
        runs.append([span])
    return runs


def zeroise_files(directory: Path, kek: Path) -> int:
    """Overwrite and remove a store that no process has open; a damaged one too.

    Without the key-encryption key, which goes first, the cells are noise: an overwritten file may
    live on in the flash below.

    Returns:
        The number of files.

    Raises:
        RoadsealError: ``qkd-store-busy``, ``qkd-zeroise``.
    """
    count = 0
    try:
        lock = _lock(directory)
        try:
            for path in (kek, *sorted(directory.glob("*.cells")), directory / "journal"):
                if not path.exists():
                    continue
                with path.open("r+b") as file:
                    file.write(bytes(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
                count += 1
        finally:
            os.close(lock)
    except OSError as error:
        raise RoadsealError(
            "qkd-zeroise",
            f"The store {directory} is not wholly erased: {error.strerror}.",
            advice="Mend the disk and zeroise again, or destroy the disk.",
        ) from None
    return count


def _lock(directory: Path) -> int:
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise RoadsealError(
            "qkd-store-busy",
            f"Another process has the key store {directory} open.",
            advice="Stop it first; two KMEs on one store would give keys twice.",
        ) from None
    return descriptor


class _Durably:
    """Turns a failure of the disk into a store that hands out nothing more."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def __enter__(self) -> None:
        self._store._alive()

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            self._store._stopped = True
            self._store._alive()
