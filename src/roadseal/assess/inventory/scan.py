"""A scan: targets in, findings and coverage out, the same for the same targets.

Sources are read in worker processes. One that crashes its worker, takes longer than its time or
more than its memory is recorded as a gap; the worker is replaced and the others lose nothing.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, Protocol

from roadseal.assess.inventory.collector import Context, Progress
from roadseal.assess.inventory.finding import Cause, Coverage, Finding, Gap, Location
from roadseal.assess.inventory.imports.profiles import join_profiles
from roadseal.assess.inventory.walk import Entry, printable, walk
from roadseal.assess.inventory.worker import At, BatchDone, Done, Ready, work
from roadseal.errors import RoadsealError

_BATCH_FILES: Final = 256
_BATCH_BYTES: Final = 64 << 20
_SLOWEST_BYTES_PER_S: Final = 5e6  # of the matcher on a slow disk
_POLL_S: Final = 0.2


class Stopwatch(Protocol):
    """What measures durations, such as `roadseal.clock.SystemClock`."""

    def monotonic_s(self) -> float:
        """Seconds of a clock that never goes back."""
        ...


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found and what it read, in the order of locations."""

    findings: tuple[Finding, ...]
    coverage: Coverage


def scan(
    targets: Iterable[Path],
    context: Context,
    clock: Stopwatch,
    *,
    workers: int = 1,
    total: Callable[[int], None] = lambda files: None,
    progress: Progress = lambda files, octets: None,
) -> ScanResult:
    """Scan folders and files.

    Args:
        targets: what to scan; nothing outside it is opened.
        context: limits and the identity key.
        clock: for the time limit.
        workers: how many processes.
        total: told once how many files there are.
        progress: told as they are read.
    """
    roots = tuple(targets)
    entries: list[Entry] = []
    gaps: list[Gap] = []
    for one in walk(roots):
        if isinstance(one, Gap):
            gaps.append(one)
        else:
            entries.append(one)
    total(len(entries))
    pool = _Pool(context, clock, progress)
    pool.run(_batches(entries), workers)
    findings = join_profiles(one for one in pool.outputs if isinstance(one, Finding))
    gaps += [one for one in pool.outputs if isinstance(one, Gap)]
    return ScanResult(
        _in_order(findings),
        Coverage(
            tuple(printable(str(root)) for root in roots),
            pool.read,
            pool.read_bytes,
            tuple(sorted(set(gaps), key=lambda one: (_order(one.location), one.cause, one.detail))),
        ),
    )


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each once: what a configuration includes is seen from there, and on its own."""
    unique: dict[str, Finding] = {}
    for one in findings:
        name = one.id
        seen = unique.setdefault(name, one)
        if one.confidence > seen.confidence:
            unique[name] = one
    rows = [(_order(one.location), one.collector, name, one) for name, one in unique.items()]
    return tuple(row[3] for row in sorted(rows, key=lambda row: row[:3]))


def _order(location: Location) -> tuple[str, int, int, int]:
    return (
        location.uri,
        -1 if location.offset is None else location.offset,
        location.line or 0,
        location.frame or 0,
    )


def _batches(entries: list[Entry]) -> deque[list[Entry]]:
    batches: deque[list[Entry]] = deque()
    batch: list[Entry] = []
    octets = 0
    for entry in entries:
        batch.append(entry)
        octets += entry.size_bytes
        if len(batch) == _BATCH_FILES or octets >= _BATCH_BYTES:
            batches.append(batch)
            batch, octets = [], 0
    if batch:
        batches.append(batch)
    return batches


@dataclass
class _Seat:
    """A worker and what it is doing."""

    process: BaseProcess
    pipe: Connection
    batch: list[Entry] = field(default_factory=list)
    left: set[int] = field(default_factory=set)
    at: int | None = None
    ready: bool = False
    deadline_s: float = float("inf")


class _Pool:
    def __init__(self, context: Context, clock: Stopwatch, progress: Progress) -> None:
        self._context = context
        self._clock = clock
        self._progress = progress
        self._spawn = multiprocessing.get_context("spawn")
        self.outputs: list[Finding | Gap] = []
        self.read = 0
        self.read_bytes = 0

    def run(self, batches: deque[list[Entry]], workers: int) -> None:
        seats = [self._seat() for _ in range(min(workers, len(batches)))]
        try:
            for seat in seats:
                self._assign(seat, batches)
            while busy := [seat for seat in seats if seat.batch]:
                wait([seat.pipe for seat in busy], _POLL_S)
                for seat in busy:
                    self._serve(seat, batches)
        finally:
            for seat in seats:
                self._dismiss(seat)

    def _seat(self) -> _Seat:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=work, args=(theirs, self._context), daemon=True)
        process.start()
        theirs.close()
        return _Seat(process, ours)

    def _dismiss(self, seat: _Seat) -> None:
        seat.pipe.close()
        if seat.batch:
            seat.process.kill()
        seat.process.join()

    def _assign(self, seat: _Seat, batches: deque[list[Entry]]) -> None:
        seat.batch = batches.popleft() if batches else []
        seat.left = set(range(len(seat.batch)))
        seat.at = None
        if not seat.batch:
            return
        octets = sum(entry.size_bytes for entry in seat.batch)
        start_s = 30.0  # of the process itself
        self._allow(seat, start_s + self._context.limits.time_s + octets / _SLOWEST_BYTES_PER_S)
        try:
            seat.pipe.send(seat.batch)
        except OSError:
            seat.deadline_s = 0  # it died already; the next look at it finds out

    def _allow(self, seat: _Seat, seconds: float) -> None:
        seat.deadline_s = self._clock.monotonic_s() + seconds

    def _serve(self, seat: _Seat, batches: deque[list[Entry]]) -> None:
        try:
            while seat.batch and seat.pipe.poll():
                self._hear(seat, seat.pipe.recv(), batches)
        except (EOFError, OSError):
            self._bury(seat, Cause.CRASHED, "Its reader died of it.", batches)
            return
        if seat.batch and self._clock.monotonic_s() > seat.deadline_s:
            limit = f"Took longer than {self._context.limits.time_s:g} s."
            self._bury(seat, Cause.TRUNCATED, limit, batches)

    def _hear(self, seat: _Seat, message: object, batches: deque[list[Entry]]) -> None:
        match message:
            case Ready():
                seat.ready = True
            case At(index):
                seat.at = index
                self._allow(seat, self._context.limits.time_s)
            case Done(results):
                for index, octets, outputs in results:
                    seat.left.discard(index)
                    self.outputs.extend(outputs)
                    unread = any(
                        isinstance(one, Gap) and one.cause is Cause.UNREADABLE
                        and one.location == Location(seat.batch[index].uri)
                        for one in outputs
                    )  # fmt: skip
                    self.read += not unread
                    self.read_bytes += octets
                    self._progress(1, octets)
                self._allow(seat, self._context.limits.time_s)
            case BatchDone():
                self._assign(seat, batches)

    def _bury(self, seat: _Seat, cause: Cause, detail: str, batches: deque[list[Entry]]) -> None:
        """Replace a worker; what it was at is a gap, the rest of its batch is read again."""
        seat.process.kill()
        seat.process.join()
        seat.pipe.close()
        if not seat.ready:
            raise RoadsealError(
                "scan-worker",
                "A process that reads files does not start.",
                advice="Give it more memory, or fewer --jobs.",
            )
        guilty = seat.at if seat.at in seat.left else None
        rest = [seat.batch[index] for index in sorted(seat.left) if index != guilty]
        if guilty is None and len(rest) > 1:  # it died before it said where it was
            middle = len(rest) // 2
            batches.extendleft([rest[middle:], rest[:middle]])
        else:
            one = seat.batch[guilty] if guilty is not None else rest.pop()
            self.outputs.append(Gap(Location(one.uri), cause, detail))
            self._progress(1, 0)
            if rest:
                batches.appendleft(rest)
        fresh = self._seat()
        seat.process, seat.pipe, seat.ready = fresh.process, fresh.pipe, False
        self._assign(seat, batches)
