"""One source through the collectors, and its members through them again: what a worker does."""

from __future__ import annotations

import fnmatch
import mmap
import os
import re
import stat
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from roadseal import _core
from roadseal.assess.inventory.collector import (
    MAX_HITS,
    Collector,
    Context,
    Data,
    Member,
    Source,
    collectors,
)
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Location
from roadseal.assess.inventory.neighbours import Neighbourhood

MAX_OUTPUTS: Final = 200_000
"""Findings and gaps of one file; what comes after is a gap."""

_MAPPED_FROM_BYTES: Final = 4 << 20


class Reader:
    """Shows sources to the collectors they concern."""

    def __init__(self, context: Context, among: Sequence[Collector] | None = None) -> None:
        self._context = context
        self._collectors = tuple(collectors() if among is None else among)
        self._signatures = list(
            dict.fromkeys(each for one in self._collectors for each in one.signatures)
        )
        self._wanted_by: list[list[int]] = [
            [index for index, one in enumerate(self._collectors) if signature in one.signatures]
            for signature in self._signatures
        ]
        self._names = [
            (index, re.compile("|".join(map(fnmatch.translate, one.names))))
            for index, one in enumerate(self._collectors)
            if one.names
        ]
        self.matcher = _core.SignatureMatcher(
            [(signature.pattern, signature.at) for signature in self._signatures], MAX_HITS
        )

    def files(
        self, paths: Sequence[str]
    ) -> list[tuple[int, bool, str | None, list[tuple[int, list[int]]]]]:
        """Read and match each file: octets, truncated, error, and hits."""
        return self.matcher.scan_files(list(paths), self._context.limits.file_bytes)

    def concerns(self, uri: str, hits: Sequence[tuple[int, list[int]]]) -> list[Collector]:
        """Return the collectors that want a source, in their order."""
        wanted = {index for signature, _ in hits for index in self._wanted_by[signature]}
        name = uri.rsplit("/", 1)[-1].lower()
        wanted |= {index for index, names in self._names if names.match(name)}
        return [self._collectors[index] for index in sorted(wanted)]

    def read(
        self,
        uri: str,
        data: Data,
        hits: Sequence[tuple[int, list[int]]],
        near: Neighbourhood | None = None,
    ) -> Iterator[Finding | Gap]:
        """Yield what the collectors see in a source and in everything inside it."""
        pending: deque[tuple[Source, list[Collector]]] = deque(
            [(self._source(uri, data, hits, 0, near), self.concerns(uri, hits))]
        )
        unpacked = 0
        while pending:
            source, wanting = pending.popleft()
            contained = False
            for collector in wanting:
                if contained:
                    break
                for output in self._collect(collector, source):
                    if not isinstance(output, Member):
                        yield output
                        continue
                    contained = contained or output.contained
                    uri = f"{source.uri}!/{output.name}"
                    unpacked += len(output.data)
                    if source.depth >= self._context.limits.depth:
                        yield Gap(Location(uri), Cause.TRUNCATED, "Nested deeper than the limit.")
                    elif unpacked > self._context.limits.unpacked_bytes:
                        yield Gap(Location(uri), Cause.TRUNCATED, "Unpacks to more than the limit.")
                        return
                    else:
                        inner_hits = self.matcher.scan(output.data)
                        if inner := self.concerns(uri, inner_hits):
                            inside = self._source(uri, output.data, inner_hits, source.depth + 1)
                            pending.append((inside, inner))

    def _source(
        self,
        uri: str,
        data: Data,
        hits: Sequence[tuple[int, list[int]]],
        depth: int,
        near: Neighbourhood | None = None,
    ) -> Source:
        found: Mapping[bytes, Sequence[int]] = {
            self._signatures[index].pattern: offsets for index, offsets in hits
        }
        return Source(uri, data, found, depth, near)

    def _collect(self, collector: Collector, source: Source) -> Iterator[Finding | Gap | Member]:
        try:
            for count, output in enumerate(collector.collect(source, self._context)):
                if count >= MAX_OUTPUTS:
                    yield Gap(
                        Location(source.uri), Cause.TRUNCATED, "More findings than the limit."
                    )
                    return
                yield output
        except MemoryError:
            yield Gap(Location(source.uri), Cause.TRUNCATED, "Needs more memory than the limit.")
        except Exception as error:  # a collector that breaks costs its source, and says so
            # the text of the error may quote the source: only its kind is told
            detail = f"The {collector.name} collector failed: {type(error).__name__}."
            yield Gap(Location(source.uri), Cause.CRASHED, detail)


def open_data(path: str, size_bytes: int) -> Data:
    """Return the octets of a file; a large one is mapped.

    It may be another file than the one that was matched: a pipe that took its place must not hold
    its reader up, and a link must not lead it out of the root.

    Raises:
        OSError: it is no regular file any more.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(path)
        if size_bytes < _MAPPED_FROM_BYTES:
            return file.read(size_bytes)
        return mmap.mmap(handle, size_bytes, access=mmap.ACCESS_READ)
