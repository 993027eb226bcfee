"""Which rows of the encounters are CAMs: what a roadside unit may receive.

Like the encounters it depends on traffic alone, so that it is found once for every approach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadseal.pilot.channel import Sent
from roadseal.pilot.encounters import Encounters


@dataclass(frozen=True)
class Uplink:
    """The CAMs among the rows of the encounters.

    Args:
        row: index of the row, ascending, shape (messages,).
        with_certificate: whether the certificate is attached, shape (messages,).
    """

    row: NDArray[np.int32]
    with_certificate: NDArray[np.bool_]

    def within(self, rows: slice) -> Uplink:
        """Those within some rows, which are counted from the first of them."""
        first, end = np.searchsorted(self.row, (rows.start, rows.stop))
        return Uplink(self.row[first:end] - rows.start, self.with_certificate[first:end])


def find_uplink(sent: Sent, encounters: Encounters) -> Uplink:
    """Find the row of every CAM at every unit in reach of its sender."""
    order = np.lexsort((sent.step, sent.vehicle))
    key, certificate = _key(sent.vehicle[order], sent.step[order]), sent.with_certificate[order]
    found = [np.zeros(0, dtype=np.int32)]
    attached = [np.zeros(0, dtype=np.bool_)]
    for rows in encounters.rows_by_unit():
        have = _key(encounters.vehicle[rows], encounters.step[rows])
        index = np.minimum(np.searchsorted(have, key), len(have) - 1)
        here = have[index] == key
        found.append((index[here] + rows.start).astype(np.int32))
        attached.append(certificate[here])
    return Uplink(np.concatenate(found), np.concatenate(attached))


def _key(vehicle: NDArray[np.integer], step: NDArray[np.integer]) -> NDArray[np.int64]:
    return (vehicle.astype(np.int64) << 26) | step.astype(np.int64)
