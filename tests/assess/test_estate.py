"""Estates of any habit become assets, and every row that is changed or dropped is named."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from sqlalchemy import make_url
from typer.testing import CliRunner

from postgres import _binaries
from roadseal.app.cli import app
from roadseal.assess.inventory.estate import (
    Action,
    Exposure,
    Import,
    Kind,
    guess_mapping,
    import_table,
    read_mapping,
    read_source,
)
from roadseal.assess.inventory.estate.dates import Order, parse_date
from roadseal.assess.inventory.estate.place import parse_degrees, parse_place
from roadseal.assess.inventory.estate.shelf import Estate, load_asset, load_estate, save_estate
from roadseal.assess.inventory.tables import SCHEMA
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError
from roadseal.store import open_store

DATA = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "inventory/estates"
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000")) // 10


def imported(path: Path | str) -> Import:
    table = read_source(path)
    return import_table(table, guess_mapping(table).mapping, "x")


def written(tmp_path: Path, text: str | bytes, name: str = "city.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rules(done: Import) -> Counter[tuple[str, str]]:
    return Counter((each.action.value, each.rule) for each in done.notes)


# --- cities that publish --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rows", "assets", "kinds"),
    [
        ("sf_traffic_signals.csv", 1487, 1420, {Kind.SIGNAL: 1299, Kind.UNKNOWN: 5}),
        ("calgary_traffic_signals.csv", 1538, 1538, {Kind.SIGNAL: 1128, Kind.BEACON: 251}),
        ("glasgow_osm_signals.geojson", 649, 649, {Kind.SIGNAL: 649}),
    ],
)
def test_cities_import(name: str, rows: int, assets: int, kinds: dict[Kind, int]) -> None:
    if not (DATA / name).exists():
        pytest.skip("no field material: set ROADSEAL_TESTDATA")
    done = imported(DATA / name)
    assert (done.rows, len(done.assets)) == (rows, assets)
    assert done.rows - len(done.assets) == done.count(Action.REJECTED)
    assert len({each.id for each in done.assets}) == assets
    assert all(each.latitude is not None for each in done.assets)
    counted = Counter(each.kind for each in done.assets)
    assert {kind: counted[kind] for kind in kinds} == kinds


def test_san_francisco_keeps_what_it_says_and_names_what_it_does_not() -> None:
    if not DATA.exists():
        pytest.skip("no field material: set ROADSEAL_TESTDATA")
    done = imported(DATA / "sf_traffic_signals.csv")
    seen = rules(done)
    assert seen["repaired", "year-zero"] + seen["repaired", "year-out-of-range"] == 48
    assert seen["rejected", "not-in-service"] == 67
    fire = [each for each in done.assets if "preemption" in each.services]
    assert len(fire) > 500
    both = [
        each for each in done.assets if each.exposure == (Exposure.RF_PUBLIC, Exposure.SHARED_FIBRE)
    ]
    assert len(both) == 87
    assert all("firmware" in each.gaps for each in done.assets)


def test_a_german_city_with_title_semicolons_and_old_encoding(tmp_path: Path) -> None:
    text = (
        "Lichtsignalanlagen der Stadt Musterhausen;;;;;\n"
        "Stand 2026;;;;;\n"
        "LSA-Nr;Kreuzung;Breitengrad;Längengrad;Hersteller;Anbindung;Inbetriebnahme\n"
        "101;Bahnhofstraße / Ring;52,5163;13,3777;Siemens;Glasfaser;01.02.1998\n"
        "102;Marktplatz;52,5170;13,3888;Swarco;Mobilfunk;31.12.2011\n"
        "103;Fußgängerweg;52,5180;13,3900;Siemens;keine;2005\n"
    )
    done = imported(written(tmp_path, text.encode("cp1252")))
    first, second, third = done.assets
    assert first.id == "x/101"
    assert (first.latitude, first.longitude) == (52.5163, 13.3777)
    assert first.vendor == "Siemens"
    assert first.exposure == (Exposure.SHARED_FIBRE,)
    assert first.installed == "1998-02-01"
    assert second.exposure == (Exposure.CARRIER,)
    assert third.exposure == (Exposure.OFFLINE,)
    assert first.kind is Kind.SIGNAL
    assert {"title-line", "encoding"} <= {each.rule for each in done.notes}


def test_socrata_opendatasoft_and_toronto_places(tmp_path: Path) -> None:
    socrata = 'Signal ID,Location\n1,"Main St\n(30.2672, -97.7431)"\n2,"(30.2700, -97.7400)"\n'
    paris = "identifiant;geo_point_2d;type\n7;48.8566, 2.3522;feu\n8;48.8570, 2.3530;feu\n"
    toronto = (
        "PX,MAIN,geometry\n"
        '2,JARVIS,"{""type"": ""MultiPoint"", ""coordinates"": [[-79.3716, 43.65]]}"\n'
        '3,KING,"{""type"": ""MultiPoint"", ""coordinates"": [[-79.3734, 43.66]]}"\n'
    )
    for text, expected in (
        (socrata, (30.2672, -97.7431)),
        (paris, (48.8566, 2.3522)),
        (toronto, (43.65, -79.3716)),
    ):
        first = imported(written(tmp_path, text)).assets[0]
        assert (first.latitude, first.longitude) == pytest.approx(expected)


def test_columns_without_speaking_names_are_found_by_their_values(tmp_path: Path) -> None:
    text = "a\tb\tc\tHerst\n" + "".join(
        f"K{n}\t13.{4000 + n}\t52.{5000 + n}\tSiemens\n" for n in range(20)
    )
    # Both numbers could be either; without names the first of a pair is the latitude.
    first = imported(written(tmp_path, text)).assets[0]
    assert (first.latitude, first.longitude) == (13.4, 52.5)
    west = text.replace("\t13.", "\t-122.")
    first = imported(written(tmp_path, west)).assets[0]
    assert (first.latitude, first.longitude) == (52.5, -122.4)
    assert first.vendor == "Siemens"


def test_spreadsheet_with_title_dates_and_a_second_sheet(tmp_path: Path) -> None:
    from datetime import date

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Traffic signals 2026"])
    sheet.append([])
    sheet.append(["Signal Number", "Intersection", "Latitude", "Longitude", "Install Date"])
    sheet.append([1, "A & B", 40.1, -75.1, date(2001, 5, 6)])
    sheet.append([2, "C & D", 40.2, -75.2, date(2002, 5, 6)])
    book.create_sheet("legend").append(["x"])
    book.save(tmp_path / "city.xlsx")
    done = imported(tmp_path / "city.xlsx")
    assert [each.installed for each in done.assets] == ["2001-05-06", "2002-05-06"]
    assert done.assets[0].id == "x/1"
    assert {"title-line", "other-sheets"} <= {each.rule for each in done.notes}


def test_openstreetmap_xml_takes_equipment_and_counts_the_rest(tmp_path: Path) -> None:
    text = """<?xml version="1.0"?><osm version="0.6">
    <node id="1" lat="55.86" lon="-4.25"><tag k="highway" v="traffic_signals"/></node>
    <node id="2" lat="55.87" lon="-4.26"/><node id="3" lat="55.89" lon="-4.28"/>
    <node id="4" lat="55.80" lon="-4.20"><tag k="amenity" v="pub"/></node>
    <way id="9"><nd ref="2"/><nd ref="3"/><tag k="man_made" v="surveillance"/>
    <tag k="name" v="Kamera"/></way></osm>"""
    done = imported(written(tmp_path, text, "x.osm"))
    assert [each.id for each in done.assets] == ["x/node-1", "x/way-9"]
    assert (done.assets[1].latitude, done.assets[1].longitude) == pytest.approx((55.88, -4.27))
    assert rules(done)["rejected", "outside-selection"] == 1


def test_an_entity_bomb_is_refused(tmp_path: Path) -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><osm>&b;</osm>'
    )
    with pytest.raises(RoadsealError, match="refused"):
        imported(written(tmp_path, bomb, "x.osm"))


# --- rows -----------------------------------------------------------------------------------------


def test_every_rule_of_rows_is_applied_and_named(tmp_path: Path) -> None:
    text = (
        "id,name,lat,lon,status\n"
        "1,A,40.0,-75.0,active\n"
        "1,A,40.0,-75.0,active\n"  # equal
        "1,B,40.1,-75.1,active\n"  # the same reference
        "2,C,-75.2,40.2,active\n"  # exchanged
        "3,D,0,0,active\n"
        "4,E,40.3,-75.3,Removed\n"
        ",,,,\n"
        "Total: 6,,,,\n"
        "id,name,lat,lon,status\n"
        "5,F,40.4,-75.4,active,surplus\n"
        "6,G,40.5,-75.5\n"
        "7,H,abc,-75.6,active\n"
        "8,I,60.0,-75.0,active\n"
        "9,J,400,-75.0,active\n"
    )
    mapping = read_mapping(
        TomlSource(
            "m",
            'version = 1\nkind = "signal"\n[columns]\nid = "id"\nname = "name"\nlatitude = "lat"\n'
            'longitude = "lon"\n[[reject]]\ncolumn = "status"\nvalues = ["REMOVED"]\n',
        )
    )
    done = import_table(read_source(written(tmp_path, text)), mapping, "x")
    assert [each.id for each in done.assets] == [f"x/{n}" for n in ("1", "1~2", 2, 3, 6, 7, 8, 9)]
    assert rules(done) == {
        ("rejected", "duplicate-row"): 1,
        ("repaired", "duplicate-reference"): 1,
        ("repaired", "swapped"): 1,
        ("repaired", "null-island"): 1,
        ("rejected", "not-in-service"): 1,
        ("rejected", "empty-row"): 1,
        ("rejected", "lone-cell"): 1,
        ("rejected", "repeated-header"): 1,
        ("rejected", "long-row"): 1,
        ("repaired", "short-row"): 1,
        ("repaired", "not-a-place"): 1,
        ("doubted", "far-away"): 1,
        ("repaired", "out-of-range"): 1,
    }
    assert (done.assets[2].latitude, done.assets[2].longitude) == (40.2, -75.2)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("POINT (-122.494446 37.742226)", (37.742226, -122.494446)),
        ("point z(-1.5 2.5 3)", (2.5, -1.5)),
        ("SRID=4326;POINT(-105.014182 39.740422)", (39.740422, -105.014182)),
        ("POINT(-13580977.876779 4545700.0)", (4545700.0, -13580977.876779)),  # no system said
        ("SRID=3857;POINT(-13627665.271218 4547675.354340)", (37.7749, -122.4194)),
        ("MULTIPOINT((1 2),(3 4))", (3.0, 2.0)),
        ("0101000020E6100000000000000000F0BF0000000000004940", (50.0, -1.0)),
        ('{"type":"Point","coordinates":[8.5,47.3]}', (47.3, 8.5)),
        ("(30.5, -97.7)", (30.5, -97.7)),
        ("40°10'12.5\"N 73°59'10\"W", (40.170139, -73.986111)),
        ("N 40° 10.5' W 073° 59.2'", (40.175, -73.986667)),
        ("33 51 54 S 151 12 36 E", (-33.865, 151.21)),
        ("40.5N,73.2W", (40.5, -73.2)),
        ("E 5 N 4", None),
        ("NE 5 ST", None),
        ("POINT EMPTY", None),
        ("Main Street", None),
        ("POINT (" + "9" * 400 + " 1)", (1.0, 1e9)),
    ],
)
def test_places(text: str, place: tuple[float, float] | None) -> None:
    found = parse_place(text)
    assert (found is None) == (place is None)
    if place:
        assert found == pytest.approx(place, abs=0.01)


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("52,5", 52.5),
        ("41°24'12.2\"N", 41.403389),
        ("2°10'26.5\"W", -2.174028),
        ("33 51 54S", -33.865),
        ("33d51m54s S", -33.865),
        ("33d51m54s", 33.865),
        ("−4.25", -4.25),
        ("x", None),
    ],
)
def test_degrees(text: str, degrees: float | None) -> None:
    assert parse_degrees(text) == (degrees if degrees is None else pytest.approx(degrees, abs=1e-5))


@pytest.mark.parametrize(
    ("text", "order", "iso", "rule"),
    [
        ("1969/04/01", Order.UNKNOWN, "1969-04-01", None),
        ("1965", Order.UNKNOWN, "1965", None),
        ("1965.0", Order.UNKNOWN, "1965", None),
        ("0", Order.UNKNOWN, None, "year-zero"),
        ("9999", Order.UNKNOWN, None, "year-out-of-range"),
        ("04/05/2001", Order.UNKNOWN, "2001", "ambiguous-date"),
        ("04/05/2001", Order.MONTH, "2001-04-05", None),
        ("04.05.2001", Order.DAY, "2001-05-04", None),
        ("05/2021", Order.UNKNOWN, "2021-05", None),
        ("631152000000", Order.UNKNOWN, "1990-01-01", None),
        ("3 Mai 1999", Order.UNKNOWN, "1999-05-03", None),
        ("2001-02-30", Order.UNKNOWN, None, "not-a-date"),
        ("soon", Order.UNKNOWN, None, "not-a-date"),
    ],
)
def test_dates(text: str, order: Order, iso: str | None, rule: str | None) -> None:
    assert parse_date(text, order) == (iso, rule)


# --- jpo-cvmanager --------------------------------------------------------------------------------

CVMANAGER = """
CREATE TABLE manufacturers (manufacturer_id integer, name text);
CREATE TABLE rsu_models (rsu_model_id integer, name text, supported_radio text,
  manufacturer integer);
CREATE TABLE firmware_images (firmware_id integer, name text, model integer, version text);
CREATE TABLE organizations (organization_id integer, name text);
CREATE TABLE rsu_organization (rsu_organization_id integer, rsu_id integer,
  organization_id integer);
CREATE TABLE rsu_credentials (credential_id integer, username text, password text);
CREATE TABLE rsus (rsu_id integer, geography text, milepost double precision, ipv4_address inet,
  serial_number text, iss_scms_id text, primary_route text, model integer, credential_id integer,
  firmware_version integer, target_firmware_version integer);
INSERT INTO manufacturers VALUES (1, 'Kapsch'), (2, 'O''Neill; Sons');
INSERT INTO rsu_models VALUES (1, 'RIS-9260', 'DSRC,C-V2X', 1), (2, 'X--1', 'C-V2X', 2);
INSERT INTO firmware_images VALUES (5, 'fw', 1, 'y20.48.2'), (6, 'fw', 1, 'y20.49');
INSERT INTO organizations VALUES (1, 'Test Org');
INSERT INTO rsu_organization VALUES (1, 10, 1);
INSERT INTO rsu_credentials VALUES (1, 'admin', 'hunter2');
INSERT INTO rsus VALUES
 (10, '0101000020E6100000000000000000F0BF0000000000004940', 1.5,
  '10.0.0.1', 'E1', 'E1', 'I999', 1, 1, 5, 6),
 (11, '0101000020E6100000000000000000F0BF0000000000004A40', 2,
  '10.0.0.2', E'A\\tB', 'E2', 'I999', 2, 1, NULL, NULL);
"""


@pytest.fixture
def cvmanager(postgres_url: str) -> str:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(CVMANAGER)
    engine.dispose()
    return postgres_url


@pytest.mark.parametrize("style", ["copy", "inserts", "column-inserts", "database"])
def test_a_cvmanager_in_every_dress(cvmanager: str, style: str, tmp_path: Path) -> None:
    source: Path | str = cvmanager
    if style != "database":
        url = make_url(cvmanager)
        program = [
            _binaries() / "pg_dump",
            "-h",
            url.query["host"],
            "-U",
            url.username,
            url.database,
        ]
        extra = [] if style == "copy" else [f"--{style}"]
        dump = subprocess.run([*program, *extra], check=True, capture_output=True).stdout
        assert b"hunter2" in dump
        source = written(tmp_path, dump, "dump.sql")
    done = imported(source)
    first, second = done.assets
    assert (first.vendor, first.model, first.firmware) == ("Kapsch", "RIS-9260", "y20.48.2")
    assert (first.latitude, first.longitude) == (50.0, -1.0)
    assert (first.kind, first.address, first.owner) == (Kind.RSU, "10.0.0.1", "Test Org")
    assert (first.corridor, second.vendor, second.model) == ("I999", "O'Neill; Sons", "X--1")
    assert second.firmware is None
    assert "hunter2" not in repr(done)


def test_a_script_that_leaves_keys_to_the_database(tmp_path: Path) -> None:
    text = (
        "-- sample\nINSERT INTO public.manufacturers(name)\n VALUES ('Kapsch'), ('Commsignia');\n"
        "INSERT INTO public.rsu_models(\n name, supported_radio, manufacturer)\n"
        " VALUES ('RIS-9260', 'DSRC,C-V2X', 1), ('ITS-RS4-M', 'DSRC,C-V2X', 2);\n"
        "INSERT INTO public.rsus(\n geography, milepost, ipv4_address, serial_number,"
        " primary_route, model)\n VALUES"
        " (ST_GeomFromText('POINT(-105.014182 39.740422)'), 1, '10.0.0.1', 'E5672', 'I999', 2);\n"
    )
    (asset,) = imported(written(tmp_path, text, "sample.sql")).assets
    assert (asset.vendor, asset.model) == ("Commsignia", "ITS-RS4-M")
    assert (asset.latitude, asset.longitude) == (39.740422, -105.014182)


# --- mistakes and malice --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "estate-empty"),
        (b"\n\n\n", "estate-empty"),
        (b"{}", "estate-unreadable"),
        (b"[1, 2", "estate-unreadable"),
        (b"[" * 100_000, "estate-unreadable"),
        (b"<html></html>", "estate-unreadable"),
        (b"<osm><node", "estate-unreadable"),
        (b"PK\x03\x04rubbish", "estate-unreadable"),
        (b"%PDF-1.7", "estate-unreadable"),
        (b"PGDMP\x01", "estate-unreadable"),
        (b"a,b\n" + b"x" * (2 << 20) + b",1\n", "estate-unreadable"),
    ],
)
def test_what_is_no_estate_is_one_sentence(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(RoadsealError) as caught:
        imported(written(tmp_path, content))
    assert caught.value.code == code


def test_a_mapping_that_errs_names_its_line() -> None:
    text = 'version = 1\n[columns]\nid = "a"\n[values.exposure]\nFIBER = "wet string"\n'
    with pytest.raises(RoadsealError, match=r"m\.toml:5: 'wet string' is no exposure"):
        read_mapping(TomlSource("m.toml", text))


def test_a_proposal_says_the_same_as_its_toml(tmp_path: Path) -> None:
    path = written(
        tmp_path, 'id,"a ""b""",type,lat,lon\n1,x,SIGNAL [1],1.5,2.5\n2,y,"x\\n",1.6,2.6\n'
    )
    proposal = guess_mapping(read_source(path)).mapping
    assert read_mapping(TomlSource("m", proposal.to_toml())) == proposal


SEEDS = {
    "a.csv": b"id;name;lat;lon;type;year\n1;A & B;52.5;13.4;signal;1999\n2;C;52.6;13.5;LSA;0\n",
    "b.json": b'{"features":[{"id":1,"properties":{"type":"signal"},"geometry":{"type":"Point",'
    b'"coordinates":[1.5,2.5]}}],"crs":{"properties":{"name":"EPSG:3857"}}}',
    "c.osm": b'<osm><node id="1" lat="1" lon="2"><tag k="highway" v="traffic_signals"/></node>'
    b"</osm>",
    "d.sql": CVMANAGER.encode(),
    "e.sql": b"COPY public.rsus (rsu_id, geography, model) FROM stdin;\n1\t\\N\t2\n\\.\n",
}


@pytest.mark.fuzz
@pytest.mark.parametrize("name", [*SEEDS, "f.xlsx"])
def test_no_mutant_raises_but_its_error(tmp_path: Path, name: str) -> None:
    if name == "f.xlsx":
        book = openpyxl.Workbook()
        for row in (["id", "lat", "lon"], [1, 1.5, 2.5], [2, 1.6, 2.6]):
            book.active.append(row)
        book.save(tmp_path / "seed.xlsx")
        seed = (tmp_path / "seed.xlsx").read_bytes()
    else:
        seed = SEEDS[name]
    chance = random.Random(name)
    for _ in range(MUTANTS):
        mutant = bytearray(seed)
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(mutant))
            match chance.randrange(4):
                case 0:
                    mutant[at] ^= 1 << chance.randrange(8)
                case 1:
                    mutant[at:at] = chance.choice(
                        [b"'", b"(", b"\0", b"9" * 40, b"\xff", b"\n", b'"']
                    )
                case 2:
                    del mutant[at : at + chance.randint(1, 9)]
                case 3:
                    mutant[at:at] = mutant[: chance.randint(1, 60)]
            if not mutant:
                mutant = bytearray(b"x")
        with contextlib.suppress(RoadsealError):
            imported(written(tmp_path, bytes(mutant), name))


# --- the shelf ------------------------------------------------------------------------------------


def test_an_estate_comes_back_as_it_went(store_url: str, tmp_path: Path) -> None:
    store = open_store(store_url, SCHEMA)
    done = imported(written(tmp_path, SEEDS["a.csv"].decode()))
    estate = Estate("x", "a.csv", "00", "csv", "version = 1", done.rows)
    for _ in range(2):  # the second replaces the first
        save_estate(store, estate, done)
    assert load_estate(store, "x") == (estate, done)
    assert load_asset(store, "x/1") == done.assets[0]
    with pytest.raises(RoadsealError) as caught:
        load_asset(store, "x/none")
    assert caught.value.code == "asset-unknown"


def test_a_killed_import_leaves_the_old_estate_whole(tmp_path: Path) -> None:
    small = written(
        tmp_path, "id,lat,lon\n" + "".join(f"{n},1.5,2.5\n" for n in range(10)), "s.csv"
    )
    large = written(
        tmp_path, "id,lat,lon\n" + "".join(f"{n},1.5,2.5\n" for n in range(60_000)), "l.csv"
    )
    program = "from roadseal.app.cli import main; main()"
    db = tmp_path / "a.db"

    def command(path: Path) -> list[str]:
        arguments = ["estate", "import", str(path), "--guess", "--as", "x", "--db", str(db)]
        return [sys.executable, "-c", program, *arguments]

    subprocess.run(command(small), check=True, capture_output=True)
    wal = Path(f"{db}-wal")
    running = subprocess.Popen(command(large), stdout=subprocess.DEVNULL)
    while running.poll() is None and not (wal.exists() and wal.stat().st_size > 500_000):
        pass
    assert running.poll() is None, "it ended before it could be killed"
    running.send_signal(signal.SIGKILL)
    running.wait()
    _, left = load_estate(open_store(db, SCHEMA), "x")
    assert len(left.assets) in (10, 60_000)  # the old one or the new one, nothing between
    json.dumps([each.id for each in left.assets])


# --- national grids -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "x", "y", "epsg", "place"),
    [
        # Edinburgh Castle, Bern's Bundeshaus and the Eiffel Tower, by their published coordinates.
        ("Site Number,Location,Easting,Northing", 325_143, 673_489, 27700, (55.9486, -3.2000)),
        ("Nr,Standort,X LV95,Y LV95", 2_600_400, 1_199_500, 2056, (46.9465, 7.4441)),
        ("id,nom,X_L93,Y_L93", 648_237, 6_862_271, 2154, (48.8584, 2.2945)),
        ("id,name,utm32 x,utm32 y", 565_811, 5_934_000, 25832, (53.5507, 9.9934)),
    ],
)
def test_national_grids_are_recognised(
    tmp_path: Path, header: str, x: int, y: int, epsg: int, place: tuple[float, float]
) -> None:
    rows = "".join(f"{n},Street {n},{x + n},{y + n}\n" for n in range(5))
    path = written(tmp_path, f"{header}\n{rows}")
    proposal = guess_mapping(read_source(path)).mapping
    assert proposal.epsg == epsg
    assert read_mapping(TomlSource("m", proposal.to_toml())) == proposal
    first = imported(path).assets[0]
    assert (first.latitude, first.longitude) == pytest.approx(place, abs=0.002)


def test_a_grid_that_nobody_names_is_not_guessed(tmp_path: Path) -> None:
    rows = "".join(f"{n},Street {n},{565_000 + n},{5_934_000 + n}\n" for n in range(5))
    path = written(tmp_path, f"id,name,x,y\n{rows}")
    proposal = guess_mapping(read_source(path))
    assert "25832" in proposal.reasons["place"]
    assert "25833" in proposal.reasons["place"]
    assert imported(path).assets[0].latitude is None
    assert rules(imported(path))["repaired", "out-of-range"] == 5
    db = str(tmp_path / "a.db")
    arguments = [
        "estate",
        "import",
        str(path),
        "--guess",
        "--epsg",
        "25832",
        "--db",
        db,
        "--as",
        "h",
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    _, done = load_estate(open_store(db, SCHEMA), "h")
    assert done.assets[0].latitude == pytest.approx(53.55, abs=0.01)


def test_a_grid_that_the_file_names_is_converted(tmp_path: Path) -> None:
    text = (
        '{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":'
        '"urn:ogc:def:crs:EPSG::25833"}},"features":[{"type":"Feature","properties":{"id":1},'
        '"geometry":{"type":"Point","coordinates":[391000,5819000]}}]}'
    )
    (asset,) = imported(written(tmp_path, text, "b.geojson")).assets
    assert (asset.latitude, asset.longitude) == pytest.approx((52.51, 13.39), abs=0.01)
    unknown = imported(written(tmp_path, text.replace("25833", "999999"), "b.geojson"))
    assert unknown.assets[0].latitude is None
    assert rules(unknown)["doubted", "projection"] == 1


# --- the shapes in which cities publish -----------------------------------------------------------


def test_a_city_with_a_life_cycle_in_its_status(tmp_path: Path) -> None:
    text = (
        "SIGNAL_ID,LOCATION_NAME,SIGNAL_TYPE,SIGNAL_STATUS,TURN_ON_DATE,LOCATION\n"
        '1,A ST / B ST,TRAFFIC,TURNED_ON,04/24/1995 12:00:00 AM,"(30.267, -97.743)"\n'
        '2,C ST / D ST,PHB,TURNED_ON,11/02/2015 12:00:00 AM,"(30.268, -97.744)"\n'
        '3,E ST / F ST,TRAFFIC,REMOVED,,"(30.269, -97.745)"\n'
    )
    done = imported(written(tmp_path, text))
    assert [each.id for each in done.assets] == ["x/1", "x/2"]
    assert [each.installed for each in done.assets] == ["1995-04-24", "2015-11-02"]
    assert [each.kind for each in done.assets] == [Kind.SIGNAL, Kind.PEDESTRIAN_SIGNAL]


def test_a_city_of_esri(tmp_path: Path) -> None:
    text = (
        "\ufeffX,Y,OBJECTID,UNITID,UNITDESC,INSTALL_DATE,CONTROLLER,COMM_TYPE\n"
        "-122.33,47.60,1,SGL-1,1ST AVE AND MADISON ST,1988/05/01 00:00:00+00,ECONOLITE ASC3,FIBER\n"
        "-122.34,47.61,2,SGL-2,2ND AVE AND PIKE ST,2001/05/01 00:00:00+00,MCCAIN ATC,CELL MODEM\n"
    )
    first, second = imported(written(tmp_path, text)).assets
    assert (first.latitude, first.longitude) == (47.60, -122.33)
    assert first.id == "x/SGL-1"
    assert first.installed == "1988-05-01"
    assert second.exposure == (Exposure.CARRIER,)


def test_a_city_in_spanish_and_one_in_polish(tmp_path: Path) -> None:
    spanish = (
        "CODIGO;CRUCE;LATITUD;LONGITUD;TIPO;FABRICANTE;COMUNICACION\n"
        "C1;Gran Vía / Alcalá;40,4193;-3,6970;semáforo;SICE;fibra óptica\n"
        "C2;Serrano / Goya;40,4250;-3,6870;semáforo peatonal;Telvent;inalámbrico\n"
    )
    polish = (
        "numer;skrzyżowanie;szerokość;długość;rodzaj;rok budowy\n"
        "7;Marszałkowska;52,2297;21,0122;sygnalizacja świetlna;2010\n"
        "8;Puławska;52,2000;21,0200;sygnalizacja świetlna;2011\n"
    )
    first, second = imported(written(tmp_path, spanish)).assets
    assert (first.kind, second.kind) == (Kind.SIGNAL, Kind.PEDESTRIAN_SIGNAL)
    assert (first.exposure, second.exposure) == ((Exposure.SHARED_FIBRE,), (Exposure.RF_PUBLIC,))
    assert first.vendor == "SICE"
    first, _ = imported(written(tmp_path, polish)).assets
    assert (first.latitude, first.longitude) == (52.2297, 21.0122)
    assert (first.id, first.kind, first.installed) == ("x/7", Kind.SIGNAL, "2010")


@pytest.mark.parametrize(
    ("text", "asset_id", "place"),
    [
        (
            '{"version":0.6,"elements":[{"type":"node","id":7,"lat":48.1,"lon":11.5,"tags":'
            '{"highway":"traffic_signals"}},{"type":"way","id":8,"center":{"lat":48.2,"lon":11.6},'
            '"tags":{"highway":"traffic_signals","name":"x"}}]}',
            "x/node-7",
            (48.1, 11.5),
        ),
        (
            '{"geometryType":"esriGeometryPoint","spatialReference":{"wkid":102100,"latestWkid":3857},'
            '"features":[{"attributes":{"OBJECTID":5,"TYPE":"Signal"},"geometry":'
            '{"x":-13627665.271218,"y":4547675.354340}}]}',
            "x/5",
            (37.7749, -122.4194),
        ),
        (
            '[{"signal_id":"9","type":"SIGNAL","location":{"type":"Point","coordinates":[-97.7,30.2]}},'
            '{"signal_id":"10","type":"SIGNAL","location":{"type":"Point","coordinates":[-97.8,30.3]}}]',
            "x/9",
            (30.2, -97.7),
        ),
        (
            '{"type":"Feature","id":1,"properties":{"Type":"signal"},"geometry":{"type":"Polygon",'
            '"coordinates":[[[1,50],[3,50],[3,52],[1,52],[1,50]]]}}',
            "x/1",
            (51.0, 2.0),
        ),
    ],
    ids=["overpass", "esri", "socrata", "polygon"],
)
def test_json_of_every_house(
    tmp_path: Path, text: str, asset_id: str, place: tuple[float, float]
) -> None:
    first = imported(written(tmp_path, text, "c.json")).assets[0]
    assert first.id == asset_id
    assert first.kind is Kind.SIGNAL
    assert (first.latitude, first.longitude) == pytest.approx(place, abs=1e-4)


def test_a_table_without_column_names_loses_no_row(tmp_path: Path) -> None:
    rows = [(n, f"Street {n}", 41.1234 + n / 128, -87.6543) for n in range(10)]
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "n.xlsx")
    for done in (imported(written(tmp_path, text)), imported(tmp_path / "n.xlsx")):
        assert len(done.assets) == 10
        assert (done.assets[0].latitude, done.assets[0].longitude) == (41.1234, -87.6543)
        assert rules(done)["repaired", "no-header"] == 1


def test_years_among_the_column_names_are_names(tmp_path: Path) -> None:
    text = "id,name,lat,lon,2019,2020\n" + "".join(
        f"{n},S{n},41.1,-87.{n}00,5,6\n" for n in range(9)
    )
    done = imported(written(tmp_path, text))
    assert [each.id for each in done.assets] == [f"x/{n}" for n in range(9)]


def test_a_quotation_mark_that_is_never_closed_swallows_no_row(tmp_path: Path) -> None:
    text = 'id,name,lat,lon\n1,"A, B",50.1,8.1\n2,"open,50.2,8.2\n3,C,50.3,8.3\n4,D,50.4,8.4\n'
    done = imported(written(tmp_path, text))
    assert [each.id for each in done.assets] == ["x/1", "x/2", "x/3", "x/4"]
    assert rules(done)["repaired", "open-quote"] == 1


def test_a_column_of_degrees_and_minutes_is_a_place(tmp_path: Path) -> None:
    text = "Signal,Where\n" + "".join(f'{n},"40°{n}\'12""N 73°59\'{n}""W"\n' for n in range(10, 30))
    done = imported(written(tmp_path, text))
    assert (done.assets[0].latitude, done.assets[0].longitude) == pytest.approx(
        (40.17, -73.9861), abs=1e-4
    )


def test_an_encoding_that_is_said(tmp_path: Path) -> None:
    text = "信号機番号,交差点名,緯度,経度\n" + "".join(
        f"{n},交差点{n},35.{6800 + n},139.{7600 + n}\n" for n in range(1, 9)
    )
    (tmp_path / "c.csv").write_bytes(text.encode("shift_jis"))
    table = read_source(tmp_path / "c.csv", "shift_jis")
    assert table.columns == ("信号機番号", "交差点名", "緯度", "経度")
    assert not table.notes
    for bad in ("martian", "hex", "x\0"):
        with pytest.raises(RoadsealError) as refused:
            read_source(tmp_path / "c.csv", bad)
        assert refused.value.code == "estate-encoding"


@pytest.mark.parametrize(
    "columns",
    [
        "Номер,Перекрёсток,Широта,Долгота,Производитель,Модель,Год установки,Статус",
        "信号機番号,交差点名,緯度,経度,メーカー,型式,設置年度,状態",
        "编号,路口名称,纬度,经度,厂商,型号,安装日期,状态",
        "Αριθμός,Διασταύρωση,Γεωγραφικό πλάτος,Γεωγραφικό μήκος,Κατασκευαστής,Μοντέλο,"
        "Έτος εγκατάστασης,Κατάσταση",
    ],
    ids=["ru", "ja", "zh", "el"],
)
def test_cities_that_do_not_write_latin(tmp_path: Path, columns: str) -> None:
    text = f"{columns}\n" + "".join(
        f"{n},ул. 東 {n},35.{6800 + n},139.{7600 + n},京三製作所,Пульсар,{1990 + n},{state}\n"
        for n, state in enumerate(("в работе", "удалён", "", "в работе"))
    )
    table = read_source(written(tmp_path, text))
    mapping = guess_mapping(table).mapping
    reject = f'\n[[reject]]\ncolumn = "{table.columns[-1]}"\nvalues = ["УДАЛЁН"]\n'
    done = import_table(table, read_mapping(TomlSource("m", mapping.to_toml() + reject)), "x")
    assert [each.id for each in done.assets] == ["x/0", "x/2", "x/3"]
    first = done.assets[0]
    assert (first.name, first.vendor, first.model, first.installed) == (
        "ул. 東 0", "京三製作所", "Пульсар", "1990")  # fmt: skip
    assert (first.latitude, first.longitude) == (35.68, 139.76)


@pytest.mark.parametrize("word", ["Total", "GESAMT:", "Итого"])
def test_the_line_of_totals_is_no_asset(tmp_path: Path, word: str) -> None:
    text = "id,name,lat,lon\n" + "".join(f"{n},S{n},41.1{n},-87.6{n}\n" for n in range(9))
    done = imported(written(tmp_path, f"{text}{word},9,,\n"))
    assert len(done.assets) == 9
    assert rules(done)["rejected", "total-row"] == 1
