"""Drill: a roadside unit falls silent and comes back, and somebody plays its messages again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import FRESH_S, LATENCY_S, Scene, tenths
from roadseal.pilot.measures import Moment
from roadseal.v2x import Credential, Reason, Verifier

DELIVERY = 0.9
"""Share of messages that arrive, a parameter and not a result."""

PLAYBACK_DELAY_S = 3.0
"""After this the recorded messages are on the air again: older than the policy's largest age."""

_OFF_S, _BACK_S, _END_S = 5.0, 15.0, 20.0
_RECEIVERS = 5


@dataclass
class _Receiver:
    """A vehicle that uses what a signal shows while it is verified and fresh."""

    verifier: Verifier
    since_s: float = 0.0
    made_s: float | None = None
    stale_used: int = 0
    verified_s: list[float] = field(default_factory=list)
    used_s: list[float] = field(default_factory=list)

    def hear(self, scene: Scene, message: bytes, now_s: float) -> str:
        verdict = self.verifier.verify(message, scene.at(now_s))
        if verdict.ok and verdict.generation_time is not None:
            self.made_s = (verdict.generation_time - scene.start) / 1e6
            self.verified_s.append(now_s)
        return verdict.overall

    def look(self, now_s: float, silent_since_s: float) -> None:
        """Use the information if it is fresh; note when it cannot be what the signal shows."""
        if self.made_s is not None and now_s - self.made_s <= FRESH_S:
            self.used_s.append(now_s)
            self.stale_used += now_s - silent_since_s > FRESH_S


def run(scene: Scene) -> Finding:
    """Play the silence, the playback and the return."""
    draws = scene.draws(DRILL.id)
    unit = scene.stations.roadside_unit()
    known = [_Receiver(scene.stations.verifier()) for _ in range(_RECEIVERS)]
    newcomer = _Receiver(scene.stations.verifier(), since_s=_OFF_S + 1)
    played_back: Counter[str] = Counter()
    recorded: dict[float, bytes] = {}
    heard = 0
    for time_s in tenths(0, _END_S):
        now_s = time_s + LATENCY_S
        silent = _OFF_S <= time_s < _BACK_S
        old = recorded.get(round(time_s - PLAYBACK_DELAY_S, 1)) if silent else None
        for receiver in (*known, newcomer):
            if time_s < receiver.since_s:
                continue
            if not silent and draws.random() < DELIVERY:
                message = recorded.setdefault(time_s, _spat(scene, unit, time_s))
                receiver.hear(scene, message, now_s)
                heard += 1
            if old is not None:
                played_back[receiver.hear(scene, old, now_s)] += 1
            silent_since_s = _OFF_S if silent else now_s
            receiver.look(now_s, silent_since_s)
    return _finding(known, newcomer, played_back, heard)


def _spat(scene: Scene, unit: Credential, time_s: float) -> bytes:
    """Sign, with the certificate once a second and in the first half second after a start."""
    started_s = 0.0 if time_s < _OFF_S else _BACK_S
    certificate = time_s - started_s < 0.5 or round(time_s * 10) % 10 == 0
    return scene.spat(unit, time_s, certificate=certificate)


def _finding(
    known: list[_Receiver], newcomer: _Receiver, played_back: Counter[str], heard: int
) -> Finding:
    everyone = [*known, newcomer]
    withdrawn_s = max(
        max((s for s in receiver.used_s if s < _BACK_S), default=_OFF_S) - _OFF_S + 0.1
        for receiver in known
    )
    firsts = [next((s for s in each.verified_s if s >= _BACK_S), None) for each in everyone]
    recovery_s = max(_END_S if first is None else first for first in firsts) - _BACK_S
    stale_used = sum(receiver.stale_used for receiver in everyone)
    before = all(any(s < _OFF_S for s in receiver.used_s) for receiver in known)
    held = (
        before
        and stale_used == 0
        and played_back[Reason.OK] == 0
        and played_back.total() > 0
        and recovery_s <= 1.0
    )
    return Finding(
        held,
        f"Withdrawn at most {withdrawn_s:.1f} s after the unit fell silent; "
        f"{played_back[Reason.OK]} of {played_back.total()} played-back messages believed; "
        f"verified again {recovery_s:.2f} s after the return by all, one of them a newcomer.",
        heard + played_back.total(),
        {
            "withdrawn_after_s": round(withdrawn_s, 3),
            "stale_used": float(stale_used),
            "played_back": float(played_back.total()),
            "played_back_believed": float(played_back[Reason.OK]),
            "recovery_s": round(recovery_s, 3),
        },
        (
            Moment(_OFF_S, "unit silent"),
            Moment(round(_OFF_S + withdrawn_s, 3), "information withdrawn by all"),
            Moment(_BACK_S, "unit back"),
            Moment(_BACK_S + recovery_s, "verified by all"),
        ),
    )


DRILL = Drill(
    "rsu-offline",
    "Roadside unit offline and back",
    f"A roadside unit is silent for {_BACK_S - _OFF_S:g} s; meanwhile its recorded messages are "
    f"played again, {PLAYBACK_DELAY_S:g} s old.",
    f"Nobody uses information older than {FRESH_S} s, no played-back message is believed, and all "
    "verify again within a second of the return, a vehicle new to the unit as well.",
    run,
)
