"""Figures: their intervals cover what they should, and results survive their file."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadseal.pilot.difference import differences, settings
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


@pytest.mark.parametrize("n", [2, 3, 6])
def test_the_mean_of_a_few_is_as_uncertain_as_it_is(n: int) -> None:
    """Emergency vehicles are few; with the normal distribution two would cover 70 %."""
    rng = np.random.default_rng(2)
    figures = [mean(rng.normal(10, 2, n), provenance=MODELLED) for _ in range(2_000)]
    covered = sum(figure is not None and figure.low <= 10 <= figure.high for figure in figures)
    assert 0.93 < covered / 2_000 < 0.97


def test_a_quantile_of_counted_values_is_that_of_the_values() -> None:
    rng = np.random.default_rng(7)
    for n in (1, 2, 20, 333, 4_000):
        sample = rng.integers(0, 25, n) / 10
        values, times = np.unique(sample, return_counts=True)
        for q in (0.05, 0.5, 0.95):
            counted = quantile(values, q, times=times, provenance=MODELLED)
            assert counted == quantile(sample, q, provenance=MODELLED)
            assert counted is not None
            assert counted.value == np.quantile(sample, q, method="inverted_cdf")


@pytest.mark.parametrize(("n", "q"), [(5, 0.5), (20, 0.95), (60, 0.95), (71, 0.95), (300, 0.95)])
def test_a_quantile_has_the_confidence_that_it_names(n: int, q: float) -> None:
    rng = np.random.default_rng(3)
    figures = [quantile(rng.random(n), q, provenance=MODELLED) for _ in range(2_000)]
    covered = sum(figure is not None and figure.low <= q <= figure.high for figure in figures)
    named = {figure.interval for figure in figures if figure}
    assert len(named) == 1
    percent = int(named.pop().removesuffix(" % confidence"))
    assert percent == 95 if n >= 60 else percent < 95
    assert percent - 2 < 100 * covered / 2_000
    assert percent == 95 or 100 * covered / 2_000 < percent + 2


def test_one_observation_has_no_interval() -> None:
    for figure in (mean([4.0], provenance=MODELLED), quantile([4.0], 0.95, provenance=MODELLED)):
        assert figure is not None
        assert (figure.n, figure.interval, figure.is_uncertain) == (1, "one observation", True)
    assert not exact(4.0, provenance=MODELLED).is_uncertain


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


def test_runs_that_were_asked_for_different_things_say_so() -> None:
    other = replace(results(), about={"seed": 2, "scenario": "town"})
    assert settings(results(), other) == ["scenario: None, town", "seed: 1, 2"]
    assert settings(results(), results(3.0)) == []


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
