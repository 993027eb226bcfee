"""The air: what arrives and when it can be verified, on a scene small enough to check by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from roadseal.pilot.air import run_air
from roadseal.pilot.channel import sent_messages
from roadseal.pilot.corridor import Corridor, Signal
from roadseal.pilot.encounters import find_encounters
from roadseal.pilot.message_sizes import MessageSizes
from roadseal.pilot.radio import RadioConfig
from roadseal.pilot.uplink import find_uplink

STEP_S = 0.1
SMALL = MessageSizes(178, 328, 364, 525, 823, 984, 333, 174, 156, 167)
LARGE = MessageSizes(2536, 6326, 2722, 6523, 3181, 6982, 6331, 2532, 3796, 3807)


def signal(name: str, x: float) -> Signal:
    return Signal(name, x, 0.0, None, None, (), (), frozenset(), "0", "static", ())


CORRIDOR = Corridor("two", (signal("a", 0.0), signal("b", 1000.0)), (), (0, 0, 1, 1), 1.0, "", "")


def driving(vehicles: int, steps: int, speed_mps: float = 10.0) -> pl.DataFrame:
    """Vehicles that start 250 m before signal a, one behind the other, and drive east."""
    names = [f"v{number}" for number in range(vehicles)]
    rows = [
        (step, name, -250.0 - 20 * number + speed_mps * step * STEP_S)
        for step in range(steps)
        for number, name in enumerate(names)
    ]
    table = pl.DataFrame(rows, schema=["step", "vehicle", "x"], orient="row")
    return table.with_columns(
        pl.col("step").cast(pl.UInt32),
        (pl.col("step") * STEP_S).alias("time_s"),
        pl.col("vehicle").cast(pl.Enum(names)),
        pl.col("x").cast(pl.Float32),
        pl.lit(0.0, dtype=pl.Float32).alias("y"),
    )


def cams(vehicles: pl.DataFrame, every: int = 5) -> pl.DataFrame:
    return vehicles.filter(pl.col("step") % every == 0)


def air_of(vehicles: pl.DataFrame, sizes: MessageSizes, seed: int = 1):
    encounters = find_encounters(vehicles, CORRIDOR)
    sent = sent_messages(cams(vehicles), vehicles, step_s=STEP_S)
    return encounters, run_air(
        sent,
        encounters,
        find_uplink(sent, encounters),
        CORRIDOR,
        sizes,
        RadioConfig(),
        step_s=STEP_S,
        processing_s=0.001,
        seed=seed,
    )


def test_encounters_begin_and_end_at_the_reach() -> None:
    vehicles = driving(1, 600)
    encounters = find_encounters(vehicles, CORRIDOR)
    assert len(encounters.start) == 1
    assert encounters.distance_m.max() <= 300
    assert encounters.step.max() == 550  # 250 m before to 300 m behind, at 10 m/s


def test_an_encounter_ends_when_the_vehicle_leaves_and_comes_back() -> None:
    vehicles = driving(1, 100)
    gone = vehicles.filter(~pl.col("step").is_between(40, 59))
    assert len(find_encounters(gone, CORRIDOR).start) == 2


def test_rows_are_found_by_key_and_missing_ones_are_said() -> None:
    encounters = find_encounters(driving(3, 50), CORRIDOR)
    row = 37
    one = [
        np.array([column[row]], dtype=np.int64)
        for column in (encounters.rsu, encounters.vehicle, encounters.step)
    ]
    assert encounters.rows_of(*one).tolist() == [row]
    assert encounters.rows_of(one[0] + 1, one[1], one[2]).tolist() == [-1]


def test_certificates_are_attached_once_a_second_and_at_the_beginning() -> None:
    vehicles = driving(2, 100)
    sent = sent_messages(cams(vehicles, every=1), vehicles, step_s=STEP_S)
    for vehicle in (0, 1):
        mine = sent.vehicle == vehicle
        assert np.flatnonzero(sent.with_certificate[mine]).tolist() == list(range(0, 100, 10))


def test_nothing_is_verified_before_a_certificate_arrived() -> None:
    encounters, air = air_of(driving(5, 500), SMALL)
    first_row = encounters.start
    before = air.verified_step[first_row]
    assert set(before[before >= 0]) <= set(encounters.step[first_row[before >= 0]])
    waited = air.first_verified_s
    assert np.all(waited[np.isfinite(waited)] >= 0.001)
    assert np.all(np.diff(air.verified_step[encounters.number == 0]) >= 0)


def test_larger_messages_fill_the_channel_and_are_believed_later() -> None:
    vehicles = driving(40, 500)
    _, small = air_of(vehicles, SMALL)
    _, large = air_of(vehicles, LARGE)
    assert large.cbr.mean() > 3 * small.cbr.mean()
    assert np.median(large.first_verified_s) > np.median(small.first_verified_s)
    assert large.cam_mean_bytes > small.cam_mean_bytes
    assert large.sent_share <= small.sent_share


def test_a_unit_attaches_its_certificate_for_a_newcomer() -> None:
    # At 1 Hz alone the mean wait would be half a second and more.
    vehicles = driving(30, 400, speed_mps=5.0)
    _, air = air_of(vehicles, replace(SMALL, spat_certificate=SMALL.spat))
    assert np.median(air.first_verified_s) < 0.5


def test_the_same_seed_gives_the_same_air() -> None:
    vehicles = driving(10, 300)
    _, one = air_of(vehicles, SMALL)
    _, two = air_of(vehicles, SMALL)
    _, other = air_of(vehicles, SMALL, seed=2)
    assert one.first_verified_s.tolist() == two.first_verified_s.tolist()
    assert one.verified_step.tolist() != other.verified_step.tolist()


def test_ages_are_within_reason() -> None:
    _, air = air_of(driving(10, 400), SMALL)
    assert air.age_s[0] == pytest.approx(STEP_S + 0.001)
    assert (np.diff(air.age_s) > 0).all()
    assert (air.age_times > 0).all()
    assert 0.9 < air.available.mean() <= 1
