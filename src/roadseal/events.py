"""Events: what happened to trust, told once.

Rooms are given an `Emit` and do not know who listens; whoever composes them does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from roadseal.clock import Time64

Fact = str | int | float | bool | None
"""What an event may state: values that any format can hold, never a secret."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed trust.

    Args:
        time: when.
        subject: whom or what it concerns: a station, a certificate, a link.
        kind: what happened, dotted and stable: ``downgrade.refused``, ``certificate.revoked``.
        facts: what an investigator will ask for.
    """

    time: Time64
    subject: str
    kind: str
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))


Emit = Callable[[Event], None]
"""How a room tells: it is given one of these and calls it."""


def unheard(event: Event) -> None:
    """An `Emit` for where nobody listens: what runs for long must not keep what nobody reads."""


class EventLog:
    """An `Emit` that keeps what was emitted, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Keep `event`."""
        self.events.append(event)
