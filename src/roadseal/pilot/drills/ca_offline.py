"""Drill: the authorities do not run while tickets run out, and go on from what is on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from roadseal.operate.pki.v2x.station import Request
from roadseal.pilot.air_pki import Bearer, granted
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene
from roadseal.pilot.measures import Moment
from roadseal.v2x import Credential, Duration, Reason
from roadseal.v2x.permissions import VEHICLE

LIFE_S = 60
"""Validity of a ticket; days in the field, but only its ratio to the outage counts."""

RENEW_AFTER_S = LIFE_S * 2 / 3
RESERVE_S = LIFE_S - RENEW_AFTER_S
"""What is left when renewal begins: so long may the authority be away."""

RETRY_S = 2
"""How often a vehicle asks for a new ticket while nobody answers."""

SHORT_S, LONG_S = 18, 41
_GONE_S = 40  # a vehicle's renewal falls due in this very second: the hardest case
_VEHICLES = 5


@dataclass
class _Play:
    """What receivers decided in and after one outage."""

    outage_s: float
    verdicts: Counter[str] = field(default_factory=Counter)
    in_outage: Counter[bool] = field(default_factory=Counter)
    refused_s: list[float] = field(default_factory=list)
    unanswered: int = 0
    renewed: int = 0
    same_answer: bool = False

    @property
    def sent(self) -> int:
        return self.verdicts.total()

    @property
    def refused(self) -> int:
        return self.sent - self.verdicts[Reason.OK]

    @property
    def availability(self) -> float:
        return self.in_outage[True] / max(self.in_outage.total(), 1)

    @property
    def first_refusal_s(self) -> float | None:
        """After the authorities went."""
        return float(self.refused_s[0] - _GONE_S) if self.refused_s else None

    @property
    def recovery_s(self) -> float:
        """From the authorities' return until no message is refused any more."""
        last_s = self.refused_s[-1] if self.refused_s else -1.0
        return max(0.0, last_s + 1.0 - _GONE_S - self.outage_s)


@dataclass
class _Vehicle:
    """A vehicle that renews its ticket in time, if somebody answers."""

    bearer: Bearer
    ticket: Credential
    begun_s: float

    def renew(self, scene: Scene, time_s: float, play: _Play) -> None:
        late_s = time_s - self.begun_s - RENEW_AFTER_S
        if late_s < 0 or late_s % RETRY_S:
            return
        pki = scene.stations.pki
        if not pki.running:  # nobody takes the connection: nothing is asked
            play.unanswered += 1
            return
        request = _ask(scene, self.bearer, time_s)
        self.ticket, self.begun_s = granted(pki.answer(request, scene.at(time_s))), time_s
        play.renewed += 1


def run(scene: Scene) -> Finding:
    """Play an outage shorter and one longer than the reserve."""
    issuer = scene.stations.awareness
    bearers = [issuer.enrol(VEHICLE, scene.at(-RENEW_AFTER_S)) for _ in range(_VEHICLES)]
    short, long = (_play(scene, bearers, outage_s) for outage_s in (SHORT_S, LONG_S))
    first_s = long.first_refusal_s
    held = (
        short.refused == 0
        and first_s is not None
        and first_s >= RESERVE_S
        and set(long.verdicts) == {Reason.OK, Reason.EXPIRED}
        and long.recovery_s <= RETRY_S
        and all(play.unanswered and play.renewed and play.same_answer for play in (short, long))
    )
    refusal = "nothing was refused" if first_s is None else f"first refusal after {first_s:g} s"
    figures = {
        "ticket_life_s": float(LIFE_S),
        "outage_short_s": float(SHORT_S),
        "availability_short": short.availability,
        "outage_long_s": float(LONG_S),
        "availability_long": long.availability,
        "recovery_s": long.recovery_s,
        "requests_unanswered": float(short.unanswered + long.unanswered),
        "tickets_renewed": float(short.renewed + long.renewed),
    }
    timeline = [
        Moment(_GONE_S, "authorities stopped"),
        Moment(_GONE_S + LONG_S, "authorities started again"),
        Moment(_GONE_S + LONG_S + long.recovery_s, "every vehicle verified again"),
    ]
    if first_s is not None:
        figures["first_refusal_s"] = first_s
        timeline.insert(1, Moment(_GONE_S + first_s, "first ticket run out"))
    return Finding(
        held,
        f"{SHORT_S} s without authorities: {short.availability:.1%} of the messages verified; "
        f"{LONG_S} s: {long.availability:.1%}, {refusal}, "
        f"all verified {long.recovery_s:g} s after their return; {long.unanswered} requests went "
        f"unanswered, {long.renewed} tickets were renewed.",
        short.sent + long.sent,
        figures,
        tuple(timeline),
    )


def _play(scene: Scene, bearers: Sequence[Bearer], outage_s: int) -> _Play:
    """Vehicles send once a second and go on sending when their ticket has run out."""
    play = _Play(outage_s)
    receiver, pki = scene.stations.verifier(), scene.stations.pki
    apart_s = RENEW_AFTER_S // _VEHICLES
    fleet = [_enrolled(scene, bearer, -apart_s * index) for index, bearer in enumerate(bearers)]
    known = _ask(scene, bearers[0], _GONE_S)
    before = pki.system.ticket(known.octets, scene.at(_GONE_S))
    for second in range(_GONE_S + outage_s + 2 * RETRY_S):
        gone = _GONE_S <= second < _GONE_S + outage_s
        if second == _GONE_S:
            pki.stop()
        if second == _GONE_S + outage_s:
            pki.go_on()
            # What they had answered they answer alike: the ticket is not given a second time.
            play.same_answer = pki.system.ticket(known.octets, scene.at(second)) == replace(
                before, verdict="replayed", certificate=None
            )
        for number, vehicle in enumerate(fleet):
            vehicle.renew(scene, second, play)
            message = scene.cam(vehicle.ticket, second, number=number)
            verdict = receiver.verify(message, scene.at(second + LATENCY_S))
            play.verdicts[verdict.overall] += 1
            if gone:
                play.in_outage[verdict.ok] += 1
            if not verdict.ok:
                play.refused_s.append(second)
    return play


def _enrolled(scene: Scene, bearer: Bearer, time_s: float) -> _Vehicle:
    response = scene.stations.pki.answer(_ask(scene, bearer, time_s), scene.at(time_s))
    return _Vehicle(bearer, granted(response), time_s)


def _ask(scene: Scene, bearer: Bearer, time_s: float) -> Request:
    duration = Duration.seconds(LIFE_S)
    return scene.stations.awareness.request(bearer, scene.at(time_s), duration=duration)


DRILL = Drill(
    "ca-offline",
    "Authority offline",
    f"EA and AA do not run, once for {SHORT_S} s and once for {LONG_S} s, while tickets of "
    f"{LIFE_S} s run out that are renewed after two thirds of their life; then they start again "
    "from what is on the disk.",
    "Traffic stays verified for a third of a ticket's life; later tickets are refused as expired; "
    f"all is verified again {RETRY_S} s after the return, and what was answered before is answered "
    "alike.",
    run,
)
