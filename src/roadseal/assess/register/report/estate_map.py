"""The estate as a map of marks: no tiles, no network; shape and colour say the tier."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadseal.assess.register.document import AnyRegister
from roadseal.assess.register.overview import Place
from roadseal.assess.register.shape import TIERS

WIDTH: Final = 1000
_MARGIN: Final = 24
_MIN_HEIGHT, _MAX_HEIGHT = 320, 900
MAX_MARKS: Final = 3_000
"""More are drawn together, by cells, each tier for itself."""
_CELL: Final = 14  # SVG units: twice the largest mark
_SIZE, _SMALLEST, _LARGEST = 5.0, 2.4, 7.0
_NICE: Final = (1, 2, 5)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mark:
    """One place of one tier.

    Args:
        x: position, SVG units.
        y: position, SVG units.
        tier: of what stands there.
        label: for people, on pointing and to screen readers.
        keys: what the filters look at: kind and id, blank separated.
        count: how many assets it stands for.
        size: half its width, SVG units: the more, the larger.
    """

    x: float
    y: float
    tier: str
    label: str
    keys: str
    count: int = 1
    size: float = _SIZE


@dataclass(frozen=True, slots=True)
class EstateMap:
    """What the template draws.

    Args:
        height: of the drawing; its width is `WIDTH`.
        marks: least bad first, so that the worst lie on top.
        unplaced: assets whose place is not known.
        outside: assets so far from the others that the map leaves them out.
        scale_units: length of the scale bar.
        scale_text: what it stands for.
        merged: whether marks stand for several assets.
    """

    height: int
    marks: tuple[Mark, ...]
    unplaced: int
    outside: int
    scale_units: float
    scale_text: str
    merged: bool


def draw_map(register: AnyRegister, total: int) -> EstateMap | None:
    """Lay out the placed assets; ``None`` where none is.

    Args:
        register: of which; its places are read twice, and never all at once.
        total: its assets.
    """
    seen = _look(register)
    if not len(seen.case):
        return None
    points_x = seen.longitude * math.cos(math.radians(float(seen.latitude.mean())))
    points_y = -seen.latitude
    left, right = _span(points_x)
    top, bottom = _span(points_y)
    scale = min(
        (WIDTH - 2 * _MARGIN) / (right - left), (_MAX_HEIGHT - 2 * _MARGIN) / (bottom - top)
    )
    height = max(_MIN_HEIGHT, math.ceil((bottom - top) * scale + 2 * _MARGIN))
    x = (points_x - left) * scale + (WIDTH - (right - left) * scale) / 2
    y = (points_y - top) * scale + (height - (bottom - top) * scale) / 2
    within = (x >= 0) & (x <= WIDTH) & (y >= 0) & (y <= height)
    merged = int(within.sum()) > MAX_MARKS
    marks = _marks(register, seen, x, y, within, merged)
    marks.sort(key=lambda mark: -TIERS.index(mark.tier) if mark.tier != "unassessed" else -2.5)
    metres_per_unit = 111_195 / scale
    length_m = _nice(metres_per_unit * WIDTH / 5)
    text = f"{length_m // 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    placed = len(seen.case)
    counts = total - placed, placed - int(within.sum())
    return EstateMap(height, tuple(marks), *counts, length_m / metres_per_unit, text, merged)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Places as columns, and the words their numbers stand for."""

    latitude: Floats
    longitude: Floats
    case: NDArray[np.int64]
    kind: NDArray[np.int64]
    kinds: tuple[str, ...]


def _look(register: AnyRegister) -> _Seen:
    latitude, longitude, case, kind = array("d"), array("d"), array("q"), array("q")
    kinds: dict[str, int] = {}
    for place in register.placed():
        latitude.append(place.latitude)
        longitude.append(place.longitude)
        case.append(place.case)
        kind.append(kinds.setdefault(place.kind, len(kinds)))
    return _Seen(
        np.array(latitude), np.array(longitude), np.array(case), np.array(kind), tuple(kinds)
    )


def _span(values: Floats) -> tuple[float, float]:
    """The range that holds all but what is far out: one mistaken place must not hide the rest."""
    ordered = np.sort(values)
    low, high = ordered[len(ordered) // 200], ordered[-1 - len(ordered) // 200]
    width = max(high - low, 1e-3)
    kept = ordered[(ordered >= low - width) & (ordered <= high + width)]
    return float(kept[0]), max(float(kept[-1]), float(kept[0]) + 1e-3)


def _marks(
    register: AnyRegister,
    seen: _Seen,
    x: Floats,
    y: Floats,
    within: NDArray[np.bool_],
    merged: bool,
) -> list[Mark]:
    """A mark for each place, or for all of one tier in one cell."""
    distinct, case = np.unique(seen.case, return_inverse=True)
    tiers = [TIERS.index(register.tier({"case": int(number)})) for number in distinct]
    tier = np.array(tiers, np.int64)[case]
    here = np.flatnonzero(within)
    if merged:
        columns = (x // _CELL).astype(np.int64), (y // _CELL).astype(np.int64)
        cell = ((columns[0] * (WIDTH + 1)) + columns[1]) * len(TIERS) + tier
        _, of_cell = np.unique(cell[here], return_inverse=True)
    else:
        of_cell = np.arange(len(here))
    counts = np.bincount(of_cell)
    middle_x = np.bincount(of_cell, x[here]) / counts
    middle_y = np.bincount(of_cell, y[here]) / counts
    first = np.zeros(len(counts), np.int64)
    first[of_cell[::-1]] = here[::-1]
    alone = first[counts == 1]
    named = _named(register.placed(), {int(number) for number in alone})
    pairs = np.unique(np.stack([of_cell, seen.kind[here]]), axis=1)
    kinds: dict[int, list[str]] = {}
    for at, kind in pairs.T.tolist():
        kinds.setdefault(at, []).append(seen.kinds[kind])
    marks = []
    most = int(counts.max(initial=1))
    for at, count in enumerate(counts.tolist()):
        size = _SMALLEST + (_LARGEST - _SMALLEST) * math.sqrt(count / most) if merged else _SIZE
        name = TIERS[int(tier[first[at]])]
        place = named.get(int(first[at]))
        label = _label(register, place) if place else f"{count:,} assets, {name}"
        keys = f"{place.kind} {place.id}" if place else " ".join(sorted(kinds[at]))
        where = round(float(middle_x[at]), 1), round(float(middle_y[at]), 1)
        marks.append(Mark(*where, name, label, keys, count, round(size, 1)))
    return marks


def _named(places: Iterable[Place], wanted: set[int]) -> Mapping[int, Place]:
    return {at: place for at, place in enumerate(places) if at in wanted}


def _label(register: AnyRegister, place: Place) -> str:
    asset = {"case": place.case}
    risk, tier = register.headline(asset)[1], register.tier(asset)
    said = f", risk {risk:.0%}" if tier != "unassessed" else ""
    return f"{place.name} ({place.id}): {tier}{said}"


def _nice(length_m: float) -> float:
    """The longest of 1, 2, 5 × 10^n that is not longer."""
    power = 10.0 ** math.floor(math.log10(length_m))
    return max(factor * power for factor in _NICE if factor * power <= length_m)
