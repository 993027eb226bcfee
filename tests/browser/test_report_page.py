"""The report in Debian's chromium: charts, requests, accessibility, phone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "pilot"))  # the sample of the report's tests

from report_sample import sample_links, sample_results

from roadseal.pilot.corridor import read_corridor
from roadseal.pilot.demand import EMBEDDED_NET
from roadseal.pilot.report import write_report

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium on this machine"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    corridor = read_corridor(EMBEDDED_NET, name="embedded", source="OpenStreetMap, ODbL")
    write_report(sample_results(), corridor, sample_links(corridor), path)
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


class Visit:
    """A page that was opened, with what it asked for and complained of."""

    def __init__(self, browser, report: str, viewport: dict[str, int], scheme: str = "light"):
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(report)
        self.page.wait_for_load_state("load")


@pytest.fixture(params=[("wide", WIDE, "light"), ("dark", WIDE, "dark"), ("phone", PHONE, "light")])
def visit(request, browser, report) -> Iterator[Visit]:
    _, viewport, scheme = request.param
    opened = Visit(browser, report, viewport, scheme)
    yield opened
    opened.context.close()


def test_it_asks_for_nothing_but_itself_and_complains_of_nothing(visit, report) -> None:
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    visit.page.mouse.wheel(0, 20_000)
    asked = [url for url in visit.requests if not url.startswith("data:")]
    assert asked == [report]
    assert visit.complaints == []


def test_no_chart_is_empty(visit) -> None:
    found = visit.page.evaluate(
        """() => [...document.querySelectorAll('svg[role=img]')].map(svg => {
            const marks = [...svg.querySelectorAll(
                '.mark-rect path, .mark-line path, .mark-symbol path, .road, .rsu circle')];
            const drawn = marks.filter(m => {
                const box = m.getBoundingClientRect();
                return box.width + box.height > 0.5;
            });
            const box = svg.getBoundingClientRect();
            return {name: svg.querySelector('title').textContent, marks: drawn.length,
                    width: box.width, height: box.height};
        })"""
    )
    assert len(found) > 12
    for chart in found:
        assert chart["marks"] >= 2, chart
        assert chart["width"] > 250, chart
        assert chart["height"] > 60, chart


def test_axe_finds_no_violation(visit) -> None:
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = axe_playwright.Axe().run(visit.page)
    assert found.violations_count == 0, found.generate_report()


def test_the_page_does_not_scroll_sideways(visit) -> None:
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    visit.page.check("#every-interval")
    wide = visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


def test_eight_approaches_of_long_names_stay_on_a_phone(browser, tmp_path: Path) -> None:
    """Users add their own; the table scrolls then, not the page."""
    sample = sample_results()
    names = {
        f"approach-{'x' * 50}{n}": f"A long title that somebody thought of, {n}" for n in "abcdefgh"
    }
    first = next(iter(sample.approaches))
    measures = [
        replace(row, values=dict.fromkeys(names, row.values.get(first))) for row in sample.measures
    ]
    drills = [
        replace(drill, approach=name)
        for drill in sample.drills
        if drill.approach == first
        for name in names
    ]
    results = replace(
        sample, approaches=names, measures=measures, curves=[], drills=drills, emergency=[]
    )
    corridor = read_corridor(EMBEDDED_NET, name="W" * 120, source="OpenStreetMap, ODbL")
    write_report(results, corridor, sample_links(corridor), tmp_path / "many.html")
    visit = Visit(browser, (tmp_path / "many.html").as_uri(), PHONE)
    wide = visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    assert axe_playwright.Axe().run(visit.page).violations_count == 0
    visit.context.close()


def test_no_word_of_a_chart_leaves_its_card_or_covers_another(visit) -> None:
    """Words may use the card's padding; two words of one chart never overlap."""
    troubles = visit.page.evaluate(
        """() => [...document.querySelectorAll('svg.chart')].flatMap(svg => {
            const card = svg.closest('figure').getBoundingClientRect();
            const texts = [...svg.querySelectorAll('text')]
                .filter(t => t.textContent.trim() && t.getAttribute('opacity') !== '0')
                .map(t => [t.textContent, t.getBoundingClientRect()]);
            const out = texts.filter(([, b]) => b.left < card.left || b.right > card.right)
                .map(([words]) => 'outside: ' + words);
            const over = texts.flatMap(([words, a], i) => texts.slice(0, i)
                .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5
                    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
                .map(([other]) => 'overlap: ' + words + ' / ' + other));
            return [...out, ...over];
        })"""
    )
    assert troubles == []


def test_the_keyboard_reaches_n_and_interval(browser, report) -> None:
    visit = Visit(browser, report, WIDE)
    summary = visit.page.locator("#comparison summary").nth(10)
    more = summary.locator("xpath=ancestor::tr").locator(".more").first
    assert not more.is_visible()
    summary.focus()
    visit.page.keyboard.press("Enter")
    assert more.is_visible()
    assert "n = " in more.inner_text()
    visit.context.close()


def test_paper_has_the_intervals_and_no_navigation(browser, report) -> None:
    visit = Visit(browser, report, WIDE, "dark")
    visit.page.emulate_media(media="print")
    assert visit.page.locator("#comparison .more").first.is_visible()
    assert not visit.page.locator("nav").is_visible()
    ink = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ink == "rgb(255, 255, 255)"
    assert len(visit.page.pdf(format="A4")) > 50_000
    visit.context.close()
