"""What a pilot run found: figures with their number of observations, interval and provenance.

`results.json` is these values and nothing else. Times that differ from run to run enter it only
through the calibration (see `calibration`), which is kept, so the same seed gives the same file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, stdtrit

CONFIDENCE = "95 % confidence"
"""What the interval of a figure is that can be told from others."""

ONE_OBSERVATION = "one observation"
"""Of which nobody knows how far it is from the next."""


class Provenance(StrEnum):
    """How a figure came about."""

    MEASURED = "measured"
    """Bytes counted, decisions taken or times clocked of real software in this run."""
    MODELLED = "modelled"
    """Computed by a published model: traffic, radio, links."""
    CITED = "cited"
    """Taken from a source."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Args:
        value: the figure, in the unit of its measure.
        n: how many observations it rests on.
        low: lower end of its interval.
        high: upper end.
        interval: what the interval is: `95 % confidence`, or less where observations are few;
            `one observation`, `5–95 %`, `exact`.
        provenance: how it came about.
        note: what a reader must know, or empty.
    """

    value: float
    n: int
    low: float
    high: float
    interval: str
    provenance: Provenance
    note: str = ""

    @property
    def is_uncertain(self) -> bool:
        """Whether it rests on too few observations to be told from others."""
        told = self.interval == ONE_OBSERVATION or self.interval.endswith("confidence")
        return told and self.interval != CONFIDENCE


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the comparison.

    Args:
        id: stable, in kebab-case.
        group: of rows that are shown together.
        label: for people.
        unit: of the values.
        better: which direction is better.
        values: a figure an approach; `None` where it is not measured yet.
    """

    id: str
    group: str
    label: str
    unit: str
    better: str
    values: Mapping[str, Figure | None]


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a chart: `y` over `x` for one approach and kind of message."""

    chart: str
    approach: str
    series: str
    x: Sequence[float]
    y: Sequence[float]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened in a drill, `time_s` after its beginning."""

    time_s: float
    what: str


@dataclass(frozen=True, slots=True)
class DrillResult:
    """What a drill showed under one approach.

    Args:
        drill: id.
        title: for people.
        approach: under which approach.
        fault: what was done, declared.
        expectation: what must happen.
        held: whether it happened; `None` where the approach has nothing that could.
        observed: what happened, one sentence with the figures.
        n: how many decisions, messages or sessions the answer rests on.
        figures: named numbers: `recovery_s`, `forged_granted`, `availability` …
        timeline: moments in order.
        provenance: how it came about.
    """

    drill: str
    title: str
    approach: str
    fault: str
    expectation: str
    held: bool | None
    observed: str
    n: int
    figures: Mapping[str, float] = field(default_factory=dict)
    timeline: Sequence[Moment] = ()
    provenance: Provenance = Provenance.MEASURED


@dataclass(frozen=True, slots=True)
class EmergencyTrip:
    """One emergency vehicle's way through the corridor under one approach (or `no priority`)."""

    approach: str
    vehicle: str
    travel_time_s: float
    time_loss_s: float
    stops: int
    arrived: bool


@dataclass(frozen=True, slots=True)
class Results:
    """Everything a run found.

    Args:
        about: scenario, seed, duration, versions, demand, sources: what the figures depend on.
        approaches: id and title, in the order of the table.
        measures: the comparison.
        curves: for the charts.
        drills: a result a drill and approach.
        emergency: a trip a vehicle and approach.
        limits: what is modelled or left out, a sentence each.
        sources: where models and cited figures come from.
    """

    about: Mapping[str, Any]
    approaches: Mapping[str, str]
    measures: Sequence[Measure]
    curves: Sequence[Curve]
    drills: Sequence[DrillResult]
    emergency: Sequence[EmergencyTrip]
    limits: Sequence[str]
    sources: Sequence[str]

    def to_json(self) -> str:
        """The file `results.json`: in the order of the table, to six significant digits."""
        return json.dumps(_plain(asdict(self)), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """Read `results.json` back.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        data = json.loads(text)
        return cls(
            about=data["about"],
            approaches=data["approaches"],
            measures=[
                Measure(**{**row, "values": {k: _figure(v) for k, v in row["values"].items()}})
                for row in data["measures"]
            ],
            curves=[Curve(**_typed(row)) for row in data["curves"]],
            drills=[
                DrillResult(**{**_typed(row), "timeline": [Moment(**m) for m in row["timeline"]]})
                for row in data["drills"]
            ],
            emergency=[EmergencyTrip(**row) for row in data["emergency"]],
            limits=data["limits"],
            sources=data["sources"],
        )


def exact(value: float, *, n: int = 1, provenance: Provenance, note: str = "") -> Figure:
    """A figure without spread: a size, a count."""
    return Figure(value, n, value, value, "exact", provenance, note)


def mean(values: ArrayLike, *, provenance: Provenance, note: str = "") -> Figure | None:
    """The mean with its 95 % confidence interval (Student's t); `None` without observations.

    One observation says nothing of its own error: its interval is called `one observation`.
    """
    sample = np.asarray(values, dtype=float)
    n = sample.size
    if n == 0:
        return None
    centre = float(sample.mean())
    if n == 1:
        return Figure(centre, n, centre, centre, ONE_OBSERVATION, provenance, note)
    half = float(stdtrit(n - 1, 0.975)) * float(sample.std(ddof=1)) / math.sqrt(n)
    return Figure(centre, n, centre - half, centre + half, CONFIDENCE, provenance, note)


def quantile(
    values: ArrayLike,
    q: float,
    *,
    provenance: Provenance,
    note: str = "",
    times: NDArray[np.int64] | None = None,
) -> Figure | None:
    """A quantile with its distribution-free 95 % confidence interval (order statistics).

    A few observations cannot hold a quantile with that confidence; the interval then goes to the
    end of the sample and names the confidence that it has.

    Args:
        values: the observations, in any order; with `times`, each value once and in order.
        q: between 0 and 1.
        provenance: how they came about.
        note: what a reader must know.
        times: how often each value was observed.
    """
    sample = np.asarray(values, dtype=float)
    if times is None:
        sample, times = np.sort(sample), np.ones(sample.size, dtype=np.int64)
    up_to = np.cumsum(times)
    n = int(up_to[-1]) if up_to.size else 0
    if n == 0:
        return None

    def at(rank: int) -> float:
        return float(sample[np.searchsorted(up_to, rank, side="right")])

    value = at(max(0, math.ceil(n * q - 1)))
    if n == 1:
        return Figure(value, n, value, value, ONE_OBSERVATION, provenance, note)
    half = 1.96 * math.sqrt(n * q * (1 - q))
    first, last = max(0, math.floor(n * q - half)), min(n - 1, math.ceil(n * q + half))
    while _holds(first, last, n, q) < 0.95 and (first > 0 or last < n - 1):
        first, last = max(0, first - 1), min(n - 1, last + 1)
    covered = min(0.95, _holds(first, last, n, q))
    label = f"{100 * covered:.0f} % confidence"
    return Figure(value, n, at(first), at(last), label, provenance, note)


def _holds(first: int, last: int, n: int, q: float) -> float:
    """How probably the quantile lies between two of `n` observations in their order."""
    return float(bdtr(last, n, q) - bdtr(first, n, q))


def share(successes: int, n: int, *, provenance: Provenance, note: str = "") -> Figure | None:
    """A proportion with its 95 % Wilson score interval; `None` without observations."""
    if n == 0:
        return None
    z, p = 1.96, successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))
    return Figure(p, n, low, high, CONFIDENCE, provenance, note)


def _plain(value: Any) -> Any:
    """Values as JSON has them, floats at the precision that is meant."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _figure(row: Mapping[str, Any] | None) -> Figure | None:
    if row is None:
        return None
    figure = _typed(row)
    if figure["value"] is not None:  # JSON has no infinity: an open end is blank
        ends = {"low": -math.inf, "high": math.inf}
        figure |= {end: bound for end, bound in ends.items() if figure[end] is None}
    return Figure(**figure)


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "provenance": Provenance(row["provenance"])}
