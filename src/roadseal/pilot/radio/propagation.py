"""How far a signal carries: path loss, shadowing, and who hears whom.

WINNER+ B1 line of sight, antenna to antenna between vehicles, as used by the two performance
models of this package (IST-WINNER+ D5.3, table 4-1; 3GPP TR 36.885 annex A.1.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_SPEED_OF_LIGHT_M_S = 3e8
_NEAREST_M = 3.0  # WINNER+ B1 is defined from 3 m on
_REACH_M = 1500  # the models integrate sensing over ±1500 m, in steps of 1 m


@dataclass(frozen=True)
class Propagation:
    """WINNER+ B1 line of sight with log-normal shadowing.

    Args:
        carrier_ghz: carrier frequency.
        antenna_height_m: height of both antennas above the road.
        environment_height_m: mean height of what stands on the road (moves the breakpoint).
        shadowing_db: standard deviation of the shadowing, independent per frame and link.
    """

    carrier_ghz: float
    antenna_height_m: float = 1.5
    environment_height_m: float = 0.0
    shadowing_db: float = 3.0

    def path_loss_db(self, distance_m: ArrayLike) -> Floats:
        """Mean loss at each distance, never below free space; any shape, metres to dB."""
        metres = np.maximum(np.abs(np.asarray(distance_m, dtype=np.float64)), _NEAREST_M)
        log_distance = np.log10(metres)
        log_carrier = np.log10(self.carrier_ghz)
        height_m = self.antenna_height_m - self.environment_height_m
        breakpoint_m = 4 * height_m**2 * self.carrier_ghz * 1e9 / _SPEED_OF_LIGHT_M_S

        near = 22.7 * log_distance + 27 + 20 * log_carrier
        far = 40 * log_distance + 7.56 - 34.6 * np.log10(height_m) + 2.7 * log_carrier
        free_space = 20 * log_distance + 46.4 + 20 * (log_carrier - np.log10(5))
        return np.asarray(np.maximum(np.where(metres < breakpoint_m, near, far), free_space))

    def sensing_ratio(
        self, distance_m: ArrayLike, power_dbm: float, threshold_dbm: float
    ) -> Floats:
        """Probability that a frame arrives above a threshold; any shape, 0 to 1.

        The packet sensing ratio (PSR): equation 13 of arXiv 2104.07923, 11 of arXiv 1807.06508.
        """
        margin_db = power_dbm - self.path_loss_db(distance_m) - threshold_dbm
        return normal_cdf(margin_db / self.shadowing_db)

    def sensed_metres(self, power_dbm: float, threshold_dbm: float) -> float:
        """Metres of road (both directions) on which a station is heard: the sum of the PSR."""
        return float(self._sensing_profile(power_dbm, threshold_dbm).sum())

    def common_view(self, power_dbm: float, threshold_dbm: float) -> Floats:
        """Of what one station hears, the share that another hears too, by whole metres apart.

        Autocorrelation of the PSR over its sum; shape (3001,), for 0 to 3000 m.
        """
        profile = self._sensing_profile(power_dbm, threshold_dbm)
        size = 2 * profile.size
        spectrum = np.fft.rfft(profile, size)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2, size)[: profile.size]
        return np.asarray(np.maximum(correlation, 0.0) / profile.sum())

    def _sensing_profile(self, power_dbm: float, threshold_dbm: float) -> Floats:
        return normal_cdf((power_dbm - _loss_profile(self) - threshold_dbm) / self.shadowing_db)


@lru_cache(maxsize=16)
def _loss_profile(propagation: Propagation) -> Floats:
    """Path loss at every metre of the reach, in both directions."""
    return propagation.path_loss_db(np.arange(-_REACH_M, _REACH_M + 1))


def normal_cdf(z: Floats) -> Floats:
    """Cumulative standard normal, vectorised; absolute error below 1e-7.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17.
    """
    t = 1 / (1 + 0.2316419 * np.abs(z))
    series = t * (
        0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429)))
    )
    upper_tail = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) * series
    return np.asarray(np.where(z < 0, upper_tail, 1 - upper_tail))
