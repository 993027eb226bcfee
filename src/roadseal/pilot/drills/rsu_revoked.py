"""Drill: a roadside unit is revoked; how long until every station refuses it."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from roadseal.net import shipped_links
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.revocation import obey, revocation_list
from roadseal.pilot.drills.scene import LATENCY_S, Scene, tenths
from roadseal.pilot.measures import Moment, Provenance
from roadseal.v2x import Reason, Verifier

BROADCAST_DELIVERY = 0.9
"""Share of the broadcast lists that reach a vehicle, a parameter and not a result."""

WITHIN_S = 10.0
"""Every station must refuse this long after the decision."""

_DECIDED_S, _END_S = 1.0, 12.0
_UNITS, _VEHICLES_A_UNIT = 4, 4
_HANDLING_S = 0.1  # a unit's own time from receiving a push to its first broadcast


@dataclass
class _Station:
    """A station that hears the revoked unit, and learns of revocations at `due` seconds."""

    verifier: Verifier
    due: Callable[[float], bool]
    last_accepted_s: float = 0.0
    informed: bool = False


def run(
    scene: Scene, *, pushed: bool = True, broadcast_delivery: float = BROADCAST_DELIVERY
) -> Finding:
    """Revoke a unit that goes on sending.

    Args:
        scene: where.
        pushed: whether the centre's list reaches the other units.
        broadcast_delivery: share of their broadcasts that reach a vehicle.
    """
    revoked, honest = scene.stations.roadside_unit(), scene.stations.roadside_unit()
    order = revocation_list(scene, scene.stations.commands.root, [revoked.hashed_id8], _DECIDED_S)
    forged = revocation_list(scene, scene.stations.vehicle(), [honest.hashed_id8], 0.0)
    stations = _stations(scene, pushed=pushed, delivery=broadcast_delivery)
    forged_believed = sum(obey(station.verifier, forged, scene, LATENCY_S) for station in stations)
    verdicts: Counter[str] = Counter()
    accepted_after = 0
    for time_s in tenths(0, _END_S):
        now_s = time_s + LATENCY_S
        message = scene.spat(revoked, time_s, certificate=round(time_s * 10) % 10 == 0)
        for station in stations:
            if not station.informed and station.due(time_s):
                station.informed = obey(station.verifier, order, scene, now_s)
            verdict = station.verifier.verify(message, scene.at(now_s))
            verdicts[verdict.overall] += 1
            if verdict.ok:
                station.last_accepted_s = time_s
                accepted_after += time_s >= _DECIDED_S
    still = scene.spat(honest, _END_S, certificate=True)
    heard = sum(each.verifier.verify(still, scene.at(_END_S)).ok for each in stations)
    times_s = sorted(max(0.0, each.last_accepted_s + 0.1 - _DECIDED_S) for each in stations)
    held = (
        set(verdicts) == {Reason.OK, Reason.REVOKED}
        and times_s[-1] <= WITHIN_S
        and forged_believed == 0
        and heard == len(stations)
    )
    p50_s, max_s = statistics.median_low(times_s), times_s[-1]
    return Finding(
        held,
        f"Half of {len(stations)} stations refused the unit {p50_s:.1f} s after the decision, the "
        f"last one after {max_s:.1f} s; {accepted_after} of its messages were still believed; "
        f"{forged_believed} believed a list signed by a vehicle.",
        verdicts.total() + 2 * len(stations),
        {
            "refused_p50_s": round(p50_s, 3),
            "refused_max_s": round(max_s, 3),
            "accepted_after_decision": float(accepted_after),
            "forged_lists_believed": float(forged_believed),
            "recovery_s": round(max_s, 3),
        },
        (
            Moment(_DECIDED_S, "revocation decided"),
            Moment(_DECIDED_S + p50_s, "half of the stations refuse"),
            Moment(_DECIDED_S + max_s, "every station refuses"),
        ),
        Provenance.MODELLED,
    )


def _stations(scene: Scene, *, pushed: bool, delivery: float) -> list[_Station]:
    """Other units, which get the list by backhaul, and vehicles, which get it from them at 1 Hz."""
    draws = scene.draws(DRILL.id)
    stations: list[_Station] = []
    one_way_s = shipped_links()["fibre"].round_trip_s / 2
    for _ in range(_UNITS):
        has_list_s = _DECIDED_S + one_way_s + _HANDLING_S
        phase = draws.randrange(10)  # in tenths of a second, when this unit broadcasts

        def at_unit(time_s: float, since_s: float = has_list_s) -> bool:
            return pushed and time_s >= since_s

        def at_vehicle(time_s: float, since_s: float = has_list_s, phase: int = phase) -> bool:
            on_air = pushed and time_s >= since_s and round(time_s * 10) % 10 == phase
            return on_air and draws.random() < delivery

        stations.append(_Station(scene.stations.verifier(), at_unit))
        stations += [
            _Station(scene.stations.verifier(), at_vehicle) for _ in range(_VEHICLES_A_UNIT)
        ]
    return stations


DRILL = Drill(
    "rsu-revoked",
    "Roadside unit revoked",
    "A roadside unit is revoked and goes on sending; the signed list reaches the other units over "
    f"the backhaul, and vehicles by their broadcast at 1 Hz, of which {BROADCAST_DELIVERY:.0%} "
    "arrive. A vehicle signs a list of its own against an honest unit.",
    f"Every station refuses the unit within {WITHIN_S:g} s and none believes the vehicle's list.",
    run,
)
