from __future__ import annotations

import math
import re
import time
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from altair.utils.schemapi import debug_mode
from hypothesis import given, settings
from hypothesis import strategies as st
from report_sample import sample_links, sample_results, small_corridor

from roadseal.pilot.measures import (
    Curve,
    EmergencyTrip,
    Measure,
    Provenance,
    Results,
    exact,
    quantile,
)
from roadseal.pilot.report import write_report
from roadseal.pilot.report.page import render

MODELLED = Provenance.MODELLED
KINDS = ("script", "img", "iframe", "object", "link", "style", "table", "figure", "details")
HOSTILE = """<script>alert(1)</script>"><img src=x onerror='y'>{{ 7*7 }}</style></svg>"""


class Page(HTMLParser):
    """What the tests ask of a page: its elements, its ids, its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(results: Results) -> str:
    corridor = small_corridor()
    with debug_mode(False):  # as write_report does
        return render(results, corridor, sample_links(corridor))


@pytest.fixture(scope="module")
def text() -> str:
    return page_of(sample_results())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def empty() -> Results:
    return replace(
        sample_results(),
        about={},
        measures=[],
        curves=[],
        drills=[],
        emergency=[],
        limits=[],
        sources=[],
    )


def test_one_file_of_a_bounded_size_in_bounded_time(tmp_path: Path) -> None:
    corridor = small_corridor()
    path = tmp_path / "report.html"
    before = time.process_time()
    write_report(sample_results(), corridor, sample_links(corridor), path)
    assert time.process_time() - before < 6
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert 50_000 < path.stat().st_size < 3_000_000


def test_the_same_results_give_the_same_page(text: str) -> None:
    assert page_of(sample_results()) == text
    assert page_of(sample_results(seed=2)) != text


def test_the_charts_are_what_vega_lite_allows(text: str) -> None:
    """Built with Altair's own checks on, which write_report leaves out, the page is the same."""
    corridor = small_corridor()
    assert render(sample_results(), corridor, sample_links(corridor)) == text


def test_nothing_in_the_page_points_outside(page: Page, text: str) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert not page.of("script")
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.of("meta"))


def test_ids_are_unique_and_references_lead_somewhere(page: Page) -> None:
    ids = Counter(a["id"] for _, a in page.elements if "id" in a)
    assert [name for name, count in ids.items() if count > 1] == []
    for _, attributes in page.elements:
        for name in attributes.get("aria-labelledby", "").split():
            assert name in ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_every_chart_has_a_name_a_description_and_its_data(page: Page) -> None:
    charts = [a for a in page.of("svg") if a.get("role") == "img"]
    assert len(charts) > 12
    names = page.of("title")
    assert len(names) >= len(charts)
    assert len(page.of("desc")) == len(charts)
    hidden = [a for a in page.of("svg") if a.get("role") != "img"]
    assert all(a.get("aria-hidden") == "true" for a in hidden)


def test_every_figure_says_where_it_comes_from(text: str) -> None:
    results = sample_results()
    figures = [f for m in results.measures for f in m.values.values()]
    letters = Counter(re.findall(r'<abbr class="letter" title="(\w+)">', text))
    assert letters == Counter(figure.provenance.value for figure in figures if figure)
    assert text.count('class="missing">not measured yet</td>') == figures.count(None)


def test_the_sections_are_in_the_order_that_was_agreed(page: Page) -> None:
    wanted = "comparison corridor radio bytes first handshake timelines drills emergency limits"
    assert [a["id"] for a in page.of("section")] == [*wanted.split(), "reproduce"]


def test_nothing_to_show_is_said_and_not_drawn() -> None:
    page = Page(page_of(empty()))
    charts = [a for a in page.of("svg") if a.get("role") == "img"]
    assert [chart["class"] for chart in charts] == ["map"]
    assert "No drill was run." in page.words
    assert "No emergency vehicle drove in this run." in page.words
    assert "This run has no values for it." in page.words
    assert "This run measured nothing to compare." in page.words


def test_unknown_measures_groups_and_charts_are_shown() -> None:
    figure = exact(42_123, provenance=MODELLED)
    strange = Measure("x-y", "brand-new", "Strange", "furlong", "sideways", {"pqc": figure})
    curve = Curve("queue-length", "pqc", "RSU", [0.0, 1.0], [3.0, 4.0], MODELLED)
    page = Page(page_of(replace(empty(), measures=[strange], curves=[curve])))
    for word in ("Brand new", "Strange", "furlong", "42\u202f123", "Queue length: RSU"):
        assert word in page.words


def test_numbers_that_are_none_survive_the_file_and_the_page() -> None:
    figures = {"pqc": exact(math.inf, provenance=MODELLED), "qkd": exact(1, provenance=MODELLED)}
    measures = [
        Measure(name, "backhaul", "Odd", "ms", "lower", figures)
        for name in ("handshake-fibre-p50-ms", "others-delay-s")
    ]
    curve = Curve("pdr", "pqc", "CAM", [0.0, 10.0, 20.0], [1.0, math.nan, 0.5], MODELLED)
    results = replace(empty(), measures=measures, curves=[curve])
    assert "∞" in page_of(results)
    again = Results.from_json(results.to_json())
    assert "Odd" in page_of(again)


def test_an_interval_without_end_survives_the_file_and_the_page() -> None:
    ages_s = [0.1] * 150 + [math.inf] * 4  # four never came
    age = quantile(ages_s, 0.95, provenance=MODELLED)
    figures = {"pqc": age, "qkd": exact(1.0, provenance=MODELLED)}
    measure = Measure("others-delay-s", "traffic", "Age", "s", "lower", figures)
    results = replace(empty(), measures=[measure])
    again = Results.from_json(results.to_json())
    assert again.measures == results.measures
    assert ">0.100 to ∞</text>" in page_of(results)


def test_a_difference_below_zero_is_drawn() -> None:
    figures = {"pqc": exact(-4.0, provenance=MODELLED), "qkd": exact(1.0, provenance=MODELLED)}
    delay = Measure("others-delay-s", "traffic", "Added delay", "s", "lower", figures)
    assert "−4" in page_of(replace(empty(), measures=[delay]))


def test_vehicles_that_never_arrived_are_told() -> None:
    lost = [EmergencyTrip("pqc", "ev0", math.nan, 0.0, 0, arrived=False)]
    text = page_of(replace(empty(), emergency=lost))
    assert "No emergency vehicle reached its destination within the run." in text


def test_more_approaches_than_colours_are_told_apart() -> None:
    approaches = {f"a{index}": f"Approach {index}" for index in range(11)}
    curves = [Curve("pdr", name, "CAM", [0.0, 1.0], [1.0, 0.5], MODELLED) for name in approaches]
    page = Page(page_of(replace(empty(), approaches=approaches, curves=curves)))
    assert "Approach 10" in page.words


def hostile_results(text: str) -> Results:
    sample = sample_results()
    return replace(
        sample,
        about={"scenario": text, "command": text, text: {text: [text]}},
        approaches={**sample.approaches, "pqc": text},
        measures=[replace(m, label=text, unit=text, group=text) for m in sample.measures[:3]],
        curves=[replace(c, series=text, chart=text) for c in sample.curves[:2]],
        drills=[
            replace(
                d,
                title=text,
                fault=text,
                observed=text,
                expectation=text,
                timeline=[replace(m, what=text) for m in d.timeline],
            )
            for d in sample.drills[:2]
        ],
        emergency=[replace(t, vehicle=text) for t in sample.emergency],
        limits=[text],
        sources=[text],
    )


def test_no_text_of_the_results_becomes_markup() -> None:
    page = Page(page_of(hostile_results(HOSTILE)))
    assert not page.of("script")
    assert not page.of("img")
    assert not any(name.startswith("on") for _, a in page.elements for name in a)
    assert any(HOSTILE.strip() in word for word in page.words)
    assert not any("49" in word and "7*7" not in word for word in page.words if "{{" in word)


@settings(max_examples=5, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_any_text_gives_the_same_elements(text: str) -> None:
    page = Page(page_of(hostile_results("x" + text + "y")))
    counts = Counter(tag for tag, _ in page.elements if tag in KINDS)
    assert counts == _plain_counts()


@cache
def _plain_counts() -> Counter[str]:
    page = Page(page_of(hostile_results("xy")))
    return Counter(tag for tag, _ in page.elements if tag in KINDS)
