"""LTE-V2X sidelink, mode 4: delivery and channel load under semi-persistent scheduling.

The analytical model of Gonzalez-Martin et al., IEEE TVT 68(2), 2019 (arXiv 1807.06508); equation
numbers in the comments are theirs. A transmission is lost, in this order, when the receiver sends
itself, when it arrives below the sensing threshold, to noise, or to a collision. Collisions are
weighed between two ways of choosing resources: by what is sensed (step 2 of the standard, busy
channel) and by the weakest average signal (step 3, quiet channel).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadseal.pilot.radio.config import RadioConfig
from roadseal.pilot.radio.error_rate import ErrorCurve, Reception, required_sinr_db
from roadseal.pilot.radio.neighbours import at_least_one, at_whole_metres, interferers
from roadseal.pilot.radio.result import SOURCES, RadioResult, combine
from roadseal.pilot.radio.transport_block import (
    CHANNEL_BLOCKS,
    GRIDS,
    Allocation,
    allocate,
    validated,
)

Floats = NDArray[np.float64]

_SUBFRAMES_HZ: Final = 1000.0
_CANDIDATE_SHARE: Final = 0.2  # of the selection window, 3GPP TS 36.213 clause 14.1.1.6
_THRESHOLD_STEP_DB: Final = 0.1
_MAX_STEPS: Final = 1500
_VALIDATED_SHARE: Final = 0.86  # of resources excluded; (30) breaks down soon above it


def evaluate(config: RadioConfig, distance_m: Floats) -> RadioResult:
    """Delivery at each distance, shape (D,), and the channel load it is delivered under."""
    allocation, fragments = allocate(config.bytes, GRIDS[config.subchannels], config.mcs)
    path, threshold_dbm = config.path, config.threshold_dbm
    density_per_m = config.density_per_km / 1000
    fitting = config.subchannels // allocation.subchannels  # transmissions side by side
    window = _Window(config, fragments * density_per_m, fitting * _SUBFRAMES_HZ / config.rate_hz)
    excluded = window.excluded(threshold_dbm)
    busy = excluded / window.resources  # (34)

    signal_dbm = config.power_dbm - path.path_loss_db(distance_m)
    reception = Reception(
        error_curve(allocation, config),
        config.noise_dbm - 10 * np.log10(CHANNEL_BLOCKS / allocation.blocks),
        threshold_dbm,
        path.shadowing_db,
    )
    noise_loss = reception.noise_loss(signal_dbm)  # (13)

    spacing_m, stations = interferers(density_per_m)
    spoils = reception.spoiled_by(  # (17), (18)
        signal_dbm, config.power_dbm - path.path_loss_db(spacing_m), noise_loss
    )
    to_sender_m = np.abs(spacing_m[None, :] + distance_m[:, None])
    sensed_share = float(np.clip(2 * busy - 0.4, 0, 1))  # (22)
    collision = np.zeros_like(distance_m)
    for share, (limit_dbm, taken) in (
        (sensed_share, (threshold_dbm, excluded)),
        (1 - sensed_share, window.raised_threshold(threshold_dbm)),
    ):
        if share > 0:
            same = window.same_resource(to_sender_m, limit_dbm, taken)
            collision += share * at_least_one(spoils * same, stations * fragments)  # (14), (21)

    pdr, losses = combine(
        {
            "half_duplex": np.full_like(distance_m, half_duplex_loss(config.rate_hz * fragments)),
            "sensing": 1 - path.sensing_ratio(distance_m, config.power_dbm, threshold_dbm),  # (10)
            "propagation": noise_loss,
            "collision": collision,
        },
        fragments,
    )
    return RadioResult(
        distance_m=distance_m,
        pdr=pdr,
        losses=losses,
        cbr=busy * fitting * allocation.subchannels / config.subchannels,
        fragments=fragments,
        airtime_s=fragments * transmission_s(allocation, config),
        mcs=allocation.mcs,
        sources=SOURCES["lte-v2x"],
    )


def half_duplex_loss(transmissions_hz: float) -> float:
    """Probability that the receiver sends in the same subframe (7)."""
    return min(transmissions_hz / _SUBFRAMES_HZ, 1.0)


def transmission_s(allocation: Allocation, config: RadioConfig) -> float:
    """Seconds of the whole channel that one transmission takes: its share of a subframe."""
    return allocation.subchannels / config.subchannels / _SUBFRAMES_HZ


def busy_ratio(load: Floats) -> Floats:
    """Channel busy ratio from the offered load, for many small resources; any shape.

    Half of the stations heard choose knowing of each other, the rest overlap at random: (29)
    divided by the number of resources, in the limit of many.
    """
    half = np.minimum(load, 2.0) / 2
    free = 1 - half
    overlap_free = half - half**2 / (2 * np.maximum(free, 1e-12))
    return np.asarray(half + np.where(half <= free, overlap_free, free / 2))


def error_curve(allocation: Allocation, config: RadioConfig) -> ErrorCurve:
    """The curve validated on the grid, moved to the spectral efficiency of the allocation."""
    grid = GRIDS[config.subchannels]
    if config.implementation_loss is None:
        return grid.curve
    needed = required_sinr_db(allocation.efficiency_bit_s_hz, config.implementation_loss)
    reference = required_sinr_db(validated(grid).efficiency_bit_s_hz, config.implementation_loss)
    return grid.curve.shifted(needed - reference)


@dataclass(frozen=True)
class _Window:
    """The resources of one message period, and who may pick the same."""

    config: RadioConfig
    streams_per_m: float  # reservations a metre of road: one for each fragment of each station
    resources: float  # (28)

    def excluded(self, threshold_dbm: float, *, factor: int = 1) -> float:
        """Resources that a station excludes because it hears them taken (29)."""
        heard_m = self.config.path.sensed_metres(self.config.power_dbm, threshold_dbm)
        half = min(factor * self.streams_per_m * heard_m / 2, self.resources)
        free = self.resources - half
        if free <= 0:
            return self.resources
        overlapping = min(np.floor(half), np.floor(free))
        return float(half + overlapping - overlapping * (overlapping + 1) / (2 * free))

    def raised_threshold(self, threshold_dbm: float) -> tuple[float, float]:
        """The threshold at which enough resources count as free, and what is then excluded (33)."""
        needed = _CANDIDATE_SHARE * self.resources

        def raised_dbm(step: int) -> float:
            return threshold_dbm + step * _THRESHOLD_STEP_DB

        def enough_free(step: int) -> bool:
            return self.resources - self.excluded(raised_dbm(step), factor=2) >= needed

        step = bisect_left(range(_MAX_STEPS), True, key=enough_free)
        return raised_dbm(step), self.excluded(raised_dbm(step), factor=2)

    def same_resource(self, to_sender_m: Floats, threshold_dbm: float, excluded: float) -> Floats:
        """Probability that an interferer picks the sender's resource (23), (31); any shape."""
        config, path = self.config, self.config.path
        excluded = min(excluded, _VALIDATED_SHARE * self.resources)
        assumed_free = self.resources - excluded
        view = path.common_view(config.power_dbm, config.threshold_dbm)
        alike = at_whole_metres(view / view[0], to_sender_m)
        by_chance = excluded**2 / self.resources
        both_exclude = alike * (excluded * view[0] - by_chance) + by_chance  # (30)
        both_free = self.resources - 2 * excluded + both_exclude  # (27)
        # (26) over the square of the candidates: of the free resources each keeps a fifth.
        meet = both_free / assumed_free**2
        heard = path.sensing_ratio(to_sender_m, config.power_dbm, threshold_dbm)
        unaware = 1 - (1 - 1 / config.rate_hz) * heard  # (24)
        return np.asarray(np.clip(unaware * meet, 0, 1))
