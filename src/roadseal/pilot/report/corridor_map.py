"""The corridor as an SVG map: roads, signals with their RSU, and the backhaul to the centre."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from roadseal.pilot.corridor import Corridor, Point, Signal
from roadseal.pilot.report.exhibit import DataTable, Exhibit
from roadseal.pilot.report.verdict import signals_in_words
from roadseal.pilot.scenario_file import BackhaulLink

_WIDTH_PX = 800.0
_MARGIN_PX = 34.0
_CENTRE_PX = 74.0
_MARK_PX = 26.0
_MOST_HEIGHT_PX = 900.0
_AT_SIGNAL_M = 45.0
_DASHES = ("none", "7 4", "2 4", "10 3 2 3", "4 2")


@dataclass(frozen=True, slots=True)
class _Frame:
    """From network metres to the drawing's pixels; y points down there."""

    left_m: float
    top_m: float
    scale: float
    width: float
    height: float

    def place(self, point: Point) -> Point:
        x = _MARGIN_PX + (point[0] - self.left_m) * self.scale
        return x, _CENTRE_PX + (self.top_m - point[1]) * self.scale


def corridor_map(corridor: Corridor, links: Sequence[BackhaulLink]) -> Exhibit:
    """Draw the corridor.

    Args:
        corridor: roads and signals.
        links: from the traffic centre to the signals; one without signals serves all others.
    """
    frame = _frame(corridor)
    served = links_by_signal(corridor, links)
    media = list(dict.fromkeys(link.medium for link in served.values()))
    dash = {medium: _DASHES[place % len(_DASHES)] for place, medium in enumerate(media)}
    true = [frame.place((signal.x, signal.y)) for signal in corridor.signals]
    shown = _apart(true, frame)
    centre = (frame.width / 2, 24.0)
    streets = [" / ".join(street_names(corridor, signal)) for signal in corridor.signals]
    layers = [_roads(corridor, frame)]
    for signal, (x, y) in zip(corridor.signals, shown, strict=True):
        if link := served.get(signal.id):
            layers.append(_link(link, centre, (x, y), dash[link.medium]))
    layers.append(_centre(centre))
    for place, signal in enumerate(corridor.signals):
        link = served.get(signal.id)
        layers.append(_rsu(place + 1, signal, streets[place], link, true[place], shown[place]))
    layers.append(_scale_bar(frame))
    head = Markup(
        '<svg class="map" viewBox="0 0 {w:.0f} {h:.0f}" role="img"'
        ' aria-labelledby="map-name map-about">'
        '<title id="map-name">Map of {name}</title><desc id="map-about">{about}</desc>'
    ).format(
        w=frame.width,
        h=frame.height,
        name=corridor.name,
        about=f"{len(corridor.roads)} roads, {signals_in_words(corridor)} with an RSU each, "
        "and the links from the traffic centre. North is up. The table below names them.",
    )
    caption = (
        f"{signals_in_words(corridor).capitalize()}, an RSU at each; "
        f"{corridor.length_m / 1000:.1f} km of directed road. "
        "The centre stands where there is room, not where it is. "
        f"Network: {corridor.source.rstrip('.')}."
    )
    picture = head + Markup("").join(layers) + Markup("</svg>")
    return Exhibit(
        "Roads, road-side units and links",
        picture,
        caption,
        _table(corridor, streets, served),
        key=_key(dash, qkd=any(link.qkd for link in served.values())),
    )


def links_by_signal(corridor: Corridor, links: Sequence[BackhaulLink]) -> dict[str, BackhaulLink]:
    """Which link serves a signal: the one that names it, else the one that names none."""
    named = {name: link for link in links for name in link.signals}
    rest = next((link for link in links if not link.signals), None)
    served = {signal.id: named.get(signal.id, rest) for signal in corridor.signals}
    return {name: link for name, link in served.items() if link is not None}


def _frame(corridor: Corridor) -> _Frame:
    left, bottom, right, top = corridor.bounds
    span_x, span_y = max(right - left, 1.0), max(top - bottom, 1.0)
    room_y = _MOST_HEIGHT_PX - _CENTRE_PX - _MARGIN_PX
    scale = min((_WIDTH_PX - 2 * _MARGIN_PX) / span_x, room_y / span_y)
    width = max(span_x * scale + 2 * _MARGIN_PX, 360.0)
    return _Frame(left, top, scale, width, span_y * scale + _CENTRE_PX + 2 * _MARGIN_PX)


def _roads(corridor: Corridor, frame: _Frame) -> Markup:
    """One path a number of lanes: thousands of roads stay a small page."""
    paths: dict[int, list[str]] = {}
    for road in sorted(corridor.roads, key=lambda road: road.lanes):
        points = [frame.place(point) for point in road.polyline]
        kept = [points[0]]
        for point in points[1:]:
            if math.dist(point, kept[-1]) >= 1.5:
                kept.append(point)
        text = "L".join(f"{x:.1f} {y:.1f}" for x, y in [*kept, points[-1]])
        paths.setdefault(road.lanes, []).append("M" + text)
    drawn = [
        Markup('<path class="road" d="{d}" stroke-width="{width:.1f}"/>').format(
            d="".join(lines), width=1.2 + 1.0 * min(lanes, 6)
        )
        for lanes, lines in sorted(paths.items())
    ]
    return Markup("").join(drawn)


def _link(link: BackhaulLink, centre: Point, place: Point, dash: str) -> Markup:
    lines = Markup('<path class="link{qkd}" d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" {dash}/>')
    at = {"x0": centre[0], "y0": centre[1], "x1": place[0], "y1": place[1]}
    dashes = Markup('stroke-dasharray="{}"').format(dash)
    under = lines.format(qkd=" qkd", dash="", **at) if link.qkd else Markup("")
    return under + lines.format(qkd="", dash=dashes, **at)


def street_names(corridor: Corridor, signal: Signal) -> list[str]:
    """Names of the roads that begin or end at a signal, the widest first; at most three."""
    lanes: dict[str, int] = {}
    for road in corridor.roads:
        ends = (road.polyline[0], road.polyline[-1])
        near = min(math.dist(end, (signal.x, signal.y)) for end in ends) <= _AT_SIGNAL_M
        if near and road.name:
            lanes[road.name] = max(road.lanes, lanes.get(road.name, 0))
    return sorted(lanes, key=lambda name: (-lanes[name], name))[:3]


def _rsu(
    place: int, signal: Signal, streets: str, link: BackhaulLink | None, true: Point, shown: Point
) -> Markup:
    link_words = "no backhaul link" if link is None else link.medium + (" + QKD" * link.qkd)
    return Markup(
        '<g class="rsu{qkd}"><title>RSU {place}: {name}, {streets}{link}</title>'
        '<path class="stem" d="M{x0:.1f} {y0:.1f}L{x:.1f} {y:.1f}"/>'
        '<circle cx="{x:.1f}" cy="{y:.1f}" r="10"/>'
        '<text x="{x:.1f}" y="{y:.1f}" dy=".35em">{place}</text></g>'
    ).format(
        qkd=" with-qkd" if link and link.qkd else "",
        place=place,
        name=signal.id,
        streets=streets + ", " if streets else "",
        link=link_words,
        x0=true[0],
        y0=true[1],
        x=shown[0],
        y=shown[1],
    )


def _centre(centre: Point) -> Markup:
    return Markup(
        '<g class="centre"><rect x="{x:.1f}" y="6" width="132" height="36" rx="6"/>'
        '<text x="{middle:.1f}" y="24" dy=".35em">traffic centre</text></g>'
    ).format(x=centre[0] - 66, middle=centre[0])


def _scale_bar(frame: _Frame) -> Markup:
    metres = next(
        (m for m in (1000, 500, 200, 100, 50, 20) if m * frame.scale < frame.width / 3), 10
    )
    y = frame.height - 14
    return Markup(
        '<g class="scale"><path d="M{x0:.1f} {up:.1f}V{y:.1f}H{x1:.1f}V{up:.1f}"/>'
        '<text x="{x1:.1f}" dx="8" y="{y:.1f}">{metres} m</text></g>'
    ).format(x0=_MARGIN_PX, up=y - 6, y=y, x1=_MARGIN_PX + metres * frame.scale, metres=metres)


def _apart(places: Sequence[Point], frame: _Frame) -> list[Point]:
    """Move marks that cover each other apart, a little each, until none does."""
    moved = list(places)
    for _ in range(80):
        calm = True
        for i in range(len(moved)):
            for j in range(i):
                (x0, y0), (x1, y1) = moved[j], moved[i]
                distance = math.dist(moved[i], moved[j])
                if distance >= _MARK_PX:
                    continue
                calm = False
                # Marks on the same spot part in directions of their own.
                ux, uy = (
                    ((x1 - x0) / distance, (y1 - y0) / distance)
                    if distance > 0.01
                    else (math.cos(i), math.sin(i))
                )
                push = (_MARK_PX - distance) / 2 + 0.1
                moved[j] = _inside((x0 - ux * push, y0 - uy * push), frame)
                moved[i] = _inside((x1 + ux * push, y1 + uy * push), frame)
        if calm:
            break
    return moved


def _inside(point: Point, frame: _Frame) -> Point:
    return (
        min(max(point[0], 14.0), frame.width - 14.0),
        min(max(point[1], _CENTRE_PX - 14.0), frame.height - 30.0),
    )


def _key(dash: Mapping[str, str], *, qkd: bool) -> Markup:
    entry = Markup(
        '<li><svg class="line" viewBox="0 0 40 10" aria-hidden="true"><path class="link{qkd}"'
        ' d="M0 5H40" stroke-dasharray="{dash}"/></svg>{words}</li>'
    )
    entries = [entry.format(qkd="", dash=dashes, words=medium) for medium, dashes in dash.items()]
    if qkd:
        entries.append(entry.format(qkd=" qkd", dash="none", words="QKD keys mixed in, where used"))
    return Markup('<ul class="key">{}</ul>').format(Markup("").join(entries))


def _table(
    corridor: Corridor, streets: Sequence[str], served: Mapping[str, BackhaulLink]
) -> DataTable:
    rows = []
    for place, signal in enumerate(corridor.signals, 1):
        link = served.get(signal.id)
        qkd = "" if link is None else "yes" if link.qkd else "no"
        words = [streets[place - 1], link.medium if link else "none", qkd, signal.id]
        rows.append([str(place), *words])
    return DataTable(["RSU", "at", "link", "QKD", "signal"], rows)
