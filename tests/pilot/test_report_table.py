from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_sample import APPROACHES, sample_results
from rich.console import Console

from roadseal.pilot.measures import Figure, Measure, Provenance, Results, exact
from roadseal.pilot.table import (
    BEST_MARK,
    NO_PLACE,
    NOT_MEASURED,
    best_approaches,
    comparison,
    comparison_table,
    number,
)

MEASURED = Provenance.MEASURED


def measure(better: str = "lower", **values: Figure | None) -> Measure:
    return Measure("m", "g", "label", "s", better, values)


def known(value: float) -> Figure:
    return exact(value, provenance=MEASURED)


def between(low: float, value: float, high: float, interval: str = "95 % confidence") -> Figure:
    return Figure(value, 9, low, high, interval, MEASURED)


def printed(results: Results, width: int = 140) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(comparison_table(results))
    return console.export_text(styles=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (178, "178"),
        (1034.0, "1034"),
        (18_910, "18\u202f910"),
        (0.94, "0.940"),
        (12.345, "12.3"),
        (814.6, "815"),
        (0.0000213, "2.13×10⁻⁵"),
        (-3.5, "−3.50"),
        (math.inf, "∞"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_numbers_for_people(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_a_number_keeps_three_digits(value: float) -> None:
    text = number(value).replace("\u202f", "")
    if "×10" in text:
        digits, exponent = text.split("×10")
        power = exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
        text = f"{digits}e{power}"
    assert float(text) == pytest.approx(value, rel=0.0051)


def test_the_lowest_is_best_and_equals_share_it() -> None:
    assert best_approaches(measure(a=known(1), b=known(2), c=known(1))) == {"a", "c"}
    assert best_approaches(measure("higher", a=known(1), b=known(2))) == {"b"}


def test_what_intervals_cannot_tell_apart_is_best_together() -> None:
    a, b, c = between(0.9, 1, 1.1), between(1.05, 1.2, 1.4), between(2, 3, 4)
    assert best_approaches(measure(a=a, b=b, c=c)) == {"a", "b"}
    # A spread of the observations is not an interval of the figure.
    spread = [replace(figure, interval="5–95 %") for figure in (a, b, c)]
    assert best_approaches(measure(a=spread[0], b=spread[1], c=spread[2])) == {"a"}


@pytest.mark.parametrize("interval", ["one observation", "57 % confidence"])
def test_too_few_observations_make_nobody_best(interval: str) -> None:
    few = between(1, 1, 1, interval)
    assert best_approaches(measure(a=few, b=between(2, 2, 2, interval))) == frozenset()
    assert best_approaches(measure(a=few, b=between(2, 3, 4), c=between(0, 0.5, 1))) == {"a", "c"}


@pytest.mark.parametrize(
    "undecided",
    [
        measure(a=known(1), b=None),
        measure(a=known(1), b=known(1)),
        measure("none", a=known(1), b=known(2)),
        measure(a=known(math.inf), b=known(1)),
        measure(),
    ],
)
def test_nobody_is_best_where_nothing_can_be_compared(undecided: Measure) -> None:
    assert best_approaches(undecided) == frozenset()


@given(st.dictionaries(st.sampled_from("abcde"), st.floats(-1e6, 1e6), min_size=2))
def test_the_best_exact_values_are_the_smallest(values: dict[str, float]) -> None:
    best = best_approaches(measure(**{name: known(value) for name, value in values.items()}))
    smallest = {name for name, value in values.items() if value == min(values.values())}
    assert best == (smallest if len(smallest) < len(values) else frozenset())


def test_the_comparison_keeps_groups_order_and_holes() -> None:
    groups = comparison(sample_results())
    assert list(groups)[:2] == ["Bytes on the air", "Radio channel"]
    rows = {row.id: row for group in groups.values() for row in group}
    assert len(rows) == len(sample_results().measures)
    qkd = list(APPROACHES).index("qkd")
    hole = rows["handshake-bytes"].cells[qkd]
    assert (hole.value, hole.missing, hole.letter) == (NOT_MEASURED, True, "")
    assert [cell.letter for cell in rows["cam-digest-bytes"].cells] == ["M"] * 5
    assert rows["recovery-worst-s"].cells[-1].value == "∞"


def test_an_approach_that_a_measure_does_not_name_has_no_place_in_it() -> None:
    row = measure(a=known(1), b=None)
    results = replace(sample_results(), approaches={"a": "A", "b": "B", "c": "C"}, measures=[row])
    (only,) = next(iter(comparison(results).values()))
    assert [cell.value for cell in only.cells] == ["1", NOT_MEASURED, NO_PLACE]


def test_an_unknown_group_keeps_its_words() -> None:
    row = replace(measure(a=known(1)), group="key-source")
    results = replace(sample_results(), approaches={"a": "A"}, measures=[row])
    assert list(comparison(results)) == ["Key source"]


def test_the_terminal_has_every_measure_and_marks_without_colour() -> None:
    results = sample_results()
    text = printed(results, width=200)
    for row in results.measures:
        assert row.label in text
    assert NOT_MEASURED in text
    assert BEST_MARK + " 178" in text
    assert "M measured, O modelled, C cited" in text


@pytest.mark.parametrize("width", [80, 100, 160])
def test_every_column_fits_the_terminal(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(comparison_table(sample_results()))
    lines = console.export_text().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    firmware = next(line for line in lines if "64 M" in line)
    assert firmware.rstrip().endswith("3373 M")


def test_intervals_are_dim_in_the_terminal() -> None:
    results = sample_results()
    cbr = next(m for m in results.measures if m.id == "cbr-mean").values["pqc"]
    assert cbr is not None
    interval = f"{number(cbr.low)} to {number(cbr.high)}"
    line = next(line for line in printed(results).splitlines() if interval in line)
    assert "\x1b[2m" in line.split(interval)[0]


def test_markup_in_a_label_is_text() -> None:
    row = replace(measure(a=known(1)), label="[bold]x[/]", unit="[/]")
    results = replace(sample_results(), approaches={"a": "[red]A"}, measures=[row])
    text = printed(results)
    assert "[bold]x[/]" in text
    assert "[red]A" in text
