"""Who is near which roadside unit, and when: the pairs over which messages may arrive.

Computed once a trace: it depends on traffic alone, so every approach is judged on the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roadseal.pilot.corridor import Corridor

REACH_M = 300.0
"""Farther vehicles are not looked at: nobody acts upon a signal from there."""

_GAP_STEPS = 10  # a vehicle out of reach for a second comes back as a new encounter


@dataclass(frozen=True)
class Encounters:
    """A row a roadside unit, vehicle in reach and step, sorted by unit, vehicle and step.

    Args:
        rsu: index of the unit in `Corridor.signals`, shape (rows,).
        vehicle: physical code of the vehicle, shape (rows,).
        step: step of the trace, shape (rows,).
        distance_m: between the two, shape (rows,).
        start: index of the first row of every encounter, shape (encounters,).
        number: which encounter a row belongs to, shape (rows,).
    """

    rsu: NDArray[np.int32]
    vehicle: NDArray[np.int32]
    step: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    start: NDArray[np.int64]
    number: NDArray[np.int32]

    def rows_by_unit(self) -> list[slice]:
        """The rows of every unit that has any, units in order."""
        bounds = np.flatnonzero(np.diff(self.rsu)) + 1
        ends = [*bounds.tolist(), len(self.rsu)]
        return [slice(first, end) for first, end in pairwise([0, *ends]) if first < end]

    def within(self, rows: slice) -> Encounters:
        """The encounters of some rows, as if there were no others; rows must be a unit's."""
        met = slice(*np.searchsorted(self.start, (rows.start, rows.stop)))
        return Encounters(
            self.rsu[rows],
            self.vehicle[rows],
            self.step[rows],
            self.distance_m[rows],
            self.start[met] - rows.start,
            self.number[rows] - np.int32(met.start),
        )

    def rows_of(
        self, rsu: NDArray[np.int64], vehicle: NDArray[np.int64], step: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Find rows by their keys; −1 where there is none."""
        found = np.full(len(rsu), -1, dtype=np.int64)
        for rows in self.rows_by_unit():
            asked = np.flatnonzero(rsu == self.rsu[rows.start])
            have = _key(self.vehicle[rows], self.step[rows])
            wanted = _key(vehicle[asked], step[asked])
            index = np.minimum(np.searchsorted(have, wanted), len(have) - 1)
            found[asked] = np.where(have[index] == wanted, index + rows.start, -1)
        return found


def find_encounters(vehicles: pl.DataFrame, corridor: Corridor) -> Encounters:
    """Find every encounter of a trace.

    Args:
        vehicles: the vehicles table of a trace (see `traffic`).
        corridor: of the same network.
    """
    step = vehicles["step"].to_numpy().astype(np.int32)
    code = vehicles["vehicle"].to_physical().to_numpy().astype(np.int32)
    x, y = vehicles["x"].to_numpy(), vehicles["y"].to_numpy()
    parts = []
    for index, signal in enumerate(corridor.signals):
        distance = np.hypot(x - np.float32(signal.x), y - np.float32(signal.y))
        near = np.flatnonzero(distance <= REACH_M)
        order = near[np.argsort(code[near], kind="stable")]  # rows are by step already
        rsu = np.full(len(order), index, dtype=np.int32)
        parts.append((rsu, code[order], step[order], distance[order].astype(np.float32)))
    rsu, vehicle, steps, distance_m = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    fresh = np.ones(len(rsu), dtype=bool)
    fresh[1:] = (
        (rsu[1:] != rsu[:-1]) | (vehicle[1:] != vehicle[:-1]) | (np.diff(steps) > _GAP_STEPS)
    )
    number = (np.cumsum(fresh) - 1).astype(np.int32)
    return Encounters(rsu, vehicle, steps, distance_m, np.flatnonzero(fresh), number)


def _key(vehicle: NDArray[np.integer], step: NDArray[np.integer]) -> NDArray[np.int64]:
    return (vehicle.astype(np.int64) << 26) | step.astype(np.int64)
