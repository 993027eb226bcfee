"""`roadseal scms` from an empty folder to a revoked device, and its services over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner, Result

from roadseal.app.cli.scms import app
from roadseal.app.cli.v2x import app as v2x
from roadseal.clock import SystemClock, Time64, parse_instant
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.net import HttpClient, serve_plain_http
from roadseal.operate.pki.v2x.eu_system import create_eu, open_eu
from roadseal.operate.pki.v2x.http_service import HttpService
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.ledger import Station
from roadseal.operate.pki.v2x.lists import read_list
from roadseal.operate.pki.v2x.secured import sign_as
from roadseal.operate.pki.v2x.station import (
    authorization_request,
    enrolment_request,
    read_response,
)
from roadseal.operate.pki.v2x.tables import SCHEMA
from roadseal.operate.pki.v2x.us_crl import read_crl
from roadseal.operate.pki.v2x.us_series import PSEUDONYM_SERIES
from roadseal.operate.pki.v2x.us_system import create_us, open_us
from roadseal.operate.pki.v2x.us_types import CRL_CONTENTS, CRL_PSID
from roadseal.store import open_store
from roadseal.v2x import CertificateContents, Duration, Identification, Reason, SigningKey
from roadseal.v2x.testing import VEHICLE

DUAL = "ecdsa-p256+fn-dsa-512/pre1"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROADSEAL_SCMS_PASSPHRASE", "correct horse")
    monkeypatch.delenv("ROADSEAL_DB", raising=False)
    return tmp_path


def run(*arguments: object) -> Result:
    parts = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, parts, env={"COLUMNS": "120", "TERM": "dumb"})


def row(*arguments: object, code: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def refusal(*arguments: object) -> str:
    error = run(*arguments).exception
    assert isinstance(error, RoadsealError)
    return error.code


def test_a_us_device_from_enrolment_to_the_list_that_revokes_it(folder: Path) -> None:
    assert len(row("init", "--system", "us")["authorities"]) == 6
    row("enrol", "car-7", "--system", "us")
    made = row("batch", "car-7", "--system", "us", "--periods", 2, "--implicit")["certificates"]
    assert len(made) == 40
    again = row("batch", "car-7", "--system", "us", "--implicit")["certificates"]
    assert set(again) < set(made)
    assert refusal("batch", "car-7", "--system", "us") == "scms-station"
    pseudonym = folder / "stations/car-7" / made[0]
    assert pseudonym.with_suffix(".vkey").stat().st_mode & 0o077 == 0
    # The period began before the authorities were made: now counts.
    arguments = ["certificate", "verify", str(pseudonym), "--issuers", "authorities"]
    verified = CliRunner().invoke(v2x, [*arguments, "--at", "now", "--json"])
    assert json.loads(verified.stdout)["verdict"] == "ok"
    assert row("revoke", pseudonym)["outcome"] == "linked"
    row("crl", "--system", "us")
    result = run(
        "read", "lists/us-linked.oer", "lists/us-hash.oer", "--trust", "authorities", "--json"
    )
    linked, hashed = (json.loads(line) for line in result.stdout.splitlines())
    assert (linked["kind"], linked["verdict"]) == ("full linked CRL", "ok")
    assert linked["says"].startswith("1 device from period")
    assert hashed["says"] == "0 certificates"
    row("enrol", "rsu-1", "--system", "us", "--kind", "rsu")
    (unit,) = row("batch", "rsu-1", "--system", "us")["certificates"]
    assert row("revoke", folder / "stations/rsu-1" / unit)["outcome"] == "hashed"
    assert row("revoke", "stations/rsu-1/enrolment.oer")["outcome"] == "enrolment"
    assert refusal("batch", "rsu-1", "--system", "us") == "scms-refused"
    assert row("revoke", "authorities/us-root.oer", code=1)["outcome"] == "unknown"
    counts = {one["authority"]: one["revoked"] for one in row("status")}
    assert (counts["us-aca"], counts["us-eca"]) == (2, 1)


def test_european_stations_under_post_quantum_authorities(folder: Path) -> None:
    row("init", "--algorithm", "ml-dsa-65")
    row("enrol", "rsu-1", "--kind", "rsu")
    made = row("batch", "rsu-1", "--count", 1)["certificates"]
    assert len(made) == 1
    files = [f"stations/rsu-1/{name}" for name in made]
    verified = CliRunner().invoke(
        v2x, ["certificate", "verify", *files, "--issuers", "authorities", "--json"]
    )
    rows = [json.loads(line) for line in verified.stdout.splitlines()]
    assert {one["profile"] for one in rows} == {"ph-ml-dsa-65/rs1"}
    assert {one["verdict"] for one in rows} == {"ok"}
    assert row("revoke", "stations/rsu-1/enrolment.oer", "--system", "eu")["outcome"] == "enrolment"
    assert refusal("batch", "rsu-1", "--count", 1) == "scms-refused"
    assert row("revoke", "authorities/eu-aa.oer", "--system", "eu")["outcome"] == "authority"
    row("crl", "--system", "eu")
    result = run("read", *sorted(Path("lists").glob("*.oer")), "--trust", "authorities")
    assert result.exit_code == 0, result.output
    assert "1 revoked" in result.output


def test_european_authorities_are_followed_and_retired(folder: Path) -> None:
    row("init")
    row("enrol", "rsu-1", "--kind", "rsu", "--algorithm", DUAL)
    (old,) = row("batch", "rsu-1", "--count", 1)["certificates"]
    assert refusal("retire", "eu-aa") == "scms-last"
    for role, algorithm in (("root", "ml-dsa-65"), ("ea", "ml-dsa-44"), ("aa", "ml-dsa-44")):
        made = row("follow", role, "--algorithm", algorithm)
        assert made == {"authority": f"eu-{role}-2", "algorithm": algorithm}
    row("retire", "eu-aa")
    # Registered with the old EA and enrolled there; the new one takes the credential's word.
    (new,) = row("batch", "rsu-1", "--count", 1)["certificates"]
    files = [f"stations/rsu-1/{name}" for name in (old, new)]
    verified = CliRunner().invoke(
        v2x, ["certificate", "verify", *files, "--issuers", "authorities", "--json"]
    )
    rows = [json.loads(line) for line in verified.stdout.splitlines()]
    assert [one["profile"] for one in rows] == ["ecdsa-p256", "ph-ml-dsa-44/rs1"]
    assert {one["verdict"] for one in rows} == {"ok"}
    row("crl", "--system", "eu")
    names = sorted(path.stem for path in Path("lists").glob("*.oer"))
    assert names == ["eu-crl", "eu-ctl", "eu-ectl", "eu-root-crl", "eu-root-ctl"]
    result = run("read", *sorted(Path("lists").glob("*.oer")), "--trust", "authorities", "--json")
    said = {one["file"]: one for one in map(json.loads, result.stdout.splitlines())}
    assert {one["verdict"] for one in said.values()} == {"ok"}
    assert refusal("follow", "aa", "--algorithm", "rsa") == "scms-algorithm"
    assert refusal("follow", "aa", "--root", "eu-root-9") == "scms-absent"
    assert refusal("retire", "eu-tlm") == "scms-last"
    shown = {one["authority"]: (one["issued"], one["retired"]) for one in row("status")}
    assert (shown["eu-aa"], shown["eu-aa-2"]) == ((1, True), (1, False))
    assert (shown["eu-ea"], shown["eu-ea-2"]) == ((1, False), (0, False))
    assert "eu-aa (retired)" in run("status").output


def test_nothing_outlives_an_authority(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row("init")
    start, year = SystemClock().now(), 31_556_952_000_000

    def later(years: float) -> None:
        now = Time64(start + round(years * year))
        monkeypatch.setattr(SystemClock, "now", lambda _: now)

    later(3.5)
    until = parse_instant(row("enrol", "rsu-1", "--kind", "rsu")["valid_until"])
    assert start + 4.9 * year < until <= start + 5 * year
    later(5 - 1 / 366)  # a day before the end
    assert len(row("batch", "rsu-1")["certificates"]) == 2
    later(5.01)
    assert refusal("enrol", "rsu-2") == "scms-ended"
    row("follow", "ea")
    row("enrol", "rsu-2")


def test_mistakes_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal("enrol", "x") == "database-absent"
    assert refusal("init", "--algorithm", "rsa") == "scms-algorithm"
    run("init")
    assert refusal("enrol", "x", "--system", "us") == "scms-absent"
    assert refusal("init") == "scms-exists"
    assert refusal("enrol", "../x") == "scms-name"
    assert refusal("batch", "nobody") == "unreadable-file"
    assert refusal("expand", "00", "00") == "scms-expand"
    monkeypatch.setenv("ROADSEAL_SCMS_PASSPHRASE", "wrong")
    assert refusal("enrol", "x") == "scms-passphrase"
    monkeypatch.delenv("ROADSEAL_SCMS_PASSPHRASE")
    assert refusal("status") == "scms-passphrase"
    (folder / "junk.oer").write_bytes(b"junk")
    result = run("read", "junk.oer", "--trust", "authorities", "--json")
    assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (1, "malformed")


def test_expand_shows_camps_cocoon_keys() -> None:
    """CAMP SCP1, the signing vector of test_scms_vectors."""
    point = (
        "04ee9cc7fbd9edecea41f7c8bd258e8d2e988e75bd069addca1e5a38e534ac6818"
        "5ae3c8d9fe0b1fc7438f29417c240f8bf81c358ec1a4d0c6e98d8edbcc714017"
    )
    result = run(
        "expand",
        point,
        "121D14216715E11D2D3787434A673B1B",
        "--i",
        0x217D79E1,
        "--count",
        18,
        "--json",
    )
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["j"] == 0x11
    assert last["cocoon"][2:] == "2b18f3d93c4df3d9d1490e3a9ba5a0de9cfa73eddb95408bc1f2bf60cb3cf313"


def test_a_station_enrols_and_gets_a_ticket_over_http(tmp_path: Path) -> None:
    clock, log = SystemClock(), EventLog()
    store = open_store(tmp_path / "db", SCHEMA)
    keyring = Keyring(store, lambda: b"x", os.urandom)
    create_eu(keyring, clock.now())
    create_us(keyring, clock.now())
    eu = open_eu(store, keyring, random=os.urandom, emit=log)
    us = open_us(store, keyring, random=os.urandom, emit=log)
    canonical, key = SigningKey.generate("ecdsa-p256"), SigningKey.generate("ecdsa-p256")
    eu.ea.ledger.enter(Station(b"rsu", canonical.algorithm, canonical.public_key, VEHICLE))

    async def talk() -> None:
        service = HttpService(clock, "http://dc", eu=eu, us=us)
        server = await serve_plain_http(service, clock=clock, emit=log)
        async with HttpClient("127.0.0.1", server.port, None, clock=clock) as client:
            answer = await client.request("GET", "/certificates/eu-ea")
            assert answer.body == eu.keys["eu-ea"].certificate
            now = clock.now()
            contents = CertificateContents(start=now, duration=Duration(6, 1))
            ea, aa = eu.authorities_certificates
            asked = enrolment_request(b"rsu", contents, key, canonical, ea, now, os.urandom)
            answer = await client.request("POST", "/eu/ea", body=asked.octets)
            assert (answer.status, answer.headers["roadseal-verdict"]) == (200, "ok")
            enrolled = read_response(asked, answer.body, eu.authorities(), clock.now())
            contents = CertificateContents(
                start=now, duration=Duration.hours(100), app_permissions=VEHICLE[:1]
            )
            asked = authorization_request(
                contents,
                SigningKey.generate("ecdsa-p256"),
                enrolled.credential,
                ea,
                aa,
                now,
                os.urandom,
            )
            answer = await client.request("POST", "/eu/aa", body=asked.octets)
            ticket = read_response(asked, answer.body, eu.authorities(), clock.now())
            assert ticket.verdict == "ok"
            for path in ("/eu/ctl", "/eu/crl"):
                answer = await client.request("GET", path)
                again = await client.request("GET", path)
                assert again.body == answer.body
                assert read_list(answer.body, [eu.root], clock.now()).reason is Reason.OK
            answer = await client.request("GET", "/us/crl/linked")
            assert read_crl(answer.body, [us.root], clock.now()).reason is Reason.OK
            for method, path, body, status in (
                ("POST", "/eu/ea", b"junk", 400),
                ("POST", "/us/ra", b"junk", 400),
                ("POST", "/us/eca", b"", 400),
                ("POST", "/us/ra/download", b"junk", 400),
                ("POST", "/eu/ea", bytes(70_000), 413),
                ("GET", "/eu/ea", b"", 405),
                ("GET", "/", b"", 404),
            ):
                answer = await client.request(method, path, body=body)
                assert answer.status == status, path
        await server.close()

    asyncio.run(talk())


def test_a_refusal_in_a_batch_loses_no_ticket_that_was_given(folder: Path) -> None:
    run("init", "--system", "eu")
    row("enrol", "rsu-1", "--kind", "rsu")
    assert refusal("batch", "rsu-1", "--count", 3) == "scms-refused"  # two at once, for a unit
    tickets = sorted(Path("stations/rsu-1").glob("????????????????.oer"))
    assert len(tickets) == 2
    assert all(ticket.with_suffix(".vkey").exists() for ticket in tickets)


def test_a_list_that_revokes_groups_says_so(folder: Path) -> None:
    """Nobody shall take it for a list that was acted upon as a whole."""
    run("init", "--system", "us")
    keyring = Keyring(open_store("scms.db", SCHEMA), lambda: b"correct horse", os.urandom)
    craca, now = keyring.load("us-craca").credential, SystemClock().now()
    group = {
        "iMax": 1_300,
        "la1Id": b"\0\1",
        "linkageSeed1": bytes(16),
        "la2Id": b"\0\2",
        "linkageSeed2": bytes(16),
    }
    contents = {
        "version": 1,
        "crlSeries": PSEUDONYM_SERIES,
        "crlCraca": craca.hashed_id8,
        "issueDate": now // 1_000_000,
        "nextCrl": now // 1_000_000 + 3_600,
        "priorityInfo": {},
        "typeSpecific": ("fullLinkedCrl", {"iRev": 1_200, "indexWithinI": 0, "groups": [group]}),
    }
    payload = CRL_CONTENTS.encode(contents)
    signed = sign_as(payload, CRL_PSID, now, craca, Identification.CERTIFICATE)
    Path("groups.oer").write_bytes(signed)
    read = row("read", "groups.oer", "--trust", "authorities")
    assert read["verdict"] == "ok"
    assert read["says"] == "0 devices from period 1200, and groups, which are not acted upon"


def served() -> tuple[subprocess.Popen[str], str]:
    command = [str(Path(sys.executable).parent / "roadseal"), "scms", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline().split()[-1]


def test_a_server_that_is_killed_while_it_issues_doubles_and_loses_nothing(folder: Path) -> None:
    """Whoever got no answer asks again with the same octets, and has one certificate at the end."""
    run("init", "--system", "eu")
    store = open_store("scms.db", SCHEMA)
    eu = open_eu(
        store,
        Keyring(store, lambda: b"correct horse", os.urandom),
        random=os.urandom,
        emit=EventLog(),
    )
    now, (ea, _) = SystemClock().now(), eu.authorities_certificates
    requests = []
    for number in range(40):
        name, canonical = b"car-%d" % number, SigningKey.generate("ecdsa-p256")
        eu.ea.ledger.enter(Station(name, canonical.algorithm, canonical.public_key, VEHICLE))
        contents = CertificateContents(start=now, duration=Duration(6, 1))
        key = SigningKey.generate("ecdsa-p256")
        asked = enrolment_request(name, contents, key, canonical, ea, now, os.urandom)
        requests.append(asked.octets)
    server, address = served()
    answers: dict[int, bytes] = {}
    kill_after = 12

    def ask(number: int) -> str:
        with urlopen(f"{address}/eu/ea", requests[number], timeout=20) as answer:
            octets = answer.read()
        assert answers.setdefault(number, octets) == octets
        if len(answers) == kill_after:
            server.kill()
        return str(answer.headers["roadseal-verdict"])

    verdicts = []
    with server, ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(ask, number) for number in range(40)]:
            with suppress(OSError, HTTPException):  # the connection was cut, or nobody listens
                verdicts.append(future.result())
    assert server.returncode == -signal.SIGKILL
    assert set(verdicts) == {"ok"}
    assert 12 <= len(answers) < 40
    before, kill_after = len(answers), 0
    server, address = served()
    with server:
        verdicts = [ask(number) for number in range(40)]  # the same octets for who had an answer
        server.kill()
    assert verdicts.count("replayed") >= before
    assert set(verdicts) == {"ok", "replayed"}
    certificates = [one.certificate for one in eu.ea.ledger.records()]
    assert len(certificates) == len(set(certificates)) == 40


def test_serve_answers_until_it_is_interrupted(folder: Path) -> None:
    run("init", "--system", "eu")
    server, address = served()
    with server:
        assert server.stdout is not None
        url = f"{address}/certificates/eu-root"
        fetched = subprocess.run(["curl", "-sS", url], capture_output=True, check=True).stdout
        server.send_signal(signal.SIGINT)
        assert server.stdout.read().strip() == "Stopped."
    assert server.returncode == 0
    assert fetched == (folder / "authorities/eu-root.oer").read_bytes()
