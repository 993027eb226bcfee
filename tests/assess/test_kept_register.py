"""Registers in the store: the same answers as those of a file, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from alembic import command
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.app.cli.register_explain import explanation
from roadseal.assess.inventory.estate import Asset, Exposure, Import, Kind, UpdatePath
from roadseal.assess.inventory.estate.shelf import (
    Estate,
    list_estates,
    load_asset,
    load_estate,
    save_estate,
)
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Finding,
    Location,
    Role,
)
from roadseal.assess.inventory.tables import ASSET, DEPENDENCY, SCHEMA, USE
from roadseal.assess.inventory.template import shipped_templates
from roadseal.assess.register import Inputs, build_register, register_bytes
from roadseal.assess.register.difference import difference
from roadseal.assess.register.document import Register, load_register
from roadseal.assess.register.export import export, row_of
from roadseal.assess.register.keeping import drop_register, keep_register
from roadseal.assess.register.kept import KeptRegister, kept_registers, open_kept
from roadseal.assess.register.query import Query, ask
from roadseal.assess.register.rescore import rescore
from roadseal.errors import RoadsealError
from roadseal.store import Store, open_store
from roadseal.store.database import _alembic

DAY = date(2026, 11, 26)
MEDIA = (*((each,) for each in Exposure), ())
PATHS = (*UpdatePath, None)
KINDS = (Kind.SIGNAL, Kind.RSU, Kind.UNKNOWN, Kind.CAMERA, Kind.VEHICLE)


def city(name: str = "stadt", count: int = 60) -> tuple[Asset, ...]:
    return tuple(
        Asset(
            f"{name}/{n}",
            KINDS[n % len(KINDS)],
            f"Kreuzung {n}",
            n + 1,
            52.0 if n % 3 else None,
            13.0 if n % 3 else None,
            corridor=("ÖSTLICHE Straße", "Ring 100%", None)[n % 3],
            vendor=("Kapsch", "SWARCO", None)[n % 3],
            model=("RIS-9260", "LS4000", "2070LX")[n % 3],
            installed=str(1990 + n % 30) if n % 4 else None,
            end_of_life="2041" if n % 7 == 0 else None,
            update_path=PATHS[n % len(PATHS)],
            exposure=MEDIA[n % len(MEDIA)],
            services=("preemption",) if n % 5 == 0 else (),
            address=f"10.0.0.{n}" if name == "stadt" else None,
        )
        for n in range(count)
    )


def seen(n: int, algorithm: str = "x25519mlkem768") -> Finding:
    uses = (AlgorithmUse(algorithm, Role.KEY_EXCHANGE),)
    place = Location(f"10.0.0.{n}:443")
    return Finding("test", place, AssetType.PROTOCOL, "a session", uses, Basis.OBSERVED)


FOUND = (seen(3), seen(5, "x25519"), seen(999))


def put(store: Store, assets: tuple[Asset, ...], name: str = "stadt") -> None:
    estate = Estate(name, f"{name}.csv", "ab" * 32, "csv", "", len(assets))
    save_estate(store, estate, Import(assets, (), len(assets)))


def origin(assets: tuple[Asset, ...], name: str = "stadt") -> dict[str, object]:
    facts = {"sha256": "ab" * 32, "rows": len(assets), "assets": len(assets)}
    return {"name": name, "source": f"{name}.csv", **facts}


@pytest.fixture
def store(store_url: str) -> Store:
    return open_store(store_url, SCHEMA)


def both(store: Store) -> tuple[Register, KeptRegister]:
    """The same register as a document and in the store."""
    first, second = city(), city("dorf", 9)
    put(store, first)
    put(store, second, "dorf")
    inputs = Inputs((*first, *second), DAY, FOUND, (), (origin(first), origin(second, "dorf")))
    kept = keep_register(store, "spring", ("stadt", "dorf"), replace(inputs, assets=()))
    return Register(build_register(inputs)), kept


def test_a_kept_register_says_what_the_document_says(store: Store) -> None:
    document, kept = both(store)
    parts = document.document.keys() - {"uses", "cases", "assets", "flows"}
    assert {part: kept.document[part] for part in parts} == {
        part: document.document[part] for part in parts
    }
    flows = json.loads(json.dumps(document.document["flows"]))
    assert {name: kept.document["flows"][name] for name in flows} == flows
    assert (kept.counts(), kept.broken()) == (document.counts(), document.broken())
    for asset in document.assets:
        same = kept.find(asset["id"])
        assert row_of(kept, same) == row_of(document, asset)
        assert explanation(kept, same) == explanation(document, asset)
    assert [each["id"] for each in kept.ranked()] == [each["id"] for each in document.ranked()]
    whole = kept.whole()
    assert [row_of(whole, each) for each in whole.ranked()] == [
        row_of(document, each) for each in document.ranked()
    ]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "geojson"])
def test_a_kept_register_is_written_as_the_document_is(
    store: Store, tmp_path: Path, ending: str
) -> None:
    files = [tmp_path / f"{name}.{ending}" for name in ("document", "kept")]
    for register, file in zip(both(store), files, strict=True):
        export(register, file)
    texts = [file.read_bytes() for file in files]
    assert texts[0] == texts[1]


def test_a_kept_register_is_one_document_in_pieces_too(store: Store, tmp_path: Path) -> None:
    document, kept = both(store)
    export(kept, tmp_path / "r.json")
    assert (tmp_path / "r.json").read_bytes() == register_bytes(kept.whole().document)
    loaded = load_register(tmp_path / "r.json")
    assert [row_of(loaded, each) for each in loaded.ranked()] == [
        row_of(document, each) for each in document.ranked()
    ]


def test_a_sheet_that_is_full_goes_on_in_another(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, kept = both(store)
    monkeypatch.setattr("roadseal.assess.register.export.SHEET_ROWS", 25)
    export(kept, tmp_path / "r.xlsx")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    sheets = [book[name] for name in ("register", "register 2", "register 3")]
    names = [row[0].value for sheet in sheets for row in sheet.iter_rows(min_row=2)]
    assert names == [each["id"] for each in document.ranked()]
    assert {sheet["A1"].value for sheet in sheets} == {"id"}


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(tiers=("T1", "unassessed")),
        Query(tiers=("T2",), kinds=("rsu", "camera")),
        Query(lanes=("anchor",)),
        Query(lanes=("forgery", "broken-today")),
        Query(corridor="östliche"),
        Query(corridor="100%"),
        Query(corridor="_"),
        Query(text="KAPSCH"),
        Query(text="stadt/1"),
        Query(algorithm="x25519mlkem768"),
        Query(basis="observed"),
        *(Query(unknown=fact) for fact in ("kind", "place", "exposure", "update_path", "owner")),
    ],
)
def test_a_kept_register_answers_as_the_document_does(
    tmp_path_factory: pytest.TempPathFactory, query: Query, registers: tuple[Register, KeptRegister]
) -> None:
    document, kept = registers
    expected = [each["id"] for each in ask(document, query)]
    assert [each["id"] for each in kept.ask(query)] == expected
    assert [each["id"] for each in kept.ask(query, 3)] == expected[:3]
    assert kept.count(query) == len(expected)


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def registers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Register, KeptRegister]:
    url = str(tmp_path_factory.mktemp("kept") / "a.db")
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_cluster"))
    return both(open_store(url, SCHEMA))


def test_names_are_found_with_and_without_their_estate(store: Store) -> None:
    _, kept = both(store)
    assert kept.find("40")["id"] == kept.find("stadt/40")["id"] == "stadt/40"
    for name in ("4", "none", "stadt/none"):  # 4 is in both
        with pytest.raises(RoadsealError) as caught:
            kept.find(name)
        assert caught.value.code == "asset-unknown"
    with pytest.raises(RoadsealError) as caught:
        open_kept(store, "autumn")
    assert caught.value.code == "register-unknown"


@pytest.mark.parametrize("number", [1, 5, 12, 58])
def test_one_asset_scored_again_stands_where_a_whole_build_puts_it(
    store: Store, number: int
) -> None:
    _, kept = both(store)
    untouched = rescore(kept, f"stadt/{number}")
    assert untouched.before == untouched.after
    again = (seen(number, "x25519mlkem768"),)
    done = rescore(kept, f"stadt/{number}", templates=shipped_templates(), findings=again)
    others = [each for each in FOUND if each.location.uri != f"10.0.0.{number}:443"]
    inputs = Inputs((), DAY, (*others, *again))
    anew = keep_register(store, "anew", ("stadt", "dorf"), inputs)
    assert done.after == anew.case(anew.find(f"stadt/{number}"))
    opened = open_kept(store, "spring")
    assert opened.case(opened.find(f"stadt/{number}")) == done.after
    assert {each["id"] for each in opened.ask(Query(algorithm="x25519mlkem768"))} == {
        "stadt/3",
        f"stadt/{number}",
    }


def test_a_replaced_estate_is_kept_for_the_register_that_stands_on_it(store: Store) -> None:
    _, spring = both(store)
    moved = tuple(
        replace(each, exposure=(Exposure.PRIVATE,)) if each.id == "stadt/0" else each
        for each in city()[:-1]
    )
    put(store, moved)
    assert load_asset(store, "stadt/0").exposure == (Exposure.PRIVATE,)
    assert [each.name for each, _ in list_estates(store)] == ["dorf", "stadt"]
    autumn = keep_register(store, "autumn", ("stadt", "dorf"), Inputs((), DAY, FOUND))
    changes = {each.id: each for each in difference(spring, autumn)}
    assert changes["stadt/59"].after is None
    assert "exposure: rf-public → private" in changes["stadt/0"].reasons
    assert len(changes) == 2
    files = spring.whole(), autumn.whole()
    assert list(difference(*files)) == list(changes.values())
    with store.writing() as connection:
        assert drop_register(connection, "spring")
        assert not drop_register(connection, "spring")
        assert connection.scalar(sa.select(sa.func.count()).select_from(ASSET)) == 59 + 9
        assert set(connection.scalars(sa.select(USE.c.estate))) == set(
            connection.scalars(sa.select(ASSET.c.estate))
        )
    assert [each.name for each in kept_registers(store)] == ["autumn"]


def test_an_asset_is_scored_again_on_what_its_own_register_knows(store: Store) -> None:
    _, kept = both(store)
    keep_register(store, "later", ("stadt", "dorf"), Inputs((), DAY, (seen(7, "x25519mlkem768"),)))
    for name in ("stadt/3", "stadt/7", "stadt/5"):
        untouched = rescore(kept, name)
        assert untouched.before == untouched.after


def test_dependencies_are_those_of_the_last_build(store: Store) -> None:
    _, kept = both(store)
    cases = [kept.case(asset) for asset in kept.by_name()]
    parts = sum(len(case["parts"]) for case in cases if case)
    counted = sa.select(sa.func.count()).select_from(DEPENDENCY)
    with store.reading() as connection:
        assert connection.scalar(counted) == parts
    keep_register(store, "other", ("stadt", "dorf"), Inputs((), DAY, FOUND))
    with store.reading() as connection:
        assert connection.scalar(counted) == parts


def test_estates_of_before_are_there_after_the_tables_changed(store_url: str) -> None:
    old = open_store(store_url)
    with old.engine.connect() as connection:
        command.upgrade(_alembic(SCHEMA, connection), "0002")
    put_old = city()
    with old.writing() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO assess_estate (key, name, source, sha256, format, mapping, rows)"
                " VALUES (1, 'stadt', 's.csv', '', 'csv', '', 1)"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO assess_asset (estate, number, id, kind, name, row, exposure, services)"
                " VALUES (1, 0, 'stadt/0', 'rsu', 'x', 1, 'rf-public', '')"
            )
        )
    old.close()
    store = open_store(store_url, SCHEMA)
    assert load_estate(store, "stadt")[1].assets[0].exposure == (Exposure.RF_PUBLIC,)
    keep_register(store, "r", ("stadt",), Inputs((), DAY))
    with store.writing() as connection:  # no number is given twice
        connection.execute(sa.text("DELETE FROM assess_standing"))
        connection.execute(sa.text("DELETE FROM assess_case_use"))
    if not store.is_sqlite:
        with store.writing() as connection:
            connection.execute(
                sa.text("SELECT setval(pg_get_serial_sequence('assess_estate', 'key'), 1)")
            )
    put(store, put_old)
    assert len(load_estate(store, "stadt")[1].assets) == 60


def test_the_commands_of_a_kept_register(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "id,name,lat,lon,type,interconnect\n"
        "1,A & B,52.1,13.1,signal,radio\n2,C,52.2,13.2,rsu,none\n"
    )
    db = ["--db", store_url]

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == code, done.output
        return done.stdout

    run("estate", "import", str(tmp_path / "c.csv"), "--guess", "--as", "c", *db)
    day = ("--as-of", "2026-11-26")
    run("register", "build", "c", "--keep", "now", *day, *db, code=3)
    out = str(tmp_path / "r.json")
    run("register", "build", "c", "--keep", "now", "--out", out, *day, *db, code=3)
    assert json.loads(run("register", "list", "--json", *db)) == [
        {"name": "now", "as_of": "2026-11-26"}
    ]
    for command_ in (["explain", "{}", "c/1"], ["show", "{}"], ["query", "{}", "--kind", "rsu"]):
        texts = [
            run("register", *(part.format(name) for part in command_), "--json", *db)
            for name in ("now", out)
        ]
        assert texts[0] == texts[1]
    assert run("register", "diff", out, "now", *db).startswith("0 assets changed")
    assert "c/1" in run("register", "rescore", "now", "1", *db)
    run("register", "report", "now", "--out", str(tmp_path / "r.html"), *db)
    assert (tmp_path / "r.html").stat().st_size > 1_000
    run("register", "forget", "now", *db)
    with pytest.raises(RoadsealError) as caught:
        CliRunner().invoke(app, ["register", "show", "now", *db], catch_exceptions=False)
    assert caught.value.code == "register-unknown"
    with pytest.raises(RoadsealError) as caught:
        CliRunner().invoke(app, ["register", "build", "c", *db], catch_exceptions=False)
    assert caught.value.code == "register-nowhere"


def test_a_killed_build_leaves_the_old_register_whole(tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    store = open_store(db, SCHEMA)
    put(store, city(count=20_000))
    before = keep_register(store, "now", ("stadt",), Inputs((), DAY))
    counts, day = before.counts(), before.document["as_of"]
    store.close()
    program = (
        "import sys; from datetime import date\n"
        "from roadseal.assess.inventory.tables import SCHEMA\n"
        "from roadseal.assess.register import Inputs\n"
        "from roadseal.assess.register.keeping import keep_register\n"
        "from roadseal.store import open_store\n"
        "keep_register(open_store(sys.argv[1], SCHEMA), 'now', ('stadt',),"
        " Inputs((), date(2030, 1, 1)))\n"
    )
    wal = tmp_path / "a.db-wal"
    running = subprocess.Popen([sys.executable, "-c", program, str(db)])
    while running.poll() is None and not (wal.exists() and wal.stat().st_size > 200_000):
        time.sleep(0.002)
    assert running.poll() is None, "it ended before it could be killed"
    running.kill()
    running.wait()
    left = open_kept(open_store(db, SCHEMA), "now")
    assert sum(left.counts().values()) == 20_000
    if left.document["as_of"] == day:  # the old one, else the new one: nothing between
        assert left.counts() == counts
    assert left.find("stadt/19999")["case"] >= 0
