"""Line charts: delivery over distance, channel load over time, and any other curve of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import altair as alt

from roadseal.pilot.measures import Curve, Results
from roadseal.pilot.report.drawing import (
    WIDTH_PX,
    Drawing,
    colour_of,
    dash_of,
    draw,
    inline,
    listed,
    safe_key,
    shape_of,
)
from roadseal.pilot.report.exhibit import DataTable, Exhibit, absent
from roadseal.pilot.report.style import ApproachStyle
from roadseal.pilot.table import number

_TABLE_ROWS = 30
_MARKS = 6
_DENSE = 150


@dataclass(frozen=True, slots=True)
class _Kind:
    title: str
    x: str
    y: str
    is_share: bool = False


_KINDS = {
    "pdr": _Kind("Packet delivery over distance", "distance, m", "packets delivered", True),
    "cbr": _Kind("Channel busy ratio over time", "time, s", "share of time busy"),
}


def curve_exhibits(
    results: Results, chart: str, styles: Mapping[str, ApproachStyle]
) -> list[Exhibit]:
    """A line chart a kind of message, a line an approach.

    Args:
        results: of the run.
        chart: id of the chart.
        styles: of the approaches.
    """
    kind = _KINDS.get(chart) or _Kind(chart.replace("-", " ").capitalize(), "x", "y")
    series: dict[str, list[Curve]] = {}
    for curve in results.curves:
        if curve.chart == chart and curve.approach in styles and _points(curve):
            series.setdefault(curve.series, []).append(curve)
    if not series:
        return [absent(kind.title, "This run has no values for it.")]
    return [_exhibit(chart, kind, name, curves, styles) for name, curves in series.items()]


def other_charts(results: Results) -> list[str]:
    """Ids of the charts beside those of the radio channel, in their order."""
    return list(dict.fromkeys(c.chart for c in results.curves if c.chart not in _KINDS))


def _exhibit(
    chart: str,
    kind: _Kind,
    series: str,
    curves: Sequence[Curve],
    styles: Mapping[str, ApproachStyle],
) -> Exhibit:
    title = f"{kind.title}: {series}" if series else kind.title
    caption = f"{' and '.join(sorted({curve.provenance for curve in curves})).capitalize()}."
    for together in _coinciding(curves):
        caption += f" {listed(together)} coincide."
    without = [name for name in styles if name not in {curve.approach for curve in curves}]
    if without:
        caption += f" The run has no line for {listed(without)}."
    picture = draw(
        _lines(kind, curves, styles),
        title=title,
        description=f"Lines of {kind.y} over {kind.x}, one for each of "
        f"{listed([curve.approach for curve in curves])}. {caption}",
        key=safe_key("curve", chart, series),
    )
    return Exhibit(title, picture, caption, _table(kind, curves))


def _lines(kind: _Kind, curves: Sequence[Curve], styles: Mapping[str, ApproachStyle]) -> Drawing:
    lines, marks = [], []
    for place, curve in enumerate(curves):
        points = _points(curve)
        rows = [{"approach": curve.approach, "x": x, "y": y} for x, y in points]
        lines += rows
        # Marks at places of their own: where curves coincide, the marks of each can be seen.
        step = max(1, len(rows) // _MARKS)
        marks += rows[min(len(rows) - 1, place * step // len(curves)) :: step]
    dense = len(lines) > _DENSE * len(curves)
    scale = alt.Scale(domain=[0, 1]) if kind.is_share else alt.Scale(zero=True, nice=True)
    x = alt.X("x:Q", title=kind.x, axis=alt.Axis(tickCount=6, grid=False))
    y = alt.Y("y:Q", title=kind.y, scale=scale, axis=alt.Axis(tickCount=5))
    line = (
        alt.Chart(inline(lines))
        .mark_line(strokeWidth=1.3 if dense else 2.2, strokeJoin="round")
        .encode(x, y, colour_of(styles), dash_of(styles))
    )
    mark = (
        alt.Chart(inline(marks))
        .mark_point(filled=True, size=64, opacity=1, stroke="var(--card)", strokeWidth=1)
        .encode(x, y, colour_of(styles), shape_of(styles))
    )
    return alt.layer(line, mark).properties(width=WIDTH_PX - 60, height=230)


def _points(curve: Curve) -> list[tuple[float, float]]:
    pairs = zip(curve.x, curve.y, strict=True)
    return [
        (x, y) for x, y in pairs if x is not None and y is not None and isfinite(x) and isfinite(y)
    ]


def _coinciding(curves: Sequence[Curve]) -> list[list[str]]:
    """Approaches whose lines lie on each other, to the width of the line."""
    reach = max((abs(y) for curve in curves for _, y in _points(curve)), default=0.0)
    groups: list[list[Curve]] = []
    for curve in curves:
        for group in groups:
            if _same(curve, group[0], reach / 200):
                group.append(curve)
                break
        else:
            groups.append([curve])
    return [[curve.approach for curve in group] for group in groups if len(group) > 1]


def _same(one: Curve, other: Curve, tolerance: float) -> bool:
    a, b = _points(one), _points(other)
    return len(a) == len(b) and all(
        p[0] == q[0] and abs(p[1] - q[1]) <= tolerance for p, q in zip(a, b, strict=True)
    )


def _table(kind: _Kind, curves: Sequence[Curve]) -> DataTable:
    """The values at up to thirty places; results.json has all."""
    columns = [dict(_points(curve)) for curve in curves]
    xs = sorted({x for column in columns for x in column})
    step = -(-len(xs) // _TABLE_ROWS)
    rows = [
        [number(x), *(number(column[x]) if x in column else "" for column in columns)]
        for x in xs[::step]
    ]
    return DataTable([kind.x, *(curve.approach for curve in curves)], rows)
