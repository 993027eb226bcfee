"""The retirement timeline as rows of marks: a policy a row, its days from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

WIDTH: Final = 1000
LEFT: Final = 190
ROW: Final = 34
_TOP: Final = 30
_SHAPES: Final = {
    "disallowed": "M-.9,-.9L.9,.9M.9,-.9L-.9,.9",
    "deprecated": "M0,1.1L1.1,-.9L-1.1,-.9Z",
}


@dataclass(frozen=True, slots=True)
class Deadline:
    """A day on which something falls for a policy.

    Args:
        x: position, SVG units.
        y: position, SVG units.
        standing: ``deprecated`` or ``disallowed``.
        scope: ``all`` or ``high-priority``.
        shape: its mark.
        label: for people.
    """

    x: float
    y: float
    standing: str
    scope: str
    shape: str
    label: str


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What the template draws.

    Args:
        height: of the drawing.
        rows: policy and its vertical position.
        years: year and its horizontal position.
        marks: the days.
        table: the same for reading: day, policy, standing, scope, what falls, assets.
    """

    height: int
    rows: tuple[tuple[str, float], ...]
    years: tuple[tuple[int, float], ...]
    marks: tuple[Deadline, ...]
    table: tuple[Mapping[str, Any], ...]


def draw_deadlines(timeline: Sequence[Mapping[str, Any]], as_of: str) -> Deadlines | None:
    """Lay out the timeline; ``None`` where nothing in the register falls for any policy."""
    if not timeline:
        return None
    grouped = _grouped(timeline)
    start = date.fromisoformat(as_of).year
    end = max(date.fromisoformat(each["on"]).year for each in grouped) + 1
    step = (WIDTH - LEFT - 40) / max(end - start, 1)
    policies = list(dict.fromkeys(each["policy"] for each in grouped))
    rows = tuple((policy, _TOP + ROW * (at + 0.5)) for at, policy in enumerate(policies))
    height_of = dict(rows)
    marks = tuple(
        Deadline(
            round(LEFT + (_years(each["on"]) - start) * step, 1),
            height_of[each["policy"]],
            each["standing"],
            each["scope"],
            _SHAPES[each["standing"]],
            f"{each['on']}: {each['what']} {each['standing']} for {each['policy']}"
            + (", high-priority systems" if each["scope"] != "all" else ""),
        )
        for each in grouped
    )
    years = tuple((year, round(LEFT + (year - start) * step, 1)) for year in range(start, end + 1))
    return Deadlines(int(_TOP + ROW * len(rows) + 12), rows, years, marks, tuple(grouped))


def _grouped(timeline: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for all algorithms that fall on one day for one reason."""

    def key(each: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
        return each["on"], each["policy"], each["standing"], each["scope"], each["binding"]

    rows = []
    for (on, policy, standing, scope, binding), same in groupby(sorted(timeline, key=key), key):
        members = list(same)
        rows.append(
            {
                "on": on,
                "policy": policy,
                "standing": standing,
                "scope": scope,
                "binding": binding,
                "what": ", ".join(dict.fromkeys(each["algorithm"] for each in members)),
                "assets": max(each["assets"] for each in members),
            }
        )
    return rows


def _years(day: str) -> float:
    parsed = date.fromisoformat(day)
    return parsed.year + (parsed.timetuple().tm_yday - 1) / 366
