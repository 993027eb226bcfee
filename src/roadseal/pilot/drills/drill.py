"""What a drill is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from roadseal.pilot.drills.scene import Scene
from roadseal.pilot.measures import Moment, Provenance


@dataclass(frozen=True, slots=True)
class Finding:
    """What a drill showed; see `measures.DrillResult` for the fields."""

    held: bool | None
    observed: str
    n: int
    figures: Mapping[str, float] = field(default_factory=dict)
    timeline: tuple[Moment, ...] = ()
    provenance: Provenance = Provenance.MEASURED


@dataclass(frozen=True, slots=True)
class Drill:
    """A declared fault or attack, and what must happen.

    Args:
        id: stable, in kebab-case.
        title: for people.
        fault: what is done.
        expectation: what must happen.
        runner: plays it.
    """

    id: str
    title: str
    fault: str
    expectation: str
    runner: Callable[[Scene], Finding]
