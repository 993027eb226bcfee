"""A whole run on the embedded corridor, short, with everything real that is real."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from roadseal.pilot.measures import Provenance, Results
from roadseal.pilot.raw import write_raw
from roadseal.pilot.run import PilotRun, run_pilot
from roadseal.pilot.scenario_file import load_scenario

SHORT = replace(
    load_scenario(None),
    duration_s=30.0,
    approaches=("classical", "qkd", "hybrid"),
    emergency_vehicles=2,
    cam_sample=100,
    handshakes=2,
    drills=("q-day", "certificate-expired"),
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def run(cache: Path) -> PilotRun:
    return run_pilot(SHORT, cache_dir=cache)


def value(results: Results, measure: str, approach: str) -> float:
    (row,) = [row for row in results.measures if row.id == measure]
    figure = row.values[approach]
    assert figure is not None
    return figure.value


def test_every_message_is_verified_and_none_refused(run: PilotRun) -> None:
    (row,) = [row for row in run.results.measures if row.id == "messages-verified"]
    for figure in row.values.values():
        assert figure is not None
        assert figure.value >= 15 * 30 * 11
        assert figure.note.endswith("0 refused")


def test_the_radio_of_qkd_is_the_classical_one(run: PilotRun) -> None:
    for measure in ("cam-mean-bytes", "cbr-mean", "pdr-100m", "first-verified-p50-s"):
        classical = value(run.results, measure, "classical")
        assert value(run.results, measure, "qkd") == classical
        assert value(run.results, measure, "hybrid") != classical


def test_qkd_adds_keys_to_the_backhaul_and_nothing_to_the_radio(run: PilotRun) -> None:
    rows = {row.id: row for row in run.results.measures}
    assert rows["handshake-bytes"].values["qkd"] == rows["handshake-bytes"].values["classical"]
    assert value(run.results, "sessions-opened", "qkd") == 0
    assert value(run.results, "forged-granted", "qkd") > 0
    for row in ("qkd-key-rate", "qkd-agreement-ms"):
        assert set(rows[row].values) == {"qkd", "hybrid"}
        assert value(run.results, row, "qkd") > 0
    rate = rows["qkd-key-rate"].values["qkd"]
    assert rate is not None
    assert rate.provenance is Provenance.MODELLED
    assert "modelled optics" in rate.note


def test_q_day_separates_the_approaches(run: PilotRun) -> None:
    assert value(run.results, "forged-granted", "classical") > 0
    assert value(run.results, "forged-granted", "hybrid") == 0
    assert value(run.results, "sessions-opened", "classical") > 0
    assert value(run.results, "sessions-opened", "hybrid") == 0


def test_every_figure_says_how_it_came_about(run: PilotRun) -> None:
    for row in run.results.measures:
        for figure in filter(None, row.values.values()):
            assert figure.n >= 1, row.id
            assert figure.interval, row.id
            assert figure.low <= figure.value <= figure.high, row.id


def test_the_same_seed_gives_the_same_results(run: PilotRun, cache: Path) -> None:
    again = run_pilot(SHORT, cache_dir=cache)
    assert again.results.to_json() == run.results.to_json()


def test_the_raw_tables_give_the_figures_again(run: PilotRun, tmp_path: Path) -> None:
    """Computed here from the files alone, as somebody would who trusts nobody."""
    for file in write_raw(run.on_air, tmp_path):
        assert pl.read_parquet(file)["approaches"].n_unique() == 2, file

    def of(table: str, approach: str) -> pl.DataFrame:
        rows = pl.read_parquet(tmp_path / f"{table}.parquet")
        return rows.filter(pl.col("approaches").str.split(" ").list.contains(approach))

    for name in run.results.approaches:
        cbr = of("channel", name)["cbr"]
        assert value(run.results, "cbr-mean", name) == pytest.approx(cbr.mean())
        ages = of("information_age", name).sort("age_s")
        needed = math.ceil(0.95 * int(ages["times"].sum()))
        age_s = ages.filter(pl.col("times").cum_sum() >= needed)["age_s"][0]
        assert value(run.results, "information-age-p95-s", name) == pytest.approx(age_s)
        sizes = dict(of("sizes", name).select("kind", "bytes").iter_rows())
        assert value(run.results, "cam-digest-bytes", name) == sizes["cam"]
        assert value(run.results, "cam-mean-bytes", name) == pytest.approx(sizes["cam_mean"])
        passed = of("passages", name)["spat_age_s"]
        fresh = (passed < 0.5).sum() / passed.len()
        assert value(run.results, "fresh-spat-share", name) == pytest.approx(fresh)


def test_the_command_line_writes_everything(cache: Path, run: PilotRun, tmp_path: Path) -> None:
    scenario = tmp_path / "short.toml"
    scenario.write_text(
        'duration_s = 30.0\napproaches = ["classical", "qkd", "hybrid"]\nemergency_vehicles = 2\n'
        'cam_sample = 100\nhandshakes = 2\ndrills = ["q-day", "certificate-expired"]\n'
    )
    out = tmp_path / "out"
    command = [str(Path(sys.executable).parent / "roadseal"), "pilot", "run", str(scenario)]
    done = subprocess.run(
        [*command, "--out", str(out), "--cache", str(cache)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "QKD key" in done.stdout
    assert (out / "results.json").read_text("utf-8") == run.results.to_json()
    assert (out / "report.html").stat().st_size > 10_000
    channel = pl.read_parquet(out / "raw" / "channel.parquet")
    assert set(channel["approaches"]) == {"classical qkd", "hybrid"}
    assert channel["cbr"].is_between(0, 1).all()
    assert (out / "calibration.json").is_file()
