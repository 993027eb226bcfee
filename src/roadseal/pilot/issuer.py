"""The authority that gives the tickets of a message profile."""

from __future__ import annotations

from dataclasses import dataclass, field

from roadseal.clock import Time64
from roadseal.operate.pki.v2x.station import Request
from roadseal.pilot.air_pki import AirPki, Bearer, granted
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    MessageProfile,
    Permission,
    Policy,
    Verifier,
)
from roadseal.v2x.certificate import Region
from roadseal.v2x.permissions import EMERGENCY_VEHICLE, ROADSIDE_UNIT, VEHICLE

_WEEK = Duration.hours(168)
_ASSURANCE = 0x60
_TICKETS_A_VEHICLE = 10  # vehicles change their tickets, units keep theirs


@dataclass(frozen=True, eq=False)
class Issuer:
    """An AA of the corridor's, with the stations that have enrolled to ask it.

    Args:
        pki: where it is.
        profile: what its stations' keys are and what signs their certificates.
    """

    pki: AirPki
    profile: MessageProfile
    _enrolled: dict[tuple[Permission, ...], tuple[Bearer, int]] = field(
        default_factory=dict, repr=False
    )

    @classmethod
    def alone(cls, profile: MessageProfile, *, start: Time64) -> Issuer:
        """An AA in a system of its own."""
        return cls(AirPki([profile.certificate], start=start), profile)

    @property
    def start(self) -> Time64:
        """When it begins."""
        return self.pki.start

    @property
    def aa(self) -> str:
        """The name of the AA."""
        return self.pki.aas[self.profile.certificate]

    @property
    def root(self) -> Credential:
        """The root's certificate and key: for adversaries whose power is declared."""
        return self.pki.system.keys[f"{self.pki.name}-root"].credential

    @property
    def authorisation(self) -> Credential:
        """The AA's certificate and key: for adversaries whose power is declared."""
        return self.pki.system.keys[self.aa].credential

    def vehicle(self) -> Credential:
        """The ticket of an ordinary vehicle."""
        return self.station(VEHICLE)

    def emergency_vehicle(self) -> Credential:
        """The ticket of a vehicle that may ask for priority."""
        return self.station(EMERGENCY_VEHICLE)

    def roadside_unit(self) -> Credential:
        """The ticket of a roadside unit."""
        return self.station(ROADSIDE_UNIT)

    def station(
        self,
        permissions: tuple[Permission, ...],
        *,
        start: Time64 | None = None,
        duration: Duration | None = None,
        region: Region | None = None,
        algorithm: str | None = None,
    ) -> Credential:
        """Let a station ask for a ticket, the moment it begins.

        Args:
            permissions: what it may do.
            start: when the ticket begins; the authority's own beginning if absent.
            duration: how long it holds; a week, which is the longest, if absent.
            region: where it holds; everywhere if absent.
            algorithm: of its key; the profile's if absent.

        Raises:
            RoadsealError: ``pilot-pki``: it was refused.
        """
        now = self.start if start is None else start
        bearer = self._bearer(permissions)
        request = self.request(bearer, now, duration=duration, region=region, algorithm=algorithm)
        return granted(self.pki.answer(request, now))

    def enrol(self, permissions: tuple[Permission, ...], now: Time64 | None = None) -> Bearer:
        """A station of its own, enrolled; a roadside unit as one that stays where it is."""
        at = self.start if now is None else now
        fixed = permissions == ROADSIDE_UNIT
        return self.pki.enrol(permissions, self.profile.message, at, fixed=fixed)

    def request(
        self,
        bearer: Bearer,
        now: Time64,
        *,
        duration: Duration | None = None,
        region: Region | None = None,
        algorithm: str | None = None,
        aa: str | None = None,
    ) -> Request:
        """What a station sends to get a ticket that begins now; see `station`."""
        contents = CertificateContents(
            start=now,
            duration=duration or _WEEK,
            app_permissions=bearer.permissions,
            region=region,
            assurance=_ASSURANCE,
        )
        key = algorithm or self.profile.message
        return self.pki.request(bearer, contents, aa or self.aa, key, now)

    def verifier(self, policy: Policy | None = None, *, threads: int = 1) -> Verifier:
        """A verifier that has heard the lists of this system."""
        verifier = Verifier(policy or Policy(), threads)
        self.enter(verifier)
        return verifier

    def enter(self, verifier: Verifier) -> None:
        """Let an engine trust what the lists of this system say."""
        self.pki.anchors.enter(verifier)

    def _bearer(self, permissions: tuple[Permission, ...]) -> Bearer:
        """Who asks next: of vehicles the same one for some tickets, of units each time another."""
        bearer, left = self._enrolled.get(permissions, (None, 0))
        if bearer is None or not left:
            bearer = self.enrol(permissions)
            left = 1 if permissions == ROADSIDE_UNIT else _TICKETS_A_VEHICLE
        self._enrolled[permissions] = bearer, left - 1
        return bearer
