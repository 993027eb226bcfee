"""When a quantum computer may come: bands of distribution functions with a source, never a year."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadseal.errors import RoadsealError

Floats = NDArray[np.float64]

_STEP_YEARS: Final = 1 / 32
_HORIZON_YEARS: Final = 160.0  # as far as a migration and a secrecy lifetime can reach together


@dataclass(frozen=True, slots=True)
class CrqcProfile:
    """An opinion on when public-key cryptography falls.

    Args:
        name: its name here.
        title: for people.
        kind: ``survey`` or ``hypothesis``.
        start: the year at which its probability is nought.
        low: published (year, probability) of the sceptical reading, ascending.
        high: the same of the other one.
        source: where it is from.
    """

    name: str
    title: str
    kind: str
    start: float
    low: tuple[tuple[float, float], ...]
    high: tuple[tuple[float, float], ...]
    source: str

    def probability(self, year: float, *, high: bool = True) -> float:
        """The probability that it has come by `year`, in one of the two readings."""
        return float(_cdf(np.array([year]), self.start, self.high if high else self.low)[0])

    def median_year(self, *, high: bool) -> float:
        """The year of even odds; far beyond the last published point where hazard is small."""
        knots, hazard, slope = _hazard(self.start, self.high if high else self.low)
        even = np.log(2.0)
        if even <= hazard[-1]:
            return float(np.interp(even, hazard, knots))
        return float(knots[-1] + (even - hazard[-1]) / slope)


class CrqcTable:
    """A profile given that there is none on the day of the register, ready for many questions."""

    def __init__(self, profile: CrqcProfile, as_of: float) -> None:
        self._as_of = as_of
        years = as_of + np.arange(0, _HORIZON_YEARS, _STEP_YEARS)
        self._bands = []
        for points in (profile.low, profile.high):
            absolute = _cdf(years, profile.start, points)
            # Given that nothing has come yet; absolute[0] < 1 because every hazard is finite.
            by_year = (absolute - absolute[0]) / (1 - absolute[0])
            integral = np.concatenate(
                [[0.0], np.cumsum((by_year[1:] + by_year[:-1]) / 2 * _STEP_YEARS)]
            )
            self._bands.append((by_year, integral))
        self._years = years - as_of

    def by(self, years: Floats, opinion: Floats) -> Floats:
        """Chance that it is there `years` after the register's day; opinion 0 is low, 1 high."""
        low, high = (np.interp(years, self._years, band) for band, _ in self._bands)
        blended: Floats = low + opinion * (high - low)
        return blended

    def mean_over(self, start: Floats, end: Floats, opinion: Floats) -> Floats:
        """Mean of `by` between `start` and `end`, years from the register's day."""
        width = np.maximum(end - start, _STEP_YEARS)
        low, high = (
            np.interp(start + width, self._years, integral)
            - np.interp(start, self._years, integral)
            for _, integral in self._bands
        )
        mean: Floats = (low + opinion * (high - low)) / width
        return mean


@cache
def crqc_profiles() -> tuple[CrqcProfile, ...]:
    """The profiles that Roadseal ships, the first of them the default."""
    text = resources.files(__package__).joinpath("crqc.toml").read_text("utf-8")
    return tuple(
        CrqcProfile(
            name,
            row["title"],
            row["kind"],
            row["from"],
            tuple((year, share) for year, share in row["low"]),
            tuple((year, share) for year, share in row["high"]),
            row["source"],
        )
        for name, row in tomllib.loads(text).items()
    )


def crqc_profile(name: str) -> CrqcProfile:
    """A profile by its name.

    Raises:
        RoadsealError: ``crqc-unknown``.
    """
    for profile in crqc_profiles():
        if profile.name == name:
            return profile
    raise RoadsealError(
        "crqc-unknown",
        f"There is no CRQC profile {name!r}.",
        advice=f"Use one of {', '.join(each.name for each in crqc_profiles())}.",
    )


def _cdf(years: Floats, start: float, points: tuple[tuple[float, float], ...]) -> Floats:
    """Constant hazard between the points; after the last, as between the last two."""
    knots, hazard, slope = _hazard(start, points)
    cumulative = np.interp(years, knots, hazard) + slope * np.maximum(years - knots[-1], 0.0)
    return np.asarray(-np.expm1(-cumulative))


def _hazard(start: float, points: tuple[tuple[float, float], ...]) -> tuple[Floats, Floats, float]:
    """Years, cumulative hazard at them, and hazard a year after the last."""
    knots = np.array([start, *(year for year, _ in points)])
    hazard = np.array([0.0, *(-np.log1p(-share) for _, share in points)])
    return knots, hazard, float((hazard[-1] - hazard[-2]) / (knots[-1] - knots[-2]))
