"""The stations of an approach: enrolled, ticketed and trusting as their authorities' lists say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from roadseal.clock import Time64
from roadseal.pilot.air_pki import AirPki
from roadseal.pilot.approach import Approach
from roadseal.pilot.issuer import Issuer
from roadseal.v2x import Credential, Policy, Verifier


@dataclass(frozen=True)
class Stations:
    """Who speaks under an approach.

    There is one European system with one root. Commands and awareness have an AA each where what
    signs their certificates differs: what is acted upon may be protected better than the mass of
    messages.
    """

    approach: Approach
    commands: Issuer
    awareness: Issuer

    @classmethod
    def establish(cls, approach: Approach, *, start: Time64) -> Self:
        """Make the authorities; they begin to hold at `start`."""
        profiles = approach.commands, approach.awareness
        pki = AirPki([profile.certificate for profile in profiles], start=start)
        commands = Issuer(pki, approach.commands)
        same = approach.commands == approach.awareness
        return cls(approach, commands, commands if same else Issuer(pki, approach.awareness))

    def anew(self) -> Self:
        """The same with authorities of its own, for who will change them."""
        return self.establish(self.approach, start=self.commands.start)

    @property
    def pki(self) -> AirPki:
        """The authorities."""
        return self.commands.pki

    def vehicle(self) -> Credential:
        """A vehicle, for its CAMs."""
        return self.awareness.vehicle()

    def emergency_vehicle(self) -> Credential:
        """An emergency vehicle, for its requests."""
        return self.commands.emergency_vehicle()

    def roadside_unit(self) -> Credential:
        """A roadside unit."""
        return self.commands.roadside_unit()

    def verifier(self, policy: Policy | None = None, *, threads: int = 1) -> Verifier:
        """A receiver that has heard the authorities' lists and follows the approach's policy."""
        return self.commands.verifier(policy or self.approach.policy(), threads=threads)
