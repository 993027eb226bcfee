"""Drill: a roadside unit changes its key and certificate under traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene, tenths
from roadseal.pilot.measures import Moment
from roadseal.v2x import Credential, Reason, Verifier
from roadseal.v2x.testing import Authority

DELIVERY = 0.9
"""Share of messages that arrive, either way; a parameter and not a result."""

_ANNOUNCED_S, _CHANGED_S, _END_S = 2.0, 5.0, 9.0
_ANNOUNCE_PERIOD_TENTHS = 5
_COMES_S = 6.1  # between two messages that bring the certificate anyhow
_RECEIVERS = 10


@dataclass
class _Receiver:
    """A vehicle that learns the new certificate beside the old, or asks for it."""

    verifier: Verifier
    since_s: float = 0.0
    informed: bool = False
    missing: bytes | None = None
    verdicts: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    verified_s: float | None = None

    def hear(self, message: bytes, scene: Scene, now_s: float, *, under_new: bool) -> None:
        verdict = self.verifier.verify(message, scene.at(now_s))
        self.verdicts[verdict.overall] += 1
        self.missing = verdict.missing
        if verdict.ok and self.verified_s is None:
            self.verified_s = now_s
        if under_new and not verdict.ok and self.informed:
            self.lost += 1
        if verdict.ok and verdict.requested_certificate is not None:
            begin, end = verdict.requested_certificate
            self.informed |= self.verifier.learn(message[begin:end]) == Reason.OK


def run(scene: Scene, *, announced: bool = True, answers: bool = True) -> Finding:
    """Announce the new certificate, change to it, and let somebody come who knows neither.

    Args:
        scene: where.
        announced: whether the new certificate is handed out before the change.
        answers: whether the unit answers peer-to-peer certificate requests.
    """
    draws = scene.draws(DRILL.id)
    old, new = scene.stations.roadside_unit(), scene.stations.roadside_unit()
    unit, vehicle = scene.stations.verifier(), scene.stations.vehicle()
    known = [_Receiver(scene.stations.verifier()) for _ in range(_RECEIVERS)]
    newcomer = _Receiver(scene.stations.verifier(), since_s=_COMES_S)
    impostor = _impostor(scene)
    asked, requests, fooled = False, 0, 0
    for time_s in tenths(0, _END_S):
        tenth = round(time_s * 10)
        under_new = time_s >= _CHANGED_S
        handing_out = announced and _ANNOUNCED_S <= time_s < _CHANGED_S
        message = scene.spat(
            new if under_new else old,
            time_s,
            certificate=asked or tenth % 10 == 0,
            announce=new.certificate
            if handing_out and tenth % _ANNOUNCE_PERIOD_TENTHS == 0
            else None,
        )
        asked = False
        if tenth % 10 == 5:
            offered = scene.spat(impostor, time_s, certificate=True)
            now = scene.at(time_s + LATENCY_S)
            fooled += sum(receiver.verifier.verify(offered, now).ok for receiver in known)
        for number, receiver in enumerate((*known, newcomer)):
            if time_s < receiver.since_s or draws.random() >= DELIVERY:
                continue
            receiver.hear(message, scene, time_s + LATENCY_S, under_new=under_new)
            if receiver.missing is None:
                continue
            requests += 1
            sent_s = time_s + 2 * LATENCY_S
            asking = scene.cam(vehicle, sent_s, ask_for=receiver.missing, number=number)
            if answers and draws.random() < DELIVERY:
                asked |= _asks_for(new if under_new else old, asking, unit, scene, sent_s)
    return _finding(known, newcomer, requests, fooled)


def _impostor(scene: Scene) -> Credential:
    """A unit under an authority that nobody trusts."""
    profile = scene.approach.commands.name
    return Authority(profile, now=scene.stations.commands.start, name="impostor").roadside_unit()


def _asks_for(own: Credential, message: bytes, unit: Verifier, scene: Scene, sent_s: float) -> bool:
    """Whether a verified CAM asks for the unit's own certificate."""
    verdict = unit.verify(message, scene.at(sent_s + LATENCY_S))
    return verdict.ok and own.hashed_id8[-3:] in verdict.p2pcd_requests


def _finding(known: list[_Receiver], newcomer: _Receiver, requests: int, fooled: int) -> Finding:
    verdicts = sum((receiver.verdicts for receiver in known), Counter[str]())
    informed = sum(receiver.informed for receiver in known)
    lost = sum(receiver.lost for receiver in known)
    came_s = newcomer.verified_s
    wait_s = (_END_S if came_s is None else came_s) - _COMES_S
    held = informed == len(known) and lost == fooled == 0 and wait_s <= 1.0
    refused = verdicts.total() - verdicts[Reason.OK]
    return Finding(
        held,
        f"{informed} of {len(known)} stations had the new certificate before the change and lost "
        f"{lost} messages to it; {refused} of {verdicts.total()} messages were refused in all; a "
        f"newcomer verified after {wait_s:.2f} s and {requests} certificate requests; {fooled} "
        "believed an impostor's key.",
        verdicts.total() + newcomer.verdicts.total(),
        {
            "messages": float(verdicts.total()),
            "informed_share": informed / len(known),
            "lost_to_rollover": float(lost),
            "refused": float(refused),
            "certificate_requests": float(requests),
            "newcomer_wait_s": round(wait_s, 3),
            "impostor_believed": float(fooled),
        },
        (
            Moment(_ANNOUNCED_S, "new certificate handed out"),
            Moment(_CHANGED_S, "key changed"),
            Moment(_COMES_S, "newcomer arrives"),
            Moment(round(_COMES_S + wait_s, 3), "newcomer verifies"),
        ),
    )


DRILL = Drill(
    "key-rollover",
    "Key rollover under traffic",
    "A roadside unit hands out its new certificate beside the old for "
    f"{_CHANGED_S - _ANNOUNCED_S:g} s and then signs with the new key; {DELIVERY:.0%} of the "
    "messages arrive. A vehicle comes later that knows neither; an impostor offers its own key.",
    "Every station has the new certificate in time and loses no message to the change; the "
    "newcomer asks for it (P2PCD) and verifies within a second; nobody believes the impostor.",
    run,
)
