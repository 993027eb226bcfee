"""`roadseal pki` as an operator runs it, and `serve` as a device meets it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from typer.testing import CliRunner, Result

from roadseal.app.cli import app
from roadseal.clock import SystemClock
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.net import HttpClient, Side, TlsContext, tls_profile
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.tls_identity import certification_request

SCRIPT = """
title = "Root of Example"
place = "Room 12"
participants = [{ name = "Ada", role = "key holder" }]
[[authorities]]
name = "root"
algorithm = "ml-dsa-65"
[[authorities]]
name = "issuing"
algorithm = "ml-dsa-65"
under = "root"
[approval]
quorum = 1
approvers = { ada = "ada.pub" }
"""


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    monkeypatch.setenv("COLUMNS", "100")


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def csr(name: str) -> str:
    Path(name).write_bytes(certification_request(generate_key("ml-dsa-65")))
    return name


def approver() -> None:
    """Ada's key pair in files."""
    key = generate_key("ml-dsa-65")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    Path("ada.pem").write_bytes(private)
    Path("ada.pub").write_bytes(public)


def test_from_init_to_revoked() -> None:
    run("pki", "init", "ca")
    issued = run("pki", "issue", csr("a.csr"), "--identity", "a.road", "--out", "a.pem")
    trust = ["--untrusted", "ca/issuing.pem", "--trust", "ca/root.pem"]
    run("x509", "verify", "a.pem", *trust, "--profile", "hybrid-2026")
    run("pki", "status", "a.list", "--crl", "a.crl")
    run("x509", "verify", "a.pem", *trust, "--status", "a.list")
    renewed = run("pki", "renew", issued.stdout.strip(), csr("b.csr"), "--out", "b.pem")
    serial = renewed.stdout.strip()
    (shown,) = json.loads(run("pki", "expiring", "--within-days", "31", "--json").stdout)
    assert (shown["serial"], shown["quantum_safe"]) == (serial, True)
    run("pki", "revoke", serial, "--reason", "keyCompromise", "--block-key")
    run("pki", "status", "b.list")
    run("x509", "verify", "b.pem", *trust, "--status", "b.list", code=1)
    with pytest.raises(RoadsealError, match="blocked"):
        run("pki", "issue", "b.csr", "--identity", "b.road", "--out", "c.pem")
    run("pki", "lint", "a.pem", "b.pem", "ca/root.pem")


def test_the_monday_screen() -> None:
    run("pki", "init", "ca")
    request = csr("a.csr")
    for days in ("2", "20", "200"):
        named = ["--identity", f"d{days}.road", "--out", f"{days}.pem"]
        run("pki", "issue", request, *named, "--days", days)
    run("pki", "import", "ca/root.pem", "2.pem")
    screen = run("pki", "expiring", code=1).stdout
    assert "3 of 8 end within 30 days" in screen
    assert "2 end within 3 days" in screen
    assert re.search(r"2\.0\s+[━─]+\s+d2\.road", screen)
    assert "d200" not in screen
    assert "8 certificates are in out" in run("pki", "export", "out").stdout
    names = {file.name.partition("-")[0] for file in Path("out").rglob("*.pem")}
    assert {"d2.road", "d20.road", "d200.road", "root", "issuing"} <= names


def test_a_ceremony_leaves_a_transcript_that_shows_any_change() -> None:
    approver()
    Path("script.toml").write_text(SCRIPT)
    run("pki", "ceremony", "script.toml", "--yes")
    run("pki", "ceremony", "ca/transcript.json", "--verify")
    assert "| Ada | key holder | |" in Path("ca/transcript.md").read_text()
    transcript = Path("ca/transcript.json").read_text()
    for index in range(len(json.loads(transcript)["steps"])):
        changed = json.loads(transcript)
        changed["steps"][index]["what"] = "nothing"
        Path("changed.json").write_text(json.dumps(changed))
        run("pki", "ceremony", "changed.json", "--verify", code=1)
        del changed["steps"][index]
        Path("changed.json").write_text(json.dumps(changed))
        run("pki", "ceremony", "changed.json", "--verify", code=1)
    Path("changed.json").write_text("[")
    run("pki", "ceremony", "changed.json", "--verify", code=1)


def test_who_says_no_stops_the_ceremony() -> None:
    approver()
    Path("script.toml").write_text(SCRIPT)
    result = CliRunner().invoke(app, ["pki", "ceremony", "script.toml"], input="y\nn\n")
    assert isinstance(result.exception, RoadsealError)
    assert result.exception.code == "ceremony-stopped"


def test_an_approver_lets_another_authority_through() -> None:
    approver()
    Path("script.toml").write_text(SCRIPT)
    run("pki", "ceremony", "script.toml", "--yes")
    second = SCRIPT.replace('"root"', '"root-2"').replace('"issuing"', '"issuing-2"')
    Path("second.toml").write_text(second.partition("[approval]")[0])
    with pytest.raises(RoadsealError, match="needs 1 approvals"):
        run("pki", "ceremony", "second.toml", "--yes", "--out", "ca2")
    (waiting,) = json.loads(run("pki", "approvals", "--json").stdout)
    assert waiting["approved_by"] == []
    key = ["--key", "ada.pem"]
    said = run("pki", "approve", waiting["digest"], "--as", "ada", *key).stdout
    assert "Approved by 1" in said
    with pytest.raises(RoadsealError, match="no approver"):
        run("pki", "approve", waiting["digest"], "--as", "eve", *key)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('under = "root"', 'under = "nobody"'),
        ('name = "issuing"', 'name = "root"'),
        ("quorum = 1", "quorum = 2"),
        ('title = "Root of Example"', ""),
        ('approvers = { ada = "ada.pub" }', 'approvers = { ada = "missing.pub" }'),
    ],
)
def test_a_bad_script_makes_no_certificate(old: str, new: str) -> None:
    approver()
    Path("script.toml").write_text(SCRIPT.replace(old, new))
    with pytest.raises(RoadsealError):
        run("pki", "ceremony", "script.toml", "--yes")
    assert not Path("ca").exists()


def test_a_device_enrols_at_a_served_authority() -> None:
    run("pki", "init", "ca")
    secret = run("pki", "invite", "rsu-1.road").stdout.strip()
    program = str(Path(sys.executable).parent / "roadseal")
    listen = ["--listen", "127.0.0.1:0", "--name", "pki.road"]
    with subprocess.Popen(
        [program, "pki", "serve", *listen], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        said = ""
        while " on port " not in said:
            said = process.stderr.readline()
            assert said, "the server ended"
        try:
            port = int(said.partition(" on port ")[2].split()[0])
            certificate = asyncio.run(_enrol(port, secret))
        finally:
            process.send_signal(signal.SIGINT)
    Path("rsu.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    run("x509", "verify", "rsu.pem", "--untrusted", "ca/issuing.pem", "--trust", "ca/root.pem")


async def _enrol(port: int, secret: str) -> x509.Certificate:
    root = x509.load_pem_x509_certificate(Path("ca/root.pem").read_bytes())
    profile = tls_profile(load_profile("hybrid-2026"))
    context = TlsContext(Side.CLIENT, profile, [], [root], anonymous=True)
    clock = SystemClock()
    async with HttpClient("127.0.0.1", port, context, clock=clock, expect=["pki.road"]) as http:
        request = certification_request(generate_key("ml-dsa-65"), "rsu-1.road")
        return await EstClient(http, "issuing").enrol(request, "rsu-1.road", secret)
