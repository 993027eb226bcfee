"""Drill: the backhaul is cut between a roadside unit and its centre."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from roadseal.clock import ManualClock
from roadseal.net import LOOPBACK, Relay, shipped_links
from roadseal.pilot.drills.backhaul import (
    HASTY,
    IMPATIENT_S,
    Backhaul,
    confirmed,
    listen,
    open_session,
)
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene, tenths
from roadseal.pilot.measures import Moment, Provenance

RETRY_S = 1.0
"""How often a unit tries to reach its centre again."""

_CUT_S, _BACK_S = 5.0, 15.3
_COMMANDS = 3  # before, in and after the cut


@dataclass(frozen=True)
class _Sessions:
    """What the real sessions gave."""

    before: int
    during: int
    reconnected_during: int
    late_answers: int
    after: int
    reconnected: bool
    round_trips: int
    group: str


def run(scene: Scene, *, cut: bool = True) -> Finding:
    """Ask the centre before, in and after the cut; serve the road meanwhile.

    Args:
        scene: where.
        cut: whether the link is really cut.
    """
    sessions = asyncio.run(_play(scene, cut=cut))
    local = tenths(_CUT_S, _BACK_S)
    verified = _serve_locally(scene, local)
    # Virtual time: the next attempt after the return, then TCP, TLS and the question.
    next_s = _CUT_S + math.ceil((_BACK_S - _CUT_S) / RETRY_S) * RETRY_S
    trips_s = (2 + sessions.round_trips) * shipped_links()["fibre"].round_trip_s
    recovery_s = next_s - _BACK_S + trips_s
    held = (
        sessions.before == sessions.after == sessions.late_answers == _COMMANDS
        and sessions.during == sessions.reconnected_during == 0
        and sessions.reconnected
        and verified == len(local)
    )
    return Finding(
        held,
        f"Confirmed over {sessions.group}: {sessions.before} of {_COMMANDS} commands before the "
        f"cut, {sessions.during} in it, {sessions.after} after it; {sessions.late_answers} late "
        f"answers moved nothing; {verified} of {len(local)} local SPaT verified in the cut.",
        3 * _COMMANDS + len(local),
        {
            "confirmed_before": float(sessions.before),
            "confirmed_in_cut": float(sessions.during),
            "late_answers_passed_over": float(sessions.late_answers),
            "confirmed_after": float(sessions.after),
            "availability": verified / len(local),
            "recovery_s": round(recovery_s, 4),
        },
        (
            Moment(_CUT_S, "backhaul cut, commands refused"),
            Moment(_BACK_S, "backhaul back"),
            Moment(_BACK_S + recovery_s, "commands confirmed again"),
        ),
        Provenance.MODELLED,
    )


async def _play(scene: Scene, *, cut: bool) -> _Sessions:
    clock = ManualClock(scene.start)
    backhaul = Backhaul(scene.approach.backhaul, now=scene.start)
    unit = backhaul.unit()
    server = await listen(backhaul.centre(), clock)
    try:
        async with Relay(LOOPBACK, "127.0.0.1", server.port, seed=scene.seed) as relay:
            stream = await open_session(relay.port, unit, clock)
            if stream is None:
                return _Sessions(0, 0, 0, 0, 0, reconnected=False, round_trips=0, group="nothing")
            used = stream.negotiated
            before = [await confirmed(stream, number) for number in range(_COMMANDS)]
            if cut:
                relay.cut()
            during = [
                await confirmed(stream, 100 + number, within_s=IMPATIENT_S)
                for number in range(_COMMANDS)
            ]
            attempt = await open_session(relay.port, unit, clock, limits=HASTY)
            relay.restore()
            # The old session has survived: answers to what was asked in the cut arrive only now.
            _, late = await confirmed(stream, 200)
            await stream.close()
            again = await open_session(relay.port, unit, clock)
            after = [] if again is None else [await confirmed(again, 300 + n) for n in range(3)]
            for each in (attempt, again):
                if each is not None:
                    await each.close()
    finally:
        await server.close()
    return _Sessions(
        sum(yes for yes, _ in before),
        sum(yes for yes, _ in during),
        int(attempt is not None),
        late,
        sum(yes for yes, _ in after),
        again is not None,
        used.round_trips,
        used.group,
    )


def _serve_locally(scene: Scene, times_s: list[float]) -> int:
    """How many SPaT a vehicle verified; none of them needs the backhaul."""
    unit, receiver = scene.stations.roadside_unit(), scene.stations.verifier()
    return sum(
        receiver.verify(
            scene.spat(unit, time_s, certificate=index % 10 == 0), scene.at(time_s + LATENCY_S)
        ).ok
        for index, time_s in enumerate(times_s)
    )


DRILL = Drill(
    "backhaul-cut",
    "Backhaul cut",
    f"The link between a roadside unit and its centre is cut for {_BACK_S - _CUT_S:g} s under "
    "established TLS sessions.",
    "No command is carried out that the centre did not confirm in time; SPaT goes on and is "
    "verified; after the cut the unit reconnects and commands are confirmed again.",
    run,
)
