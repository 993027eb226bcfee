"""The corridor's authorities hold its stations to the limits of their kind."""

from __future__ import annotations

import pytest

from roadseal.clock import Time64
from roadseal.pilot.issuer import Issuer
from roadseal.pilot.run import START
from roadseal.v2x import Duration, Permission, message_profile
from roadseal.v2x.permissions import EMERGENCY_VEHICLE, ROADSIDE_UNIT, VEHICLE


@pytest.mark.parametrize(
    ("permissions", "third"),
    [(ROADSIDE_UNIT, "deniedtoomanycerts"), (VEHICLE, "ok"), (EMERGENCY_VEHICLE, "ok")],
    ids=["unit", "vehicle", "emergency"],
)
def test_a_roadside_unit_has_two_tickets_at_once(
    permissions: tuple[Permission, ...], third: str
) -> None:
    """EU certificate policy: a fixed station needs no pseudonyms."""
    issuer = Issuer.alone(message_profile("ecdsa-p256"), start=START)
    bearer = issuer.enrol(permissions)
    hour = Duration.hours(1)

    def ask(now: Time64) -> str:
        return issuer.pki.answer(issuer.request(bearer, now, duration=hour), now).verdict

    assert [ask(START) for _ in range(3)] == ["ok", "ok", third]
    assert ask(Time64(START + 3_600_000_000)) == "ok", "the first ones have ended"
