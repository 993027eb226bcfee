"""`roadseal campaign` as an operator runs it, on simulated units with real certificates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roadseal.app.cli import app
from roadseal.errors import RoadsealError

VERBS = (
    "enlist simulate plan dry-run start pause resume abort leave-out rollback work status report"
)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ROADSEAL_PKI_PASSPHRASE", "correct horse")
    return str(tmp_path / "campaign.db")


def run(*arguments: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(app, ["campaign", *arguments])
    assert result.exit_code == expect, (arguments, result.output, result.exception)
    return result


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["campaign", *arguments])
    assert isinstance(result.exception, RoadsealError), result.output
    return result.exception.code


def test_a_campaign_from_plan_to_report(db: str) -> None:
    made = json.loads(
        run("simulate", "--devices", "25", "--no-faults", "--db", db, "--json").stdout
    )
    assert made["simulated"] is True
    run("plan", "spring", "--db", db, "--soak", "0", "--spread", "0", "--max-failures", "20")
    expected = json.loads(run("dry-run", "spring", "--db", db, "--json").stdout)
    assert expected["devices"] == 25
    assert expected["bytes_sent"] > 25 * 20_000
    assert expected["cpu_s"] > 0
    run("report", "spring", "--db", db, expect=3)
    run("start", "spring", "--db", db)
    run("pause", "spring", "--db", db)
    run("work", "spring", "--db", db, "--until", "1", expect=3)
    run("resume", "spring", "--db", db)
    run("work", "spring", "--db", db, "--until", "60")
    seen = json.loads(run("report", "spring", "--db", db, "--json").stdout)
    assert seen["states"] == {"finished": 25}
    assert seen["simulated"] is True
    assert "simulated" in run("report", "spring", "--db", db).stdout
    assert "simulated" in run("status", "spring", "--db", db).stdout
    figures = {one["name"]: one for one in seen["figures"]}
    assert figures["bytes"]["measured"] == pytest.approx(figures["bytes"]["expected"], rel=0.2)
    assert "finished" in run("status", "spring", "--db", db).stdout
    assert "expected" in run("report", "spring", "--db", db).stdout
    assert refused("rollback", "spring", "--db", db) == "campaign-phase"  # it is finished

    looked = ["incident", "--module", "hsm-a", "--authority", "issuing-pqc", "--db", db]
    looked += ["--profile", "pqc-2030", "--json"]
    first = json.loads(run(*looked).stdout)
    assert len(first["affected"]) > 0
    assert json.loads(run(*looked).stdout) == first  # looking does nothing
    assert json.loads(run(*looked, "--revoke").stdout)["revoked"] is True
    assert json.loads(run(*looked).stdout)["affected"] == []


def test_an_inventory_is_enlisted(db: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text("id,vendor,firmware,module\nrsu-1,acme,1,hsm\nrsu-2,acme,2,hsm\n")
    assert "2 devices" in run("enlist", str(file), "--db", db).stdout
    run("plan", "a", "--firmware", "2", "--db", db)
    assert json.loads(run("dry-run", "a", "--json", "--db", db).stdout)["devices"] == 1
    assert refused("work", "a", "--db", db) == "campaign-units"
    run("abort", "a", "--db", db)
    assert refused("start", "a", "--db", db) == "campaign-phase"


def test_mistakes_are_named(db: str, tmp_path: Path) -> None:
    assert refused("start", "none", "--db", db) == "database-absent"
    inventory = tmp_path / "none.csv"
    inventory.write_text("id,vendor,firmware,module\n")
    run("enlist", str(inventory), "--db", db)
    assert refused("start", "none", "--db", db) == "campaign-unknown"
    assert refused("plan", "a", "--db", db) == "campaign-empty"
    assert refused("plan", "a", "--waves", "many", "--db", db) == "campaign-plan"
    assert refused("plan", "a", "--waves", "5%", "--db", db) == "campaign-plan"
    assert refused("plan", "a", "--soak", "nan", "--db", db) == "campaign-plan"
    assert refused("plan", "a/0", "--db", db) == "campaign-name"
    assert refused("incident", "--db", db) == "fleet-selection"
    assert refused("enlist", str(tmp_path), "--db", db) == "fleet-inventory"
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\0\0")
    assert refused("enlist", str(binary), "--db", db) == "fleet-inventory"


@pytest.mark.parametrize("verb", [*VERBS.split(), "status", "report", "incident", "rehearse"])
def test_help_has_an_example(verb: str) -> None:
    assert "Example: roadseal campaign" in " ".join(run(verb, "--help").stdout.split())
