"""The other stations on the road, as both performance models place them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WITHIN_M: Final = 1000.0  # as validated; what is farther hardly disturbs


def interferers(density_per_m: float) -> Floats:
    """Positions relative to the receiver: one every 1/density metres, the receiver left out."""
    count = round(_WITHIN_M * density_per_m)
    if count == 0:
        return np.zeros(0)
    steps = np.concatenate([np.arange(-count, 0), np.arange(1, count + 1)])
    return np.asarray(steps / density_per_m)


def at_whole_metres(profile: Floats, distance_m: Floats) -> Floats:
    """Read a profile that has one value a metre; beyond its end the last value."""
    index = np.minimum(np.rint(distance_m).astype(np.intp), profile.size - 1)
    return np.asarray(profile[index])


def at_least_one(probability: Floats, streams: int = 1) -> Floats:
    """Probability of any event among independent neighbours, each with several streams.

    Shape (D, I) to (D,).
    """
    none = np.prod(1 - np.clip(probability, 0, 1), axis=1)
    return np.asarray(1 - none**streams)
