"""From the PKI to the register: each certificate with its end and the profile of its issue."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.tls_identity import certification_request


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def issue(identity: str, days: str) -> None:
    Path("a.csr").write_bytes(certification_request(generate_key("ml-dsa-65")))
    named = ("--identity", identity, "--out", f"{identity}.pem")
    run("pki", "issue", "a.csr", *named, "--days", days)


def test_the_register_lists_certificates_with_end_and_profile() -> None:
    run("pki", "init", "ca")
    issue("rsu-1", "20")
    issue("rsu-2.road", "200")
    assert "4 certificates are in out, 2 with their profile" in run("pki", "export", "out")
    Path("c.csv").write_text(
        "id,name,lat,lon,type,ip address\n"
        "rsu-1,A,52.1,13.1,rsu,\nrsu-9,B,52.2,13.2,rsu,rsu-2.road\n"
    )
    run("estate", "import", "c.csv", "--guess", "--as", "c")
    run("scan", "out", "--out", "scan.json")
    run("register", "build", "c", "--findings", "scan.json", "--out", "r.json", code=3)
    certificates = json.loads(Path("r.json").read_text())["certificates"]
    ours = [each for each in certificates if each["issued_under"]]
    assert [(each["asset"], each["issued_under"]) for each in ours] == [
        ("c/rsu-1", "hybrid-2026/1"),
        ("c/rsu-9", "hybrid-2026/1"),
    ]
    assert all(each["not_after"] and each["algorithm"] == "ml-dsa-65" for each in ours)
    assert ours[0]["not_after"] < ours[1]["not_after"]
    assert {each["title"] for each in certificates if not each["issued_under"]} == {
        "CN=issuing",
        "CN=root",
    }
    shown = run("register", "show", "r.json", "--out", "r.xlsx")
    assert "1 end within 90 days" in shown
    assert "hybrid-2026/1 2" in shown
    explained = run("register", "explain", "r.json", "rsu-1")
    assert "issued under hybrid-2026/1 (declared in profiles.json)" in explained
    sheet = openpyxl.load_workbook("r.xlsx")["certificates"]
    assert [row[1].value for row in sheet.iter_rows(min_row=2)].count("hybrid-2026/1") == 2
    run("register", "report", "r.json", "--out", "r.html")
    assert Path("r.html").read_text().count("<td>hybrid-2026/1<br>") == 2
    run("register", "build", "c", "--findings", "scan.json", "--keep", "now", code=3)
    assert run("register", "explain", "now", "rsu-1") == explained


def test_a_profile_that_is_said_elsewhere_is_put_onto_the_certificate_on_the_device() -> None:
    run("pki", "init", "ca")
    issue("rsu-1", "20")
    run("pki", "export", "out")
    device = Path("device/rsu-1")
    device.mkdir(parents=True)
    (device / "server.pem").write_bytes(Path("rsu-1.pem").read_bytes())
    statement = Path("said")
    statement.mkdir()
    (statement / "profiles.json").write_bytes(Path("out/profiles.json").read_bytes())
    run("scan", "device", "--out", "device.json")
    run("scan", "said", "--out", "said.json")
    Path("c.csv").write_text("id,name,lat,lon,type\nrsu-1,A,52.1,13.1,rsu\n")
    run("estate", "import", "c.csv", "--guess", "--as", "c")
    found = ("--findings", "device.json", "--findings", "said.json")
    run("register", "build", "c", *found, "--out", "r.json", code=3)
    document = json.loads(Path("r.json").read_text())
    leaf = next(each for each in document["certificates"] if each["title"] == "CN=rsu-1")
    assert (leaf["asset"], leaf["issued_under"]) == ("c/rsu-1", "hybrid-2026/1")
    assert leaf["where"] == "rsu-1/server.pem"
    assert not document["coverage"]["loose_findings"]
    # Without the certificate the statement belongs to nothing, and is shown so.
    run("register", "build", "c", "--findings", "said.json", "--out", "r.json", code=3)
    document = json.loads(Path("r.json").read_text())
    assert [each["collector"] for each in document["coverage"]["loose_findings"]] == [
        "import/profiles"
    ]
    assert document["certificates"][0]["issued_under"] == "hybrid-2026/1"


@pytest.mark.parametrize(
    "rows",
    [
        "7",
        "[7, null, {}]",
        '[{"sha256": 7, "issued_under": "x"}]',
        '[{"sha256": "aa"}]',
        '{"a": 1}',
    ],
)
def test_statements_that_say_nothing_are_nothing(rows: str) -> None:
    from roadseal.assess.inventory.imports import import_report

    text = f'{{"format": "roadseal-certificate-profiles/1", "certificates": {rows}}}'
    assert not import_report(text.encode(), "x").findings
