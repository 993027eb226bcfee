"""The register's page: from the store as from the file, bounded, and plain about what it omits."""

from __future__ import annotations

import re
import shutil
import subprocess
import tracemalloc
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from roadseal.assess.inventory.estate import Asset, Exposure, Import, Kind, UpdatePath
from roadseal.assess.inventory.estate.shelf import Estate, save_estate
from roadseal.assess.inventory.tables import SCHEMA
from roadseal.assess.inventory.template import shipped_templates
from roadseal.assess.register import Inputs, build_register
from roadseal.assess.register.document import Register
from roadseal.assess.register.keeping import keep_register
from roadseal.assess.register.kept import KeptRegister, open_kept
from roadseal.assess.register.report import render_report
from roadseal.assess.register.report.estate_map import MAX_MARKS, draw_map
from roadseal.store import Store, open_store

DAY = date(2026, 11, 26)
KINDS = (Kind.SIGNAL, Kind.RSU, Kind.CAMERA)
MEDIA = (*((each,) for each in Exposure), ())
PATHS = (*UpdatePath, None)


def scattered(count: int) -> tuple[Asset, ...]:
    """Assets over a grid; every eleventh has no place."""
    return tuple(
        Asset(
            f"stadt/{n}",
            KINDS[n % 3],
            f"Kreuzung {n} <&>",
            n + 1,
            52 + n % 97 / 500 if n % 11 else None,
            13 + n % 89 / 300 if n % 11 else None,
            update_path=PATHS[n % len(PATHS)],
            exposure=MEDIA[n % len(MEDIA)],
            installed=str(1990 + n % 30),
        )
        for n in range(count)
    )


def keep(store: Store, assets: tuple[Asset, ...]) -> KeptRegister:
    save_estate(
        store,
        Estate("stadt", "stadt.csv", "", "csv", "", len(assets)),
        Import(assets, (), len(assets)),
    )
    inputs = Inputs((), DAY, templates=shipped_templates())
    return keep_register(store, "now", ("stadt",), inputs)


def in_file(assets: tuple[Asset, ...]) -> Register:
    origin = {"name": "stadt", "source": "stadt.csv", "sha256": "", "rows": len(assets)}
    inputs = Inputs(assets, DAY, templates=shipped_templates())
    return Register(build_register(replace(inputs, estates=({**origin, "assets": len(assets)},))))


@pytest.mark.parametrize("count", [0, 1, 400, 2 * MAX_MARKS])
def test_a_kept_register_has_the_page_of_the_same_register_in_a_file(
    store_url: str, count: int
) -> None:
    assets = scattered(count)
    kept = keep(open_store(store_url, SCHEMA), assets) if count else None
    page = render_report(in_file(assets))
    if kept is None:
        assert "Nothing was imported" in page
        return
    assert render_report(kept) == page


def test_the_page_and_its_memory_do_not_grow_with_the_estate(tmp_path: Path) -> None:
    def page_of(count: int) -> tuple[int, int]:
        store = open_store(tmp_path / f"{count}.db", SCHEMA)
        keep(store, scattered(count))
        kept = open_kept(store, "now")
        tracemalloc.start()
        size = len(render_report(kept))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size, peak

    small, large = page_of(8_000), page_of(32_000)
    assert large[0] < 2 * small[0]  # four times the assets: marks of more tiers in a cell
    # Sixty octets an asset for columns; an asset as an object takes more than a thousand.
    assert large[1] - small[1] < 24_000 * 400


def test_the_page_says_what_it_leaves_out_and_how_to_get_it() -> None:
    page = render_report(in_file(scattered(9_000)), "'my register'")
    shown = re.search(r"These rows are ([\d,]+) of 9,000 assets", page)
    assert shown
    assert 0 < int(shown[1].replace(",", "")) < 9_000
    assert (
        "of 9,000 assets. The others: <code>roadseal register query &#39;my register&#39;" in page
    )
    assert "more: <code>roadseal register query &#39;my register&#39; --tier" in page
    unplaced = sum(asset.latitude is None for asset in scattered(9_000))
    assert f"{unplaced} assets have no known place: <code>roadseal register query" in page


def test_the_page_says_how_many_ratings_are_assumed() -> None:
    page = render_report(in_file(scattered(30)))
    said = re.search(r"of (\d+) ratings used here <b>(\d+) are assumed</b>", page)
    assert said
    used, assumed = said.groups()
    assert page.count("(<b>assumed</b>)") == int(assumed)
    assert page.count("(<b>published</b>)") == int(used) - int(assumed)


def test_a_mistaken_place_is_left_out_of_the_map_and_counted() -> None:
    lost = replace(scattered(2)[1], id="stadt/lost", latitude=-52.0, longitude=-13.0)
    register = in_file((*scattered(400), lost))
    drawn = draw_map(register, 401)
    assert drawn is not None
    assert drawn.outside == 1
    assert not [mark for mark in drawn.marks if "stadt/lost" in mark.keys]
    assert "1 lies too far away from the others to be shown" in render_report(register)


def test_merged_marks_stand_for_all_assets_and_grow_with_them() -> None:
    register = in_file(scattered(2 * MAX_MARKS))
    drawn = draw_map(register, 2 * MAX_MARKS)
    assert drawn is not None
    assert drawn.merged
    placed = 2 * MAX_MARKS - drawn.unplaced - drawn.outside
    assert sum(mark.count for mark in drawn.marks) == placed
    by_count = sorted(drawn.marks, key=lambda mark: mark.count)
    assert by_count[0].size < by_count[-1].size
    assert {mark.size for mark in (draw_map(in_file(scattered(50)), 50) or drawn).marks} == {5.0}


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium to print with")
def test_paper_shows_the_reasons_that_a_screen_folds_away(tmp_path: Path) -> None:
    def pages(html: str) -> int:
        (tmp_path / "r.html").write_text(html, "utf-8")
        pdf = tmp_path / "r.pdf"
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}")
        command = ("chromium", *options, f"--print-to-pdf={pdf}", str(tmp_path / "r.html"))
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return len(re.findall(rb"/Type\s*/Page[^s]", pdf.read_bytes()))

    page = render_report(in_file(scattered(40)))
    assert pages(page) > pages(page.replace("beforeprint", "never"))
