"""`roadseal qkd distil`, `cascade` and `toeplitz` as a user runs them on files of others."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from roadseal.app.cli.qkd import app
from roadseal.errors import RoadsealError


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    if isinstance(result.exception, RoadsealError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture
def files(tmp_path):
    draw = np.random.default_rng(5)
    alice = draw.integers(0, 2, 100_000)
    bob = alice.copy()
    bob[draw.choice(100_000, 2000, replace=False)] ^= 1
    (tmp_path / "alice.txt").write_text("".join(map(str, alice)))
    np.save(tmp_path / "bob.npy", bob.astype(bool))
    rows = (f"{a},{b}" for a, b in zip(alice, bob, strict=True))
    (tmp_path / "both.csv").write_text("\n".join(["alice,bob", *rows]))
    return tmp_path


def test_two_files_become_a_key_that_only_its_owner_reads(files):
    words = ("distil", files / "alice.txt", files / "bob.npy", "--json")
    found = json.loads(run(*words, "--out", files / "key.txt"))
    assert len((files / "key.txt").read_text().strip()) == found["key_bits"] > 20_000
    assert stat.S_IMODE((files / "key.txt").stat().st_mode) == 0o600
    assert found["efficiency"] == pytest.approx(1.08, abs=0.03)
    assert found["leaked_bits"] >= found["parities"] + 128
    with pytest.raises(RoadsealError):  # a key file is never written over
        run(*words, "--out", files / "key.txt")


def test_two_columns_of_one_table_and_a_known_rate_give_the_efficiency(files):
    both = files / "both.csv"
    columns = ("--column-alice", "alice", "--column-bob", "2")
    options = ("--error-rate", "0.02", "--variant", "original", "--json")
    found = json.loads(run("distil", both, both, *columns, *options))
    assert (found["bits"], found["errors"], found["key_bits"]) == (100_000, 2000, 0)
    assert found["efficiency"] == pytest.approx(1.15, abs=0.02)


def test_no_key_is_an_exit_code(files):
    (files / "other.txt").write_text("01" * 50_000)
    run("distil", files / "alice.txt", files / "other.txt", code=1)


def test_a_curve_is_told_as_json():
    points = json.loads(
        run("cascade", "--variant", "option3", "--bits", 2000, "--qber", 0.03, "--json")
    )
    assert [(p["variant"], p["bits"], p["runs"]) for p in points] == [("option3", 2000, 20)]
    with pytest.raises(RoadsealError):
        run("cascade", "--variant", "option99")


def test_packed_seeds_may_end_in_spare_bits(tmp_path):
    (tmp_path / "input").write_text("1011")
    (tmp_path / "seed").write_text("110010")
    assert run("toeplitz", tmp_path / "input", tmp_path / "seed", "--length", 3).strip() == "001"
    (tmp_path / "packed").write_bytes(bytes([0b10110000]))
    (tmp_path / "matrix").write_bytes(bytes([0b11001000]))
    words = (tmp_path / "packed", tmp_path / "matrix", "--length", 3)
    told = run("toeplitz", *words, "--input-bits", 4, "--form", "packed", "--json")
    assert json.loads(told)["output"] == "001"


def test_a_form_that_does_not_exist_is_one_sentence(files):
    with pytest.raises(RoadsealError, match="no form"):
        run("distil", files / "alice.txt", files / "bob.npy", "--form", "tea")


def test_asking_a_kme_does_not_wait_for_numpy():
    code = "import sys, roadseal.app.cli.qkd; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("command", ["distil", "toeplitz"])
def test_a_file_that_is_not_there_is_one_sentence(tmp_path, command):
    words = ("--length", 1) if command == "toeplitz" else ()
    with pytest.raises(RoadsealError):
        run(command, tmp_path / "none", tmp_path / "none", *words)


@pytest.mark.parametrize("loss", [0, 10, 299])
def test_rates_are_told_in_json_that_every_program_reads(loss: float) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    words = ["link", "rate", "--loss-db", str(loss), "--dark-hz", "0", "--json"]
    json.loads(CliRunner().invoke(app, words).stdout, parse_constant=refuse)
