"""Drill: root, EA and AA are followed by new ones, and a roadside unit changes to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from roadseal.operate.pki.v2x.lists import Entry, TrustList, sign_trust_list
from roadseal.pilot.air_pki import granted
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.list_receiver import Broadcast, ListReceiver
from roadseal.pilot.drills.scene import LATENCY_S, Scene, tenths
from roadseal.pilot.measures import Moment
from roadseal.v2x import Credential, Reason, Verifier
from roadseal.v2x.permissions import ROADSIDE_UNIT
from roadseal.v2x.testing import Authority

DELIVERY = 0.9
"""Share of messages and frames that arrive, either way; a parameter and not a result."""

WITHIN_S = 3.5
"""So long a newcomer may need that knows the old lists alone."""

_ANNOUNCED_S, _CHANGED_S, _END_S = 2.0, 7.0, 12.0
_ANNOUNCE_PERIOD_TENTHS = 5
_COMES_S = 8.1  # between two messages that bring the certificate anyhow
_RECEIVERS = 10


@dataclass
class _Receiver(ListReceiver):
    """A vehicle that learns the new authorities and the new ticket beside the old, or asks."""

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


@dataclass(frozen=True)
class _Rolled:
    """The unit's old ticket and its new one, the lists that say so, and the new authorities."""

    old: Credential
    new: Credential
    lists: tuple[bytes, ...]
    names: frozenset[str]


@dataclass
class _Counts:
    """What happened besides."""

    requests: int = 0
    fooled: int = 0
    overlap: Counter[str] = field(default_factory=Counter)


def run(scene: Scene, *, announced: bool = True, answers: bool = True) -> Finding:
    """Announce the new authorities, change to them, and let somebody come who knows neither.

    Args:
        scene: where.
        announced: whether lists and the new ticket are handed out.
        answers: whether the unit answers peer-to-peer certificate requests.
    """
    scene = scene.anew()
    draws = scene.draws(DRILL.id)
    stations, counts = scene.stations, _Counts()
    unit, vehicle = stations.verifier(), stations.vehicle()
    beside = stations.roadside_unit()  # goes on with the old authorities
    before = stations.pki.anchors
    known = [_Receiver(stations.verifier(), before) for _ in range(_RECEIVERS)]
    newcomer = _Receiver(stations.verifier(), before, since_s=_COMES_S)
    rolled = _roll(scene)
    impostor, forged = _impostor(scene)
    broadcasts = Broadcast.of(rolled.lists)
    asked = False
    for time_s in tenths(0, _END_S):
        tenth, now_s = round(time_s * 10), time_s + LATENCY_S
        under_new = time_s >= _CHANGED_S
        sender = rolled.new if under_new else rolled.old
        period = tenth % _ANNOUNCE_PERIOD_TENTHS == 0
        handing_out = announced and period and _ANNOUNCED_S <= time_s < _CHANGED_S
        message = scene.spat(
            sender,
            time_s,
            certificate=asked or tenth % 10 == 0,
            announce=rolled.new.certificate if handing_out else None,
        )
        asked = False
        present = [each for each in (*known, newcomer) if time_s >= each.since_s]
        if announced and period and time_s >= _ANNOUNCED_S:
            for receiver in present:
                receiver.listen(
                    broadcasts, b"unit", scene.at(now_s), lambda: draws.random() < DELIVERY
                )
        if tenth == 5:
            counts.fooled += sum(each.obey(forged, scene.at(now_s)) for each in known)
        if tenth % 10 == 5:
            for receiver in known:
                offered = scene.spat(impostor, time_s, certificate=True)
                counts.fooled += receiver.verifier.verify(offered, scene.at(now_s)).ok
                other = scene.spat(beside, time_s, certificate=True)
                verdict = receiver.verifier.verify(other, scene.at(now_s))
                counts.overlap[verdict.overall] += 1
        for number, receiver in enumerate((*known, newcomer)):
            if time_s < receiver.since_s or draws.random() >= DELIVERY:
                continue
            receiver.hear(message, scene, now_s, under_new=under_new)
            if receiver.missing is None:
                continue
            counts.requests += 1
            sent_s = time_s + 2 * LATENCY_S
            asking = scene.cam(vehicle, sent_s, ask_for=receiver.missing, number=number)
            if answers and draws.random() < DELIVERY:
                asked |= _asks_for(sender, asking, unit, scene, sent_s)
    return _finding(known, newcomer, counts, _retire(scene, rolled, beside))


def _roll(scene: Scene) -> _Rolled:
    """Make new authorities; the unit enrols with the new EA and gets a ticket of the new AA."""
    issuer, now = scene.stations.commands, scene.at(_ANNOUNCED_S)
    pki, bearer = issuer.pki, issuer.enrol(ROADSIDE_UNIT)
    old = granted(pki.answer(issuer.request(bearer, scene.at(0)), scene.at(0)))
    root, ea = (pki.follow(role, now) for role in ("root", "ea"))
    aa = pki.follow("aa", now, algorithm=issuer.profile.certificate)
    pki.go_on()
    moved = pki.move(bearer, now)
    new = granted(pki.answer(issuer.request(moved, now, aa=aa), now))
    return _Rolled(old, new, pki.publish(now), frozenset({root, ea, aa}))


def _retire(scene: Scene, rolled: _Rolled, beside: Credential) -> tuple[bool, bool]:
    """The old authorities leave the lists: whom a station believes that starts after that.

    Returns:
        Whether the unit that stayed with them, and whether the one that changed.
    """
    pki, now = scene.stations.pki, scene.at(_END_S)
    in_use = [name for role in ("aa", "ea", "root") for name, _ in pki.system.in_use(role)]
    for name in in_use:
        if name not in rolled.names:
            pki.retire(name)
    pki.publish(now)
    fresh = scene.stations.verifier()
    old, new = (
        fresh.verify(scene.spat(unit, _END_S, certificate=True), now).ok
        for unit in (beside, rolled.new)
    )
    return old, new


def _impostor(scene: Scene) -> tuple[Credential, bytes]:
    """A unit under an authority that nobody trusts, and a list that calls its root a successor."""
    own = Authority(
        scene.approach.commands.name, now=scene.stations.commands.start, name="impostor"
    )
    root = scene.stations.commands.root.certificate
    usurped = TrustList(
        sequence=1,
        is_full=True,
        next_update=scene.at(7 * 86_400.0),
        added=(Entry("rca", own.root.certificate, successor_to=root),),
        of_tlm=True,
    )
    return own.roadside_unit(), sign_trust_list(usurped, own.root, scene.at(0))


def _asks_for(own: Credential, message: bytes, unit: Verifier, scene: Scene, sent_s: float) -> bool:
    """Whether a verified CAM asks for the unit's own certificate."""
    verdict = unit.verify(message, scene.at(sent_s + LATENCY_S))
    return verdict.ok and own.hashed_id8[-3:] in verdict.p2pcd_requests


def _finding(
    known: Sequence[_Receiver],
    newcomer: _Receiver,
    counts: _Counts,
    retired: tuple[bool, bool],
) -> Finding:
    verdicts = sum((receiver.verdicts for receiver in known), Counter[str]())
    informed = sum(receiver.informed for receiver in known)
    lost = sum(receiver.lost for receiver in known)
    apart = counts.overlap.total() - counts.overlap[Reason.OK]
    came_s = newcomer.verified_s
    wait_s = (_END_S if came_s is None else came_s) - _COMES_S
    held = (
        informed == len(known)
        and lost == counts.fooled == apart == 0
        and wait_s <= WITHIN_S
        and retired == (False, True)
    )
    refused = verdicts.total() - verdicts[Reason.OK]
    return Finding(
        held,
        f"{informed} of {len(known)} stations had new root, AA and ticket before the change and "
        f"lost {lost} messages to it; {refused} of {verdicts.total()} messages were refused in "
        f"all, {apart} of {counts.overlap.total()} of a unit that stayed with the old ones; a "
        f"newcomer verified after {wait_s:.2f} s and {counts.requests} certificate requests; "
        f"{counts.fooled} believed an impostor's list or key. When the old ones had left the lists "
        f"a new station {'believed' if retired[0] else 'refused'} them.",
        verdicts.total() + newcomer.verdicts.total() + counts.overlap.total() + len(retired),
        {
            "messages": float(verdicts.total()),
            "informed_share": informed / len(known),
            "lost_to_rollover": float(lost),
            "refused": float(refused),
            "old_refused_in_overlap": float(apart),
            "old_believed_when_retired": float(retired[0]),
            "certificate_requests": float(counts.requests),
            "newcomer_wait_s": round(wait_s, 3),
            "impostor_believed": float(counts.fooled),
        },
        (
            Moment(_ANNOUNCED_S, "lists with the new root and AA; new ticket handed out"),
            Moment(_CHANGED_S, "key changed"),
            Moment(_COMES_S, "newcomer arrives"),
            Moment(round(_COMES_S + wait_s, 3), "newcomer verifies"),
            Moment(_END_S, "old authorities retired"),
        ),
    )


DRILL = Drill(
    "key-rollover",
    "Key rollover under traffic",
    "The trust list manager lists a new root beside the old one, that root a new EA and AA. A "
    "roadside unit gets a ticket of the new AA, hands out lists and ticket for "
    f"{_CHANGED_S - _ANNOUNCED_S:g} s and then signs with the new key; {DELIVERY:.0%} of the "
    "messages and frames arrive. A vehicle comes later that knows neither; another unit stays with "
    "the old ones; an impostor offers its own root and key.",
    "Every station has all in time and loses no message to the change, and hears the other unit as "
    f"well; the newcomer asks (P2PCD) and verifies within {WITHIN_S:g} s; nobody believes the "
    "impostor; when the old ones have left the lists, a station that starts refuses them.",
    run,
)
