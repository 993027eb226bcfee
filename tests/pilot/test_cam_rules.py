from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.errors import RoadsealError
from roadseal.pilot.cam_rules import CamRules, bsm_events, cam_events, transmission_phase_s

Row = tuple[int, int, float, float, float, float]


def table(rows: list[Row]) -> pl.DataFrame:
    """Rows of (step, vehicle, x, y, speed, angle) as a vehicles table."""
    names = pl.Enum([f"v{number}" for number in range(20)])
    frame = pl.DataFrame(
        sorted(rows),
        schema={
            "step": pl.UInt32,
            "code": pl.Int64,
            "x": pl.Float32,
            "y": pl.Float32,
            "speed": pl.Float32,
            "angle": pl.Float32,
        },
        orient="row",
    )
    vehicle = pl.Series("vehicle", [f"v{code}" for code in frame["code"]], dtype=names)
    return frame.with_columns((pl.col("step") * 0.1).alias("time_s"), vehicle)


def reference(rows: list[Row], rules: CamRules) -> list[tuple[int, int, str]]:
    """Clause 6.1.3 read aloud: one station after the other, one check after the other."""
    sent = []
    for station in sorted({row[1] for row in rows}):
        last: tuple[float, ...] | None = None
        gen_cam_ms, count = round(rules.gen_cam_max_s * 1000), 0
        for step, _, x, y, speed, angle in sorted(r for r in rows if r[1] == station):
            now_ms = step * 100
            if last is None:
                sent.append((step, station, "first"))
                last = (now_ms, x, y, speed, angle)
                continue
            elapsed_ms = now_ms - last[0]
            turn = abs(angle - last[4])
            turn = min(turn, 360 - turn)
            moves = (
                turn > rules.heading_deg
                or math.hypot(x - last[1], y - last[2]) > rules.position_m
                or abs(speed - last[3]) > rules.speed_mps
            )
            if elapsed_ms < round(rules.gen_cam_dcc_s * 1000):
                continue
            if moves:
                gen_cam_ms, count = min(elapsed_ms, round(rules.gen_cam_max_s * 1000)), 0
                sent.append((step, station, "dynamics"))
            elif elapsed_ms >= gen_cam_ms:
                count += 1
                if count >= rules.n_gen_cam:
                    gen_cam_ms = round(rules.gen_cam_max_s * 1000)
                sent.append((step, station, "time"))
            else:
                continue
            last = (now_ms, x, y, speed, angle)
    return sorted(sent)


# Quarters are exact in float32: the thresholds are met and missed exactly in both.
quarters = st.integers(-40, 40).map(lambda n: n / 4)


@st.composite
def drives(draw: st.DrawFn) -> list[Row]:
    rows = []
    for station in range(draw(st.integers(1, 4))):
        step = draw(st.integers(0, 10))
        x = y = 0.0
        speed, angle = 10.0, draw(st.integers(0, 359)) * 1.0
        for _ in range(draw(st.integers(1, 40))):
            rows.append((step, station, x, y, speed, angle))
            step += draw(st.sampled_from([1, 1, 1, 1, 1, 7]))  # 7: away for a while
            if draw(st.booleans()):
                x, y = x + draw(quarters) / 4, y + draw(quarters) / 4
                speed = max(0.0, speed + draw(quarters) / 16)
                angle = (angle + draw(st.sampled_from([0.0, 1.0, 3.0, -2.0]))) % 360
    return rows


@settings(max_examples=80, deadline=None)
@given(drives(), st.sampled_from([0.1, 0.2, 0.5]), st.integers(1, 3))
def test_every_cam_is_the_one_of_the_slow_reading_of_the_standard(rows, dcc_s, n_gen_cam) -> None:
    rules = CamRules(gen_cam_dcc_s=dcc_s, n_gen_cam=n_gen_cam)
    events = cam_events(table(rows), step_s=0.1, rules=rules)
    codes = events["vehicle"].to_physical().to_list()
    found = list(zip(events["step"].to_list(), codes, events["trigger"].to_list(), strict=True))
    assert sorted(found) == reference(rows, rules)


def test_a_standing_vehicle_sends_once_a_second() -> None:
    events = cam_events(table([(step, 0, 0, 0, 0, 0) for step in range(101)]), step_s=0.1)
    assert events["step"].to_list() == list(range(0, 101, 10))


def test_after_three_cams_by_time_the_interval_is_a_second_again() -> None:
    """20 m/s sends every 0.3 s (> 4 m); then it stands still: three more at 0.3 s, then 1 s."""
    moving = [(step, 0, 2.0 * step, 0, 20, 90) for step in range(7)]
    standing = [(step, 0, 12.0, 0, 20, 90) for step in range(7, 50)]
    events = cam_events(table(moving + standing), step_s=0.1)
    assert events["step"].to_list() == [0, 3, 6, 9, 12, 15, 25, 35, 45]


def test_turning_through_north_is_a_small_turn() -> None:
    rows = [(0, 0, 0, 0, 5, 359.0), (1, 0, 0, 0, 5, 1.0), (2, 0, 0, 0, 5, 4.0)]
    assert cam_events(table(rows), step_s=0.1)["step"].to_list() == [0, 2]


def test_bsm_at_ten_and_at_two_hertz() -> None:
    rows = [(step, station, 0, 0, 0, 0) for station in (0, 1) for step in range(station, 21)]
    assert bsm_events(table(rows), step_s=0.1).height == len(rows)
    slow = bsm_events(table(rows), step_s=0.1, rate_hz=2)
    by_vehicle = slow.filter(pl.col("vehicle") == "v1")["step"].to_list()
    assert by_vehicle == [1, 6, 11, 16]


def test_an_empty_trace_has_no_message() -> None:
    assert cam_events(table([]), step_s=0.1).height == 0
    assert bsm_events(table([]), step_s=0.1).height == 0


def test_mistakes_are_named() -> None:
    with pytest.raises(RoadsealError, match=r"0\.5 s"):
        cam_events(table([]), step_s=0.5)
    with pytest.raises(RoadsealError, match="20 Hz"):
        bsm_events(table([]), step_s=0.1, rate_hz=20)


def test_phases_are_seeded_and_within_a_step() -> None:
    phase = transmission_phase_s(1000, step_s=0.1, seed=4)
    assert (phase >= 0).all()
    assert (phase < 0.1).all()
    assert np.array_equal(phase, transmission_phase_s(1000, step_s=0.1, seed=4))
    assert not np.array_equal(phase, transmission_phase_s(1000, step_s=0.1, seed=5))
