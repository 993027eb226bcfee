"""Congestion control of ITS-G5 against TS 102 687."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadseal.errors import RoadsealError
from roadseal.pilot.radio import AdaptiveControl, ReactiveControl, allowed_rate_hz


@pytest.mark.parametrize(
    ("cbr", "short_hz", "long_hz"),
    [(0.1, 20, 10), (0.3, 10, 5), (0.45, 5, 2.5), (0.55, 4, 2), (0.62, 4, 1), (0.7, 1, 1)],
)
def test_reactive_tables(cbr, short_hz, long_hz):
    assert allowed_rate_hz(cbr, 0.4e-3) == pytest.approx(short_hz)
    assert allowed_rate_hz(cbr, 0.9e-3) == pytest.approx(long_hz)


def test_the_duty_cycle_bounds_long_messages():
    assert allowed_rate_hz(0.0, 6e-3) == pytest.approx(5.0)  # 3 % of a second in 6 ms each


def test_adaptive_settles_at_the_closed_form():
    control = AdaptiveControl()
    for _ in range(2000):
        control = control.updated(0.6, 0.6)
    assert control.cbr == pytest.approx(0.6)
    assert control.duty_cycle == pytest.approx(0.0012 * 0.08 / 0.016, rel=1e-6)
    settled = allowed_rate_hz(0.6, 0.4e-3, method="adaptive")
    assert control.rate_hz(0.4e-3) == pytest.approx(float(settled))


def test_adaptive_bounds():
    assert allowed_rate_hz(0.0, 0.3e-3, method="adaptive") == pytest.approx(40)  # 25 ms apart
    assert allowed_rate_hz(1.0, 3e-3, method="adaptive") == pytest.approx(1)  # 1 s apart at most


def test_reactive_moves_one_state_at_a_time():
    control, states = ReactiveControl(), []
    for cbr in [0.9] * 6 + [0.0] * 6:
        control = control.updated(cbr, 0.4e-3)
        states.append(control.state)
    assert states == [1, 2, 3, 4, 4, 4, 3, 2, 1, 0, 0, 0]
    assert ReactiveControl(4).rate_hz(0.4e-3) == pytest.approx(1)


@given(
    st.lists(st.floats(0, 1), min_size=2),
    st.floats(1e-4, 1e-2),
    st.sampled_from(["reactive", "adaptive"]),
)
def test_a_busier_channel_never_allows_more(cbr, airtime_s, method):
    rates = allowed_rate_hz(np.sort(cbr), airtime_s, method=method)
    assert np.all(np.diff(rates) <= 1e-12)
    assert np.all(rates > 0)


@pytest.mark.parametrize(
    ("cbr", "airtime_s", "method"),
    [(1.2, 1e-3, "reactive"), (0.2, 0.0, "reactive"), (0.2, 1e-3, "hopeful")],
)
def test_mistakes_are_refused(cbr, airtime_s, method):
    with pytest.raises(RoadsealError) as error:
        allowed_rate_hz(cbr, airtime_s, method=method)
    assert error.value.code == "radio-congestion"
