"""What a collector is: it is shown a source and says what cryptography it sees in it.

One pass of the compiled matcher over every file finds the signatures of all collectors at once;
a collector is asked only about sources that hold one of its own, or bear one of its names.
Collectors run in worker processes with limits of time and memory: one that dies costs its source
only. They read no clock, no network, and no other file but those that a source names beside it.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Final, Protocol

from roadseal.assess.inventory.finding import Finding, Gap
from roadseal.assess.inventory.neighbours import Neighbourhood

Data = bytes | mmap.mmap
"""The octets of a source; a large file is mapped and not copied."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Octets that tell a collector that there may be something for it.

    Args:
        pattern: the octets.
        at: the only offset where they count; None for anywhere.
    """

    pattern: bytes
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a member of an archive or image.

    Args:
        uri: as in `Location`: relative to the root; members after ``!/``.
        data: its octets, to their end.
        hits: offsets of the signatures found in it, ascending, the first `MAX_HITS` of each.
        depth: how many containers it lies in.
        near: the files beside it; None within a container, and of a file that was named alone.
    """

    uri: str
    data: Data
    hits: Mapping[bytes, Sequence[int]] = field(default_factory=dict)
    depth: int = 0
    near: Neighbourhood | None = None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.uri.rsplit("/", 1)[-1]

    def every(self, pattern: bytes) -> Iterator[int]:
        """Offsets of a signature, also after the last one that the matcher kept."""
        hits = self.hits.get(pattern, ())
        yield from hits
        at = hits[-1] if len(hits) >= MAX_HITS else -1
        while at >= 0 and (at := self.data.find(pattern, at + 1)) >= 0:
            yield at


@dataclass(frozen=True, slots=True)
class Member:
    """Something inside a source that is scanned as a source of its own.

    Args:
        name: as the container calls it.
        data: its octets.
        contained: the source is nothing but a container: what lies in it is not looked for twice.
    """

    name: str
    data: bytes
    contained: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What one source may cost.

    Args:
        time_s: seconds for all collectors together.
        memory_bytes: address space that a worker may grow by.
        file_bytes: larger files are read up to here, and a gap says so.
        depth: containers within containers.
        members: of one container.
        unpacked_bytes: of one container, everything in it together.
    """

    time_s: float = 20.0
    memory_bytes: int = 1 << 30
    file_bytes: int = 4 << 30
    depth: int = 4
    members: int = 100_000
    unpacked_bytes: int = 1 << 30


MAX_HITS: Final = 4096
"""Offsets kept of one signature in one source."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a collector is given besides the source.

    Args:
        limits: what the source may cost.
        identity_key: secret of this installation, for `identify`.
    """

    limits: Limits = field(default_factory=Limits)
    identity_key: bytes = field(default=b"", repr=False)

    def identify(self, material: bytes) -> str:
        """Return a keyed hash that tells two keys apart and gives none of them away.

        Give it key material of full entropy only: a password would fall to guessing by anyone who
        holds the identity key.
        """
        return hashlib.blake2b(material, digest_size=16, key=self.identity_key).hexdigest()


Output = Finding | Gap | Member
"""What a collector may yield."""


class Collector(Protocol):
    """One reader of one kind of thing."""

    @property
    def name(self) -> str:
        """Such as ``certificate``; findings say ``certificate/x509``."""
        ...

    @property
    def signatures(self) -> Sequence[Signature]:
        """What the matcher looks for on its behalf."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """File names it is asked about whatever they hold, as globs in lower case."""
        ...

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is in `source`; what it cannot read is a `Gap`, never an exception."""
        ...


_COLLECTORS: Final[tuple[str, ...]] = (
    "roadseal.assess.inventory.firmware:ARCHIVES",
    "roadseal.assess.inventory.certificates:TEXTS",
    # module : attribute; findings come in this order
    "roadseal.assess.inventory.wire.captures:CAPTURES",
    "roadseal.assess.inventory.imports.collector:REPORTS",
    "roadseal.assess.inventory.certificates:COLLECTOR",
    "roadseal.assess.inventory.certificates:KEY_FILES",
    "roadseal.assess.inventory.config:COLLECTOR",
    "roadseal.assess.inventory.firmware:IMAGES",
    "roadseal.assess.inventory.firmware:PROGRAMS",
)


@cache
def collectors() -> tuple[Collector, ...]:
    """Return every collector, in a fixed order."""
    loaded: list[Collector] = []
    for place in _COLLECTORS:
        module, _, attribute = place.partition(":")
        loaded.append(getattr(import_module(module), attribute))
    return tuple(loaded)


Progress = Callable[[int, int], None]
"""Called with how many sources and octets were read since the last call."""
