"""`roadseal pki` from an empty folder to a revoked certificate; the request is OpenSSL's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.errors import RoadsealError


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == code, done.output
    return done.stdout


def test_from_nothing_to_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    monkeypatch.setenv("ROADSEAL_DB", str(tmp_path / "pki.db"))
    run("pki", "init", tmp_path, "--root", "ecdsa-p256", "--issuing", "ecdsa-p256")
    request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x"
    subprocess.run(
        ["openssl", *request.split(), "-keyout", "key.pem", "-out", "csr.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    leaf, root = tmp_path / "leaf.pem", tmp_path / "root.pem"
    arguments = ("--identity", "rsu-1.example", "--out", leaf, "--days", 2)
    serial = run("pki", "issue", tmp_path / "csr.pem", *arguments).strip()
    assert json.loads(run("x509", "verify", leaf, "--trust", root, "--json"))[0]["ok"]
    peer = ["openssl", "verify", "-CAfile", root, "-untrusted", tmp_path / "issuing.pem", leaf]
    subprocess.run(peer, check=True, capture_output=True)
    due = json.loads(run("pki", "expiring", "--json", code=1))
    assert [row["serial"] for row in due] == [serial]
    run("pki", "revoke", serial, "--reason", "keyCompromise", "--block-key")
    run("pki", "status", tmp_path / "s", "--crl", tmp_path / "crl.der")
    shown = ["openssl", "crl", "-inform", "DER", "-in", tmp_path / "crl.der", "-noout", "-text"]
    text = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    assert serial.upper() in text
    assert json.loads(run("pki", "expiring", "--json")) == []


def test_a_maker_is_trusted_for_the_devices_on_its_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    run("pki", "init", tmp_path / "maker", "--db", tmp_path / "maker.db")
    monkeypatch.setenv("ROADSEAL_DB", str(tmp_path / "pki.db"))
    run("pki", "init", tmp_path / "ca")
    listed = tmp_path / "delivered.csv"
    listed.write_text("serial,identity\nSN-1,rsu-1.example\nSN-2,rsu-2.example\n")
    assert "2 devices" in run("pki", "makers", tmp_path / "maker/root.pem", listed)
    for arguments in (
        (tmp_path / "maker/issuing.pem", listed),
        (tmp_path / "maker/root.pem", tmp_path / "maker/root.pem"),
    ):
        done = CliRunner().invoke(app, ["pki", "makers", *map(str, arguments)])
        assert isinstance(done.exception, RoadsealError)


@pytest.mark.parametrize("days", ["-5", "0", "999999999999"])
def test_a_secret_is_good_for_a_day_to_a_year(
    days: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    monkeypatch.setenv("ROADSEAL_DB", str(tmp_path / "pki.db"))
    run("pki", "init", tmp_path / "ca")
    run("pki", "invite", "rsu-1.example", "--days", days, code=2)
    run("pki", "invite", "rsu-1.example", "--days", "366")


def test_a_name_that_no_certificate_can_bear_gets_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    monkeypatch.setenv("ROADSEAL_DB", str(tmp_path / "pki.db"))
    run("pki", "init", tmp_path / "ca")
    for identity in ("", "x" * 65, "two\nlines"):
        done = CliRunner().invoke(app, ["pki", "invite", identity])
        assert isinstance(done.exception, RoadsealError)
        assert done.exception.code == "pki-identity"


def test_nobody_is_let_in_for_an_authority_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    monkeypatch.setenv("ROADSEAL_DB", str(tmp_path / "pki.db"))
    run("pki", "init", tmp_path / "ca")
    listed = tmp_path / "delivered.csv"
    listed.write_text("serial,identity\nSN-1,rsu-1.example\n")
    for arguments in (["invite", "rsu-1.example"], ["makers", tmp_path / "ca/root.pem", listed]):
        done = CliRunner().invoke(app, ["pki", *map(str, arguments), "--authority", "isuing"])
        assert isinstance(done.exception, RoadsealError)
        assert done.exception.code == "pki-unknown"
