"""Forged priority requests, for receivers outside the drill as well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from roadseal.clock import Time64
from roadseal.pilot.drills.quantum_adversary import ForgeryKind, Guise, QuantumAdversary
from roadseal.pilot.payload import PriorityRequest
from roadseal.pilot.stations import Stations
from roadseal.v2x import Header, Identification, service, sign
from roadseal.v2x.permissions import EMERGENCY_VEHICLE


@dataclass(frozen=True, slots=True)
class Forgery:
    """A forged priority request, ready for a receiver.

    Args:
        kind: how it was forged.
        time: when it is on the air.
        request: what it asks.
        message: the whole SPDU.
        handed_out: certificates the adversary sent round before; `Verifier.learn` them first.
    """

    kind: ForgeryKind
    time: Time64
    request: PriorityRequest
    message: bytes
    handed_out: tuple[bytes, ...]


def qday_forgeries(
    stations: Stations, requests: Iterable[tuple[Time64, PriorityRequest]], *, start: Time64
) -> tuple[Forgery, ...]:
    """Forge each request in every way there is, against the stations whose receivers shall judge.

    Args:
        stations: of the corridor; their classical keys fall.
        requests: what to ask, and when.
        start: when the adversary's own certificates begin, at or before the first request.
    """
    adversary = adversary_of(stations, start)
    vehicle = stations.emergency_vehicle()
    heard = sign(b"heard", Header(psid=service.SREM, generation_time=start), vehicle)
    guises = adversary.guises(vehicle, EMERGENCY_VEHICLE, heard)
    return tuple(
        Forgery(guise.kind, time, request, _signed(request, time, guise), guise.handed_out)
        for time, request in requests
        for guise in guises
    )


def adversary_of(stations: Stations, since: Time64) -> QuantumAdversary:
    """The adversary that has seen the certificates of those who sign commands."""
    commands = stations.commands
    profile = commands.profile.name
    return QuantumAdversary(commands.root, commands.authorisation, profile=profile, now=since)


def _signed(request: PriorityRequest, time: Time64, guise: Guise) -> bytes:
    header = Header(psid=service.SREM, generation_time=time)
    return sign(request.to_bytes(), header, guise.credential, Identification.CERTIFICATE)
