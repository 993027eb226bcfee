"""Figures: their intervals cover what they should, and results survive their file."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadseal.pilot.difference import differences
from roadseal.pilot.measures import (
    Curve,
    DrillResult,
    EmergencyTrip,
    Measure,
    Moment,
    Provenance,
    Results,
    exact,
    mean,
    quantile,
    share,
)

MODELLED = Provenance.MODELLED


def results(value: float = 1.0) -> Results:
    return Results(
        about={"seed": 1},
        approaches={"classical": "Classical", "pqc": "Post-quantum"},
        measures=[
            Measure(
                "m",
                "bytes",
                "A measure",
                "B",
                "lower",
                {"classical": exact(value, provenance=MODELLED), "pqc": None},
            ),
        ],
        curves=[Curve("pdr", "classical", "CAM", [0.0, 1.0], [1.0, 0.5], MODELLED)],
        drills=[
            DrillResult(
                "q-day",
                "Q-day",
                "classical",
                "fault",
                "expected",
                False,
                "seen",
                3,
                {"forged_granted": 3.0},
                [Moment(0.5, "forged")],
            ),
        ],
        emergency=[EmergencyTrip("classical", "e0", 1.0, 0.5, 2, True)],
        limits=["vehicles are simulated"],
        sources=["a paper"],
    )


def test_confidence_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(1)
    covered = {"mean": 0, "quantile": 0, "share": 0}
    for _ in range(400):
        sample = rng.normal(10, 2, 200)
        for name, figure, truth in (
            ("mean", mean(sample, provenance=MODELLED), 10.0),
            ("quantile", quantile(sample, 0.5, provenance=MODELLED), 10.0),
            ("share", share(int((sample > 10).sum()), 200, provenance=MODELLED), 0.5),
        ):
            assert figure is not None
            covered[name] += figure.low <= truth <= figure.high
    assert all(count >= 400 * 0.92 for count in covered.values()), covered


def test_nothing_observed_is_no_figure() -> None:
    assert mean([], provenance=MODELLED) is None
    assert quantile([], 0.5, provenance=MODELLED) is None
    assert share(0, 0, provenance=MODELLED) is None


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_share_lies_in_its_interval(successes: int, n: int) -> None:
    figure = share(min(successes, n), n, provenance=MODELLED)
    assert figure is not None
    assert 0 <= figure.low <= figure.value <= figure.high <= 1


def test_results_survive_their_file() -> None:
    text = results().to_json()
    assert Results.from_json(text).to_json() == text
    assert json.loads(text)["measures"][0]["values"]["pqc"] is None


def test_what_is_infinite_is_null_in_the_file() -> None:
    assert (
        json.loads(results(math.inf).to_json())["measures"][0]["values"]["classical"]["value"]
        is None
    )


def test_differences_name_measure_and_approach() -> None:
    assert differences(results(), results()) == []
    (row,) = differences(results(1.0), results(2.0))
    assert (row.measure, row.approach, row.texts[2]) == ("m", "classical", "+1 (+100.0%)")


def test_differences_of_drills_are_differences() -> None:
    drill = results().drills[0]
    other = replace(drill, held=True, figures={"forged_granted": 0.0, "attempts": 3.0})
    found = differences(results(), replace(results(), drills=[other]))
    assert {(row.measure, row.a, row.b) for row in found} == {
        ("q-day.held", 0.0, 1.0),
        ("q-day.forged_granted", 3.0, 0.0),
        ("q-day.attempts", None, 3.0),
    }
    assert {row.label for row in found} >= {"Q-day: held", "Q-day: forged granted"}
    assert len(differences(results(), replace(results(), drills=[]))) == 2


@pytest.mark.parametrize("broken", ["{}", "[]", '{"about": 1}', "not json"])
def test_what_is_no_results_file_is_refused(broken: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Results.from_json(broken)
