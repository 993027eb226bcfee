"""`roadseal assess demo`: the corridor scanned for real, and any city's file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.assess.cbom import validate_cbom
from roadseal.assess.register.document import load_register

CITIES = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "inventory/estates"


@pytest.fixture(scope="module")
def corridor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("assess")
    done = CliRunner().invoke(app, ["assess", "demo", "--out", str(out)])
    assert done.exit_code == 3, done.output  # nobody knows how a signal checks its firmware
    return out


def test_the_corridor_is_seen_as_it_is(corridor: Path) -> None:
    register = load_register(corridor / "register.json")
    exchanged = Counter(
        use["algorithm"]
        for asset in register.assets
        for _, use in register.parts(asset)
        if use["role"] == "key-exchange" and use["basis"] == "observed"
    )
    assert exchanged == {"x25519mlkem768": 12, "x25519": 3}  # every fifth has not moved
    signed = {
        asset["id"]
        for asset in register.assets
        for _, use in register.parts(asset)
        if use["role"] == "message-signature" and use["basis"] == "observed"
    }
    assert len(signed) == 15
    lane = {
        name: max(
            part["p50"]
            for part, _ in register.parts(register.find(name))
            if part["lane"] == "confidentiality"
        )
        for name in ("rsu-1", "rsu-5")
    }
    assert lane["rsu-5"] > 0
    assert register.document["coverage"]["looked_at"] == 15
    assert register.document["coverage"]["loose_findings"] == []


def test_certificates_are_listed_with_their_end_and_the_profile_they_were_issued_under(
    corridor: Path,
) -> None:
    rows = load_register(corridor / "register.json").document["certificates"]
    leaves = [row for row in rows if row["issued_under"]]
    assert all(row["not_after"] and row["asset"] for row in leaves)
    assert Counter((row["algorithm"], row["issued_under"]) for row in leaves) == {
        ("ecdsa-p256", "classical-2016/1"): 15,
        ("ml-dsa-65", "hybrid-2026/1"): 12,
    }


def test_what_it_writes_is_valid_and_holds_no_key(corridor: Path) -> None:
    assert validate_cbom((corridor / "cbom.json").read_bytes()) == ()
    assert "<svg" in (corridor / "register.html").read_text("utf-8")
    assert len(json.loads((corridor / "register.geojson").read_text("utf-8"))["features"]) == 31
    written = [file for file in corridor.rglob("*") if file.is_file()]
    assert not [file for file in written if b"PRIVATE KEY" in file.read_bytes()]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark: install Debian's")
def test_wireshark_reads_the_captures(corridor: Path) -> None:
    capture = corridor / "material/rsu-1/backhaul.pcap"
    fields = ["-T", "fields", "-e", "tls.handshake.extensions_key_share_group"]
    check = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    command = ["tshark", "-r", capture, *check, "-Y", "tls.handshake.type == 2", *fields]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told.strip() == "4588"  # X25519MLKEM768, 0x11ec
    command = ["tshark", "-r", capture, *check, "-Y", "_ws.malformed or tcp.checksum.status == 0"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ""


@pytest.mark.parametrize("name", ["calgary_traffic_signals.csv", "glasgow_osm_signals.geojson"])
def test_a_city_in_one_command(name: str, tmp_path: Path) -> None:
    if not (CITIES / name).exists():
        pytest.skip("no field material: set ROADSEAL_TESTDATA")
    done = CliRunner().invoke(app, ["assess", "demo", str(CITIES / name), "--out", str(tmp_path)])
    assert done.exit_code == 3, done.output
    register = load_register(tmp_path / "register.json")
    assert len(register.assets) > 600
    assert (tmp_path / "register.html").stat().st_size > 50_000


def test_a_city_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"")
    arguments = ["assess", "demo", str(tmp_path / "x.csv"), "--out", str(tmp_path / "o")]
    done = CliRunner().invoke(app, arguments)
    assert getattr(done.exception, "code", None) == "estate-empty"
