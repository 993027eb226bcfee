"""A process that reads sources and may die of them.

It is told what to read over a pipe, says before each source which one it is at, and what came of
it afterwards. Whoever watches it can therefore tell which source killed it.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Location
from roadseal.assess.inventory.neighbours import Neighbourhood
from roadseal.assess.inventory.reading import Reader, open_data
from roadseal.assess.inventory.walk import Entry

Outputs = tuple[Finding | Gap, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has started."""


@dataclass(frozen=True, slots=True)
class At:
    """Reading of the entry with this index in the batch begins now."""

    index: int


@dataclass(frozen=True, slots=True)
class Done:
    """What came of entries: index, octets read, outputs."""

    results: tuple[tuple[int, int, Outputs], ...]


@dataclass(frozen=True, slots=True)
class BatchDone:
    """The batch is through."""


def work(pipe: Connection, context: Context) -> None:
    """Read batches of entries from `pipe` until it closes."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path
        os.dup2(nowhere.fileno(), 2)  # the last words of a reader may quote what it read
    reader = Reader(context)
    base = _address_space() + context.limits.memory_bytes
    with contextlib.suppress(EOFError, OSError):  # the scan is over, or was broken off
        pipe.send(Ready())
        while True:
            batch: Sequence[Entry] = pipe.recv()
            _cap(base)
            _read_batch(batch, reader, pipe, context, base)
            pipe.send(BatchDone())


def _read_batch(
    batch: Sequence[Entry], reader: Reader, pipe: Connection, context: Context, base: int
) -> None:
    plain: list[tuple[int, int, Outputs]] = []
    deep: list[tuple[int, int, list[tuple[int, list[int]]], Outputs]] = []
    for index, (read, cut, error, hits) in enumerate(reader.files([one.path for one in batch])):
        uri = batch[index].uri
        gaps: Outputs = ()
        if error is not None:
            plain.append((index, 0, (Gap(Location(uri), Cause.UNREADABLE, f"{error}."),)))
            continue
        if cut:
            limit = context.limits.file_bytes
            gaps = (Gap(Location(uri), Cause.TRUNCATED, f"Longer than {limit} octets."),)
        if read and reader.concerns(uri, hits):
            deep.append((index, read, hits, gaps))
        else:
            plain.append((index, read, gaps))
    pipe.send(Done(tuple(plain)))
    for index, read, hits, gaps in deep:
        pipe.send(At(index))
        pipe.send(Done(((index, read, gaps + _read_one(batch[index], read, hits, reader, base)),)))


def _read_one(
    entry: Entry, read: int, hits: list[tuple[int, list[int]]], reader: Reader, base: int
) -> Outputs:
    try:
        _cap(base + read)  # a mapped file counts, and is not what the limit is for
        near = Neighbourhood(entry.root, entry.path, entry.prefix) if entry.root else None
        return tuple(reader.read(entry.uri, open_data(entry.path, read), hits, near))
    except MemoryError:
        cause, detail = Cause.TRUNCATED, "Needs more memory than the limit."
    except (OSError, ValueError):  # it changed under us
        cause, detail = Cause.UNREADABLE, "It changed while it was read."
    return (Gap(Location(entry.uri), cause, detail),)


def _address_space() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - a line of the kernel's
        return int(statm.read().split()[0]) * resource.getpagesize()


def _cap(address_space_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = (
        address_space_bytes if hard == resource.RLIM_INFINITY else min(address_space_bytes, hard)
    )
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
