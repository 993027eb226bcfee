"""The estate as a map of marks: no tiles, no network; shape and colour say the tier."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from roadseal.assess.register.document import Register
from roadseal.assess.register.shape import TIERS

WIDTH: Final = 1000
_MARGIN: Final = 24
_MIN_HEIGHT, _MAX_HEIGHT = 320, 900
MAX_MARKS: Final = 3_000
"""More are drawn together, by cells, each tier for itself."""
_NICE: Final = (1, 2, 5)


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
    """

    x: float
    y: float
    tier: str
    label: str
    keys: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class EstateMap:
    """What the template draws.

    Args:
        height: of the drawing; its width is `WIDTH`.
        marks: least bad first, so that the worst lie on top.
        unplaced: assets whose place is not known.
        scale_units: length of the scale bar.
        scale_text: what it stands for.
        merged: whether marks stand for several assets.
    """

    height: int
    marks: tuple[Mark, ...]
    unplaced: int
    scale_units: float
    scale_text: str
    merged: bool


def draw_map(register: Register) -> EstateMap | None:
    """Lay out the placed assets; ``None`` where none is."""
    placed = [asset for asset in register.assets if asset["latitude"] is not None]
    unplaced = len(register.assets) - len(placed)
    if not placed:
        return None
    middle = math.radians(sum(asset["latitude"] for asset in placed) / len(placed))
    points = [(asset["longitude"] * math.cos(middle), -asset["latitude"]) for asset in placed]
    left, right = _span([x for x, _ in points])
    top, bottom = _span([y for _, y in points])
    scale = min(
        (WIDTH - 2 * _MARGIN) / (right - left), (_MAX_HEIGHT - 2 * _MARGIN) / (bottom - top)
    )
    height = max(_MIN_HEIGHT, math.ceil((bottom - top) * scale + 2 * _MARGIN))
    shift_x = (WIDTH - (right - left) * scale) / 2
    shift_y = (height - (bottom - top) * scale) / 2
    marks = [
        Mark(
            round((x - left) * scale + shift_x, 1),
            round((y - top) * scale + shift_y, 1),
            register.tier(asset),
            _label(register, asset),
            f"{asset['kind']} {asset['id']}",
        )
        for asset, (x, y) in zip(placed, points, strict=True)
    ]
    merged = len(marks) > MAX_MARKS
    if merged:
        marks = _merge(marks)
    marks.sort(key=lambda mark: -TIERS.index(mark.tier) if mark.tier != "unassessed" else -2.5)
    metres_per_unit = 111_195 / scale
    length_m = _nice(metres_per_unit * WIDTH / 5)
    text = f"{length_m // 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    return EstateMap(height, tuple(marks), unplaced, length_m / metres_per_unit, text, merged)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The range that holds all but what is far out: one mistaken place must not hide the rest."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 200], ordered[-1 - len(ordered) // 200]
    width = max(high - low, 1e-3)
    kept = [value for value in ordered if low - width <= value <= high + width]
    return kept[0], max(kept[-1], kept[0] + 1e-3)


def _merge(marks: list[Mark]) -> list[Mark]:
    cells: dict[tuple[int, int, str], list[Mark]] = {}
    for mark in marks:
        cells.setdefault((int(mark.x // 14), int(mark.y // 14), mark.tier), []).append(mark)
    merged = []
    for (_, _, tier), here in cells.items():
        x = sum(mark.x for mark in here) / len(here)
        y = sum(mark.y for mark in here) / len(here)
        label = here[0].label if len(here) == 1 else f"{len(here)} assets, {tier}"
        kinds = " ".join(sorted({mark.keys.split(" ", 1)[0] for mark in here}))
        merged.append(Mark(round(x, 1), round(y, 1), tier, label, kinds, len(here)))
    return merged


def _label(register: Register, asset: Mapping[str, Any]) -> str:
    risk = register.headline(asset)[1]
    tier = register.tier(asset)
    said = f", risk {risk:.0%}" if tier != "unassessed" else ""
    return f"{asset['name']} ({asset['id']}): {tier}{said}"


def _nice(length_m: float) -> float:
    """The longest of 1, 2, 5 × 10^n that is not longer."""
    power = 10.0 ** math.floor(math.log10(length_m))
    return max(factor * power for factor in _NICE if factor * power <= length_m)
