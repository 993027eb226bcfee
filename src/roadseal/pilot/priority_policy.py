"""Who decides on priority: what it sees at a step, and what it grants.

The policy is whoever answers priority requests: the pilot's secured-message engine (`priority`), or
one of the simple ones here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from roadseal.pilot.priority_signal import Grant


@dataclass(frozen=True, slots=True)
class SignalAhead:
    """A signal on an emergency vehicle's route.

    Args:
        signal: id.
        link: index of the link the vehicle will use from its present lane.
        distance_m: to the stop line along the route.
        eta_s: at the present speed, or at 5 m/s if it is slower.
        light: what the link shows now.
    """

    signal: str
    link: int
    distance_m: float
    eta_s: float
    light: str


@dataclass(frozen=True, slots=True)
class EmergencyVehicle:
    """An emergency vehicle in the network now; position in network metres."""

    id: str
    x: float
    y: float
    speed_mps: float
    angle_deg: float
    lane: str
    signals: tuple[SignalAhead, ...]


@dataclass(frozen=True, slots=True)
class PriorityContext:
    """What a policy sees at one step.

    Args:
        step: number from 0.
        time_s: simulated time of the step.
        vehicles: emergency vehicles in the network, in order of id.
        states: state string of every signal.
        granted: for each signal with grants, the vehicles, served first.
    """

    step: int
    time_s: float
    vehicles: tuple[EmergencyVehicle, ...]
    states: Mapping[str, str]
    granted: Mapping[str, tuple[str, ...]]


class PriorityPolicy(Protocol):
    """Decides on priority; must be picklable to run in a worker process."""

    def decide(self, context: PriorityContext) -> Sequence[Grant]:
        """Return the grants of this step, new or prolonged."""
        ...


@dataclass(frozen=True, slots=True)
class NoPriority:
    """Grants nothing: the baseline."""

    def decide(self, context: PriorityContext) -> Sequence[Grant]:
        """Return no grant."""
        return ()


@dataclass(frozen=True, slots=True)
class NextSignalPriority:
    """Grants every emergency vehicle the next signal on its way, without asking: the ideal.

    Args:
        lead_s: from this estimated time before the stop line.
    """

    lead_s: float = 25.0

    def decide(self, context: PriorityContext) -> Sequence[Grant]:
        """Return a grant for each vehicle near enough, prolonged at each step."""
        return [
            Grant(ahead.signal, ahead.link, vehicle.id, context.time_s + 1.0)
            for vehicle in context.vehicles
            for ahead in vehicle.signals[:1]
            if ahead.eta_s <= self.lead_s
        ]


@dataclass(frozen=True, slots=True)
class ForgedPriority:
    """An attacker whose requests are granted: grants for vehicles that do not exist.

    Args:
        grants: (first time, grant); each is granted once, when its time has come.
        base: decides for the real vehicles.
    """

    grants: tuple[tuple[float, Grant], ...]
    base: PriorityPolicy = NoPriority()

    def decide(self, context: PriorityContext) -> Sequence[Grant]:
        """Return the real grants and the forged ones that are in force."""
        forged = [
            grant
            for first_s, grant in self.grants
            if first_s <= context.time_s < grant.expires_s
            and grant.vehicle not in context.granted.get(grant.signal, ())
        ]
        return [*self.base.decide(context), *forged]
