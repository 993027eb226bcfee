"""The link and its key bound: against published rates, and never above what is possible."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.errors import RoadsealError
from roadseal.operate.qkd import Counts, Intensities, LinkModel, Security, key_bound, optimise
from roadseal.operate.qkd.finitekey import binary_entropy
from roadseal.operate.qkd.fit import fit
from roadseal.operate.qkd.operating import key_ceiling, operate
from roadseal.operate.qkd.points_file import Point, read_points

# T12 at 1 GHz: loss in dB and secret bit/s, Table 1 of Islam et al., Science Advances 3 (2017).
T12 = [(7, 2.20e6), (10, 1.09e6), (13, 0.40e6), (16, 0.12e6)]


@pytest.mark.parametrize("fitted", [(0, 2), (1, 3), (0, 3)])
def test_half_of_a_published_curve_predicts_the_other(fitted: tuple[int, ...]) -> None:
    points = [Point(loss, rate, fitted=i in fitted) for i, (loss, rate) in enumerate(T12)]
    assert max(map(abs, fit(points).deviations)) < 0.15


@settings(max_examples=60, deadline=None)
@given(
    loss=st.floats(0, 80),
    efficiency=st.floats(0.01, 1),
    dark=st.floats(0, 1e7),
    misalignment=st.floats(0, 0.12),
    intercepted=st.floats(0, 1),
    block=st.floats(1e4, 1e12),
)
def test_no_link_beats_the_bound(
    loss: float,
    efficiency: float,
    dark: float,
    misalignment: float,
    intercepted: float,
    block: float,
) -> None:
    link = LinkModel(loss, 1e9, efficiency, dark, misalignment, intercepted)
    point = optimise(link, block_bits=block)
    assert 0 <= point.plob_ratio < 1
    assert point.key_bits <= block


@settings(max_examples=200, deadline=None)
@given(
    mu1=st.floats(0.05, 1),
    ratio=st.floats(0.05, 0.9),
    share=st.floats(0.05, 0.95),
    loss=st.floats(0, 40),
    misalignment=st.floats(0, 0.1),
)
def test_the_bounds_hold_on_what_the_model_really_sent(
    mu1: float, ratio: float, share: float, loss: float, misalignment: float
) -> None:
    """Of the model we know how many clicks came from single photons: at least what is claimed."""
    link, sent = (
        LinkModel(loss, misalignment=misalignment),
        Intensities(mu1, mu1 * ratio, share, 0.9),
    )
    key, test = link.expected_counts(sent, 1e9)
    bound = key_bound(key, test, sent, 0.0, Security())
    eta = link.transmittance * link.efficiency
    one = sum(p * math.exp(-mu) * mu for mu, p in zip(sent.means, sent.shares, strict=True))
    per_pulse = one * (1 - (1 - link.dark_chance) * (1 - eta))
    clicks = sum(p * link.click_chance(mu) for mu, p in zip(sent.means, sent.shares, strict=True))
    assert bound.single_photons <= 1e9 * per_pulse / clicks * (1 + 1e-9)
    if bound.bits > 0:
        error = (eta * misalignment + link.dark_chance / 2) / (per_pulse / one)
        assert bound.phase_error >= error * (1 - 1e-6)


def test_more_interception_is_more_error_and_less_key() -> None:
    points = [
        operate(LinkModel(8, intercepted=share), Intensities(0.4, 0.1, 0.7, 0.9))
        for share in (0, 0.05, 0.1, 0.2, 0.4, 1)
    ]
    errors = [point.error_rate for point in points]
    assert errors == sorted(errors)
    assert errors[-1] == pytest.approx(0.25, abs=0.02)
    assert points[0].key_bits > points[1].key_bits > 0 == points[-2].key_bits


def test_a_cut_fibre_gives_nothing() -> None:
    assert optimise(LinkModel(5, cut=True)).rate_bps == 0


def test_a_bound_says_no_key_where_there_is_none() -> None:
    sent = Intensities(0.4, 0.1, 0.7, 0.9)
    nothing = Counts((0, 0), (0, 0))
    assert key_bound(nothing, nothing, sent, 0, Security()).bits == 0
    noise = Counts((1e6, 1e5), (5e5, 5e4))
    assert key_bound(noise, noise, sent, 0, Security()).bits == 0


def test_entropy() -> None:
    assert binary_entropy(0.5) == 1
    assert binary_entropy(0) == binary_entropy(1) == 0
    assert binary_entropy(0.11) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"loss_db": -1}, "loss -1"),
        ({"loss_db": math.nan}, "loss nan"),
        ({"loss_db": 5, "clock_hz": math.inf}, "clock inf"),
        ({"loss_db": 5, "efficiency": 0}, "efficiency 0"),
        ({"loss_db": 5, "dark_hz": 2e9}, "dark counts 2e"),
        ({"loss_db": 5, "misalignment": 0.6}, "misalignment 0.6"),
        ({"loss_db": 5, "intercepted": 2}, "intercepted share 2"),
        ({"loss_db": 5, "drift_rad_s": -1}, "drift -1"),
        ({"loss_db": 5, "realign_s": 0}, "realignment 0"),
    ],
)
def test_of_an_impossible_link_the_wrong_value_is_named(
    wrong: dict[str, float], named: str
) -> None:
    with pytest.raises(RoadsealError, match=f"No link has the .*{named}") as caught:
        LinkModel(**wrong)
    assert caught.value.code == "qkd-link-impossible"


@pytest.mark.parametrize(
    "text", ["loss_db,rate_bps\nx,1", "loss_db,rate_bps\n5,0", "loss_db,rate_bps\n5"]
)
def test_bad_points_name_their_row(text: str) -> None:
    with pytest.raises(RoadsealError, match="Row 2"):
        read_points(text.splitlines())


def test_without_points_there_is_no_fit() -> None:
    with pytest.raises(RoadsealError, match="no point"):
        fit(read_points(["loss_db,rate_bps,use", "5,100,predict"]))


@pytest.mark.parametrize("angle", [1e-7, 1e-3, 0.1, 1.0, 10.0])
def test_drift_is_the_mean_of_malus_law_between_realignments(angle: float) -> None:
    steps = [angle * (step + 0.5) / 100_000 for step in range(100_000)]
    mean = sum(math.sin(one) ** 2 for one in steps) / len(steps)
    link = LinkModel(6.0, misalignment=0.02, drift_rad_s=angle / 60, realign_s=60.0)
    assert link.wrong_chance == pytest.approx(0.02 + 0.96 * mean, rel=1e-3, abs=1e-9)


def test_drift_costs_key_and_realigning_gives_it_back() -> None:
    still = optimise(LinkModel(9.0))
    slow, fast = (
        optimise(LinkModel(9.0, drift_rad_s=0.005, realign_s=interval)) for interval in (60, 5)
    )
    assert 0 < slow.rate_bps < fast.rate_bps < still.rate_bps
    assert slow.error_rate > fast.error_rate > still.error_rate
    assert optimise(LinkModel(9.0, drift_rad_s=1.0)).rate_bps == 0


@settings(max_examples=1500, deadline=None)
@given(
    loss=st.floats(0, 60),
    dark=st.sampled_from([0.0, 1.0, 1e3, 5e4, 1e6, 1e8]),
    misalignment=st.floats(0, 0.5),
    intercepted=st.one_of(st.just(0.0), st.floats(0, 1)),
    block=st.sampled_from([1e4, 1e5, 1e7, 1e12]),
    mu1=st.floats(-3, 0),
    ratio=st.floats(0.001, 0.999),
    share=st.floats(0.001, 0.999),
    basis=st.floats(0.001, 0.999),
)
def test_no_setting_gives_more_key_than_the_ceiling(
    loss, dark, misalignment, intercepted, block, mu1, ratio, share, basis
) -> None:
    link = LinkModel(loss, 1e9, 0.2, dark, misalignment, intercepted)
    sent = Intensities(10**mu1, 10**mu1 * ratio, share, basis)
    found = operate(link, sent, block_bits=block)
    ceiling = key_ceiling(link, block, Security(), 1.16)
    assert found.key_bits <= max(ceiling, 0) * (1 + 1e-9)


def test_the_ceiling_rules_out_a_key_near_where_the_search_ends() -> None:
    """Infinite blocks come close to it: of one decoy and many the difference is small."""
    for step in (0.3, 1.0):
        losses = [step * i for i in range(round(40 / step))]
        block = 1e15
        last = max(x for x in losses if optimise(LinkModel(x), block_bits=block).rate_bps > 0)
        ruled = min(x for x in losses if key_ceiling(LinkModel(x), block, Security(), 1.16) <= 0)
        assert last < ruled < last + 4


@pytest.mark.parametrize("block", [1e5, 1e7])
def test_a_point_without_a_key_costs_no_more_trials_than_one_with(monkeypatch, block) -> None:
    from roadseal.operate.qkd import operating

    calls = 0
    real = operating._operate

    def counted(*arguments):
        nonlocal calls
        calls += 1
        return real(*arguments)

    monkeypatch.setattr(operating, "_operate", counted)
    for loss in range(0, 60, 2):
        calls = 0
        optimise(LinkModel(loss), block_bits=block)
        assert calls <= 200
        if loss >= 32:
            assert calls <= 15  # proved, not searched


# Losses in dB and rates in bit/s that differential evolution (12,000 trials a point) finds best.
BEST = [
    (1e4, {}, 3.4453125, 57143.4066956487),
    (1e4, {"efficiency": 0.8, "dark_hz": 10.0, "misalignment": 0.03}, 45.03515625, 1.4135025635018),
    (1e5, {}, 15.0, 15188.694705121045),
    (1e5, {}, 17.5, 95.39602198969297),
    (1e6, {"misalignment": 0.04}, 14.587890625, 729.7559551137136),
    (1e7, {}, 20.3, 685.1738166982284),
    (1e7, {"dark_hz": 100.0, "misalignment": 0.005}, 48.007421875, 61.004465952487145),
    (1e9, {"misalignment": 0.04}, 16.975, 7443.0498996),
    (1e12, {}, 21.875, 171.82799153099998),
]


@pytest.mark.parametrize(("block", "options", "loss", "rate"), BEST)
def test_the_best_settings_are_found_for_blocks_of_any_size(block, options, loss, rate) -> None:
    found = optimise(LinkModel(loss, **options), block_bits=block)
    assert found.rate_bps > 0.995 * rate


@pytest.mark.parametrize("bits", [0, -1, math.nan, math.inf, 1e300])
def test_a_block_of_no_possible_size_is_refused(bits: float) -> None:
    with pytest.raises(RoadsealError) as raised:
        optimise(LinkModel(10.0), block_bits=bits)
    assert raised.value.code == "qkd-block-impossible"


def test_a_curve_of_quiet_detectors_is_fitted_though_the_usual_ones_give_no_key() -> None:
    quiet = LinkModel(0, clock_hz=2.5e9, efficiency=0.3, dark_hz=1, misalignment=0.005)
    at = [optimise(replace(quiet, loss_db=loss)) for loss in (40.0, 50.0, 60.0, 70.0)]
    assert optimise(LinkModel(60.0)).rate_bps == 0
    found = fit([Point(point.link.loss_db, point.rate_bps, 2.5e9) for point in at])
    assert max(map(abs, found.deviations)) < 0.02
    assert 0.5 < found.link.dark_hz < 2  # four points leave some of it open
