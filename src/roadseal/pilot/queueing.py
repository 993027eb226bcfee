"""Waiting for verification: the measured cost distribution meets what arrives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadseal.pilot.calibration import Cost

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Queue:
    """Sojourn times of messages at one receiver, waiting and verification, microseconds.

    Args:
        sojourn_us: one value a message.
        utilisation: offered work a second.
    """

    sojourn_us: NDArray[np.float64]
    utilisation: float


def verification_queue(arrivals_per_s: float, cost: Cost, scale: float, *, seed: int) -> Queue:
    """Simulate a first-in, first-out queue for a minute: Poisson arrivals, one core.

    Args:
        arrivals_per_s: messages that reach the receiver.
        cost: of one verification on this machine.
        scale: of the receiver's device class.
        seed: of arrivals and services.
    """
    rng = np.random.default_rng(seed)
    count = max(int(arrivals_per_s * _SECONDS), 1)
    gaps_us = rng.exponential(1e6 / max(arrivals_per_s, 1e-9), count)
    levels = np.linspace(0, 1, len(cost.percentiles_us))
    # The slowest percentile is this machine's scheduler, not the operation.
    service_us = np.interp(rng.random(count) * 0.98, levels, cost.percentiles_us) * scale
    # Lindley's recursion as a running maximum: W_n = S_n − min over k ≤ n of S_k.
    steps = np.concatenate([[0.0], service_us[:-1] - gaps_us[1:]])
    walk = np.cumsum(steps)
    waiting_us = walk - np.minimum.accumulate(walk)
    return Queue(waiting_us + service_us, float(arrivals_per_s * service_us.mean() / 1e6))
