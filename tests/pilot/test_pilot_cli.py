"""`roadseal pilot scenario check` and the first moments of `roadseal pilot run`."""

from __future__ import annotations

import json
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
    assert "mine.toml is a scenario" in " ".join(run("scenario", "check", file).output.split())


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
