"""The comparison of the approaches as text: rows for the report, a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from rich import box
from rich.table import Table
from rich.text import Text

from roadseal.pilot.measures import Figure, Measure, Provenance, Results

NOT_MEASURED = "not measured yet"
NO_PLACE = "–"
"""Where a measure does not name an approach: it does not apply there."""

BEST_MARK = "★"
LETTERS = {Provenance.MEASURED: "M", Provenance.MODELLED: "O", Provenance.CITED: "C"}
"""How a figure says where it comes from: **M**easured, m**O**delled, **C**ited."""

_NARROW_SPACE = "\u202f"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_GROUPS = {
    "bytes": "Bytes on the air",
    "radio": "Radio channel",
    "verification": "Until a message is believed",
    "crypto": "Cost of cryptography",
    "backhaul": "Backhaul handshake",
    "traffic": "Traffic",
    "attack": "What the attacker gets",
    "service": "Service under faults",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One approach's figure as text.

    Args:
        value: the figure, `not measured yet`, or a dash where it does not apply.
        spread: its interval and what it is, or empty.
        letter: M, O or C; empty without a figure.
        provenance: the letter's word.
        n: how many observations, or empty.
        note: what a reader must know, or empty.
        best: no other approach is better, as far as the intervals can tell.
        missing: there is no figure.
    """

    value: str
    spread: str = ""
    letter: str = ""
    provenance: str = ""
    n: str = ""
    note: str = ""
    best: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A measure: its cells are in the order of `Results.approaches`."""

    id: str
    label: str
    unit: str
    better: str
    cells: Sequence[Cell]


def comparison(results: Results) -> Mapping[str, Sequence[Row]]:
    """The comparison as text, by title of the group, in the order of the results."""
    groups: dict[str, list[Row]] = {}
    for measure in results.measures:
        best = best_approaches(measure)
        cells = tuple(
            _cell(measure.values[name], name in best)
            if name in measure.values
            else Cell(NO_PLACE, missing=True)
            for name in results.approaches
        )
        row = Row(measure.id, measure.label, measure.unit, _direction(measure), cells)
        groups.setdefault(group_title(measure.group), []).append(row)
    return groups


def comparison_table(results: Results) -> Table:
    """The comparison for the terminal: a row a measure, a column an approach."""
    letters = ", ".join(f"{letter} {word}" for word, letter in LETTERS.items())
    marks = f"{BEST_MARK} best, as far as the intervals can tell · {NO_PLACE} does not apply"
    table = Table(
        box=box.SIMPLE_HEAD,
        caption=f"{letters} · {marks}",
        caption_justify="left",
        pad_edge=False,
    )
    table.add_column("measure")
    table.add_column("unit")
    for title in results.approaches.values():
        table.add_column(Text(title), justify="right")
    for title, rows in comparison(results).items():
        table.add_row(Text(title, style="bold"))
        for number_of_row, row in enumerate(rows, 1):
            label, unit = Text(f" {row.label}"), Text(row.unit, style="dim")
            cells = [_terminal(cell) for cell in row.cells]
            table.add_row(label, unit, *cells, end_section=number_of_row == len(rows))
    return table


def best_approaches(measure: Measure) -> frozenset[str]:
    """The approaches that nothing in this run shows to be worse than the best.

    Those whose confidence interval reaches the best one's are not distinguishable from it. Nobody
    is best where fewer than two approaches have figures, where none differs, or where no
    direction is better.
    """
    figures = {name: f for name, f in measure.values.items() if is_finite(f)}
    direction = _direction(measure)
    if len(figures) < 2 or not direction:
        return frozenset()
    choose = min if direction == "lower" else max
    top = choose(figures.values(), key=lambda figure: figure.value)
    best = frozenset(name for name, figure in figures.items() if _reaches(figure, top))
    return best if len(best) < len(figures) else frozenset()


def is_finite(figure: Figure | None) -> TypeGuard[Figure]:
    """Whether there is a number to draw; a recovery that never came is infinite or absent."""
    return figure is not None and figure.value is not None and math.isfinite(figure.value)


def number(value: float | None) -> str:
    """A number for people: three significant digits, all of a whole number, no trailing noise."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 100 or value == int(value):
        text = f"{value:,.0f}".replace(",", _NARROW_SPACE) if size >= 10_000 else f"{value:.0f}"
    elif size < 0.001:
        digits, exponent = f"{value:.2e}".split("e")
        text = f"{float(digits):g}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    else:
        text = f"{value:#.3g}"
    return text.replace("-", "−")


def group_title(group: str) -> str:
    """A group's title; a group we do not know keeps its own words."""
    return _GROUPS.get(group) or group.replace("-", " ").capitalize()


def _cell(figure: Figure | None, best: bool) -> Cell:
    if figure is None:
        return Cell(NOT_MEASURED, missing=True)
    provenance = Provenance(figure.provenance)
    return Cell(
        value=number(figure.value),
        spread=_spread(figure),
        letter=LETTERS[provenance],
        provenance=provenance.value,
        n=number(figure.n),
        note=figure.note,
        best=best,
    )


def _spread(figure: Figure) -> str:
    if figure.low == figure.high:
        return "exact" if figure.interval == "exact" else f"no spread ({figure.interval})"
    return f"{number(figure.low)} to {number(figure.high)} ({figure.interval})"


def _reaches(figure: Figure, top: Figure) -> bool:
    """Whether the difference to the best may be chance: the confidence intervals touch.

    An interval that describes a spread (`5–95 %`) says nothing about the figure's own error; then
    only the same value counts. Of too few observations nothing can be told.
    """
    if figure.is_uncertain or top.is_uncertain:
        return True
    if all("confidence" in each.interval or each.interval == "exact" for each in (figure, top)):
        return figure.low <= top.high and top.low <= figure.high
    return figure.value == top.value


def _direction(measure: Measure) -> str:
    return measure.better if measure.better in ("lower", "higher") else ""


def _terminal(cell: Cell) -> Text:
    if cell.missing:
        return Text(cell.value, style="dim italic")
    mark = f"{BEST_MARK} " if cell.best else ""
    text = Text.assemble(
        (mark + cell.value, "bold" if cell.best else ""), (f" {cell.letter}", "dim")
    )
    if cell.spread != "exact":
        text.append("\n" + cell.spread.split(" (")[0], style="dim")
    return text
