"""Waiting for verification, against the formula of Pollaczek and Khinchine."""

from __future__ import annotations

import numpy as np
import pytest

from roadseal.pilot.calibration import Cost
from roadseal.pilot.queueing import verification_queue


@pytest.mark.parametrize("load", [0.1, 0.5, 0.8])
def test_mean_waiting_of_constant_service_is_the_formulas(load: float) -> None:
    service_us = 1000.0
    cost = Cost(100, (service_us,) * 51)
    waits = [
        verification_queue(load * 1e3, cost, 1.0, seed=seed).sojourn_us.mean() - service_us
        for seed in range(20)
    ]
    expected = load * service_us / (2 * (1 - load))
    assert np.mean(waits) == pytest.approx(expected, rel=0.15)


def test_an_overloaded_core_says_so() -> None:
    cost = Cost(100, (2000.0,) * 51)
    queue = verification_queue(1000, cost, 1.0, seed=1)
    assert queue.utilisation == pytest.approx(2.0)
    assert queue.sojourn_us[-1] > queue.sojourn_us[0] * 100


def test_a_slower_device_waits_longer() -> None:
    cost = Cost(100, tuple(np.linspace(80, 120, 51)))
    here = verification_queue(200, cost, 1.0, seed=1)
    there = verification_queue(200, cost, 14.0, seed=1)
    assert there.utilisation == pytest.approx(14 * here.utilisation)
