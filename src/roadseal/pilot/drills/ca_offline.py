"""Drill: the authority cannot be reached while tickets run out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene
from roadseal.pilot.measures import Moment
from roadseal.v2x import Credential, Duration, Reason
from roadseal.v2x.testing import VEHICLE

LIFE_S = 60
"""Validity of a ticket; days in the field, but only its ratio to the outage counts."""

RENEW_AFTER_S = LIFE_S * 2 / 3
RESERVE_S = LIFE_S - RENEW_AFTER_S
"""What is left when renewal begins: so long may the authority be away."""

RETRY_S = 2
"""How often a vehicle asks for a new ticket while the authority does not answer."""

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
        """After the authority went."""
        return float(self.refused_s[0] - _GONE_S) if self.refused_s else None

    @property
    def recovery_s(self) -> float:
        """From the authority's return until no message is refused any more."""
        last_s = self.refused_s[-1] if self.refused_s else -1.0
        return max(0.0, last_s + 1.0 - _GONE_S - self.outage_s)


@dataclass
class _Vehicle:
    """A vehicle that renews its ticket in time, if somebody answers."""

    ticket: Credential
    begun_s: float

    def renew(self, scene: Scene, time_s: float, *, answered: bool) -> None:
        late_s = time_s - self.begun_s - RENEW_AFTER_S
        if answered and late_s >= 0 and late_s % RETRY_S == 0:
            self.ticket, self.begun_s = _ticket(scene, time_s), time_s


def run(scene: Scene) -> Finding:
    """Play an outage shorter and one longer than the reserve."""
    short, long = _play(scene, SHORT_S), _play(scene, LONG_S)
    first_s = long.first_refusal_s
    held = (
        short.refused == 0
        and first_s is not None
        and first_s >= RESERVE_S
        and set(long.verdicts) == {Reason.OK, Reason.EXPIRED}
        and long.recovery_s <= RETRY_S
    )
    refusal = "nothing was refused" if first_s is None else f"first refusal after {first_s:g} s"
    figures = {
        "ticket_life_s": float(LIFE_S),
        "outage_short_s": float(SHORT_S),
        "availability_short": short.availability,
        "outage_long_s": float(LONG_S),
        "availability_long": long.availability,
        "recovery_s": long.recovery_s,
    }
    timeline = [
        Moment(_GONE_S, "authority unreachable"),
        Moment(_GONE_S + LONG_S, "authority back"),
        Moment(_GONE_S + LONG_S + long.recovery_s, "every vehicle verified again"),
    ]
    if first_s is not None:
        figures["first_refusal_s"] = first_s
        timeline.insert(1, Moment(_GONE_S + first_s, "first ticket run out"))
    return Finding(
        held,
        f"{SHORT_S} s without authority: {short.availability:.1%} of the messages verified; "
        f"{LONG_S} s: {long.availability:.1%}, {refusal}, "
        f"all verified {long.recovery_s:g} s after its return.",
        short.sent + long.sent,
        figures,
        tuple(timeline),
    )


def _play(scene: Scene, outage_s: int) -> _Play:
    """Vehicles send once a second and go on sending when their ticket has run out."""
    play = _Play(outage_s)
    receiver = scene.stations.verifier()
    apart_s = RENEW_AFTER_S // _VEHICLES
    fleet = [
        _Vehicle(_ticket(scene, -apart_s * index), -apart_s * index) for index in range(_VEHICLES)
    ]
    for second in range(_GONE_S + outage_s + 2 * RETRY_S):
        gone = _GONE_S <= second < _GONE_S + outage_s
        for number, vehicle in enumerate(fleet):
            vehicle.renew(scene, second, answered=not gone)
            message = scene.cam(vehicle.ticket, second, number=number)
            verdict = receiver.verify(message, scene.at(second + LATENCY_S))
            play.verdicts[verdict.overall] += 1
            if gone:
                play.in_outage[verdict.ok] += 1
            if not verdict.ok:
                play.refused_s.append(second)
    return play


def _ticket(scene: Scene, time_s: float) -> Credential:
    duration = Duration.seconds(LIFE_S)
    return scene.stations.awareness.station(VEHICLE, start=scene.at(time_s), duration=duration)


DRILL = Drill(
    "ca-offline",
    "Authority offline",
    f"The authority does not answer, once for {SHORT_S} s and once for {LONG_S} s, while tickets "
    f"of {LIFE_S} s run out that are renewed after two thirds of their life.",
    "Traffic stays verified for a third of a ticket's life; later tickets are refused as expired; "
    f"all is verified again {RETRY_S} s after the return.",
    run,
)
