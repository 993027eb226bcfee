"""Campaigns on units on the network: processes on loopback, killed at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509
from network_scenes import NAME, ROADSEAL, City

from roadseal.clock import SystemClock
from roadseal.fleet import SCHEMA as FLEET
from roadseal.fleet import CampaignReport, report
from roadseal.operate.pki import SCHEMA
from roadseal.operate.pki.tables import CERTIFICATE
from roadseal.store import open_store

UNITS = [f"rsu-{number}.example" for number in range(3)]
FAST = ("--waves", "1,100%", "--soak", "0", "--spread", "0", "--lease", "4", "--retry", "1")
TO = ("--to", "issuing-new", "--profile")


@pytest.fixture
def city(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    on = getattr(request, "param", "sqlite")
    url = str(tmp_path / "city.db") if on == "sqlite" else request.getfixturevalue("postgres_url")
    found = City(tmp_path, url)
    try:
        yield found
    finally:
        found.close()


def prepare(city: City, units: list[str] = UNITS, *more: str) -> None:
    city.serve()
    for identity in units:
        city.unit(identity)
    rows = "".join(f"{one},acme,1.0\n" for one in units)
    (city.folder / "fleet.csv").write_text(f"id,vendor,firmware\n{rows}")
    city.call("campaign", "enlist", "fleet.csv")
    city.call("campaign", "plan", "spring", *TO, city.profile, *FAST, *more)
    city.call("campaign", "start", "spring")


def status(city: City) -> CampaignReport:
    return report(open_store(city.db, FLEET), "spring", SystemClock().now())


def in_force(city: City, authority: str) -> dict[str, list[str]]:
    """Serials by identity."""
    store = open_store(city.db, SCHEMA)
    with store.reading() as connection:
        rows = connection.execute(
            sa.select(CERTIFICATE.c.identity, CERTIFICATE.c.serial).where(
                CERTIFICATE.c.authority == authority,
                CERTIFICATE.c.revoked_at.is_(None),
                CERTIFICATE.c.certificate.is_not(None),
                CERTIFICATE.c.identity != NAME,
            )
        ).all()
    found: dict[str, list[str]] = {}
    for identity, serial in rows:
        found.setdefault(identity, []).append(serial)
    return found


def shown(city: City, identity: str) -> dict[str, Any]:
    """What a stopped unit has on its disk."""
    config = f"{identity}/unit.toml"
    text = city.call("pki", "agent", "show", "--config", config, "--json")
    found: dict[str, Any] = json.loads(text)
    return found


def stop_units(city: City) -> None:
    for agent in city.agents.values():
        city.kill(agent)


@pytest.mark.parametrize("city", ["sqlite", "postgresql"], indirect=True)
def test_whoever_is_killed_nothing_is_lost_and_nothing_doubled(city: City) -> None:
    """Agents, server and workers die by SIGKILL, and others take over from the disks."""
    prepare(city, UNITS, "--soak", "1")  # six soaks: it outlasts the killing
    draw = random.Random(7)
    begin = ("campaign", "work", "spring", "--answer", "2")
    workers = [city.begin(*begin, log="worker.log")]
    ends = time.monotonic() + 200
    victims = ["agent", "worker", "server", "agent"]
    while (found := status(city)).phase != "finished":
        assert time.monotonic() < ends, (found, city.log("worker.log"), city.log("server.log"))
        time.sleep(draw.uniform(0.1, 0.8))
        match victims.pop(0) if victims else None:
            case "agent":
                unit = draw.choice(UNITS)
                city.kill(city.agents[unit])
                city.unit(unit)
            case "server":
                city.kill(city.server)
                city.serve()
            case "worker":
                city.kill(workers[-1])
        if workers[-1].poll() is not None:
            workers.append(city.begin(*begin, log="worker.log"))
            city.others.append(workers[-1])
    city.others.append(workers[0])
    assert not victims
    assert found.states == {"finished": len(UNITS)}
    stop_units(city)
    new, old = in_force(city, "issuing-new"), in_force(city, "issuing")
    assert {identity: len(serials) for identity, serials in new.items()} == dict.fromkeys(UNITS, 1)
    assert old == {}
    for identity in UNITS:
        unit = shown(city, identity)
        assert unit["preferred"]["algorithm"] == "ml-dsa-65"
        assert [unit["preferred"]["serial"]] == new[identity]
        assert unit["beside"] is None
        keys = list((city.folder / identity / "unit/keys").iterdir())
        assert len(keys) == 1  # the old key is gone


def test_a_unit_that_was_away_gets_its_orders_when_it_returns(city: City) -> None:
    prepare(city, UNITS[:2])
    _until_enrolled(city, 2)
    city.kill(city.agents[UNITS[1]])
    time.sleep(3)
    city.call("campaign", "work", "spring", "--answer", "75", code=2)  # beyond the lease
    city.call("campaign", "work", "spring", "--answer", "1", "--until", "8", code=3)
    assert len(in_force(city, "issuing-new")) <= 1
    city.unit(UNITS[1])
    city.call("campaign", "work", "spring", "--answer", "2", "--until", "60")
    assert set(in_force(city, "issuing-new")) == set(UNITS[:2])


def test_what_is_called_back_goes_back_and_the_new_certificate_is_revoked(city: City) -> None:
    prepare(city, UNITS[:2], "--waves", "100%", "--soak", "12")
    _until_enrolled(city, 2)
    worker = city.begin("campaign", "work", "spring", "--answer", "2", log="worker.log")
    city.others.append(worker)
    ends = time.monotonic() + 60
    while not in_force(city, "issuing-new"):
        assert time.monotonic() < ends, city.log("worker.log")
        time.sleep(0.05)
    city.call("campaign", "rollback", "spring")
    assert worker.wait(60) in (1, 3), city.log("worker.log")
    assert status(city).phase == "rolled-back"
    stop_units(city)
    assert in_force(city, "issuing-new") == {}
    assert set(in_force(city, "issuing")) == set(UNITS[:2])
    for identity in UNITS[:2]:
        unit = shown(city, identity)
        assert unit["preferred"]["issuer"] == "issuing"
        assert unit["beside"] is None


def test_the_old_root_is_dropped_once_the_server_shows_the_new_one(city: City) -> None:
    prepare(city, UNITS[:1], "--drop-root")
    _until_enrolled(city, 1)
    worker = city.begin("campaign", "work", "spring", "--answer", "2", log="worker.log")
    city.others.append(worker)
    ends = time.monotonic() + 60
    while not in_force(city, "issuing-new"):
        assert time.monotonic() < ends, city.log("worker.log")
        time.sleep(0.05)
    city.kill(city.server)
    city.serve("issuing-new")
    assert worker.wait(90) == 0, city.log("worker.log")
    stop_units(city)
    assert shown(city, UNITS[0])["roots"] == 1


def test_keys_are_renewed_within_one_authority(city: City) -> None:
    """The worker brings the certificates; only the newest stays in force."""
    city.serve()
    city.unit(UNITS[0])
    (city.folder / "fleet.csv").write_text(f"id,vendor,firmware\n{UNITS[0]},acme,1.0\n")
    city.call("campaign", "enlist", "fleet.csv")
    _until_enrolled(city, 1)
    (before,) = in_force(city, "issuing")[UNITS[0]]
    city.call("campaign", "plan", "spring", "--to", "issuing", "--profile", "classical-2016", *FAST)
    city.call("campaign", "start", "spring")
    city.call("campaign", "work", "spring", "--answer", "2", "--until", "60")
    stop_units(city)
    (after,) = in_force(city, "issuing")[UNITS[0]]
    assert after != before
    assert shown(city, UNITS[0])["preferred"]["serial"] == after


def _until_enrolled(city: City, count: int) -> None:
    ends = time.monotonic() + 60
    while len(in_force(city, "issuing")) < count:
        assert time.monotonic() < ends, city.log("server.log")
        time.sleep(0.1)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_a_unit_that_speaks_only_est_is_moved_by_its_own_renewals(tmp_path: Path) -> None:
    """curl and openssl as the unit: it knows nothing of campaigns."""
    city = City(tmp_path, str(tmp_path / "city.db"), "classical-2016")
    try:
        _move_by_curl(city)
    finally:
        city.close()


def _move_by_curl(city: City) -> None:
    identity = "signal-9.example"
    city.serve()
    folder = city.folder / "curl"
    folder.mkdir()
    shutil.copy(city.folder / "ca/root.pem", folder / "trust.pem")

    def run(*command: str, to: str | None = None) -> bytes:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        if to:
            (folder / to).write_bytes(done.stdout)
        return done.stdout

    def ask(operation: str, *options: str) -> bytes:
        where = ["--resolve", f"{NAME}:{city.port}:127.0.0.1", "--cacert", "trust.pem"]
        url = f"https://{NAME}:{city.port}/.well-known/est/{operation}"
        run("curl", "-sS", "--fail-with-body", *where, *options, url, to="answer.b64")
        run("openssl", "base64", "-d", "-in", "answer.b64", "-out", "answer.p7")
        return run("openssl", "pkcs7", "-inform", "DER", "-in", "answer.p7", "-print_certs")

    def request(name: str) -> list[str]:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        out = ["-outform", "DER", "-out", "csr.der", "-keyout", f"{name}.key"]
        run("openssl", "req", "-new", *curve, "-subj", f"/CN={identity}", *out)
        run("openssl", "base64", "-in", "csr.der", "-out", "csr.b64")
        return ["-H", "Content-Type: application/pkcs10", "--data-binary", "@csr.b64"]

    def keep(name: str, leaf: bytes, issuing: str) -> list[str]:
        chain = (city.folder / f"ca/{issuing}.pem").read_bytes()
        (folder / f"{name}.pem").write_bytes(leaf + chain)
        return ["--cert", f"{name}.pem", "--key", f"{name}.key"]

    secret = city.call("pki", "invite", identity).strip()
    first = ask("simpleenroll", "-u", f"{identity}:{secret}", *request("first"))
    mine = keep("first", first, "issuing")
    (city.folder / "fleet.csv").write_text(f"id,vendor,firmware\n{identity},old,1\n")
    city.call("campaign", "enlist", "fleet.csv", "--est-only")
    city.call("campaign", "plan", "spring", *TO, "classical-2016", *FAST)
    city.call("campaign", "start", "spring")
    worker = city.begin("campaign", "work", "spring", "--answer", "1", log="worker.log")
    city.others.append(worker)

    def visit(what: str, *options: str) -> bytes:
        """Come again until the campaign has gone on, as a daily job would."""
        time.sleep(1.5)
        return ask(what, *options)

    ends = time.monotonic() + 60
    trust = b""
    while trust.count(b"BEGIN") < 4:
        assert time.monotonic() < ends, city.log("worker.log")
        trust = visit("cacerts", *mine)
    (folder / "trust.pem").write_bytes(trust)
    while True:
        assert time.monotonic() < ends, city.log("worker.log")
        renewed = visit("simplereenroll", *mine, *request("next"))
        issuer = x509.load_pem_x509_certificate(renewed).issuer.rfc4514_string()
        name = issuer.removeprefix("CN=")
        mine = keep("next", renewed, name)
        if name == "issuing-new":
            break
        (folder / "next.key").rename(folder / "present.key")
        (folder / "next.pem").rename(folder / "present.pem")
        mine = ["--cert", "present.pem", "--key", "present.key"]
    while worker.poll() is None:
        assert time.monotonic() < ends, city.log("worker.log")
        visit("cacerts", *mine)
    assert worker.returncode == 0, city.log("worker.log")
    assert in_force(city, "issuing") == {}
    assert len(in_force(city, "issuing-new")[identity]) == 1


def test_the_walk_through_in_the_documentation_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/campaigns.md").read_text()
    script = page.split("```bash\n")[1].split("```")[0]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    assert script.count("8443") == 2
    before = 'trap "kill 0" EXIT\nset -eu\n'
    done = subprocess.run(
        ["bash", "-c", f"{before}{script.replace('8443', port)}"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(ROADSEAL).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        start_new_session=True,
    )
    assert "finished" in done.stdout, done.stdout + done.stderr
    show = ["pki", "agent", "show", "--config", "rsu-42/unit.toml", "--json"]
    found = subprocess.run([ROADSEAL, *show], cwd=tmp_path, capture_output=True, check=True)
    assert json.loads(found.stdout)["preferred"]["issuer"] == "issuing-pqc"
