"""What must hold whatever the configuration, and the parts the models are made of."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.errors import RoadsealError
from roadseal.pilot.radio import (
    Propagation,
    RadioConfig,
    airtime_s,
    evaluate,
    fragments,
    half_duplex_loss,
)
from roadseal.pilot.radio.error_rate import OFDM_80211P, QPSK_05, QPSK_07, Reception
from roadseal.pilot.radio.propagation import normal_cdf
from roadseal.pilot.radio.transport_block import (
    GRIDS,
    Allocation,
    SubchannelGrid,
    allocate,
)

DISTANCES_M = np.arange(0, 601, 50)

configs = st.builds(
    RadioConfig,
    access=st.sampled_from(["11p", "lte-v2x"]),
    bytes=st.integers(1, 6000),
    rate_hz=st.floats(0.5, 50),
    density_per_km=st.floats(0, 400),
    bitrate_mbps=st.sampled_from([3.0, 6.0, 12.0, 27.0]),
    power_dbm=st.floats(0, 33),
    subchannels=st.sampled_from([2, 4]),
)


@given(configs)
@settings(max_examples=30, deadline=None)
def test_every_message_arrives_or_is_lost_to_one_cause(config):
    result = evaluate(config, DISTANCES_M)
    assert np.all((result.pdr >= 0) & (result.pdr <= 1))
    assert 0 <= result.cbr <= 1
    assert all(np.all(loss >= 0) for loss in result.losses.values())
    assert result.pdr + sum(result.losses.values()) == pytest.approx(1.0)
    assert result.provenance == "modelled"


@given(configs, st.floats(1.2, 4))
@settings(max_examples=15, deadline=None)
def test_more_stations_load_the_channel_and_deliver_less(config, factor):
    quiet = evaluate(config, DISTANCES_M)
    more = {**vars(config), "density_per_km": config.density_per_km * factor}
    crowded = evaluate(RadioConfig(**more), DISTANCES_M)
    assert crowded.cbr >= quiet.cbr - 1e-9
    if config.access == "11p":  # mode 4 changes its way of choosing with the load
        assert crowded.pdr.mean() <= quiet.pdr.mean() + 1e-3


@pytest.mark.parametrize("access", ["11p", "lte-v2x"])
def test_a_larger_message_loads_more_and_arrives_less(access):
    sizes = [180, 400, 800, 1400, 2600, 6000]
    results = [
        evaluate(RadioConfig(access=access, bytes=size, density_per_km=40), [50, 150, 250])
        for size in sizes
    ]
    pdr = np.array([result.pdr for result in results])
    assert np.all(np.diff(pdr, axis=0) < 1e-3)  # a fuller block may need a little less
    assert np.all(pdr[-1] < 0.5 * pdr[0])
    assert np.all(np.diff([result.cbr for result in results]) >= 0)
    assert np.all(np.diff([result.airtime_s for result in results]) > 0)


def test_an_empty_road_leaves_noise_and_distance():
    result = evaluate(RadioConfig(density_per_km=0), DISTANCES_M)
    assert result.cbr == 0
    assert not result.losses["collision"].any()
    assert not result.losses["receiver_busy"].any()
    assert result.pdr[0] > 0.99
    assert result.pdr[-1] < 0.01


def test_fragments_must_all_arrive():
    whole = evaluate(RadioConfig(bytes=1400, density_per_km=0), [200]).pdr[0]
    cut = evaluate(RadioConfig(bytes=2800, density_per_km=0), [200])
    assert cut.fragments == 2
    assert cut.pdr[0] == pytest.approx(whole**2)


def test_large_frames_of_one_among_small_frames_of_others():
    small = evaluate(RadioConfig(bytes=300), [150])
    mixed = evaluate(RadioConfig(bytes=1300, interferer_bytes=300), [150])
    large = evaluate(RadioConfig(bytes=1300), [150])
    assert mixed.cbr == small.cbr
    assert large.pdr[0] < mixed.pdr[0] < small.pdr[0]


def test_path_loss_of_winner_b1():
    model = Propagation(carrier_ghz=5.9, environment_height_m=0.5)
    # Breakpoint at 4·1·1·5.9e9/3e8 = 78.7 m; well before it, free space is the larger loss.
    free_space = 20 * math.log10(50) + 46.4 + 20 * math.log10(5.9 / 5)
    far = 40 * math.log10(200) + 7.56 + 2.7 * math.log10(5.9)
    assert model.path_loss_db([50, 200]) == pytest.approx([free_space, far])
    lower = Propagation(carrier_ghz=5.91)  # antennas count in full: breakpoint at 177 m
    near = 22.7 * math.log10(176) + 27 + 20 * math.log10(5.91)
    assert lower.path_loss_db(176) == pytest.approx(near)
    assert model.path_loss_db(0) == model.path_loss_db(3)
    loss = model.path_loss_db(np.arange(3, 1000))
    assert np.all(np.diff(loss) >= 0)


def test_normal_cdf_against_the_error_function():
    z = np.linspace(-6, 6, 241)
    exact = [0.5 * math.erfc(-value / math.sqrt(2)) for value in z]
    assert np.abs(normal_cdf(z) - exact).max() < 1e-7


@pytest.mark.parametrize("curve", [QPSK_07, QPSK_05, OFDM_80211P])
def test_matrix_integrals_against_drawn_shadowing(curve):
    rng = np.random.default_rng(7)
    reception = Reception(curve, noise_dbm=-95, sensing_dbm=-85, shadowing_db=3)
    mean_signal_dbm, mean_other_dbm = -84.0, -90.0
    signal_dbm = rng.normal(mean_signal_dbm, 3, 400_000)
    signal_dbm = signal_dbm[signal_dbm >= -85]
    other_dbm = rng.normal(mean_other_dbm, 3, signal_dbm.size)
    disturbance_dbm = 10 * np.log10(10 ** (other_dbm / 10) + 10**-9.5)

    noise = curve.at(signal_dbm + 95).mean()
    either = curve.at(signal_dbm - disturbance_dbm).mean()
    modelled_noise = reception.noise_loss(np.array([mean_signal_dbm]))
    spoiled = reception.spoiled_by(
        np.array([mean_signal_dbm]), np.array([mean_other_dbm]), modelled_noise
    )
    assert modelled_noise[0] == pytest.approx(noise, abs=0.003)
    assert spoiled[0, 0] == pytest.approx((either - noise) / (1 - noise), abs=0.005)


@pytest.mark.parametrize(
    ("mcs", "bytes_in_48_blocks"),
    [(5, 533), (7, 749), (9, 935), (11, 1063), (14, 1527), (20, 2577)],
)
def test_transport_block_sizes(mcs, bytes_in_48_blocks):
    whole = SubchannelGrid(subchannels=1, blocks=50, mcs=mcs, curve=QPSK_07)
    assert allocate(bytes_in_48_blocks, whole, mcs) == (
        Allocation(mcs, 48, 1, bytes_in_48_blocks),
        1,
    )
    assert allocate(bytes_in_48_blocks + 1, whole, mcs)[1] == 2


def test_the_validated_transmissions_are_chosen():
    four, _ = allocate(190, GRIDS[4], None)
    two, _ = allocate(190, GRIDS[2], None)
    assert (four.mcs, four.blocks, four.subchannels) == (9, 10, 1)
    assert (two.mcs, two.blocks, two.subchannels) == (8, 12, 1)


@given(st.integers(1, 20_000), st.sampled_from([2, 4]), st.none() | st.integers(0, 20))
def test_a_message_always_finds_room(size, subchannels, mcs):
    grid = GRIDS[subchannels]
    allocation, count = allocate(size, grid, mcs)
    assert allocation.capacity_bytes * count >= size
    assert allocation.blocks + 2 <= allocation.subchannels * grid.blocks
    assert allocation.subchannels <= subchannels
    if mcs is not None:
        assert allocation.mcs == mcs


def test_size_raises_the_mcs_before_it_fragments():
    assert [
        (allocation.mcs, count)
        for allocation, count in (allocate(size, GRIDS[4], None) for size in (800, 950, 1200))
    ] == [(9, 1), (11, 1), (11, 2)]


def test_airtime_fragments_and_half_duplex():
    assert airtime_s(RadioConfig(bytes=190)) == pytest.approx(40e-6 + 220 * 8 / 6e6)
    assert airtime_s(RadioConfig(access="lte-v2x", bytes=190)) == pytest.approx(0.25e-3)
    assert fragments(RadioConfig(bytes=1400)) == 1
    assert fragments(RadioConfig(bytes=1401)) == 2
    assert half_duplex_loss(RadioConfig(access="lte-v2x", rate_hz=20)) == pytest.approx(0.02)
    assert half_duplex_loss(RadioConfig()) == 0


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("access", "5g", "radio-access"),
        ("bytes", 0, "radio-bytes"),
        ("rate_hz", 0, "radio-rate"),
        ("rate_hz", math.nan, "radio-rate"),
        ("density_per_km", -1, "radio-density"),
        ("bitrate_mbps", 5, "radio-bitrate"),
        ("power_dbm", 60, "radio-power"),
        ("mcs", 21, "radio-mcs"),
        ("subchannels", 3, "radio-subchannels"),
        ("max_frame_bytes", 5000, "radio-frame-size"),
        ("implementation_loss", 0, "radio-implementation-loss"),
    ],
)
def test_a_mistake_is_named_with_a_remedy(field, value, code):
    with pytest.raises(RoadsealError) as error:
        RadioConfig(**{field: value})
    assert error.value.code == code
    assert error.value.advice


def test_mixed_sizes_are_refused_where_they_are_not_modelled():
    with pytest.raises(RoadsealError, match="interferer-bytes"):
        RadioConfig(access="lte-v2x", interferer_bytes=300)


@pytest.mark.parametrize("distances", [[], [-1], [5000], [math.nan]])
def test_distances_out_of_range_are_refused(distances):
    with pytest.raises(RoadsealError) as error:
        evaluate(RadioConfig(), distances)
    assert error.value.code == "radio-distance"
