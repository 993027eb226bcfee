"""Drill: a roadside unit's certificate expires while it sends."""

from __future__ import annotations

from collections import Counter

from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene, tenths
from roadseal.pilot.measures import Moment
from roadseal.v2x import Duration, Reason
from roadseal.v2x.testing import ROADSIDE_UNIT

LIFE_S = 5
_RECEIVERS = 5
_END_S = 8.0


def run(scene: Scene) -> Finding:
    """Send SPaT at 10 Hz across the last second of the certificate."""
    unit = scene.stations.commands.station(
        ROADSIDE_UNIT, start=scene.at(0), duration=Duration.seconds(LIFE_S)
    )
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
    held = set(before) == {Reason.OK} and set(after) == {Reason.EXPIRED}
    accepted, refused = after[Reason.OK], after.total() - after[Reason.OK]
    return Finding(
        held,
        f"{before[Reason.OK]} of {before.total()} messages verified before the end of the "
        f"certificate, {accepted} after it; {refused} refused, {after[Reason.EXPIRED]} as expired.",
        before.total() + after.total(),
        {
            "verified_before": float(before[Reason.OK]),
            "accepted_after": float(accepted),
            "refused_after": float(refused),
            "refused_late_s": late_s,
        },
        (
            Moment(0.0, "certificate begins"),
            Moment(float(LIFE_S), "certificate expires"),
            Moment(LIFE_S + late_s, "every receiver refuses"),
        ),
    )


DRILL = Drill(
    "certificate-expired",
    "Certificate expired",
    "A roadside unit goes on sending SPaT when its certificate has expired.",
    "Every receiver refuses from that second on, as expired, and refuses nothing before.",
    run,
)
