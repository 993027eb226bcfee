"""The drills: what was done, what each approach did about it and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import altair as alt

from roadseal.pilot.measures import DrillResult, Results
from roadseal.pilot.report.drawing import WIDTH_PX, Drawing, draw, inline, safe_key
from roadseal.pilot.report.exhibit import Exhibit, absent
from roadseal.pilot.report.style import ApproachStyle
from roadseal.pilot.table import number

_LANE_PX = 46
_LETTER_PX = 19
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a drill ended: a sign and a word, so that no colour is needed to read it."""

    sign: str
    word: str


HELD = Outcome("✓", "held")
FAILED = Outcome("✕", "failed")
NOT_APPLICABLE = Outcome("–", "not applicable")


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill under every approach.

    Args:
        id: of the drill.
        title: for people.
        fault: what was done.
        expectation: what must happen.
        results: by approach; an approach without an entry was not drilled.
        timeline: the chart.
        letters: what each letter in it stands for.
    """

    id: str
    title: str
    fault: str
    expectation: str
    results: Mapping[str, DrillResult]
    timeline: Exhibit
    letters: Mapping[str, str]

    def outcome(self, approach: str) -> Outcome | None:
        """How it ended under an approach; `None` where it was not drilled."""
        result = self.results.get(approach)
        return None if result is None else outcome_of(result)


def outcome_of(result: DrillResult) -> Outcome:
    """How a drill ended."""
    return NOT_APPLICABLE if result.held is None else HELD if result.held else FAILED


def drills_of(results: Results, styles: Mapping[str, ApproachStyle]) -> list[Drill]:
    """The drills in the order of the results, each with its timeline."""
    found: dict[str, dict[str, DrillResult]] = {}
    for result in results.drills:
        found.setdefault(result.drill, {})[result.approach] = result
    drills = []
    for name, unordered in found.items():
        by_approach = {each: unordered[each] for each in styles if each in unordered}
        if not by_approach:
            continue
        first = next(iter(by_approach.values()))
        letters = _letters(by_approach.values())
        timeline = _timeline(first.title, by_approach, styles, letters)
        drill = Drill(
            id=name,
            title=first.title,
            fault=first.fault,
            expectation=first.expectation,
            results=by_approach,
            timeline=timeline,
            letters={letter: text for text, letter in letters.items()},
        )
        drills.append(drill)
    return drills


def figures_text(result: DrillResult) -> str:
    """A drill's named numbers in a line."""
    return ", ".join(f"{name} {number(value)}" for name, value in result.figures.items())


def _letters(results: Iterable[DrillResult]) -> Mapping[str, str]:
    """A letter a moment; the same words have the same letter under every approach."""
    texts = dict.fromkeys(moment.what for result in results for moment in result.timeline)
    return {
        text: _LETTERS[place % 26] + (str(place // 26) if place >= 26 else "")
        for place, text in enumerate(texts)
    }


def _timeline(
    title: str,
    by_approach: Mapping[str, DrillResult],
    styles: Mapping[str, ApproachStyle],
    letters: Mapping[str, str],
) -> Exhibit:
    times_s = [moment.time_s for result in by_approach.values() for moment in result.timeline]
    if not times_s:
        return absent(title, "The run recorded no moments for this drill.")
    picture = draw(
        _lanes(by_approach, styles, letters, max(times_s) or 1.0),
        title=f"Timeline: {title}",
        description="A lane for each approach, in seconds from the beginning. "
        + "; ".join(f"{letter}: {text}" for text, letter in letters.items()),
        key=safe_key("drill", next(iter(by_approach.values())).drill),
    )
    return Exhibit(title, picture)


def _lanes(
    by_approach: Mapping[str, DrillResult],
    styles: Mapping[str, ApproachStyle],
    letter: Mapping[str, str],
    end_s: float,
) -> Drawing:
    width = WIDTH_PX - 24
    lanes, marks = [], []
    for place, (name, result) in enumerate(by_approach.items()):
        outcome = outcome_of(result)
        y = place * _LANE_PX + 32
        lanes.append(
            {
                "approach": name,
                "start": 0.0,
                "end": end_s if result.timeline else 0.0,
                "y": y,
                "above": y - 21,
            }
            | {"text": f"{outcome.sign} {outcome.word}: {name}", "failed": outcome is FAILED}
        )
        times = [moment.time_s for moment in result.timeline]
        for moment, shown in zip(result.timeline, _apart(times, end_s, width), strict=True):
            sign = letter[moment.what]
            marks.append(
                {"approach": name, "time": moment.time_s, "shown": shown, "y": y, "letter": sign}
            )
    height = len(by_approach) * _LANE_PX + 4
    scale = alt.Scale(domain=[0, end_s], nice=False)
    y_scale = alt.Scale(domain=[0, height], range=[0, height], nice=False)
    colours = [style.colour for style in styles.values()]
    colour = alt.Color(
        "approach:N", scale=alt.Scale(domain=list(styles), range=colours), legend=None
    )
    axis = alt.Axis(tickCount=4, grid=False, format="~f")
    x = alt.X("shown:Q", title="seconds from the beginning", scale=scale, axis=axis)
    y_at = alt.Y("y:Q", axis=None, scale=y_scale)
    lane = alt.Chart(inline(lanes)).encode(y=y_at)
    mark = alt.Chart(inline(marks)).encode(y=y_at)
    line = lane.mark_rule(strokeWidth=2, opacity=0.55).encode(
        alt.X("start:Q", scale=scale), alt.X2("end:Q"), colour
    )
    words = (
        alt.Chart(inline(lanes))
        .mark_text(align="left", fontSize=12)
        .encode(
            alt.X("start:Q"),
            alt.Y("above:Q", axis=None, scale=y_scale),
            alt.Text("text:N"),
            color=alt.condition(
                "datum.failed", alt.value("var(--failed)"), alt.value("var(--ink)")
            ),
        )
    )
    stem = mark.mark_rule(strokeWidth=1).encode(alt.X("time:Q"), alt.X2("shown:Q"), colour)
    disc = mark.mark_point(filled=True, size=250, opacity=1, shape="circle").encode(x, colour)
    sign = mark.mark_text(fontSize=11, fontWeight="bold", color="var(--paper)").encode(
        x, alt.Text("letter:N")
    )
    return alt.layer(line, words, stem, disc, sign).properties(width=width, height=height)


def _apart(times: Sequence[float], end_s: float, width: int) -> list[float]:
    """Where letters stand: at their time, or moved just enough that none covers another."""
    gap = end_s * _LETTER_PX / width
    places: list[float] = []
    for time_s in times:
        places.append(max(time_s, places[-1] + gap) if places else time_s)
    limit = end_s
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], limit)
        limit = places[index] - gap
    return places
