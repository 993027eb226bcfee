"""A device's upkeep on a real EST server: outages, expiry, grace, bootstrap, lost answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from test_device import Ring
from test_est import Site, site

from roadseal.clock import MICROSECONDS_PER_SECOND, from_datetime
from roadseal.errors import RoadsealError
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.unit.agent import DeviceAgent
from roadseal.operate.pki.unit.device import Credential, DeviceState, Renewal, renews_at

NAME = "rsu-1.example"


class Bench:
    """An agent, its flash, and a server that can be unreachable."""

    def __init__(self, here: Site) -> None:
        self.here = here
        self.flash = ""
        self.secret: str | None = None
        self.ring = Ring()
        self.cut = False
        self.lose_answer = False
        root = here.authority.chain[-1].public_bytes(Encoding.DER)
        self.save(DeviceState(NAME, (root,)))

    def save(self, state: DeviceState) -> None:
        self.flash = state.to_json()

    @property
    def agent(self) -> DeviceAgent:
        """A new process of it: all it knows is in the flash."""
        return DeviceAgent(
            DeviceState.from_json(self.flash),
            self.save,
            self.ring,
            self.dial,
            self.here.clock,
            bootstrap=lambda: self.secret,
        )

    @property
    def credential(self) -> Credential:
        found = DeviceState.from_json(self.flash).preferred
        assert found
        return found

    @asynccontextmanager
    async def dial(self, credential: Credential | None) -> AsyncIterator[EstClient]:
        if self.cut:
            raise ConnectionRefusedError
        key = self.ring.open(credential.key) if credential else None
        async with self.here.client(key, credential.loaded if credential else None) as http:
            yield EstClient(http)
        if self.lose_answer:
            raise ConnectionResetError

    async def enrol(self) -> None:
        self.secret = self.here.invite(NAME)
        assert await self.agent.wake() is Renewal.BOOTSTRAP
        self.secret = None

    def go_to_renewal(self) -> None:
        self.here.clock.time = renews_at(NAME, self.credential.loaded)

    def go_past_the_end(self, seconds: int) -> None:
        end = from_datetime(self.credential.loaded.not_valid_after_utc)
        self.here.clock.time = end
        self.here.clock.advance(seconds)


def run(tmp_path: Path, play: Callable[[Bench], Awaitable[None]]) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            bench = Bench(here)
            await bench.enrol()
            await play(bench)

    asyncio.run(go())


def test_a_device_bootstraps_keeps_and_renews(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        first = bench.credential
        assert await bench.agent.wake() is Renewal.KEEP
        bench.go_to_renewal()
        assert await bench.agent.wake() is Renewal.RENEW
        assert bench.credential.serial != first.serial
        assert await bench.agent.wake() is Renewal.KEEP

    run(tmp_path, play)


def test_an_authority_that_is_offline_costs_nothing_before_the_end(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        bench.go_to_renewal()
        bench.cut = True
        first, tries = bench.credential, 0
        end = from_datetime(first.loaded.not_valid_after_utc)
        requests = set()
        while bench.here.clock.time < end - DAY_S * MICROSECONDS_PER_SECOND:
            with pytest.raises(ConnectionRefusedError):
                await bench.agent.wake()
            pending = DeviceState.from_json(bench.flash).pending
            assert pending
            requests.add(pending.csr)
            bench.here.clock.advance(6 * 3600)
            tries += 1
        assert tries > 4
        assert len(requests) == 1  # one key for one renewal
        assert bench.credential == first
        bench.cut = False
        assert await bench.agent.wake() is Renewal.RENEW

    run(tmp_path, play)


def test_an_expired_certificate_renews_itself_once(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        bench.go_past_the_end(DAY_S)
        assert await bench.agent.wake() is Renewal.GRACE
        assert await bench.agent.wake() is Renewal.KEEP

    run(tmp_path, play)


def test_after_the_grace_only_a_new_credential_helps(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        bench.go_past_the_end(8 * DAY_S)
        with pytest.raises(RoadsealError, match="no certificate that renews") as caught:
            await bench.agent.wake()
        assert caught.value.code == "device-bootstrap"
        bench.secret = bench.here.invite(NAME)
        assert await bench.agent.wake() is Renewal.BOOTSTRAP
        assert await bench.agent.wake() is Renewal.KEEP

    run(tmp_path, play)


def test_a_refused_grace_leads_to_the_bootstrap(tmp_path: Path) -> None:
    """Somebody has renewed with a copy of the expired key: the device's own attempt is refused."""

    async def play(bench: Bench) -> None:
        bench.go_past_the_end(DAY_S)
        thief = Bench(bench.here)
        thief.flash, thief.ring = bench.flash, bench.ring
        assert await thief.agent.wake() is Renewal.GRACE
        with pytest.raises(RoadsealError, match="403"):
            await bench.agent.wake()
        with pytest.raises(RoadsealError, match="no certificate that renews"):
            await bench.agent.wake()
        bench.secret = bench.here.invite(NAME)
        assert await bench.agent.wake() is Renewal.BOOTSTRAP

    run(tmp_path, play)


def test_a_lost_answer_is_asked_for_again_and_is_the_same(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        bench.go_to_renewal()
        before = len(bench.here.authority.certificates())
        bench.lose_answer = True
        for _ in range(3):
            with pytest.raises(ConnectionResetError):
                await bench.agent.wake()
        bench.lose_answer = False
        assert await bench.agent.wake() is Renewal.RENEW
        assert len(bench.here.authority.certificates()) == before + 1

    run(tmp_path, play)


def test_a_revoked_device_does_not_renew(tmp_path: Path) -> None:

    async def play(bench: Bench) -> None:
        bench.here.authority.revoke(bench.credential.serial, x509.ReasonFlags.key_compromise)
        bench.go_to_renewal()
        first = bench.credential
        with pytest.raises(RoadsealError, match="403"):
            await bench.agent.wake()
        assert bench.credential == first

    run(tmp_path, play)
