"""Stations where they really are: channel load at any place, delivery over any link, both fast.

The performance models know one kind of message on an evenly filled straight road. A pilot has
stations at street corners that send different things. Their common coin is the offered load: it is
summed at a place from the stations around, and delivery is read from a table that holds the model's
answer for every distance under every load.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roadseal.errors import RoadsealError
from roadseal.pilot.radio.config import Access, RadioConfig
from roadseal.pilot.radio.model import airtime_s, busy_ratio, evaluate

Floats = NDArray[np.float64]

_DISTANCE_STEP_M: Final = 5.0
_FARTHEST_M: Final = 1000.0
_LOAD_STEP: Final = 0.02
_HIGHEST_LOAD: Final[dict[Access, float]] = {"11p": 4.0, "lte-v2x": 3.0}
_MODELLED_LOADS: Final = 17
_PAIRS_AT_ONCE: Final = 250_000  # keeps the work inside the cache
_REACH_M: Final = 3000
_FASTEST_HZ: Final = 100.0
_DENSEST_PER_KM: Final = 5000.0


def offered_load(
    positions_m: ArrayLike,
    rates_hz: ArrayLike,
    airtime_s: ArrayLike,
    at_m: ArrayLike,
    config: RadioConfig,
) -> Floats:
    """Share of time that the channel would be taken at some places, if nothing overlapped.

    Args:
        positions_m: stations, shape (N, 2).
        rates_hz: messages a second of each station, shape (N,).
        airtime_s: channel time that one message of each takes, shape (N,); see `airtime_s`.
        at_m: places, shape (M, 2). A station's own traffic counts at its place, as in the models.
        config: access, power and propagation, the same for all stations.

    Returns:
        The load at each place, 0 and up, shape (M,).

    Raises:
        RoadsealError: shapes that do not match.
    """
    stations = np.asarray(positions_m, dtype=np.float64)
    places = np.asarray(at_m, dtype=np.float64)
    share = np.asarray(rates_hz, dtype=np.float64) * np.asarray(airtime_s, dtype=np.float64)
    pairs = stations.ndim == places.ndim == 2 and stations.shape[1] == places.shape[1] == 2
    if not pairs or share.shape != stations.shape[:1]:
        raise RoadsealError(
            "radio-shape",
            "Stations, rates and airtimes do not match.",
            advice="Give positions (N, 2), rates (N,), airtimes (N,) and places (M, 2).",
        )
    heard = _heard_at_metres(config)
    load = np.zeros(len(places))
    chunk = max(1, _PAIRS_AT_ONCE // max(1, len(stations)))
    for start in range(0, len(places), chunk):
        away = places[start : start + chunk, None, :] - stations[None, :, :]
        apart_m = np.sqrt(away[..., 0] ** 2 + away[..., 1] ** 2)
        metre = np.minimum(apart_m + 0.5, _REACH_M).astype(np.int32)
        load[start : start + chunk] = np.einsum("mn,n->m", heard[metre], share)
    return load


def channel_load(
    positions_m: ArrayLike,
    rates_hz: ArrayLike,
    airtime_s: ArrayLike,
    at_m: ArrayLike,
    config: RadioConfig,
) -> Floats:
    """Channel busy ratio at some places, 0 to 1, shape (M,); arguments as for `offered_load`."""
    return busy_ratio(offered_load(positions_m, rates_hz, airtime_s, at_m, config), config)


@dataclass(frozen=True, eq=False)
class DeliveryTable:
    """Delivery of one kind of message over distance and offered load, for very many links.

    Args:
        pdr: shape (loads, distances); every 0.02 of offered load, every 5 m.
    """

    pdr: Floats

    def at(self, distance_m: ArrayLike, load: ArrayLike) -> Floats:
        """Delivery at each distance and offered load; shapes broadcast.

        Linear between the entries; beyond the table's last load and distance, the last entry.
        """
        loads, distances = self.pdr.shape
        column = np.clip(np.asarray(distance_m) / _DISTANCE_STEP_M, 0, distances - 1.000001)
        row = np.clip(np.asarray(load) / _LOAD_STEP, 0, loads - 1.000001)
        left, low = column.astype(np.int32), row.astype(np.int32)
        column, row = column - left, row - low

        entries = self.pdr.ravel()
        corner = low * distances + left
        near = entries[corner]
        near = near + column * (entries[corner + 1] - near)
        corner = corner + distances
        busier = entries[corner]
        busier = busier + column * (entries[corner + 1] - busier)
        return np.asarray(near + row * (busier - near))


def packet_delivery(distance_m: ArrayLike, load: ArrayLike, config: RadioConfig) -> Floats:
    """Probability that a message arrives over each distance under each offered load.

    The first call for a kind of message builds its table (about a second), later ones look up. The
    density of `config`, and for 802.11p its rate, play no part: the load stands for them. The load
    and not the busy ratio, because a saturated channel looks the same however much is offered.

    Args:
        distance_m: sender to receiver; any shape.
        load: offered load at the receiver, from `offered_load`; broadcasts.
        config: access, size, bitrate or MCS, power, propagation.
    """
    return delivery_table(config).at(distance_m, load)


def delivery_table(config: RadioConfig) -> DeliveryTable:
    """The table of one kind of message, kept once built."""
    # Below 10 Hz the selection window of mode 4 stays that of 10 Hz (100 ms).
    rate_hz = 10.0 if config.access == "11p" else max(config.rate_hz, 10.0)
    return _build(replace(config, density_per_km=0.0, rate_hz=rate_hz))


@lru_cache(maxsize=512)
def _build(config: RadioConfig) -> DeliveryTable:
    distance_m = np.arange(0, _FARTHEST_M + _DISTANCE_STEP_M, _DISTANCE_STEP_M)
    highest = _HIGHEST_LOAD[config.access]
    loads = np.linspace(0, np.sqrt(highest), _MODELLED_LOADS) ** 2  # close where it bends
    curves = np.stack([evaluate(_offering(load, config), distance_m).pdr for load in loads])
    # Delivery falls about exponentially with the load: its logarithm is close to linear.
    logarithm = np.log(np.maximum(curves, 1e-15))
    even_loads = np.arange(0, highest + _LOAD_STEP, _LOAD_STEP)
    columns = [np.exp(np.interp(even_loads, loads, column)) for column in logarithm.T]
    return DeliveryTable(np.stack(columns, axis=1))


def _offering(load: float, config: RadioConfig) -> RadioConfig:
    """The same message on a road that offers a load, summed at every place of it.

    What happens on 802.11p depends on density times rate: stations stand every 10 m or closer.
    Mode 4 keeps its rate, which sets the selection window, and varies the density.
    """
    if load == 0:
        return replace(config, density_per_km=0.0)
    sent = replace(config, bytes=config.interferer_bytes or config.bytes)
    heard_km = config.path.sensed_metres(config.power_dbm, config.threshold_dbm) / 1000
    messages_per_km_s = load / (airtime_s(sent) * heard_km)
    if config.access == "11p":
        density_per_km = max(messages_per_km_s / _FASTEST_HZ, 100.0)
    else:
        density_per_km = messages_per_km_s / config.rate_hz
    density_per_km = min(density_per_km, _DENSEST_PER_KM)
    rate_hz = min(messages_per_km_s / density_per_km, _FASTEST_HZ)
    return replace(config, density_per_km=density_per_km, rate_hz=rate_hz)


def _heard_at_metres(config: RadioConfig) -> Floats:
    """The sensing ratio at every whole metre; nothing is heard from the last one on."""
    metres = np.arange(_REACH_M + 1)
    heard = config.path.sensing_ratio(metres, config.power_dbm, config.threshold_dbm)
    heard[-1] = 0.0
    return heard
