"""Load and delivery for stations at real places."""

from dataclasses import replace

import numpy as np
import pytest

from roadseal.errors import RoadsealError
from roadseal.pilot.radio import (
    RadioConfig,
    airtime_s,
    busy_ratio,
    channel_load,
    delivery_table,
    evaluate,
    offered_load,
    packet_delivery,
)

DISTANCES_M = np.arange(0, 500, 33.0)


def straight_road(config, length_km=4):
    count = round(length_km * config.density_per_km)
    along = (np.arange(count) - count / 2) * 1000 / config.density_per_km
    positions = np.column_stack([along, np.zeros(count)])
    return positions, np.full(count, config.rate_hz), np.full(count, airtime_s(config))


@pytest.mark.parametrize("access", ["11p", "lte-v2x"])
@pytest.mark.parametrize("density", [60, 120, 240])
def test_stations_on_a_straight_road_are_the_model(access, density):
    config = RadioConfig(access=access, bytes=300, density_per_km=density)
    result = evaluate(config, DISTANCES_M)
    load = offered_load(*straight_road(config), [[0, 0]], config)
    assert busy_ratio(load, config)[0] == pytest.approx(result.cbr, abs=0.01)
    assert packet_delivery(DISTANCES_M, load, config) == pytest.approx(result.pdr, abs=0.01)


def test_load_falls_with_distance_and_adds_up():
    config = RadioConfig()
    near = offered_load([[0, 0]], [10], [1e-3], [[0, 0], [200, 0], [0, 300], [2900, 0]], config)
    assert near[0] == pytest.approx(0.01, abs=1e-4)
    assert near[0] > near[1] > near[2] > near[3]
    double = offered_load([[0, 0], [0, 0]], [10, 10], [1e-3] * 2, [[200, 0]], config)
    assert double[0] == pytest.approx(2 * near[1])


def test_no_station_no_load():
    config = RadioConfig()
    empty = np.zeros((0, 2))
    assert channel_load(empty, [], [], [[0, 0], [5, 5]], config).tolist() == [0, 0]
    assert channel_load([[0, 0]], [10], [1e-3], empty, config).size == 0


def test_many_places_are_the_same_as_one_by_one():
    rng = np.random.default_rng(3)
    config = RadioConfig()
    stations, places = rng.uniform(0, 2000, (700, 2)), rng.uniform(0, 2000, (900, 2))
    rates, airtimes = rng.uniform(1, 10, 700), rng.uniform(2e-4, 1e-3, 700)
    together = channel_load(stations, rates, airtimes, places, config)
    alone = [channel_load(stations, rates, airtimes, [place], config)[0] for place in places[::90]]
    assert together[::90] == pytest.approx(alone)


def test_shapes_that_do_not_match_are_refused():
    with pytest.raises(RoadsealError) as error:
        channel_load([[0, 0]], [10, 10], [1e-3, 1e-3], [[0, 0]], RadioConfig())
    assert error.value.code == "radio-shape"
    with pytest.raises(RoadsealError):
        channel_load([0, 0], [10], [1e-3], [[0, 0]], RadioConfig())


def test_delivery_never_rises_with_the_load():
    for config in (RadioConfig(bytes=900), RadioConfig(access="lte-v2x", bytes=1500)):
        assert np.diff(delivery_table(config).pdr, axis=0).max() <= 1e-9


def test_a_table_is_built_once_for_every_density():
    first = delivery_table(RadioConfig(density_per_km=10))
    assert delivery_table(RadioConfig(density_per_km=200, rate_hz=25)) is first


def test_lookup_broadcasts_and_holds_beyond_its_edges():
    config = RadioConfig()
    grid = packet_delivery(DISTANCES_M[:, None], np.array([0.0, 0.5])[None, :], config)
    assert grid.shape == (DISTANCES_M.size, 2)
    assert np.all(grid[:, 1] <= grid[:, 0])
    assert packet_delivery(5000, 0.1, config) < 1e-3
    assert packet_delivery(50, 99, config) == packet_delivery(50, 4.0, config)


def test_large_messages_among_small_ones():
    alone = packet_delivery(150, 0.3, RadioConfig(bytes=1300))
    mixed = replace(RadioConfig(bytes=1300), interferer_bytes=300)
    # The same load in small pieces starts more often while a large frame is in the air.
    assert packet_delivery(150, 0.3, mixed) < alone
