"""What commands that write say to programs: one object, of a shape that is documented."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from roadseal.app.cli import app

DEVICES = "id,vendor,firmware,module\nrsu-1,acme,1,hsm\nrsu-2,acme,1,hsm\n"


def told(*arguments: object, code: int = 0) -> Any:
    """The one line of JSON that a command writes."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == code, done.output
    (line,) = done.stdout.splitlines()
    return json.loads(line)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    monkeypatch.setenv("ROADSEAL_DB", str(tmp_path / "all.db"))
    return tmp_path


def test_pki(folder: Path) -> None:
    made = told("pki", "init", "ca", "--root", "ecdsa-p256", "--issuing", "ecdsa-p256")
    assert made == {
        "authorities": [
            {"name": "root", "algorithm": "ecdsa-p256", "certificate": "ca/root.pem"},
            {"name": "issuing", "algorithm": "ecdsa-p256", "certificate": "ca/issuing.pem"},
        ]
    }
    assert all(Path(one["certificate"]).is_file() for one in made["authorities"])
    request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x"
    for name in ("first", "next"):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.csr"]
        subprocess.run(["openssl", *request.split(), *files], check=True, capture_output=True)
    asked = ("first.csr", "--identity", "rsu-1.example", "--out", "first.pem")
    first = told("pki", "issue", *asked)
    assert first.keys() == {"serial", "certificate", "until"}
    assert first["certificate"] == "first.pem"
    after = told("pki", "renew", first["serial"], "next.csr", "--out", "next.pem")
    assert after["serial"] != first["serial"]
    assert told("pki", "revoke", first["serial"], "--reason", "superseded") == {
        "revoked": [first["serial"]],
        "reason": "superseded",
        "key_blocked": False,
    }
    published = told("pki", "status", "s", "--crl", "s.crl")
    assert published == {"status": "s", "crl": "s.crl"}
    assert told("pki", "import", "ca/root.pem", "ca/root.pem") == {"read": 2, "new": 1}
    written = told("pki", "export", "out")
    assert written["out"] == "out"
    assert written["certificates"] == sum(one.is_file() for one in Path("out").rglob("*.pem"))
    assert 0 < written["with_profile"] <= written["certificates"]
    invited = told("pki", "invite", "rsu-2.example")
    assert invited["identity"] == "rsu-2.example"
    assert invited.keys() == {"identity", "secret", "until"}
    Path("made.csv").write_text("serial,identity\nSN-1,rsu-3.example\n")
    assert told("pki", "makers", "ca/root.pem", "made.csv")["devices"] == 1


def test_campaign(folder: Path) -> None:
    Path("fleet.csv").write_text(DEVICES)
    assert told("campaign", "enlist", "fleet.csv") == {"devices": 2, "est_only": False}
    done = CliRunner().invoke(app, ["campaign", "plan", "spring", "--json"])
    assert json.loads(done.stdout)["devices"] == 2
    for verb, phase in (
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("pause", "paused"),
    ):
        assert told("campaign", verb, "spring") == {"campaign": "spring", "phase": phase}
    back = told("campaign", "rollback", "spring")
    assert back == {"campaign": "spring", "phase": "running", "kept": []}
    assert told("campaign", "abort", "spring")["phase"] == "aborted"


def test_cbom(folder: Path) -> None:
    Path("etc").mkdir()
    Path("etc/sshd_config").write_text("Ciphers aes128-ctr\nKexAlgorithms curve25519-sha256\n")
    CliRunner().invoke(app, ["scan", "etc", "--out", "scan.json"])
    out = told("cbom", "export", "scan.json", "--out", "cbom.json", "--spec", "1.6")
    assert out == {
        "out": "cbom.json",
        "spec": "1.6",
        "findings": out["findings"],
        "gaps": 0,
        "complete": True,
    }
    assert out["findings"] > 0
    read = told("cbom", "import", "cbom.json", "--out", "findings.json")
    assert read["out"] == "findings.json"
    assert read["findings"] > 0
    assert (read["gaps"], read["complete"]) == (0, True)


def test_assess(folder: Path) -> None:
    Path("signals.csv").write_text("id,name,latitude,longitude\n1,a,52.5,13.4\n2,b,52.6,13.5\n")
    row = told("assess", "demo", "signals.csv", "--out", "city", code=3)
    assert Path(row["report"]).is_file()
    assert Path(row["register"]).is_file()
    assert sum(row["tiers"].values()) == 2
    assert (row["findings"], row["places"], row["complete"]) == (0, 0, False)
    page = told("register", "report", row["register"], "--out", "page.html")
    assert page == {"register": "register.json", "report": "page.html"}
    assert Path("page.html").is_file()
