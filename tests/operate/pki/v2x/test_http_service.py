"""The authorities' endpoints: what is hostile, repeated, for somebody else, or out of its time."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from roadseal.clock import Time64
from roadseal.events import EventLog
from roadseal.net.http import Request, Response
from roadseal.operate.pki.v2x import station, us_answers, us_device
from roadseal.operate.pki.v2x.eu_system import EuSystem, create_eu, open_eu
from roadseal.operate.pki.v2x.http_service import HttpService, make_batches
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.ledger import Station
from roadseal.operate.pki.v2x.lists import read_list
from roadseal.operate.pki.v2x.tables import SCHEMA
from roadseal.operate.pki.v2x.us_crl import read_crl
from roadseal.operate.pki.v2x.us_periods import period_of
from roadseal.operate.pki.v2x.us_system import UsSystem, create_us, open_us
from roadseal.store import open_store
from roadseal.v2x import CertificateContents, Duration, Permission, Reason, SigningKey, service
from roadseal.v2x.testing import VEHICLE

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))
NOW = Time64(700_000_000_000_000)
MINUTE = 60_000_000
YEAR = 365 * 24 * 60 * MINUTE
CAR = (Permission(service.BSM, b"\0\0", bitmap=False), Permission(0x204096))
LISTS = ("/eu/ctl", "/eu/ectl", "/eu/crl", "/us/crl/linked", "/us/crl/hash")


class Moved:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> Time64:
        return self.time


@dataclass
class Served:
    """Both systems behind one service, and a request of each kind that was granted."""

    service: HttpService
    clock: Moved
    eu: EuSystem
    us: UsSystem
    log: EventLog
    granted: dict[str, bytes]
    answers: dict[str, bytes]

    def post(self, path: str, body: bytes) -> Response:
        return asyncio.run(self.service(Request("POST", path, {}, body)))

    def get(self, path: str) -> Response:
        return asyncio.run(self.service(Request("GET", path)))

    def grant(self, path: str, body: bytes) -> bytes:
        answer = self.post(path, body)
        assert answer.headers["roadseal-verdict"] == "ok", path
        self.granted[path], self.answers[path] = body, answer.body
        return answer.body

    @property
    def issued(self) -> int:
        ledgers = (self.eu.ea.ledger, self.eu.aa.ledger, self.us.eca.ledger, self.us.aca.ledger)
        return sum(len(list(ledger.records())) for ledger in ledgers)

    def european(self) -> None:
        """A station enrols and gets a ticket."""
        canonical, key = SigningKey.generate("ecdsa-p256"), SigningKey.generate("ecdsa-p256")
        known = Station(b"rsu", canonical.algorithm, canonical.public_key, VEHICLE)
        self.eu.ea.ledger.enter(known)
        ea, aa = self.eu.authorities_certificates
        contents = CertificateContents(start=NOW, duration=Duration(6, 1))
        asked = station.enrolment_request(b"rsu", contents, key, canonical, ea, NOW, os.urandom)
        octets = self.grant("/eu/ea", asked.octets)
        enrolment = station.read_response(asked, octets, self.eu.authorities(), NOW).credential
        contents = CertificateContents(
            start=NOW, duration=Duration.hours(100), app_permissions=VEHICLE[:1]
        )
        ticket = SigningKey.generate("ecdsa-p256")
        asked = station.authorization_request(contents, ticket, enrolment, ea, aa, NOW, os.urandom)
        self.grant("/eu/aa", asked.octets)

    def american(self) -> None:
        """A device enrols, asks for pseudonyms, and fetches what the RA had made meanwhile."""
        secret, ra = SigningKey.generate_secret("ecdsa-p256"), self.us.keys["us-ra"].certificate
        key = SigningKey.from_secret("ecdsa-p256", secret)
        self.us.eca.ledger.enter(Station(b"car", key.algorithm, key.public_key, CAR))
        contents = CertificateContents(
            start=NOW, duration=Duration(6, 3), name="car", app_permissions=CAR
        )
        sent = us_device.enrollment_request("car", contents, key, "explicit", NOW)
        enrolment = us_answers.read_enrollment(
            sent,
            self.grant("/us/eca", sent.octets),
            secret,
            "ecdsa-p256",
            self.us.authorities(),
            NOW,
        ).credentials[0]
        caterpillar = us_device.Caterpillar.generate(os.urandom)
        asked = us_device.pseudonym_request(
            caterpillar, CAR, enrolment, ra, "implicit", NOW, os.urandom
        )
        self.grant("/us/ra", asked.octets)
        asyncio.run(self._until_batches_are_made())
        authorities, aca = self.us.authorities(), self.us.keys["us-aca"].certificate
        for i in (period_of(NOW) + 1, period_of(NOW)):
            fetch = us_device.download_request(asked.filename(i), enrolment, ra, NOW, os.urandom)
            batch = self.grant("/us/ra/download", fetch)
            read = us_answers.read_pseudonyms(caterpillar, i, batch, aca, authorities, NOW)
            assert (read.verdict, len(read.credentials)) == ("ok", 2)

    async def _until_batches_are_made(self) -> None:
        making = asyncio.create_task(make_batches(self.us.ra, self.clock, 0.01, self.log))
        while sum(event.kind == "batch.made" for event in self.log.events) < 2:
            await asyncio.sleep(0.01)
            assert not making.done()
        making.cancel()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder: Path = tmp_path_factory.mktemp("served")
    store, clock, log = open_store(folder / "db", SCHEMA), Moved(), EventLog()
    keyring = Keyring(store, lambda: b"x", os.urandom)
    create_eu(keyring, NOW)
    create_us(keyring, NOW)
    eu = open_eu(store, keyring, random=os.urandom, emit=log)
    us = open_us(store, keyring, random=os.urandom, emit=log, per_period=2)
    made = Served(HttpService(clock, "http://dc", eu=eu, us=us), clock, eu, us, log, {}, {})
    made.european()
    made.american()
    return made


def test_a_repeated_request_gets_the_same_octets_at_every_endpoint(served: Served) -> None:
    before = served.issued
    for path, body in served.granted.items():
        again = served.post(path, body)
        # A batch may be fetched as often as one likes; the others are said to be replays.
        assert again.headers["roadseal-verdict"] == ("ok" if "download" in path else "replayed")
        assert again.body == served.answers[path]
    assert served.issued == before


def test_what_is_for_another_authority_gets_a_verdict(served: Served) -> None:
    for path in served.granted:
        for other, body in served.granted.items():
            if other != path:
                answer = served.post(path, body)
                assert (answer.status, answer.body) == (400, b""), (path, other)
                assert answer.headers["roadseal-verdict"] not in ("ok", "replayed", "")


def test_oversize_and_wrong_methods_are_refused(served: Served) -> None:
    for path in served.granted:
        assert served.post(path, bytes(65_537)).status == 413
        assert served.get(path).status == 405
    assert served.post("/eu/ctl", b"").status == 405
    for path in (
        "/",
        "/eu",
        "/eu/ctl/eu-root-9",
        "/certificates",
        "/certificates/nobody",
        "/us/ma",
    ):
        assert served.get(path).status == 404, path


def test_no_mutant_at_any_endpoint_raises_or_is_granted(served: Served) -> None:
    before, random_bits = served.issued, random.Random(7)
    for path, body in served.granted.items():
        for mutant in (*_nasty(), *_mutants(body, random_bits, MUTANTS // 5)):
            answer = served.post(path, mutant)
            # Some bytes are not signed (who else may decrypt): then it is the same request.
            if answer.status != 400:
                assert answer.body == served.answers[path]
    assert served.issued == before


@pytest.mark.parametrize("jump", [-YEAR, -10 * MINUTE, 10 * MINUTE, YEAR, 20 * YEAR])
def test_a_clock_that_jumps_grants_nothing_and_comes_back(served: Served, jump: int) -> None:
    before = served.issued
    try:
        served.clock.time = Time64(NOW + jump)
        for path, body in served.granted.items():
            assert served.post(path, body).headers["roadseal-verdict"] != "ok"
        for path in LISTS:
            assert served.get(path).status == 200
    finally:
        served.clock.time = NOW
    assert served.issued == before
    # Lists that were signed meanwhile are not what stations get now, in any process.
    for system in (served.service, HttpService(served.clock, "http://dc", eu=served.eu, us=None)):
        for path in LISTS[:3]:
            octets = asyncio.run(system(Request("GET", path))).body
            trusted = [served.eu.root, served.eu.keys["eu-tlm"].certificate]
            assert read_list(octets, trusted, NOW).reason is Reason.OK, path
    assert read_crl(served.get(LISTS[3]).body, [served.us.root], NOW).reason is Reason.OK


def test_batches_are_made_when_the_database_is_back(served: Served) -> None:
    engine, week = served.us.ra.ledger.store.engine, 7 * 24 * 60 * MINUTE

    def rename(old: str, new: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    async def told(making: asyncio.Task[None], kind: str) -> None:
        before = sum(event.kind == kind for event in served.log.events)
        while sum(event.kind == kind for event in served.log.events) == before:
            await asyncio.sleep(0.01)
            assert not making.done()

    async def run() -> None:
        making = asyncio.create_task(make_batches(served.us.ra, served.clock, 0.01, served.log))
        await told(making, "batch.unavailable")
        rename("gone", "scms_item")
        await told(making, "batch.made")
        making.cancel()

    try:
        served.clock.time = Time64(NOW + 2 * week)
        rename("scms_item", "gone")
        asyncio.run(asyncio.wait_for(run(), 30))
    finally:
        served.clock.time = NOW


def _nasty() -> Iterator[bytes]:
    yield from (b"", b"\0", b"\3", b"\3\x80", b"\3\x81", b"\3\x82", b"\xff" * 1_000)
    yield b"\3\x81" * 30_000
    yield b"\3\x82\1\x85" + b"\xff" * 5


def _mutants(body: bytes, bits: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        octets, at = bytearray(body), bits.randrange(len(body))
        match bits.randrange(4):
            case 0:
                octets[at] ^= 1 << bits.randrange(8)
            case 1:
                octets[at] = bits.choice((0, 1, 0x7F, 0x80, 0x81, 0xFF))
            case 2:
                del octets[at : at + bits.randrange(1, 40)]
            case 3:
                octets[at:at] = bits.randbytes(bits.randrange(1, 20))
        yield bytes(octets)
