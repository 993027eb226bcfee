"""Drill: clocks jump, of the receiver and of the sender."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from roadseal.clock import ManualClock
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene, tenths
from roadseal.pilot.measures import Moment
from roadseal.v2x import Credential, Reason, Verifier


@dataclass(frozen=True)
class _Phase:
    """Two seconds under one fault; `refusal` is what the engine must say, `None` that it is ok."""

    what: str
    receiver_s: float = 0.0
    sender_s: float = 0.0
    synchronised: bool = True
    refusal: Reason | None = None


_RIGHT = _Phase("clocks right")
_PHASES = (
    _RIGHT,
    _Phase("receiver 5 s ahead", receiver_s=5.0, refusal=Reason.STALE),
    _RIGHT,
    _Phase("receiver 5 s behind", receiver_s=-5.0, refusal=Reason.FUTURE),
    _RIGHT,
    _Phase("sender 30 s behind", sender_s=-30.0, refusal=Reason.STALE),
    _RIGHT,
    _Phase("receiver without time", synchronised=False),
    _RIGHT,
)
_PHASE_S = 2.0


def run(scene: Scene) -> Finding:
    """An emergency vehicle asks ten times a second; the unit acts only when it may."""
    vehicle, unit = scene.stations.emergency_vehicle(), scene.stations.verifier()
    reasons: Counter[str] = Counter()
    as_expected, actuated, served, n, recovery_s = True, 0, 0, 0, 0.0
    timeline = []
    for index, phase in enumerate(_PHASES):
        begin_s = index * _PHASE_S
        timeline.append(Moment(begin_s, phase.what))
        first_s: float | None = None
        for time_s in tenths(begin_s, begin_s + _PHASE_S):
            overall, acts = _ask(scene, phase, vehicle, unit, time_s)
            n += 1
            as_expected &= overall == (phase.refusal or Reason.OK)
            if phase is not _RIGHT:
                reasons[overall] += 1
                actuated += acts
            elif acts:
                served += 1
                first_s = time_s if first_s is None else first_s
        if phase is _RIGHT:
            recovery_s = max(recovery_s, _PHASE_S if first_s is None else first_s - begin_s)
    expected_served = n * _PHASES.count(_RIGHT) // len(_PHASES)
    held = as_expected and actuated == 0 and served == expected_served
    return Finding(
        held,
        f"With a wrong clock {actuated} requests moved a signal: {reasons[Reason.STALE]} refused "
        f"as stale, {reasons[Reason.FUTURE]} as future, {reasons[Reason.OK]} verified without "
        f"time; with right clocks {served} of {expected_served} were served.",
        n,
        {
            "refused_stale": float(reasons[Reason.STALE]),
            "refused_future": float(reasons[Reason.FUTURE]),
            "verified_without_time": float(reasons[Reason.OK]),
            "actuated_in_fault": float(actuated),
            "served_with_right_clock": float(served),
            "recovery_s": round(recovery_s, 3),
        },
        tuple(timeline),
    )


def _ask(
    scene: Scene, phase: _Phase, vehicle: Credential, unit: Verifier, time_s: float
) -> tuple[str, bool]:
    """One request: the verdict, and whether the unit acts upon it."""
    receivers_clock = ManualClock(scene.at(time_s + LATENCY_S))
    receivers_clock.advance(phase.receiver_s)
    message = scene.request(vehicle, time_s + phase.sender_s)
    verdict = unit.verify(message, receivers_clock.now() if phase.synchronised else None)
    # Without time the engine says nothing of freshness, and what is not known fresh moves nothing.
    return verdict.overall, verdict.ok and verdict.freshness == Reason.OK


DRILL = Drill(
    "clock-jump",
    "Clocks jump",
    "The receiver's clock is 5 s ahead, then 5 s behind, then the sender's 30 s behind, then the "
    "receiver has no time at all; between the faults the clocks are right.",
    "Requests are refused as stale or future, without time they are verified and not acted upon; "
    "no signal moves; the first request with right clocks is served.",
    run,
)
