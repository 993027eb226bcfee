"""Two KMEs as an operator runs them: files, processes, exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from roadseal.clock import SystemClock
from roadseal.net import Authority
from roadseal.operate.qkd.kme.config import read_config

ROADSEAL = str(Path(sys.executable).parent / "roadseal")

CONFIG = """
kme_id = "{me}"
listen = "127.0.0.1:{listen}"
sync = "127.0.0.1:{sync}"
store = "{me}-store"
kek = "{me}.kek"
certificate = "{me}.pem"
roots = "ca.pem"

[[peer]]
kme_id = "{other}"
sync = "127.0.0.1:{other_sync}"

[[sae]]
id = "urn:sae:centre"
kme = "KME_A"

[[sae]]
id = "SAE_B"
kme = "KME_B"
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def roadseal(where, *arguments, code=0):
    done = subprocess.run(
        [ROADSEAL, "qkd", *arguments],
        cwd=where, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "COLUMNS": "160", "TERM": "dumb"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def site(tmp_path):
    """Certificates and configurations; returns the directory and the two SAE ports."""
    now = SystemClock().now()
    authority = Authority.root("mldsa65", "test", now=now)
    for file, name in (
        ("KME_A", "KME_A"), ("KME_B", "KME_B"), ("a", "urn:sae:centre"), ("b", "SAE_B"),
    ):  # fmt: skip
        identity = authority.issue(name, now=now)
        key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem = identity.certificate.public_bytes(Encoding.PEM) + key
        (tmp_path / f"{file}.pem").write_bytes(pem)
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    a, sync_a, b, sync_b = free_ports(4)
    for me, other, listen, sync, other_sync in (
        ("KME_A", "KME_B", a, sync_a, sync_b), ("KME_B", "KME_A", b, sync_b, sync_a),
    ):  # fmt: skip
        text = CONFIG.format(me=me, other=other, listen=listen, sync=sync, other_sync=other_sync)
        (tmp_path / f"{me}.toml").write_text(text)
    (tmp_path / "block.bin").write_bytes(os.urandom(131_072))
    return tmp_path, a, b


def import_both(where):
    for me, other in (("KME_A", "KME_B"), ("KME_B", "KME_A")):
        common = ("--config", f"{me}.toml", "--link", other, "--block", "1")
        said = roadseal(where, "kme", "import", "block.bin", *common)
        assert "imported" in said
        assert "already" in roadseal(where, "kme", "import", "block.bin", *common)


def test_a_block_in_hexadecimal_is_recognised_and_imported_when_said_so(site):
    where, _, _ = site
    (where / "block.hex").write_text((where / "block.bin").read_bytes().hex("\n", 40))
    common = ("kme", "import", "block.hex", "--config", "KME_A.toml", "--link", "KME_B")
    said = roadseal(where, *common, "--block", "1", code=2)
    assert "--encoding hex" in said
    assert "imported" in roadseal(where, *common, "--block", "1", "--encoding", "hex")
    raw = ("kme", "import", "block.bin", *common[3:], "--block", "1")
    assert "already" in roadseal(where, *raw)  # the same octets
    told = roadseal(where, *raw, "--json").splitlines()[0]
    assert json.loads(told) == {"link": "KME_B", "block": 1, "new": False}
    told = roadseal(where, "kme", "zeroise", "--config", "KME_A.toml", "--yes", "--json")
    assert json.loads(told)["kme"] == "KME_A"
    assert json.loads(told)["files"] > 0


def test_peers_are_heard_at_their_own_address_and_nowhere_else(site):
    where, port, _ = site
    file = where / "KME_A.toml"
    text = file.read_text()
    sync = int(re.search(r'^sync = "127.0.0.1:(\d+)"', text, re.M)[1])
    file.write_text(text.replace(f"127.0.0.1:{sync}", f"127.0.0.2:{sync}", 1))

    async def reached(*address):
        with contextlib.suppress(ConnectionRefusedError):
            _, writer = await asyncio.open_connection(*address)
            writer.close()
            return True
        return False

    async def run():
        kme = await read_config(file).start(clock=SystemClock())
        try:
            ends = (("127.0.0.1", port), ("127.0.0.2", sync), ("127.0.0.1", sync))
            return [await reached(*end) for end in ends]
        finally:
            await kme.close()

    assert asyncio.run(run()) == [True, True, False]


def test_two_kmes_serve_clients_and_pass_the_doctor(site):
    where, a, b = site
    import_both(where)
    servers = [
        subprocess.Popen([ROADSEAL, "qkd", "kme", "serve", "--config", f"{me}.toml"],
                         cwd=where, stderr=subprocess.PIPE, text=True)
        for me in ("KME_A", "KME_B")
    ]  # fmt: skip
    try:
        for server in servers:
            assert server.stderr is not None
            assert "serves SAEs" in server.stderr.readline()
        url_a, url_b = f"https://127.0.0.1:{a}", f"https://127.0.0.1:{b}"
        as_a = ("--cert", "a.pem", "--roots", "ca.pem", "--kme", "KME_A")
        as_b = ("--cert", "b.pem", "--roots", "ca.pem", "--kme", "KME_B")
        status = json.loads(roadseal(where, "client", "status", url_a, "SAE_B", *as_a, "--json"))
        assert status["stored_key_count"] > 1000
        keys = json.loads(roadseal(where, "client", "enc", url_a, "SAE_B", "--number", "2", *as_a))[
            "keys"
        ]
        assert {key["provenance"] for key in keys} == {"simulated"}
        ids = [key["key_ID"] for key in keys]
        back = roadseal(where, "client", "dec", url_b, "urn:sae:centre", *ids, *as_b)
        assert json.loads(back)["keys"] == keys
        again = roadseal(where, "client", "dec", url_b, "urn:sae:centre", *ids, *as_b, code=2)
        assert "not found on KME" in again
        ends = ("--as-master", "a.pem", "--as-slave", "b.pem", "--roots", "ca.pem")
        names = ("--slave-url", url_b, "--kme", "KME_A", "--kme", "KME_B")
        report = json.loads(roadseal(where, "doctor", url_a, *ends, *names, "--json"))
        assert {finding["outcome"] for finding in report} == {"passed"}
        for sae in ("a", "b"):  # each with its CA, so that nothing else says whom to trust
            whole = (where / f"{sae}.pem").read_text() + (where / "ca.pem").read_text()
            (where / f"{sae}-whole.pem").write_text(whole)
        ends = ("--as-master", "a-whole.pem", "--as-slave", "b-whole.pem")
        assert "ETSI GS QKD 014" in roadseal(where, "doctor", url_a, *ends, *names)
        busy = roadseal(where, "kme", "status", "--config", "KME_A.toml", code=2)
        assert "qkd-store-busy" in busy
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=20)
    assert [server.returncode for server in servers] == [0, 0]
    status = json.loads(roadseal(where, "kme", "status", "--config", "KME_A.toml", "--json"))
    assert status["links"][0]["available_bits"] > 0
    assert "overwritten" in roadseal(where, "kme", "zeroise", "--config", "KME_A.toml", "--yes")
    assert not (where / "KME_A.kek").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kme = "KME_B"', 'kme = "KME_C"', "No peer is called"),
        ("127.0.0.1:", "127.0.0.1;", "is no address"),
        ('kek = "KME_A.kek"', "kek = 3", "kek"),
        ('kek = "KME_A.kek"', 'profile = "none"\nkek = "k"', "no TLS profile"),
        ('roots = "ca.pem"', 'roots = "ca.pem"\nsecret = 1', "secret"),
    ],
)
def test_a_wrong_configuration_is_one_sentence_with_its_line(site, old, new, said):
    where, _, _ = site
    config = where / "KME_A.toml"
    config.write_text(config.read_text().replace(old, new))
    output = roadseal(where, "kme", "status", "--config", "KME_A.toml", code=2)
    assert said in output
    assert "KME_A.toml:" in output


def test_nobody_at_the_address_is_one_sentence(site):
    where, a, _ = site
    start = time.monotonic()
    as_a = ("--cert", "a.pem", "--roots", "ca.pem", "--kme", "KME_A")
    said = roadseal(where, "client", "status", f"https://127.0.0.1:{a}", "SAE_B", *as_a, code=2)
    assert "tls-unreachable" in said
    assert time.monotonic() - start < 30
