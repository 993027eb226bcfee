"""The other stations on the road, as both performance models place them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WITHIN_M: Final = 1000.0  # as validated; what is farther hardly disturbs
_WIDEST_M: Final = 20.0


def interferers(density_per_m: float) -> tuple[Floats, float]:
    """Positions relative to the receiver, which is left out, and the stations at each.

    One station every 1/density metres. On an emptier road than was validated (50 a km) a part of a
    station every 20 m, so that nothing hangs on where the few happen to stand.
    """
    spacing_m = min(1 / density_per_m, _WIDEST_M) if density_per_m else _WIDEST_M
    count = round(_WITHIN_M / spacing_m)
    steps = np.concatenate([np.arange(-count, 0), np.arange(1, count + 1)])
    return np.asarray(steps * spacing_m), density_per_m * spacing_m


def at_whole_metres(profile: Floats, distance_m: Floats) -> Floats:
    """Read a profile that has one value a metre; beyond its end the last value."""
    index = np.minimum(np.rint(distance_m).astype(np.intp), profile.size - 1)
    return np.asarray(profile[index])


def at_least_one(probability: Floats, stations: float) -> Floats:
    """Probability of any event at independent places with so many stations each.

    Shape (D, I) to (D,).
    """
    none = np.prod(1 - np.clip(probability, 0, 1), axis=1)
    return np.asarray(1 - none**stations)
