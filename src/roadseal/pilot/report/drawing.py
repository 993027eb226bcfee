"""From an Altair chart to an SVG inside the page: named, described, coloured by the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from roadseal.pilot.report.style import ApproachStyle

WIDTH_PX = 400
"""Of a chart as drawn: a phone shows it a little smaller, a projector larger."""

Drawing = alt.LayerChart | alt.FacetChart
"""What `alt.layer` says it returns."""

_FONT = "system-ui, sans-serif"
_INK, _SOFT, _GRID = "var(--ink)", "var(--soft)", "var(--grid)"
_ID = re.compile(r' id="([^"]+)"')
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_OWN_SIZE = re.compile(r'<svg[^>]*? width="([\d.]+)" height="([\d.]+)" viewBox="([^"]+)">')


def draw(chart: alt.TopLevelMixin, *, title: str, description: str, key: str) -> Markup:
    """Draw a chart.

    Args:
        chart: any Altair chart.
        title: its accessible name.
        description: what it shows, in a sentence or two.
        key: unique in the page, in kebab-case; the SVG's ids begin with it.

    Returns:
        The SVG. Its colours are the page's CSS variables and its marks are hidden from assistive
        technology: the name, the description and the table beside it speak.
    """
    specification = chart.to_dict(validate=False)
    specification["config"] = _CONFIG
    svg = vl_convert.vegalite_to_svg(specification, allowed_base_urls=[])
    return embed(svg, title=title, description=description, key=key)


def embed(svg: str, *, title: str, description: str, key: str) -> Markup:
    """Give a trusted SVG its name and description, its own ids, and the width of its place."""
    own = {name: f"{key}-{place}" for place, name in enumerate(_ID.findall(svg))}
    svg = _ID.sub(lambda found: f' id="{own[found[1]]}"', svg)
    svg = _REFERENCE.sub(lambda found: f"url(#{own.get(found[1], found[1])})", svg)
    head = Markup(
        '<svg class="chart" viewBox="{box}" role="img" aria-labelledby="{key}-name {key}-about">'
        '<title id="{key}-name">{title}</title><desc id="{key}-about">{description}</desc>'
    )
    size = _OWN_SIZE.match(svg)
    if size is None:
        raise AssertionError("vl-convert no longer begins an SVG with its size")
    named = head.format(box=size[3], key=key, title=title, description=description)
    hidden = svg[size.end() :].replace("<g ", '<g aria-hidden="true" ', 1)
    return named + Markup(hidden)  # noqa: S704  drawn by Vega, which escapes its texts


def inline(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    """Data that travel inside the chart; as one text, for Altair copies every part many times."""
    return alt.InlineData(values=json.dumps(rows), format=alt.JsonDataFormat(type="json"))


def colour_of(styles: Mapping[str, ApproachStyle]) -> alt.Color:
    """The approach's colour."""
    return alt.Color("approach:N", scale=_scale(styles, "colour"), legend=None)


def dash_of(styles: Mapping[str, ApproachStyle]) -> alt.StrokeDash:
    """The approach's dash."""
    return alt.StrokeDash("approach:N", scale=_scale(styles, "dash"), legend=None)


def shape_of(styles: Mapping[str, ApproachStyle]) -> alt.Shape:
    """The approach's mark."""
    return alt.Shape("approach:N", scale=_scale(styles, "shape"), legend=None)


def names_axis(names: Iterable[str]) -> alt.Y:
    """A row a name; the names have room in any font, for readers' fonts differ."""
    axis = alt.Axis(ticks=False, domain=False, labelPadding=6, minExtent=names_px(names))
    return alt.Y("approach:N", title=None, sort=list(names), axis=axis)


def names_px(names: Iterable[str]) -> int:
    """How wide the names at the left may become."""
    return min(150, 16 + 8 * max((len(name) for name in names), default=0))


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def safe_key(*parts: str) -> str:
    """An id in kebab-case from any text."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-") or "chart"


def _scale(styles: Mapping[str, ApproachStyle], aspect: str) -> alt.Scale:
    values = [getattr(style, aspect) for style in styles.values()]
    return alt.Scale(
        domain=list(styles), range=[list(v) if isinstance(v, tuple) else v for v in values]
    )


_CONFIG: Mapping[str, Any] = {
    "background": "transparent",
    "font": _FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axisX": {"labelFlush": False, "labelOverlap": "greedy", "labelSeparation": 6},
    "axis": {
        "labelColor": _INK,
        "titleColor": _INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": _GRID,
        "domainColor": _SOFT,
        "tickColor": _SOFT,
        "labelLimit": 150,
    },
    "title": {
        "color": _INK,
        "fontSize": 12,
        "fontWeight": "bold",
        "anchor": "start",
        "frame": "bounds",
        "offset": 4,
    },
    "text": {"color": _INK, "fontSize": 12},
    "rule": {"color": _SOFT},
}
