"""Drill: a roadside unit is revoked; how long until every station refuses it.

A European ticket is on no list: a CRL names authorities (TS 102 941). So roadside units have an AA
of their own; the EA suspends the unit, the other units get tickets of a second AA, and the root
revokes the first one.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from dataclasses import dataclass, field

from roadseal.clock import Time64
from roadseal.net import shipped_links
from roadseal.operate.pki.v2x.lists import RevocationList, sign_revocation_list
from roadseal.pilot.air_pki import AirPki, Bearer, granted
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.list_receiver import Broadcast, ListReceiver
from roadseal.pilot.drills.scene import LATENCY_S, Scene, tenths
from roadseal.pilot.issuer import Issuer
from roadseal.pilot.measures import Moment, Provenance
from roadseal.v2x import Credential, Reason
from roadseal.v2x.permissions import ROADSIDE_UNIT

BROADCAST_DELIVERY = 0.9
"""Share of the broadcast frames that reach a vehicle, a parameter and not a result."""

WITHIN_S = 10.0
"""Every station must refuse this long after the decision."""

_DECIDED_S, _END_S = 1.0, 12.0
_UNITS, _VEHICLES_A_UNIT = 4, 4
_HANDLING_S = 0.1  # a unit's own time from receiving a push to its first broadcast


@dataclass
class _Station(ListReceiver):
    """A station that hears the units; a vehicle hears one's lists, in the tenths `phase`.

    A unit has no phase: it gets the lists over the backhaul.
    """

    phase: int | None = None
    last_accepted_s: float = 0.0
    honest: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Order:
    """What the operator did.

    Args:
        lists: the root's CTL with the second AA, and its CRL.
        reissued: the honest unit's ticket of the second authority.
        refusal: what that AA said to the revoked unit.
    """

    lists: tuple[bytes, ...]
    reissued: Credential
    refusal: str


def run(
    scene: Scene, *, pushed: bool = True, broadcast_delivery: float = BROADCAST_DELIVERY
) -> Finding:
    """Revoke a unit that goes on sending.

    Args:
        scene: where.
        pushed: whether the centre's lists reach the other units.
        broadcast_delivery: share of the frames of their broadcasts that reach a vehicle.
    """
    scene = scene.anew()
    issuer = scene.stations.commands
    first = _another_aa(issuer, issuer.start)
    issuer.pki.publish(issuer.start)
    bearers = [issuer.enrol(ROADSIDE_UNIT) for _ in range(2)]
    revoked, honest = (_ticket(issuer, bearer, scene, 0.0, aa=first) for bearer in bearers)
    draws = scene.draws(DRILL.id)
    stations = _stations(scene, draws)
    forged = _forged(scene, first)
    believed = sum(station.obey(forged, scene.at(LATENCY_S)) for station in stations)
    order = _decide(scene, *bearers, first=first)
    broadcasts = Broadcast.of(order.lists)
    verdicts: Counter[str] = Counter()
    accepted_after = 0
    for time_s in tenths(0, _END_S):
        now, tenth = scene.at(time_s + LATENCY_S), round(time_s * 10) % 10
        has_lists = pushed and time_s >= _informed_s()
        message = scene.spat(revoked, time_s, certificate=tenth == 0)
        # The centre reaches the honest unit no sooner than the others.
        other = order.reissued if has_lists else honest
        fair = scene.spat(other, time_s, certificate=True) if tenth == 5 else None
        for station in stations:
            if has_lists and station.phase is None:
                for octets in order.lists:
                    station.obey(octets, now)
            elif has_lists and station.phase == tenth:
                station.listen(
                    broadcasts, b"unit", now, lambda: draws.random() < broadcast_delivery
                )
            verdict = station.verifier.verify(message, now)
            verdicts[verdict.overall] += 1
            if verdict.ok:
                station.last_accepted_s = time_s
                accepted_after += time_s >= _DECIDED_S
            if fair is not None:
                station.honest[station.verifier.verify(fair, now).overall] += 1
    still = scene.spat(order.reissued, _END_S, certificate=True)
    vehicle = scene.cam(scene.stations.vehicle(), _END_S)
    heard = sum(
        all(each.verifier.verify(message, scene.at(_END_S)).ok for message in (still, vehicle))
        for each in stations
    )
    times_s = sorted(max(0.0, each.last_accepted_s + 0.1 - _DECIDED_S) for each in stations)
    fair_ones = sum((station.honest for station in stations), Counter[str]())
    lost = fair_ones.total() - fair_ones[Reason.OK]
    held = (
        set(verdicts) == {Reason.OK, Reason.REVOKED}
        and times_s[-1] <= WITHIN_S
        and believed == 0
        and heard == len(stations)
        and order.refusal != "ok"
    )
    p50_s, max_s = statistics.median_low(times_s), times_s[-1]
    size, frames = sum(map(len, order.lists)), sum(len(each.frames) for each in broadcasts)
    return Finding(
        held,
        f"Half of {len(stations)} stations refused the unit {p50_s:.1f} s after the decision, the "
        f"last one after {max_s:.1f} s; {accepted_after} of its messages were still believed; "
        f"{believed} believed a list signed by a vehicle. The authority refused it a new ticket "
        f"({order.refusal}); the lists have {size:,} bytes in {frames} frames; {lost} of "
        f"{fair_ones.total()} messages of an honest unit were refused while its new authority was "
        "not known everywhere.",
        verdicts.total() + fair_ones.total() + 3 * len(stations),
        {
            "refused_p50_s": round(p50_s, 3),
            "refused_max_s": round(max_s, 3),
            "accepted_after_decision": float(accepted_after),
            "forged_lists_believed": float(believed),
            "list_bytes": float(size),
            "list_frames": float(frames),
            "honest_refused": float(lost),
            "honest_messages": float(fair_ones.total()),
            "others_heard_at_end": float(heard),
            "recovery_s": round(max_s, 3),
        },
        (
            Moment(_DECIDED_S, "revocation decided"),
            Moment(_DECIDED_S + p50_s, "half of the stations refuse"),
            Moment(_DECIDED_S + max_s, "every station refuses"),
        ),
        Provenance.MODELLED,
    )


def _decide(scene: Scene, revoked: Bearer, honest: Bearer, *, first: str) -> _Order:
    """Suspend the one, move the other to a second AA, revoke the first AA."""
    issuer, now = scene.stations.commands, scene.at(_DECIDED_S)
    pki: AirPki = issuer.pki
    pki.system.ea.ledger.suspend(revoked.its_id)
    second = _another_aa(issuer, now)
    reissued = _ticket(issuer, honest, scene, _DECIDED_S, aa=second)
    refusal = pki.answer(issuer.request(revoked, now, aa=second), now).verdict
    pki.system.revoke_authority(pki.system.keys[first].hashed_id8)
    _, *lists = pki.publish(now)  # the roots have not changed
    return _Order(tuple(lists), reissued, refusal)


def _another_aa(issuer: Issuer, now: Time64) -> str:
    name = issuer.pki.follow("aa", now, algorithm=issuer.profile.certificate)
    issuer.pki.go_on()
    return name


def _forged(scene: Scene, aa: str) -> bytes:
    """A list against the units' AA, signed with a vehicle's ticket."""
    now, week = scene.at(0.0), scene.at(7 * 86_400.0)
    named = RevocationList(now, week, (scene.stations.pki.system.keys[aa].hashed_id8,))
    return sign_revocation_list(named, scene.stations.vehicle(), now)


def _ticket(issuer: Issuer, bearer: Bearer, scene: Scene, time_s: float, *, aa: str) -> Credential:
    now = scene.at(time_s)
    return granted(issuer.pki.answer(issuer.request(bearer, now, aa=aa), now))


def _informed_s() -> float:
    """When the units have the lists."""
    return _DECIDED_S + shipped_links()["fibre"].round_trip_s / 2 + _HANDLING_S


def _stations(scene: Scene, draws: random.Random) -> list[_Station]:
    """Other units, which get the lists by backhaul, and vehicles, which get them at 1 Hz."""
    stations: list[_Station] = []
    for _ in range(_UNITS):
        phase = draws.randrange(10)  # in tenths of a second, when this unit broadcasts
        stations += [
            _Station(scene.stations.verifier(), scene.stations.pki.anchors, phase=each)
            for each in (None, *(phase for _ in range(_VEHICLES_A_UNIT)))
        ]
    return stations


DRILL = Drill(
    "rsu-revoked",
    "Roadside unit revoked",
    "A roadside unit is revoked and goes on sending: the EA suspends it, honest units get tickets "
    "of a second AA, the root revokes the first. CTL and CRL reach the other units over the "
    f"backhaul, and vehicles by broadcast at 1 Hz, {BROADCAST_DELIVERY:.0%} of whose frames "
    "arrive. A vehicle signs a list of its own against the AA.",
    f"Every station refuses the unit within {WITHIN_S:g} s, none believes the vehicle's list, the "
    "unit gets no ticket, and every station hears honest units and vehicles at the end.",
    run,
)
