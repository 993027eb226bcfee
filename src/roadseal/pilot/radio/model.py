"""One question to either radio: what arrives, at which distance, under which load."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roadseal.errors import RoadsealError
from roadseal.pilot.radio import ieee80211p, sidelink
from roadseal.pilot.radio.config import RadioConfig
from roadseal.pilot.radio.result import RadioResult
from roadseal.pilot.radio.transport_block import GRIDS, allocate


def evaluate(config: RadioConfig, distances_m: ArrayLike) -> RadioResult:
    """Delivery, losses by cause and channel load of one configuration.

    Args:
        config: stations and radio; the density is that of a straight, evenly filled road.
        distances_m: sender to receiver, shape (D,), 0 to 2000 m.

    Raises:
        RoadsealError: no distance, or one outside the range of the models.
    """
    distance_m = np.atleast_1d(np.asarray(distances_m, dtype=np.float64))
    if distance_m.size == 0 or not np.all((distance_m >= 0) & (distance_m <= 2000)):
        raise RoadsealError(
            "radio-distance",
            "The radio model has no such distance.",
            advice="Give at least one distance between 0 and 2000 m.",
        )
    if config.access == "11p":
        return ieee80211p.evaluate(config, distance_m)
    return sidelink.evaluate(config, distance_m)


def busy_ratio(load: ArrayLike, config: RadioConfig) -> NDArray[np.float64]:
    """Channel busy ratio that an offered load leads to; any shape, 0 to 1.

    The offered load is the share of time that the channel would be taken if nothing overlapped.
    """
    offered = np.asarray(load, dtype=np.float64)
    if config.access == "11p":
        return ieee80211p.busy_ratio(offered)
    return sidelink.busy_ratio(offered)


def airtime_s(config: RadioConfig) -> float:
    """Seconds of the whole 10 MHz channel that one message takes, all fragments together."""
    if config.access == "11p":
        count, frame_bytes = ieee80211p.split(config.bytes, config)
        return count * ieee80211p.frame_airtime_s(frame_bytes, config)
    allocation, count = allocate(config.bytes, GRIDS[config.subchannels], config.mcs)
    return count * sidelink.transmission_s(allocation, config)


def fragments(config: RadioConfig) -> int:
    """Transmissions that carry one message."""
    if config.access == "11p":
        return ieee80211p.split(config.bytes, config)[0]
    return allocate(config.bytes, GRIDS[config.subchannels], config.mcs)[1]


def half_duplex_loss(config: RadioConfig) -> float:
    """Probability that one transmission is missed because the receiver itself sends.

    802.11p listens before it talks: what is left of the effect is in its receiver-busy and
    collision terms, so it is 0 there.
    """
    if config.access == "11p":
        return 0.0
    return sidelink.half_duplex_loss(config.rate_hz * fragments(config))
