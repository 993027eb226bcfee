"""The register's page in Debian's chromium: requests, accessibility, filters, phone, print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from roadseal.assess.inventory.estate import Asset, Exposure, Kind, UpdatePath
from roadseal.assess.register import Inputs, build_register
from roadseal.assess.register.document import Register
from roadseal.assess.register.report import render_report, write_report

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium on this machine"),
]


def sample() -> Register:
    """Every tier's likely neighbours, and a name that tries to be markup."""
    base = Asset("c/0", Kind.SIGNAL, "<script>alert(1)</script>", 1, 52.0, 13.0)
    kinds, media = list(Kind), list(Exposure)
    assets = [
        replace(
            base,
            id=f"c/{n}",
            kind=kinds[n % len(kinds)],
            name=base.name if n == 0 else f"Street {n}",
            latitude=52 + n / 500 if n % 9 else None,
            longitude=13 + (n % 20) / 300 if n % 9 else None,
            exposure=(media[n % len(media)],),
            update_path=(None, UpdatePath.NONE, UpdatePath.OTA)[n % 3],
        )
        for n in range(120)
    ]
    return Register(build_register(Inputs(assets, date(2026, 11, 26))))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("register") / "register.html"
    write_report(sample(), path)
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(params=[(WIDE, "light"), (WIDE, "dark"), (PHONE, "light")])
def page(request, browser, report) -> Iterator[object]:
    viewport, scheme = request.param
    context = browser.new_context(viewport=viewport, color_scheme=scheme)
    opened = context.new_page()
    opened.asked, opened.complaints = [], []
    opened.on("request", lambda each: opened.asked.append(each.url))
    opened.on("console", lambda each: opened.complaints.append(each.text))
    opened.on("pageerror", lambda each: opened.complaints.append(str(each)))
    opened.on("dialog", lambda each: opened.complaints.append("a dialog") or each.dismiss())
    opened.goto(report)
    yield opened
    context.close()


def test_it_asks_for_nothing_is_accessible_and_fits(page, report) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.asked == [report]
    assert page.complaints == []
    found = axe_playwright.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:80]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_filters_hide_marks_and_rows(page) -> None:
    every = page.locator(".place:visible").count()
    assert every > 80
    page.locator("select[name=kind]").select_option("rsu")
    only = page.locator(".place:visible").count()
    assert 0 < only < every
    assert page.locator("#shown").inner_text().startswith(f"{only} ")
    page.locator("select[name=kind]").select_option("")
    page.locator("input[type=search]").fill("street 17")
    assert page.locator(".place:visible").count() == 1


def test_print_shows_everything_and_no_form(page) -> None:
    page.locator("input[type=search]").fill("nothing like it")
    assert page.locator(".place:visible").count() == 0
    page.emulate_media(media="print")
    assert page.locator(".place:visible").count() > 80
    assert not page.locator("form").is_visible()


def test_colour_is_never_alone() -> None:
    text = render_report(sample())
    shapes = {
        tier: text.split(f'class="mark {tier}"')[1].split('d="')[1].split('"')[0]
        for tier in ("T1", "T2", "T3", "T4", "unassessed")
    }
    assert len(set(shapes.values())) == 5


def test_an_empty_register_has_a_page() -> None:
    text = render_report(Register(build_register(Inputs([], date(2026, 11, 26)))))
    assert "Nothing was imported" in text
