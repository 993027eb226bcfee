"""The form of an interview: a generator that yields what to send and is sent what came back.

Each question goes over a connection, or in a datagram, of its own. An interview does no I/O, so
that it is tested against bytes; `roadseal.assess.inventory.probe.runner` runs it on devices.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadseal.assess.inventory.wire.spoken import Spoken

Random = Callable[[int], bytes]
"""Gives so many octets."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back to one question.

    Args:
        said: the answer as `roadseal._core.read_answer` reads it, or empty.
        failure: why there is none: ``refused``, ``silent``, ``closed``, ``malformed``, or empty.
    """

    said: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an interview came to.

    Args:
        spoken: what the service speaks, one for each thing that can be said apart.
        certificates: those it showed (DER).
        failure: why nothing can be said, or not everything.
    """

    spoken: tuple[Spoken, ...] = ()
    certificates: tuple[bytes, ...] = ()
    failure: str = ""


Interview = Generator[bytes, Reply, Heard]
