"""A unit and its centre with the corridor's own PKI: what the drills of identities are played on.

Keys, EST and TLS are real; time is virtual.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import MICROSECONDS_PER_SECOND, ManualClock, Time64
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.net import HttpClient, Identity, Side, TlsContext, TlsServer, serve_http
from roadseal.operate.pki import Authority
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.est.enrolment import Enrolments
from roadseal.operate.pki.est.service import EstPolicy, EstService
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.standing import StatusKeeper
from roadseal.operate.pki.tls_identity import issue_identity, tls_identity
from roadseal.operate.pki.unit.agent import DeviceAgent
from roadseal.operate.pki.unit.device import Credential, DeviceState, Renewal
from roadseal.pilot.drills.drill import Finding
from roadseal.pilot.drills.scene import Scene
from roadseal.pilot.fleet.units import Flash
from roadseal.pilot.identities import ALGORITHMS, CorridorPki, handshake

UNIT: Final = "rsu.drill.invalid"
CENTRE: Final = "centre.drill.invalid"
LIFE_S: Final = 30 * DAY_S
GRACE_S: Final = 7 * DAY_S
_LONG_CERTIFICATE_S: Final = 365 * DAY_S


@dataclass
class Site:
    """A unit and its centre: certificates, flash, and a way to the authority that can be cut."""

    scene: Scene
    pki: CorridorPki
    clock: ManualClock
    log: EventLog
    authority: Authority
    enrolments: Enrolments
    algorithm: str
    cut: bool = False
    clock_error_s: int = 0
    secret: str | None = None
    flash: Flash = field(default_factory=Flash)
    state: DeviceState = field(default_factory=lambda: DeviceState(UNIT))
    port: int = 0
    centre: Identity | None = None

    @property
    def keeper(self) -> StatusKeeper:
        """A relying party that has just polled."""
        keeper = StatusKeeper({self.authority.name: self.authority.public_key})
        keeper.take(self.authority.name, self.authority.publish_status())
        return keeper

    @property
    def certificate(self) -> x509.Certificate:
        """What the unit shows."""
        if self.state.preferred is None:
            raise RoadsealError("drill", "The unit has no certificate.", advice="Enrol it first.")
        return self.state.preferred.loaded

    @property
    def serial(self) -> str:
        """Of the unit's certificate, hexadecimal."""
        return f"{self.certificate.serial_number:x}"

    def invite(self) -> None:
        """Give the unit a bootstrap secret."""
        until = Time64(self.clock.now() + DAY_S * MICROSECONDS_PER_SECOND)
        self.secret = self.enrolments.invite(UNIT, until)

    async def wake(self) -> Renewal | None:
        """The unit looks after its certificate; None if it could not."""
        agent = DeviceAgent(
            self.state,
            self._save,
            self.flash,
            self._dial,
            ManualClock(self._unit_time()),
            algorithm=self.algorithm,
            bootstrap=lambda: self.secret,
        )
        try:
            return await agent.wake()
        except (RoadsealError, OSError):  # a TlsRefusedError is one
            return None

    def session(self, *, anchors: list[x509.Certificate] | None = None) -> str:
        """Open a session between unit and centre: ``open``, or why not."""
        trusted = anchors or self.pki.anchors
        profile = self.scene.approach.backhaul
        if self.state.preferred is None:
            return "no certificate"
        own = self._identity(self.state.preferred)
        centre = self.centre
        if centre is None:
            return "no centre"
        refused = handshake(
            TlsContext(Side.CLIENT, profile, [own], trusted),
            TlsContext(Side.SERVER, profile, [centre], trusted),
            self.clock,
            centre=CENTRE,
            units=[UNIT],
        )
        return "open" if refused is None else refused.reason.value

    def _identity(self, credential: Credential) -> Identity:
        key = self.flash.open(credential.key)
        return tls_identity(key, credential.loaded, self.authority.chain[:-1])

    def _save(self, state: DeviceState) -> None:
        self.state = state

    def _unit_time(self) -> Time64:
        return Time64(self.clock.now() + self.clock_error_s * MICROSECONDS_PER_SECOND)

    @asynccontextmanager
    async def _dial(self, credential: Credential | None) -> AsyncIterator[EstClient]:
        if self.cut:
            raise ConnectionRefusedError
        own = [self._identity(credential)] if credential else []
        profile = self.scene.approach.backhaul
        context = TlsContext(Side.CLIENT, profile, own, self.pki.anchors, anonymous=not own)
        clock = ManualClock(self.state.time(self._unit_time()))
        async with HttpClient(
            "127.0.0.1", self.port, context, clock=clock, expect=[CENTRE]
        ) as http:
            yield EstClient(http)


Play = Callable[[Site], Awaitable[Finding]]


def played(play: Play) -> Callable[[Scene], Finding]:
    """Play it on a site whose unit has enrolled."""

    async def on_site(scene: Scene) -> Finding:
        site, server = await _set_up(scene)
        try:
            site.invite()
            enrolled = await site.wake()
            site.secret = None
            if enrolled is not Renewal.BOOTSTRAP:
                return Finding(False, "The unit could not enrol.", 1)
            return await play(site)
        finally:
            await server.close()
            site.pki.close()

    return lambda scene: asyncio.run(on_site(scene))


async def _set_up(scene: Scene) -> tuple[Site, TlsServer]:
    clock, log = ManualClock(scene.start), EventLog()
    profile = scene.approach.backhaul
    scheme = profile.certificate_algorithms[0]
    pki = CorridorPki(profile, clock=clock, emit=log)
    authority, algorithm = pki.authorities[scheme], ALGORITHMS[scheme]
    enrolments = Enrolments(pki.store, authority.name)
    root = authority.chain[-1].public_bytes(Encoding.DER)
    site = Site(
        scene,
        pki,
        clock,
        log,
        authority,
        enrolments,
        algorithm,
        state=DeviceState(UNIT, (root,)),
    )
    service = EstService(
        authority, enrolments, clock=clock, emit=log, policy=EstPolicy(LIFE_S, GRACE_S)
    )
    site.centre = issue_identity(authority, CENTRE, algorithm=algorithm, life_s=_LONG_CERTIFICATE_S)
    context = TlsContext(
        Side.SERVER, profile, [site.centre], pki.anchors, anonymous=True, leaf_grace_s=GRACE_S
    )
    server = await serve_http(context, service.handle, clock=clock)
    site.port = server.port
    return site, server
