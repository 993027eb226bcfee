"""Bar charts: measures beside each other, a bar an approach, with interval and value in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from roadseal.pilot.measures import Measure
from roadseal.pilot.report.drawing import (
    WIDTH_PX,
    Drawing,
    colour_of,
    draw,
    inline,
    names_axis,
    names_px,
    safe_key,
)
from roadseal.pilot.report.exhibit import DataTable, Exhibit, absent
from roadseal.pilot.report.style import ApproachStyle
from roadseal.pilot.table import NO_PLACE, NOT_MEASURED, is_finite, number

_BAR_PX = 17
_ROOM_FOR_VALUES = 0.22


def bar_exhibit(
    title: str, measures: Sequence[Measure], styles: Mapping[str, ApproachStyle]
) -> Exhibit:
    """One panel a measure, one bar an approach; all of one unit, on one scale.

    Args:
        title: of the chart.
        measures: with the same unit.
        styles: of the approaches.
    """
    drawn = [m for m in measures if any(is_finite(m.values.get(name)) for name in styles)]
    if not drawn:
        why = "no approach has a figure yet" if measures else "this run has no such measure"
        return absent(title, f"Nothing to draw: {why}.")
    unit = drawn[0].unit
    picture = draw(
        _bars(drawn, styles),
        title=title,
        description=f"Bars in {unit or 'numbers'} for {', '.join(styles)}; "
        f"panels: {', '.join(measure.label for measure in drawn)}.",
        key=safe_key("bars", title),
    )
    kinds = {f.provenance for m in drawn for f in m.values.values() if f is not None}
    caption = f"In {unit}; " if unit else ""
    caption += f"{' and '.join(sorted(kinds))}."
    return Exhibit(title, picture, caption, _table(drawn, styles))


def by_unit(measures: Sequence[Measure]) -> list[list[Measure]]:
    """Measures that can share a scale, in their order."""
    units: dict[str, list[Measure]] = {}
    for measure in measures:
        units.setdefault(measure.unit, []).append(measure)
    return list(units.values())


def _bars(measures: Sequence[Measure], styles: Mapping[str, ApproachStyle]) -> alt.VConcatChart:
    rows = [[_row(measure, name) for name in styles] for measure in measures]
    ends = [row[end] for panel in rows for row in panel for end in ("value", "low", "high")]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (low, high if high > low else 1.0)
    panels = []
    for place, (measure, data) in enumerate(zip(measures, rows, strict=True), 1):
        panel = _panel(data, span, styles, axis=place == len(rows))
        panels.append(panel.properties(title=measure.label) if len(rows) > 1 else panel)
    return alt.vconcat(*panels, spacing=8)


def _panel(
    data: Sequence[Mapping[str, Any]],
    span: tuple[float, float],
    styles: Mapping[str, ApproachStyle],
    *,
    axis: bool,
) -> Drawing:
    ticks = alt.Axis(values=_ticks(*span), labels=axis, ticks=axis, domain=False, format="~f")
    low, high = span
    scale = alt.Scale(domain=[low, high + _ROOM_FOR_VALUES * (high - low)], nice=False)
    base = alt.Chart(inline(data)).encode(y=names_axis(styles))
    bar = base.mark_bar(height=_BAR_PX - 5, cornerRadiusEnd=2).encode(
        alt.X("value:Q", title=None, scale=scale, axis=ticks), colour_of(styles)
    )
    interval = base.mark_rule(strokeWidth=1.4, color="var(--ink)").encode(
        alt.X("low:Q"), alt.X2("high:Q")
    )
    words = base.mark_text(align="left", dx=5, fontSize=11.5).encode(
        alt.X("end:Q"),
        alt.Text("text:N"),
        color=alt.condition("datum.missing", alt.value("var(--soft)"), alt.value("var(--ink)")),
    )
    width = WIDTH_PX - names_px(styles) - 14
    return alt.layer(bar, interval, words).properties(width=width, height=alt.Step(_BAR_PX))


def _row(measure: Measure, approach: str) -> dict[str, Any]:
    figure = measure.values.get(approach)
    if figure is None or not is_finite(figure):
        text = _in_words(measure, approach)
        places = dict.fromkeys(("value", "low", "high", "end"), 0.0)
        return {"approach": approach, **places, "text": text, "missing": figure is None}
    # An end at infinity, as of the age of what never came, is said and not drawn.
    low, high = (end if math.isfinite(end) else figure.value for end in (figure.low, figure.high))
    return {
        "approach": approach,
        "value": figure.value,
        "low": low,
        "high": high,
        "end": max(figure.value, high, 0.0),
        "text": number(figure.value) + (" to ∞" if figure.high == math.inf else ""),
        "missing": False,
    }


def _in_words(measure: Measure, approach: str) -> str:
    if approach not in measure.values:
        return NO_PLACE
    figure = measure.values[approach]
    return NOT_MEASURED if figure is None else number(figure.value)


def _ticks(low: float, high: float) -> list[float]:
    """Round places between the smallest and the largest value; the room for words has none."""
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def _table(measures: Sequence[Measure], styles: Mapping[str, ApproachStyle]) -> DataTable:
    rows = []
    for measure in measures:
        cells = (_in_words(measure, name) for name in styles)
        rows.append([f"{measure.label}, {measure.unit}".rstrip(", "), *cells])
    return DataTable(["measure", *styles], rows)
