"""The stage of a drill: a few stations with real keys, and virtual time that starts at zero."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.pilot import payload
from roadseal.pilot.approach import Approach
from roadseal.pilot.stations import Stations
from roadseal.v2x import Credential, Header, Identification, service, sign

LATENCY_S = 0.02
"""From signing a message to judging it; a round figure, freshness is judged with it."""

FRESH_S = 0.5
"""Older information about a signal is not used."""

_SIGNAL, _STATE = "drill", "GGrrGGrr"
_AUTHORITIES_SINCE_S = 86_400.0  # clocks that go back must not leave the authorities' validity


@dataclass(frozen=True)
class Scene:
    """Where a drill is played.

    Args:
        approach: how the corridor is protected.
        stations: authorities, certificates and verifiers; several drills may share them.
        start: the instant of second zero.
        seed: of what is drawn, such as lost messages; never of keys.
    """

    approach: Approach
    stations: Stations
    start: Time64
    seed: int

    @classmethod
    def set_up(cls, approach: Approach, *, seed: int, start: Time64) -> Scene:
        """Make a scene with new authorities; seconds are whole, as certificates write them."""
        start = Time64(start - start % MICROSECONDS_PER_SECOND)
        since = Time64(start - round(_AUTHORITIES_SINCE_S * MICROSECONDS_PER_SECOND))
        return cls(approach, Stations.establish(approach, start=since), start, seed)

    def anew(self) -> Scene:
        """The same scene with authorities of its own, for drills that change them."""
        return replace(self, stations=self.stations.anew())

    def at(self, time_s: float) -> Time64:
        """The instant `time_s` seconds after the start."""
        return Time64(self.start + round(time_s * MICROSECONDS_PER_SECOND))

    def draws(self, drill: str) -> random.Random:
        """Random numbers of a drill: a model, no secret."""
        return random.Random(f"{self.seed}/{drill}")  # noqa: S311  a drill's draw, not a secret

    def spat(
        self,
        unit: Credential,
        time_s: float,
        *,
        certificate: bool = False,
        announce: bytes | None = None,
    ) -> bytes:
        """Sign what a signal shows.

        Args:
            unit: the roadside unit.
            time_s: when.
            certificate: whether its certificate travels along.
            announce: a certificate that is handed out in the header.
        """
        header = Header(
            psid=service.SPATEM, generation_time=self.at(time_s), requested_certificate=announce
        )
        return sign(payload.spat(_SIGNAL, _STATE), header, unit, _how(certificate))

    def cam(
        self, vehicle: Credential, time_s: float, *, ask_for: bytes | None = None, number: int = 0
    ) -> bytes:
        """Sign a vehicle's state, with its certificate.

        Args:
            vehicle: who.
            time_s: when.
            ask_for: HashedId8 of a certificate that it needs.
            number: tells vehicles apart.
        """
        header = Header(
            psid=service.CAM,
            generation_time=self.at(time_s),
            inline_p2pcd_request=(ask_for[-3:],) if ask_for else (),
        )
        body = payload.cam(number, 100.0, 200.0, 13.9)
        return sign(body, header, vehicle, Identification.CERTIFICATE)

    def request(self, vehicle: Credential, time_s: float, *, algorithm: str | None = None) -> bytes:
        """Sign a request for priority, with the certificate.

        Args:
            vehicle: who asks.
            time_s: when.
            algorithm: the half of a dual key that shall sign alone.
        """
        header = Header(psid=service.SREM, generation_time=self.at(time_s))
        wanted = payload.PriorityRequest("ambulance", _SIGNAL, 0, 12.0)
        certificate = Identification.CERTIFICATE
        return sign(wanted.to_bytes(), header, vehicle, certificate, algorithm=algorithm)


def tenths(begin_s: float, end_s: float) -> list[float]:
    """The instants of 10 Hz messages from `begin_s` to before `end_s`, without rounding drift."""
    return [tick / 10 for tick in range(round(begin_s * 10), round(end_s * 10))]


def _how(certificate: bool) -> Identification:
    return Identification.CERTIFICATE if certificate else Identification.DIGEST
