"""What a campaign will cost: the same decisions, on devices that all do as they should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.fleet.change import Change
from roadseal.fleet.decide import Phase, Stratum, Tally, decide
from roadseal.fleet.plan import Device, Plan


@dataclass(frozen=True, slots=True)
class WaveForecast:
    """When one wave begins and is passed, in seconds from the start."""

    stratum: str
    stage: str
    wave: int
    devices: int
    begins_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What to expect when nothing goes wrong.

    Args:
        devices: how many.
        bytes_sent: on the devices' links, both directions.
        cpu_s: in the centre.
        duration_s: from the start to the last wave's end.
        calendar: the waves, by their beginning.
    """

    devices: int
    bytes_sent: int
    cpu_s: float
    duration_s: float
    calendar: tuple[WaveForecast, ...]

    def to_json(self) -> dict[str, Any]:
        """Values for the database and for people."""
        return asdict(self)


def strata_of(plan: Plan, devices: Sequence[Device]) -> dict[str, list[Device]]:
    """Sort devices into strata, each in the order in which the waves take them."""
    strata: dict[str, list[Device]] = {}
    for device in plan.order(devices):
        strata.setdefault(device.stratum, []).append(device)
    return dict(sorted(strata.items()))


def new_stratum(plan: Plan, name: str, size: int) -> Stratum:
    """Return a stratum of `size` devices before its start."""
    ends = plan.wave_ends(size)
    return Stratum(name, tuple(end - start for start, end in zip((0, *ends), ends, strict=False)))


def forecast(plan: Plan, change: Change, devices: Sequence[Device]) -> Forecast:
    """Play the campaign without devices: each wave takes its spread and its steps' durations."""
    groups = strata_of(plan, devices)
    strata = [new_stratum(plan, name, len(group)) for name, group in groups.items()]
    took_s = [sum(step.duration_s for step in stage.steps) for stage in change.stages]
    calendar: list[WaveForecast] = []
    now = Time64(0)
    while True:
        tallies = {}
        for one in strata:
            done = now >= one.since + _us(plan.spread_s + took_s[one.stage])
            size = one.wave_sizes[one.wave]
            tallies[one.name] = Tally(succeeded=size) if done else Tally(pending=size)
        moves = decide(plan, change, strata, tallies, now)
        for move in moves:
            strata = [move.to if one.name == move.to.name else one for one in strata]
            if move.kind == "campaign.wave-opened":
                calendar.append(_wave(plan, change, move.to, took_s))
        if moves:
            continue
        due = [_due(plan, one, took_s) for one in strata if one.phase is not Phase.FINISHED]
        ahead = [moment for moment in due if moment > now]
        if not ahead:
            break
        now = Time64(min(ahead))
    steps = [step for stage in change.stages for step in stage.steps]
    return Forecast(
        len(devices),
        len(devices) * sum(step.bytes_sent for step in steps),
        len(devices) * sum(step.cpu_s for step in steps),
        now / MICROSECONDS_PER_SECOND,
        tuple(sorted(calendar, key=lambda wave: (wave.begins_s, wave.stratum))),
    )


def _wave(plan: Plan, change: Change, at: Stratum, took_s: Sequence[float]) -> WaveForecast:
    begins_s = at.since / MICROSECONDS_PER_SECOND
    ends_s = begins_s + plan.spread_s + took_s[at.stage] + plan.gate.soak_s
    name = change.stages[at.stage].name
    return WaveForecast(at.name, name, at.wave + 1, at.wave_sizes[at.wave], begins_s, ends_s)


def _due(plan: Plan, at: Stratum, took_s: Sequence[float]) -> int:
    match at.phase:
        case Phase.RUNNING:
            return at.since + _us(plan.spread_s + took_s[at.stage])
        case Phase.SOAKING:
            return at.since + _us(plan.gate.soak_s)
    return 0


def _us(seconds: float) -> int:
    return round(seconds * MICROSECONDS_PER_SECOND)
