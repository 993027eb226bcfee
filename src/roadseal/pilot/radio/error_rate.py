"""Frames lost to noise and interference: error curves, averaged over the shadowing.

A curve gives the error rate over the signal-to-interference-and-noise ratio (SINR). It is measured
or simulated for one size and rate; the implementation-loss abstraction moves it to others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SIGNAL_STEP_DB = 0.5
_INTERFERENCE_STEP_DB = 1.0
_SPREAD = 5.0  # standard deviations of shadowing that are integrated over


@dataclass(frozen=True)
class ErrorCurve:
    """Error rate over SINR, linear between its points and constant beyond them.

    Args:
        sinr_db: rising.
        error_rate: 0 to 1, falling, same length.
        source: where the points were read.
    """

    sinr_db: tuple[float, ...]
    error_rate: tuple[float, ...]
    source: str

    def at(self, sinr_db: Floats) -> Floats:
        """Error rate at each SINR; any shape."""
        return np.asarray(np.interp(sinr_db, self.sinr_db, self.error_rate))

    def shifted(self, shift_db: float) -> ErrorCurve:
        """The same curve for a link that needs `shift_db` more."""
        return replace(self, sinr_db=tuple(point + shift_db for point in self.sinr_db))


# Both LTE curves: relative speed 280 km/h, 190 bytes; 3GPP R1-160284 as tabulated with
# arXiv 1807.06508. The 802.11p curve is over Eb/N0.
QPSK_07 = ErrorCurve(
    sinr_db=(0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 20.000001),
    error_rate=(1, 0.9, 0.7, 0.4, 0.13, 0.045, 0.017, 0.007, 1e-3, 1e-3, 1e-4),
    source="3GPP R1-160284, QPSK r=0.7, 190 bytes, 280 km/h",
)
QPSK_05 = ErrorCurve(
    sinr_db=(-2, 0, 2, 4, 6, 8, 10, 12, 20, 20.000001),
    error_rate=(1, 0.9, 0.7, 0.3, 0.09, 0.02, 0.002, 1e-3, 1e-3, 1e-4),
    source="3GPP R1-160284, QPSK r=0.5, 190 bytes, 280 km/h",
)
OFDM_80211P = ErrorCurve(
    sinr_db=(5, 10, 15, 20, 25, 30, 35),
    error_rate=(1, 0.4, 1.5e-2, 4e-3, 3e-3, 2e-3, 1e-3),
    source="Goubet et al., IEEE TVT 64(9), 2015, fig. 14, L=1 (over Eb/N0)",
)


def required_sinr_db(efficiency_bit_s_hz: float, implementation_loss: float) -> float:
    """SINR at which half of the frames pass, by the implementation-loss abstraction.

    Shannon's bound with the bandwidth scaled: 2^(efficiency/loss) − 1.
    Source: Wu, Bartoletti, Martinez, Bazzi, Sensors 22(23):9330, 2022 (arXiv 2203.17114).
    """
    return float(10 * np.log10(2 ** (efficiency_bit_s_hz / implementation_loss) - 1))


@dataclass(frozen=True)
class Reception:
    """A receiver that decodes what it senses: curve, noise, sensing threshold, shadowing."""

    curve: ErrorCurve
    noise_dbm: float
    sensing_dbm: float
    shadowing_db: float

    def noise_loss(self, signal_dbm: Floats) -> Floats:
        """Probability that a sensed frame is lost to noise; mean signal (D,) to (D,)."""
        level_dbm, weight = self._sensed_signal(signal_dbm)
        return np.asarray(np.einsum("dl,l->d", weight, self.curve.at(level_dbm - self.noise_dbm)))

    def spoiled_by(self, signal_dbm: Floats, other_dbm: Floats, noise_loss: Floats) -> Floats:
        """Probability that one interferer spoils a frame which noise alone would not.

        Both powers are means, log-normally shadowed; the integral over both is a chain of matrix
        products. Shapes: signal and noise loss (D,), interferers (I,) to (D, I).
        """
        level_dbm, signal_weight = self._sensed_signal(signal_dbm)
        spread_db = _SPREAD * self.shadowing_db
        shadowed_dbm = np.arange(
            other_dbm.min() - spread_db,
            other_dbm.max() + spread_db + _INTERFERENCE_STEP_DB,
            _INTERFERENCE_STEP_DB,
        )
        deviation = (shadowed_dbm[:, None] - other_dbm[None, :]) / self.shadowing_db
        density = np.exp(-0.5 * deviation**2)
        disturbance_dbm = 10 * np.log10(10 ** (shadowed_dbm / 10) + 10 ** (self.noise_dbm / 10))

        error_rate = self.curve.at(level_dbm[:, None] - disturbance_dbm[None, :])
        # Not `@`: a BLAS with threads is slower here, and its last bits depend on their number.
        shadowed_loss = np.einsum("dl,lx->dx", signal_weight, error_rate)
        either_loss = np.einsum("dx,xi->di", shadowed_loss, density / density.sum(axis=0))
        survives = np.maximum(1 - noise_loss, 1e-12)[:, None]
        return np.asarray(np.clip((either_loss - noise_loss[:, None]) / survives, 0, 1))

    def _sensed_signal(self, signal_dbm: Floats) -> tuple[Floats, Floats]:
        """The shadowed signal above the sensing threshold: levels (L,), weights (D, L)."""
        strongest_dbm = max(float(signal_dbm.max()), self.sensing_dbm)
        top_dbm = strongest_dbm + _SPREAD * self.shadowing_db
        level_dbm = np.arange(self.sensing_dbm, top_dbm + _SIGNAL_STEP_DB, _SIGNAL_STEP_DB)
        deviation = (level_dbm[None, :] - signal_dbm[:, None]) / self.shadowing_db
        exponent = -0.5 * deviation**2
        # Far below the threshold every weight would underflow: scale by the largest of the row.
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        weight[:, 0] *= 0.5  # trapezoid: the threshold cuts through the first step
        return level_dbm, weight / weight.sum(axis=1, keepdims=True)
