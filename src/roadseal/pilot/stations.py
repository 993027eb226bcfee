"""The stations of an approach: authorities, certificates and verifiers with real keys."""

from __future__ import annotations

from dataclasses import dataclass

from roadseal.clock import Time64
from roadseal.pilot.approach import Approach
from roadseal.v2x import Credential, Policy, Verifier
from roadseal.v2x.testing import EMERGENCY_VEHICLE, ROADSIDE_UNIT, VEHICLE, Authority


@dataclass(frozen=True)
class Stations:
    """Who speaks under an approach.

    Commands and awareness have an authority each where their message profiles differ: what is acted
    upon may be protected better than the mass of messages.
    """

    approach: Approach
    commands: Authority
    awareness: Authority

    @classmethod
    def establish(cls, approach: Approach, *, start: Time64) -> Stations:
        """Make the authorities; they begin to hold at `start`."""
        awareness = Authority(approach.awareness.name, now=start, name="awareness")
        if approach.commands == approach.awareness:
            return cls(approach, awareness, awareness)
        return cls(
            approach, Authority(approach.commands.name, now=start, name="commands"), awareness
        )

    def vehicle(self) -> Credential:
        """A vehicle, for its CAMs."""
        return self.awareness.station(VEHICLE)

    def emergency_vehicle(self) -> Credential:
        """An emergency vehicle, for its requests."""
        return self.commands.station(EMERGENCY_VEHICLE)

    def roadside_unit(self) -> Credential:
        """A roadside unit."""
        return self.commands.station(ROADSIDE_UNIT)

    def verifier(self, policy: Policy | None = None, *, threads: int = 1) -> Verifier:
        """A receiver that trusts both authorities and follows the approach's policy."""
        verifier = Verifier(policy or self.approach.policy(), threads)
        for authority in (self.commands, self.awareness):
            authority.enter(verifier)
        return verifier
