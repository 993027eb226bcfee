"""Drill: a roadside unit's ticket runs out while it sends; then it asks for another."""

from __future__ import annotations

from collections import Counter

from roadseal.pilot.air_pki import granted
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene, tenths
from roadseal.pilot.measures import Moment
from roadseal.v2x import Duration, Reason
from roadseal.v2x.permissions import ROADSIDE_UNIT

LIFE_S = 5
_RECEIVERS = 5
_END_S = 8.0


def run(scene: Scene) -> Finding:
    """Send SPaT at 10 Hz across the last second of the ticket."""
    issuer, pki = scene.stations.commands, scene.stations.pki
    bearer = issuer.enrol(ROADSIDE_UNIT)
    short = issuer.request(bearer, scene.at(0), duration=Duration.seconds(LIFE_S))
    unit = granted(pki.answer(short, scene.at(0)))
    receivers = [scene.stations.verifier() for _ in range(_RECEIVERS)]
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    late_s = 0.0
    for time_s in tenths(0, _END_S):
        message = scene.spat(unit, time_s, certificate=round(time_s * 10) % 10 == 0)
        judged_s = time_s + LATENCY_S
        for receiver in receivers:
            verdict = receiver.verify(message, scene.at(judged_s))
            (before if judged_s < LIFE_S else after)[verdict.overall] += 1
            if verdict.ok and judged_s >= LIFE_S:
                late_s = max(late_s, judged_s - LIFE_S)
    renewed = granted(pki.answer(issuer.request(bearer, scene.at(_END_S)), scene.at(_END_S)))
    message = scene.spat(renewed, _END_S, certificate=True)
    again = sum(each.verify(message, scene.at(_END_S + LATENCY_S)).ok for each in receivers)
    held = set(before) == {Reason.OK} and set(after) == {Reason.EXPIRED} and again == len(receivers)
    accepted, refused = after[Reason.OK], after.total() - after[Reason.OK]
    return Finding(
        held,
        f"{before[Reason.OK]} of {before.total()} messages verified before the end of the "
        f"ticket, {accepted} after it; {refused} refused, {after[Reason.EXPIRED]} as expired; "
        f"{again} of {len(receivers)} receivers verify it under its next ticket.",
        before.total() + after.total() + len(receivers),
        {
            "verified_before": float(before[Reason.OK]),
            "accepted_after": float(accepted),
            "refused_after": float(refused),
            "refused_late_s": late_s,
            "verified_after_renewal": float(again),
        },
        (
            Moment(0.0, "ticket begins"),
            Moment(float(LIFE_S), "ticket runs out"),
            Moment(LIFE_S + late_s, "every receiver refuses"),
            Moment(_END_S, "the authority gives the next ticket"),
        ),
    )


DRILL = Drill(
    "certificate-expired",
    "Certificate expired",
    "A roadside unit goes on sending SPaT when its ticket has run out, and asks for the next one "
    f"{_END_S - LIFE_S:g} s later.",
    "Every receiver refuses from that second on, as expired, and refuses nothing before; under the "
    "next ticket every one verifies again.",
    run,
)
