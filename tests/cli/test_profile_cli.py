"""`roadseal profile`: for people, for programs, and when it goes wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roadseal.app.cli.profile import app
from roadseal.crypto import load_profile, migration_steps, profile_names
from roadseal.errors import RoadsealError

SOURCES = Path(__file__).parents[2] / "src"


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80", "TERM": "dumb"})
    assert result.exit_code == code, result.output
    return result.output


def roadseal(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from roadseal.app.cli import main; main()", *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_list() -> None:
    text = run("list")
    for name in profile_names():
        assert f"{load_profile(name).label} " in text
    rows = json.loads(run("list", "--json"))
    assert [row["name"] for row in rows] == list(profile_names())
    assert {row["name"]: row["status"] for row in rows}["classical-2016"] == "standard"


def test_show() -> None:
    text = run("show", "hybrid-2026")
    assert "hybrid-2026/1" in text
    assert "930 + 730" in text
    assert max(map(len, text.splitlines())) <= 80
    shown = json.loads(run("show", "hybrid-2026", "--json"))
    message = shown["purposes"]["message"]
    assert message["produce"] == ["ecdsa-p256+fn-dsa-512/pre1"]
    assert message["algorithms"]["ecdsa-p256"]["ieee1609dot2_index"] == 0
    assert message["algorithms"]["ecdsa-p256"]["size_bytes"]["signature"] == 64


def test_diff() -> None:
    text = run("diff", "classical-2016", "hybrid-2026")
    assert "fn-dsa-512/pre1" in text
    assert "→" in text
    different = json.loads(run("diff", "classical-2016", "hybrid-2026", "--json"))
    assert different["can_talk"] is False
    assert different["purposes"]["message"]["first_to_second"] == "ecdsa-p256"
    assert different["purposes"]["message"]["second_to_first"] is None
    assert "choose the same" in run("diff", "pqc-2030", "pqc-2030")


def test_diff_check_says_whether_it_holds() -> None:
    run("diff", "classical-2016", "hybrid-2026", "--check", code=1)
    run("diff", "classical-2016", "hybrid-2026", "--check", "--json", code=1)
    run("diff", "classical-2016", "qkd-2026", "--check", code=0)


def test_steps() -> None:
    text = run("steps", "hybrid-2026", "pqc-2030")
    assert "needed" in text
    assert text.index("widen-accept") < text.index("move-produce") < text.index("narrow-accept")
    shown = json.loads(run("steps", "hybrid-2026", "pqc-2030", "--json"))["steps"]
    path = migration_steps(load_profile("hybrid-2026"), load_profile("pqc-2030"))
    assert [(step["action"], step["purpose"]) for step in shown] == [
        (step.action, step.purpose) for step in path
    ]
    assert shown[-1]["after"] == "pqc-2030/1"
    assert "nothing to do" in run("steps", "pqc-2030", "pqc-2030")
    assert "needed" not in run("steps", "classical-2016", "hybrid-2026")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    shipped = SOURCES / "roadseal/crypto/profiles/pqc-2030.toml"
    own = tmp_path / "own.toml"
    own.write_text(shipped.read_text("utf-8").replace('name = "pqc-2030"', 'name = "own"'), "utf-8")
    assert "own/1" in run("show", str(own))
    assert "choose the same" in run("diff", str(own), "pqc-2030")


@pytest.mark.parametrize("command", ["list", "show", "diff", "steps"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: roadseal profile {command}" in " ".join(run(command, "--help").split())


def test_a_mistake_is_a_roadseal_error() -> None:
    result = CliRunner().invoke(app, ["show", "no-such"])
    assert isinstance(result.exception, RoadsealError)
    assert result.exception.code == "unknown-profile"


def test_wrong_usage_exits_2() -> None:
    run("show", code=2)
    run("no-such-command", code=2)


def test_from_the_shell(tmp_path: Path) -> None:
    listed = roadseal("profile", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)) == len(profile_names())
    assert roadseal("profile", "diff", "classical-2016", "pqc-2030", "--check").returncode == 1

    bad = tmp_path / "bad.toml"
    bad.write_text('name = "bad"\nversion = 1\n', "utf-8")
    refused = roadseal("profile", "show", str(bad))
    assert refused.returncode == 2
    assert "bad.toml:2" in refused.stderr.replace("\n", "")
    assert "→" in refused.stderr
    assert refused.stdout == ""
