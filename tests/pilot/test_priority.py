"""Priority over secured messages: what is granted, what is not, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roadseal.clock import Time64
from roadseal.pilot.approach import load_approach
from roadseal.pilot.corridor import Corridor, Signal
from roadseal.pilot.message_sizes import count_sizes
from roadseal.pilot.payload import PriorityRequest
from roadseal.pilot.priority import LEAD_S, SecuredPriority
from roadseal.pilot.priority_policy import EmergencyVehicle, PriorityContext, SignalAhead
from roadseal.pilot.radio import RadioConfig
from roadseal.pilot.stations import Stations
from roadseal.v2x.testing import VEHICLE

START = Time64(700_000_000_000_000)
SIGNAL = Signal("s", 0.0, 0.0, None, None, (), (), frozenset(), "0", "static", ())
CORRIDOR = Corridor("one", (SIGNAL,), (), (0, 0, 1, 1), 1.0, "", "")


def policy(approach: str, load: float = 0.0) -> SecuredPriority:
    stations = Stations.establish(load_approach(approach), start=START)
    sizes = count_sizes(stations, CORRIDOR, now=START)
    return SecuredPriority(
        stations,
        CORRIDOR,
        sizes,
        RadioConfig(),
        [load],
        start=START,
        begin_s=0.0,
        verify_s=0.002,
        seed=1,
    )


def context(time_s: float, distance_m: float = 40.0, signal: str = "s") -> PriorityContext:
    ahead = SignalAhead(signal, 3, distance_m, distance_m / 10, "r")
    vehicle = EmergencyVehicle("e", distance_m, 0.0, 10.0, 0.0, "lane", (ahead,))
    return PriorityContext(round(time_s * 10), time_s, (vehicle,), {}, {})


@pytest.mark.parametrize("approach", ["classical", "pqc", "hybrid"])
def test_an_authorised_request_is_granted(approach: str) -> None:
    secured = policy(approach)
    grants = [grant for step in range(20) for grant in secured.decide(context(step / 10))]
    assert {(grant.signal, grant.link, grant.vehicle) for grant in grants} == {("s", 3, "e")}
    assert set(secured.log.verdicts) == {"ok"}
    assert set(secured.log.answers) <= {"ok"}


def test_requests_are_repeated_twice_a_second() -> None:
    secured = policy("classical")
    for step in range(50):
        secured.decide(context(step / 10))
    assert secured.log.sent == 10


def test_nobody_asks_from_far_away_or_at_an_unknown_signal() -> None:
    secured = policy("classical")
    secured.decide(context(0.0, distance_m=10 * LEAD_S + 1))
    secured.decide(context(0.0, signal="rail"))
    assert secured.log.sent == 0


def test_what_does_not_arrive_is_not_granted() -> None:
    secured = policy("classical", load=5.0)  # a channel where nothing gets through
    grants = [secured.decide(context(step / 2, distance_m=250.0)) for step in range(40)]
    assert secured.log.sent == 40
    assert sum(map(len, grants)) == secured.log.received < 10


def test_a_vehicle_without_the_right_is_refused() -> None:
    secured = policy("classical")
    ordinary = secured._stations.commands.station(VEHICLE)
    secured._vehicles["e"] = (ordinary, secured._stations.verifier())
    grants = [secured.decide(context(step / 2)) for step in range(10)]
    assert not any(grants)
    assert set(secured.log.verdicts) == {"psid_not_permitted"}


def test_a_unit_whose_clock_is_wrong_grants_nothing() -> None:
    secured = policy("classical")
    secured._verify_s = 60.0  # the request is judged a minute later
    assert not any(secured.decide(context(step / 2)) for step in range(10))
    assert set(secured.log.verdicts) == {"stale"}


def test_requests_survive_their_bytes() -> None:
    request = PriorityRequest("emergency_1", "joined_32", 7, 12.5)
    assert PriorityRequest.from_bytes(request.to_bytes()) == request
    assert PriorityRequest.from_bytes(b"") is None
    assert PriorityRequest.from_bytes(b"\xff\xff" + bytes(20)) is None
    assert replace(request, link=8) != request
