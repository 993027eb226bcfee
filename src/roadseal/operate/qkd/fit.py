"""Fitting a link to published points: efficiency, dark counts and misalignment from rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from scipy.optimize import least_squares

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.finitekey import Security
from roadseal.operate.qkd.link import LinkModel
from roadseal.operate.qkd.operating import optimise
from roadseal.operate.qkd.points_file import Point

# What gated detectors usually have, and by which factor it varies: few points leave some directions
# of the three parameters open, and there the usual is kept.
_USUAL: Final = LinkModel(loss_db=0)
_DARK_HZ: Final = (
    _USUAL.dark_hz,
    500.0,
    5.0,
    0.05,
)  # gated, free-running, superconducting, filtered
_SPREAD: Final = (math.log(2), math.log(10), math.log(2))
_PRIOR_WEIGHT: Final = 0.02
_LEAST_BPS: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted link and what it says of every point.

    Args:
        link: the parameters; its loss is that of the first point.
        points: as given.
        rates_bps: what the model says, in their order.
    """

    link: LinkModel
    points: tuple[Point, ...]
    rates_bps: tuple[float, ...]

    @property
    def deviations(self) -> tuple[float, ...]:
        """Model ÷ published − 1, in the order of the points."""
        pairs = zip(self.rates_bps, self.points, strict=True)
        return tuple(rate / point.rate_bps - 1 for rate, point in pairs)


def fit(
    points: Sequence[Point],
    *,
    block_bits: float = 1e7,
    security: Security = Security(),  # noqa: B008 - a frozen value
    reconciliation: float = 1.16,
) -> Fit:
    """Fit the points that are to be fitted, and predict the others.

    Args:
        points: at least one of them fitted.
        block_bits: key-basis detections of a block, of the published system.
        security: of its keys.
        reconciliation: f of its error correction.

    Raises:
        RoadsealError: ``qkd-fit-points``: none to fit.
    """
    seen = [point for point in points if point.fitted]
    if not seen:
        raise RoadsealError(
            "qkd-fit-points",
            "There is no point to fit.",
            advice="Give at least one row whose column `use` is empty or says `fit`.",
        )
    usual = (_USUAL.efficiency, _USUAL.dark_hz, _USUAL.misalignment)

    def model(offsets: Sequence[float], point: Point) -> LinkModel:
        efficiency, dark_hz, misalignment = (
            value * math.exp(offset) for value, offset in zip(usual, offsets, strict=True)
        )
        return LinkModel(
            point.loss_db,
            clock_hz=point.clock_hz,
            efficiency=min(efficiency, 1.0),
            dark_hz=min(dark_hz, point.clock_hz),
            misalignment=min(misalignment, 0.5),
        )

    def rate_bps(offsets: Sequence[float], point: Point) -> float:
        found = optimise(
            model(offsets, point),
            block_bits=block_bits,
            security=security,
            reconciliation=reconciliation,
        )
        return found.rate_bps

    def residuals(offsets: Sequence[float]) -> list[float]:
        misses = [
            math.log(max(rate_bps(offsets, point), _LEAST_BPS) / point.rate_bps) for point in seen
        ]
        pulls = [_PRIOR_WEIGHT * o / spread for o, spread in zip(offsets, _SPREAD, strict=True)]
        return misses + pulls

    # Where a point has no key the rates show no slope: begin with detectors that give one to all.
    starts = ([0.0, math.log(dark / _USUAL.dark_hz), 0.0] for dark in _DARK_HZ)
    keyed = (each for each in starts if all(rate_bps(each, point) > 0 for point in seen))
    start = next(keyed, [0.0, 0.0, 0.0])
    found = least_squares(residuals, start, diff_step=0.02, max_nfev=60).x
    rates = tuple(rate_bps(found, point) for point in points)
    link = replace(model(found, points[0]), clock_hz=points[0].clock_hz)
    return Fit(link, tuple(points), rates)
