"""What approaches share is found once, and every process maps the same pages."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from test_air import CORRIDOR, SMALL, STEP_S, cams, driving, signal
from traffic_scenes import SCENES, grid

from roadseal.pilot.air import run_air
from roadseal.pilot.channel import sent_messages
from roadseal.pilot.corridor import Corridor, read_corridor
from roadseal.pilot.encounters import find_encounters
from roadseal.pilot.heard_traffic import HeardTraffic, hear, read, write
from roadseal.pilot.radio import RadioConfig
from roadseal.pilot.traffic import record
from roadseal.pilot.uplink import find_uplink


@pytest.fixture(scope="module")
def heard() -> HeardTraffic:
    trace = record(grid(), seed=1, duration_s=60.0, out_dir=SCENES / "traces")
    corridor = read_corridor(grid().net_file, name="grid", source="test")
    return hear(trace, corridor, awareness="cam", sample=50, seed=1)


def columns(traffic: HeardTraffic) -> list[np.ndarray]:
    parts = (traffic.sent, traffic.encounters, traffic.uplink)
    values = [value for part in parts for value in vars(part).values()]
    return [value for value in values if isinstance(value, np.ndarray)]


def test_what_was_written_is_read_and_mapped(heard: HeardTraffic, tmp_path: Path) -> None:
    write(heard, tmp_path / "heard")
    again = read(tmp_path / "heard")
    assert len(heard.encounters.step) > 10_000
    for one, other in zip(columns(heard), columns(again), strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
        assert not other.flags.owndata, "a copy of its own in every process"
        assert not other.flags.writeable
    assert again.sample.equals(heard.sample)
    assert again.passages.equals(heard.passages)
    assert len(pickle.dumps(again.sample)) < 20_000


def test_passages_know_their_rows(heard: HeardTraffic) -> None:
    rows = heard.passage_rows
    assert len(rows) == heard.passages.height > 10
    found = rows >= 0
    assert found.any()
    steps = heard.passages["step"].to_numpy()
    assert np.array_equal(heard.encounters.step[rows[found]], steps[found])
    assert heard.encounters.distance_m[rows[found]].max() < 60


def test_nobody_and_nothing_is_heard_without_traffic_in_reach(tmp_path: Path) -> None:
    vehicles = driving(2, 30)
    far = Corridor("far", (signal("a", 9_000.0),), (), (0, 0, 1, 1), 1.0, "", "")
    encounters = find_encounters(vehicles, far)
    sent = sent_messages(cams(vehicles), vehicles, step_s=STEP_S)
    uplink = find_uplink(sent, encounters)
    assert len(uplink.row) == len(encounters.step) == 0
    air = run_air(
        sent, encounters, uplink, far, SMALL, RadioConfig(), step_s=STEP_S, processing_s=0, seed=1
    )
    assert len(air.first_verified_s) == len(air.age_s) == 0
    assert air.messages_per_s.sum() == 0


def test_the_uplink_is_every_message_in_reach() -> None:
    vehicles = driving(7, 400)
    encounters = find_encounters(vehicles, CORRIDOR)
    sent = sent_messages(cams(vehicles), vehicles, step_s=STEP_S)
    uplink = find_uplink(sent, encounters)
    certificate = dict(
        zip(zip(sent.vehicle, sent.step, strict=True), sent.with_certificate, strict=True)
    )
    pairs = list(zip(encounters.vehicle, encounters.step, strict=True))
    assert uplink.row.tolist() == [row for row, pair in enumerate(pairs) if pair in certificate]
    assert uplink.with_certificate.tolist() == [certificate[pairs[row]] for row in uplink.row]


def test_playing_the_air_needs_the_memory_of_one_unit_not_of_all() -> None:
    units = tuple(signal(f"s{number:02}", 10.0 * number) for number in range(16))
    corridor = Corridor("many", units, (), (0, 0, 1, 1), 1.0, "", "")
    vehicles = driving(60, 600)
    encounters = find_encounters(vehicles, corridor)
    sent = sent_messages(cams(vehicles), vehicles, step_s=STEP_S)
    uplink = find_uplink(sent, encounters)

    def play() -> None:
        run_air(
            *(sent, encounters, uplink, corridor, SMALL, RadioConfig()),
            **{"step_s": STEP_S, "processing_s": 0.001, "seed": 1},
        )

    play()  # builds the tables of delivery
    tracemalloc.start()
    play()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(encounters.step) > 100_000
    assert peak / len(encounters.step) < 40, "bytes a row; all units at once take over 80"
