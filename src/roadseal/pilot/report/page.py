"""The page: sections in their order, from templates, into one file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from altair.utils.schemapi import debug_mode
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from roadseal.pilot.corridor import Corridor
from roadseal.pilot.measures import Measure, Results
from roadseal.pilot.report.bars import bar_exhibit, by_unit
from roadseal.pilot.report.corridor_map import corridor_map
from roadseal.pilot.report.curves import curve_exhibits, other_charts
from roadseal.pilot.report.drills import Drill, drills_of, figures_text
from roadseal.pilot.report.exhibit import Exhibit
from roadseal.pilot.report.style import approach_styles, colour_variables
from roadseal.pilot.report.trips import trips_exhibit
from roadseal.pilot.report.verdict import verdict
from roadseal.pilot.scenario_file import EMBEDDED, BackhaulLink
from roadseal.pilot.table import BEST_MARK, LETTERS, NO_PLACE, NOT_MEASURED, comparison, number

_AWARENESS = re.compile(r"(cam|bsm|denm)-.*bytes$")
_ROADSIDE = re.compile(r"(spat|map|srem|ssem|srm|ssm)-bytes$")
_ANY_BYTES = re.compile(r".*-bytes$")
_FIRST = re.compile(r"first-verified-")
_HANDSHAKE_TIME = re.compile(r"handshake-.*-ms$")
_HANDSHAKE_BYTES = re.compile(r"handshake-bytes$")
_AGE = re.compile(r"information-age-")
_OTHERS = re.compile(r"others-delay")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: its charts, under a heading that the table of contents names."""

    id: str
    title: str
    exhibits: Sequence[Exhibit]
    has_lines: bool = False


def write_report(
    results: Results, corridor: Corridor, links: Sequence[BackhaulLink], path: Path
) -> None:
    """Write the report: one file that opens without network and without scripts.

    Args:
        results: what the run found.
        corridor: for the map.
        links: from the traffic centre to the signals.
        path: of the HTML file.
    """
    # Altair checks every part of every chart against its schema, which takes twice as long as
    # drawing them. The tests do that; a reader need not wait for it.
    with debug_mode(False):
        page = render(results, corridor, links)
    path.write_text(page, encoding="utf-8")


def render(results: Results, corridor: Corridor, links: Sequence[BackhaulLink]) -> str:
    """The report as HTML. The same results give the same page."""
    styles = approach_styles(results.approaches)
    drills = drills_of(results, styles)
    page = _environment().get_template("page.html.j2")
    return page.render(
        title=f"Corridor pilot: {corridor.name}",
        css=_css(),
        verdict=verdict(results, corridor),
        styles=styles,
        comparison=comparison(results),
        letters={letter: provenance.value for provenance, letter in LETTERS.items()},
        best_mark=BEST_MARK,
        not_measured=NOT_MEASURED,
        no_place=NO_PLACE,
        corridor=corridor_map(corridor, links),
        charts=list(_charts(results, styles)),
        drills=drills,
        drills_absent="" if drills else "No drill was run.",
        figures_text=figures_text,
        number=number,
        traffic=list(_traffic(results, styles)),
        results=results,
        scenario=_scenario(results, corridor),
        command=_command(results),
        about=list(_flat(results.about)),
    )


def _charts(results: Results, styles: Mapping[str, Any]) -> Iterator[Section]:
    """The sections between the map and the drills."""
    measures = results.measures
    radio = [*curve_exhibits(results, "pdr", styles), *curve_exhibits(results, "cbr", styles)]
    yield Section("radio", "Delivery over distance", radio, has_lines=True)
    awareness, roadside = _chosen(measures, _AWARENESS), _chosen(measures, _ROADSIDE)
    rest = [m for m in _chosen(measures, _ANY_BYTES, "bytes") if m not in awareness + roadside]
    sizes = [
        *_bars("Awareness messages", awareness, styles),
        *_bars("Messages of signals and priority", roadside, styles),
        *(_bars("Certificates and firmware", rest, styles) if rest else ()),
    ]
    yield Section("bytes", "Bytes on the air", sizes)
    age = _chosen(measures, _AGE)
    first = [
        *_bars("From first contact to first verified message", _chosen(measures, _FIRST), styles),
        *(_bars("Age of what a receiver knows", age, styles) if age else ()),
    ]
    yield Section("first", "Until a message is believed", first)
    handshake = [
        *_bars("Time of a handshake", _chosen(measures, _HANDSHAKE_TIME), styles),
        *_bars("Bytes of a handshake", _chosen(measures, _HANDSHAKE_BYTES), styles),
    ]
    yield Section("handshake", "Backhaul handshake", handshake)
    others = [e for chart in other_charts(results) for e in curve_exhibits(results, chart, styles)]
    if others:
        yield Section("curves", "Further curves", others, has_lines=True)


def _traffic(results: Results, styles: Mapping[str, Any]) -> Iterator[Section]:
    others = _bars("Delay of the other traffic", _chosen(results.measures, _OTHERS), styles)
    both = [trips_exhibit(results, styles), *others]
    yield Section("emergency", "Emergency vehicles and everybody else", both)


def _chosen(
    measures: Sequence[Measure], pattern: re.Pattern[str], group: str | None = None
) -> list[Measure]:
    return [m for m in measures if pattern.match(m.id) and (group is None or m.group == group)]


def _bars(title: str, measures: Sequence[Measure], styles: Mapping[str, Any]) -> list[Exhibit]:
    """A chart a unit; one that says why it is empty where there is no measure."""
    charts = by_unit(measures)
    if len(charts) < 2:
        return [bar_exhibit(title, measures, styles)]
    return [bar_exhibit(f"{title}, {same[0].unit}", same, styles) for same in charts]


def _scenario(results: Results, corridor: Corridor) -> str:
    """The scenario's name where the title does not say it."""
    name = str(results.about.get("scenario", ""))
    return "" if name == corridor.name else name


def _command(results: Results) -> str:
    """The command that the run states; on the embedded corridor its facts amount to one."""
    about = results.about
    if "command" in about:
        return str(about["command"])
    if about.get("scenario") != EMBEDDED or "seed" not in about or "duration_s" not in about:
        return ""
    approaches = [f"--approach {shlex.quote(name)}" for name in results.approaches]
    facts = [f"--seed {about['seed']}", f"--duration {about['duration_s']:g}"]
    return " ".join(["roadseal pilot run", *approaches, *facts])


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("roadseal.pilot.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _css() -> Markup:
    """The style sheet with the approaches' colours; ours, so not escaped."""
    text = files("roadseal.pilot.report").joinpath("report.css").read_text("utf-8")
    for name, dark in (("light", False), ("dark", True)):
        text = text.replace(f"/* approaches: {name} */", colour_variables(dark=dark))
    return Markup(text)  # noqa: S704  a file of this package


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Nested facts as pairs of a dotted name and a text."""
    for name, value in values.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield key, "; ".join(map(_text, value))
        else:
            yield key, _text(value)


def _text(value: Any) -> str:
    """One fact in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items() if item != [])
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)


__all__ = ["Drill", "Section", "render", "write_report"]
