"""`roadseal pilot scenario check` and the first moments of `roadseal pilot run`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roadseal.app.cli.pilot import app
from roadseal.errors import RoadsealError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "300"})


def refused(*arguments: object) -> RoadsealError:
    error = run(*arguments).exception
    assert isinstance(error, RoadsealError), error
    return error


def test_a_checked_scenario_tells_its_signals(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\napproaches = ["classical"]\n')
    result = run("scenario", "check", file, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["name"], told["approaches"], told["signals"]) == ("mine", ["classical"], 15)
    assert {"duration_s", "links"} <= set(told["defaults"])
    assert not {"name", "approaches", "signals"} & set(told["defaults"])
    shown = run("scenario", "check", file).output
    assert "mine.toml is a scenario" in " ".join(shown.split())
    from_where = {line.split("│")[1].strip(): line.split("│")[3].strip() for line in rows(shown)}
    assert (from_where["duration_s"], from_where["name"]) == ("default", "")


def rows(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith("│")]


def test_mistakes_in_file_and_place_are_told_together(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('seed = -1\n[[link]]\nmedium = "fibre"\nsignals = ["a", "joinedS_0", "b"]\n')
    result = run("scenario", "check", file, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    errors = json.loads(result.stderr)["errors"]
    assert [(each["line"], each["code"]) for each in errors] == [
        (1, "scenario-invalid"),
        (4, "unknown-signal"),
        (4, "unknown-signal"),
    ]
    assert "'b'" in errors[2]["message"]
    assert "joinedS_0" in errors[2]["advice"]
    shown = subprocess.run(
        [Path(sys.executable).with_name("roadseal"), "pilot", "scenario", "check", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stdout) == (2, "")
    told = shown.stderr.splitlines()
    assert [line[0] for line in told] == ["e", "→"] * 3
    assert all(each["message"] in line for each, line in zip(errors, told[::2], strict=True))


def test_checking_a_scenario_looks_at_its_network(tmp_path: Path) -> None:
    (tmp_path / "town.sumocfg").write_text("<configuration/>")
    file = tmp_path / "mine.toml"
    file.write_text('network = "town.sumocfg"\n')
    assert refused("scenario", "check", file).code == "scenario-incomplete"
    (tmp_path / "town.sumocfg").write_text("<configuration")
    assert "line 1" in refused("scenario", "check", tmp_path / "town.sumocfg").message


@pytest.mark.parametrize("option", ["--out", "--cache"])
def test_a_run_that_could_not_write_does_not_begin(option: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    places = {"--out": tmp_path / "out", "--cache": tmp_path / "cache"}
    places[option] = tmp_path / "file" / "below"
    named = [part for pair in places.items() for part in pair]
    error = refused("run", *named)
    assert error.code == "directory-unwritable"
    assert str(places[option]) in error.message


def test_all_is_the_five_whatever_the_scenario_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('approaches = ["classical"]\n')
    places = ["--out", tmp_path / "out", "--cache", tmp_path / "cache"]
    error = refused("run", file, "--approach", "all", "--approach", "nothing", *places)
    assert error.code == "approach-missing"
    assert "'nothing'" in error.message
