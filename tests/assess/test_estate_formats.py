"""Estates in the formats of geographic systems; GDAL, where it is installed, makes them too."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars
import pyproj
import pytest
import shapefile

from roadseal.assess.inventory.estate import (
    Import,
    guess_mapping,
    import_table,
    packed,
    read_source,
)
from roadseal.assess.inventory.estate.table import LIMITS
from roadseal.assess.inventory.estate.wkb import package_corners, wkb_corners
from roadseal.errors import RoadsealError

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000")) // 10

ROWS = [
    ("TS-1", "Königstraße & Žižkova", "Fiber", "2014-05-06", -79.38432, 43.65123),
    ("TS-2", "Main St @ 2nd Ave", "Cellular", "2018-01-20", -79.38332, 43.65223),
    ("TS-3", "Bay, St", "Copper", "", -79.38532, 43.65323),
    ("TS-4", "Dundas St W", "", "2003-11-30", -79.38832, 43.65523),
]
COLUMNS = ("SIGNAL_ID", "LOCATION", "COMM_TYPE", "INSTALLED")
ONTARIO = 2952  # NAD83(CSRS) / MTM zone 10


def imported(path: Path) -> Import:
    table = read_source(path)
    return import_table(table, guess_mapping(table).mapping, "x")


def projected(east: float, north: float, epsg: int = ONTARIO) -> tuple[float, float]:
    transformer = pyproj.Transformer.from_crs(4326, epsg, always_xy=True)
    return transformer.transform(east, north)


def check(done: Import) -> None:
    assert [each.id for each in done.assets] == [f"x/{row[0]}" for row in ROWS]
    assert [each.name for each in done.assets] == [row[1] for row in ROWS]
    assert [each.installed for each in done.assets] == [row[3] or None for row in ROWS]
    assert [str(each.exposure[0]) if each.exposure else "" for each in done.assets] == [
        "shared-fibre", "carrier", "serial", "",
    ]  # fmt: skip
    for asset, row in zip(done.assets, ROWS, strict=True):
        assert asset.longitude == pytest.approx(row[4], abs=1e-5)
        assert asset.latitude == pytest.approx(row[5], abs=1e-5)


def wkb_point(east: float, north: float) -> bytes:
    return struct.pack("<BI2d", 1, 1, east, north)


# --- KML ------------------------------------------------------------------------------------------


def kml(placemarks: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
        f"<Document><name>Signals</name><Folder><name>North</name>{placemarks}</Folder></Document>"
        "</kml>"
    )


def escaped(text: str) -> str:
    return text.replace("&", "&amp;")


def schema_data() -> str:
    return "".join(
        "<Placemark><ExtendedData><SchemaData>"
        + "".join(
            f'<SimpleData name="{name}">{escaped(value)}</SimpleData>'
            for name, value in zip(COLUMNS, row, strict=False)
        )
        + f"</SchemaData></ExtendedData><Point><coordinates>{row[4]},{row[5]},0</coordinates>"
        "</Point></Placemark>"
        for row in ROWS
    )


def table_in_description() -> str:
    return "".join(
        "<Placemark><description><![CDATA[<html><body><table><tr><td colspan='2'>Signal</td></tr>"
        + "".join(
            f"<tr><td>{name}</td><td>{escaped(value) or '&lt;Null&gt;'}</td></tr>"
            for name, value in zip(COLUMNS, row, strict=False)
        )
        + f"</table></body></html>]]></description><MultiGeometry><Point><coordinates>{row[4]},"
        f"{row[5]}</coordinates></Point></MultiGeometry></Placemark>"
        for row in ROWS
    )


@pytest.mark.parametrize("placemarks", [schema_data, table_in_description])
@pytest.mark.parametrize("name", ["a.kml", "a.kmz"])
def test_placemarks_keep_their_data_and_place(
    tmp_path: Path, placemarks: Callable[[], str], name: str
) -> None:
    path = tmp_path / name
    if name == "a.kmz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("files/icon.png", b"\x89PNG")
            archive.writestr("doc.kml", kml(placemarks()))
    else:
        path.write_text(kml(placemarks()))
    check(imported(path))


def test_folders_of_placemarks_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.kml"
    point = "<Placemark><name>{}</name><Point><coordinates>8,50</coordinates></Point></Placemark>"
    path.write_text(
        kml(point.format("A") + "<Folder><name>Inner</name>" + point.format("B") + "</Folder>")
    )
    table = read_source(path)
    at = table.columns.index("folder")
    assert [row[at] for _, row in table.rows()] == ["North", "Inner"]


# --- GML and other XML ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "geometry"),
    [
        ("urn:ogc:def:crs:EPSG::4326", "<gml:pos>{north} {east}</gml:pos>"),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", "<gml:pos>{north} {east}</gml:pos>"),
        ("EPSG:4326", "<gml:pos>{east} {north}</gml:pos>"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "<gml:pos>{east} {north}</gml:pos>"),
        (f"urn:ogc:def:crs:EPSG::{ONTARIO}", "<gml:pos>{x} {y}</gml:pos>"),
        (
            f"http://www.opengis.net/gml/srs/epsg.xml#{ONTARIO}",
            "<gml:coordinates>{x},{y}</gml:coordinates>",
        ),
    ],
)
def test_the_name_of_a_system_says_how_the_axes_of_gml_stand(
    tmp_path: Path, system: str, geometry: str
) -> None:
    members = ""
    for number, row in enumerate(ROWS, 1):
        x, y = projected(row[4], row[5])
        shape = geometry.format(east=row[4], north=row[5], x=x, y=y)
        values = "".join(
            f"<app:{name}>{escaped(value)}</app:{name}>"
            for name, value in zip(COLUMNS, row, strict=False)
        )
        members += (
            f'<wfs:member><app:signal gml:id="signal.{number}">{values}'
            f'<app:geom><gml:Point srsName="{system}">{shape}</gml:Point></app:geom>'
            "</app:signal></wfs:member>"
        )
    path = tmp_path / "wfs.xml"
    path.write_text(
        '<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" '
        'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:app="urn:x">'
        f"<wfs:boundedBy><gml:Envelope/></wfs:boundedBy>{members}</wfs:FeatureCollection>"
    )
    check(imported(path))


def test_a_system_of_gml_that_nobody_knows_leaves_places_unknown_and_says_so(
    tmp_path: Path,
) -> None:
    path = tmp_path / "wfs.xml"
    member = (
        '<featureMember><s><id>{}</id><name>N</name><Point xmlns="http://www.opengis.net/gml" '
        'srsName="local:grid"><pos>1 2</pos></Point></s></featureMember>'
    )
    path.write_text(f"<FeatureCollection>{member.format(1)}{member.format(2)}</FeatureCollection>")
    done = imported(path)
    assert [each.latitude for each in done.assets] == [None, None]
    assert [(each.rule, each.before) for each in done.notes if each.rule == "projection"] == [
        ("projection", "local:grid")
    ]


def test_records_of_datex_ii_become_rows(tmp_path: Path) -> None:
    record = (
        '<vmsUnitRecord id="VMS{0}"><vmsDescription><values><value lang="de">Tafel {0}</value>'
        "</values></vmsDescription><vmsLocation><pointByCoordinates><pointCoordinates>"
        "<latitude>50.{0}</latitude><longitude>8.{0}</longitude></pointCoordinates>"
        "</pointByCoordinates></vmsLocation></vmsUnitRecord>"
    )
    path = tmp_path / "vms.xml"
    path.write_text(
        '<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0"><payloadPublication><vmsUnitTable>'
        + "".join(record.format(n) for n in range(1, 4))
        + "</vmsUnitTable></payloadPublication></d2LogicalModel>"
    )
    done = imported(path)
    assert [(each.id, each.latitude, each.longitude) for each in done.assets] == [
        (f"x/VMS{n}", 50 + n / 10, 8 + n / 10) for n in range(1, 4)
    ]


def test_rows_of_a_portals_own_xml_are_records(tmp_path: Path) -> None:
    rows = "".join(
        f'<row _id="r{row[0]}"><signal_id>{row[0]}</signal_id><location>{escaped(row[1])}'
        f"</location><comm_type>{row[2]}</comm_type><installed>{row[3]}</installed>"
        f"<latitude>{row[5]}</latitude><longitude>{row[4]}</longitude></row>"
        for row in ROWS
    )
    path = tmp_path / "rows.xml"
    path.write_text(f"<response><row>{rows}</row></response>")
    check(imported(path))


def test_xml_with_entities_or_without_records_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    for text in (bomb, "<x/>", "<x><y>1</y></x>", "<kml", f"{bomb[:-4]}<kml/>"):
        path = tmp_path / "a.xml"
        path.write_text(text)
        with pytest.raises(RoadsealError) as caught:
            read_source(path)
        assert caught.value.code == "estate-unreadable"


# --- TopoJSON -------------------------------------------------------------------------------------


def test_topojson_is_read_with_and_without_quantization(tmp_path: Path) -> None:
    scale = 1e-7
    for transform in (None, {"scale": [scale, scale], "translate": [-80, 43]}):
        geometries = [
            {
                "type": "Point",
                "coordinates": [row[4], row[5]]
                if transform is None
                else [round((row[4] + 80) / scale), round((row[5] - 43) / scale)],
                "properties": dict(zip(COLUMNS, row, strict=False)),
            }
            for row in ROWS
        ]
        topology = {
            "type": "Topology",
            "objects": {"signals": {"type": "GeometryCollection", "geometries": geometries}},
            "arcs": [],
        } | ({"transform": transform} if transform else {})
        path = tmp_path / "a.topojson"
        path.write_text(json.dumps(topology))
        check(imported(path))


def test_arcs_of_topojson_are_steps_and_run_backwards_too(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    line = {"type": "LineString", "properties": {"id": "L"}}
    path.write_text(
        json.dumps(
            {
                "type": "Topology",
                "transform": {"scale": [0.1, 0.1], "translate": [8, 50]},
                "objects": {"a": line | {"arcs": [0]}, "b": line | {"arcs": [-1]}},
                "arcs": [[[0, 0], [1, 1], [1, 1]]],
            }
        )
    )
    table = read_source(path)
    at = table.columns.index("geometry")
    places = {row[at] for _, row in table.rows()}
    assert len(places) == 1
    assert "8.1" in places.pop()


# --- GeoPackage, Parquet, shapefile ---------------------------------------------------------------


def geopackage(path: Path, epsg: int, *, envelope: bool = False) -> None:
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE gpkg_contents (table_name TEXT, data_type TEXT, srs_id INT);"
        "CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, srs_id INT);"
        "CREATE TABLE gpkg_spatial_ref_sys (srs_id INT, organization TEXT,"
        " organization_coordsys_id INT, definition TEXT);"
        "CREATE TABLE log (entry TEXT); INSERT INTO log VALUES ('a'), ('b'), ('c'), ('d'), ('e');"
        'CREATE TABLE "the ""signals""" (fid INTEGER PRIMARY KEY, geom BLOB, SIGNAL_ID, LOCATION,'
        " COMM_TYPE, INSTALLED);"
        "INSERT INTO gpkg_contents VALUES ('the \"signals\"', 'features', 7);"
        "INSERT INTO gpkg_geometry_columns VALUES ('the \"signals\"', 'geom', 7);"
    )
    database.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (7, 'EPSG', ?, '')", (epsg,))
    for row in ROWS:
        x, y = (row[4], row[5]) if epsg == 4326 else projected(row[4], row[5], epsg)
        header = b"GP\x00\x03" + struct.pack("<i4d", 7, x, x, y, y)
        if not envelope:
            header = b"GP\x00\x01" + struct.pack("<i", 7)
        database.execute(
            'INSERT INTO "the ""signals""" VALUES (NULL, ?, ?, ?, ?, ?)',
            (header + wkb_point(x, y), *row[:4]),
        )
    database.commit()
    database.close()


@pytest.mark.parametrize(("epsg", "envelope"), [(4326, False), (ONTARIO, True)])
def test_a_geopackage_is_read_in_its_own_system(tmp_path: Path, epsg: int, envelope: bool) -> None:
    path = tmp_path / "a.gpkg"
    geopackage(path, epsg, envelope=envelope)
    before = path.read_bytes()
    check(imported(path))
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.gpkg"]


def test_a_view_without_end_in_a_database_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadseal.assess.inventory.estate.geopackage._MAX_STEPS", 1_000_000)
    path = tmp_path / "a.sqlite"
    database = sqlite3.connect(path)
    database.execute(
        "CREATE VIEW signals AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
        " SELECT x FROM n"
    )
    database.close()
    with pytest.raises(RoadsealError) as caught:
        read_source(path)
    assert caught.value.code == "estate-unreadable"


@pytest.mark.parametrize("epsg", [None, ONTARIO])
def test_geoparquet_is_read_in_its_own_system(tmp_path: Path, epsg: int | None) -> None:
    places = [(r[4], r[5]) if epsg is None else projected(r[4], r[5], epsg) for r in ROWS]
    frame = polars.DataFrame(
        {name: [row[at] for row in ROWS] for at, name in enumerate(COLUMNS)}
        | {"geometry": [wkb_point(*place) for place in places]}
    )
    column = {"encoding": "WKB"} | (
        {"crs": json.loads(pyproj.CRS.from_epsg(epsg).to_json())} if epsg else {}
    )
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    path = tmp_path / "a.parquet"
    frame.write_parquet(path, metadata={"geo": json.dumps(geo)})
    check(imported(path))


def write_shapefile(folder: Path, encoding: str, prj: str | None, *, cpg: bool = True) -> None:
    with shapefile.Writer(str(folder / "Signals"), encoding=encoding) as writer:
        for name in COLUMNS:
            writer.field(name, "C", 40)
        for row in ROWS:
            writer.point(*((row[4], row[5]) if prj is None else projected(row[4], row[5])))
            writer.record(*row[:4])
    if cpg:
        (folder / "Signals.CPG").write_text(encoding)
    if prj:
        (folder / "Signals.prj").write_text(prj)


@pytest.mark.parametrize("cpg", [True, False])
def test_a_shapefile_is_read_with_its_system_and_encoding(tmp_path: Path, cpg: bool) -> None:
    esri = pyproj.CRS.from_epsg(ONTARIO).to_wkt("WKT1_ESRI")
    write_shapefile(tmp_path, "utf-8", esri, cpg=cpg)
    check(imported(tmp_path / "Signals.shp"))
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in tmp_path.glob("Signals.*"):
            archive.write(part, f"Signals 2026/{part.name}")
    check(imported(path))


def test_a_shapefile_without_a_system_says_so_and_one_without_its_table_is_refused(
    tmp_path: Path,
) -> None:
    write_shapefile(tmp_path, "utf-8", None)
    done = imported(tmp_path / "Signals.shp")
    check(done)
    assert ("projection", "no .prj beside it") in {(n.rule, n.before) for n in done.notes}
    (tmp_path / "Signals.dbf").unlink()
    with pytest.raises(RoadsealError, match=r"\.dbf"):
        read_source(tmp_path / "Signals.shp")


# --- archives -------------------------------------------------------------------------------------


def csv_text() -> str:
    lines = ["SIGNAL_ID,LOCATION,COMM_TYPE,INSTALLED,LON,LAT"]
    lines += [",".join(f'"{each}"' for each in row) for row in ROWS]
    return "\n".join(lines) + "\n"


def test_archives_give_their_likeliest_file_and_name_the_others(tmp_path: Path) -> None:
    gzipped, zipped = tmp_path / "a.csv.gz", tmp_path / "a.zip"
    gzipped.write_bytes(gzip.compress(csv_text().encode()))
    check(imported(gzipped))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("README.txt", "Read me.")
        archive.writestr("__MACOSX/._a.csv", b"\x00\x05")
        archive.writestr("small.csv", "a,b\n1,2\n")
        archive.writestr("data/signals.csv", csv_text())
    done = imported(zipped)
    check(done)
    assert [(n.before, n.after) for n in done.notes if n.rule == "other-files"] == [
        ("README.txt, small.csv", "data/signals.csv")
    ]


def test_archives_that_are_bombs_broken_or_nested_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "LIMITS", replace(LIMITS, unpacked_bytes=1 << 20))
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"a,b\n" * (1 << 20)))
    inner = gzip.compress(csv_text().encode())
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        archive.writestr("a.csv", inner)
    (tmp_path / "cut.csv.gz").write_bytes(inner[:-20])
    (tmp_path / "cut.zip").write_bytes((tmp_path / "nested.zip").read_bytes()[:60])
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("a.exe", b"MZ")
    for name in ("bomb.csv.gz", "nested.zip", "cut.csv.gz", "cut.zip", "none.zip"):
        with pytest.raises(RoadsealError) as caught:
            imported(tmp_path / name)
        assert caught.value.code == "estate-unreadable", name


# --- hostile --------------------------------------------------------------------------------------


def test_mutilated_files_give_an_error_of_ours_or_an_estate(tmp_path: Path) -> None:
    geopackage(tmp_path / "a.gpkg", ONTARIO)
    (tmp_path / "shp").mkdir()
    write_shapefile(tmp_path / "shp", "utf-8", pyproj.CRS.from_epsg(ONTARIO).to_wkt("WKT1_ESRI"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for part in (tmp_path / "shp").iterdir():
            archive.write(part, part.name)
    (tmp_path / "a.kml").write_text(kml(schema_data()))
    polars.DataFrame({"id": [1, 2], "lat": [50.0, 51.0]}).write_parquet(tmp_path / "a.parquet")
    chance = random.Random(9)
    for name in ("a.gpkg", "a.zip", "a.kml", "a.parquet", "shp/Signals.shp", "shp/Signals.dbf"):
        whole = (tmp_path / name).read_bytes()
        opened = tmp_path / ("shp/Signals.shp" if name.startswith("shp") else name)
        for _ in range(MUTANTS // 4):
            mutant = bytearray(whole)
            for _ in range(chance.randint(1, 8)):
                mutant[chance.randrange(len(mutant))] = chance.randrange(256)
            (tmp_path / name).write_bytes(mutant[: chance.choice([len(mutant), len(mutant) // 2])])
            try:
                imported(opened)
            except RoadsealError:
                continue
        (tmp_path / name).write_bytes(whole)


def test_a_file_without_a_name_in_an_archive_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("none.csv", "x")
        archive.writestr("city.csv", csv_text())
    path.write_bytes(path.read_bytes().replace(b"none.csv", b"\0one.csv"))
    assert len(imported(path).assets) == len(ROWS)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "city.csv")
    with pytest.raises(RoadsealError, match="pipe"):
        read_source(tmp_path / "city.csv")


def test_binary_shapes_of_every_kind_are_read_or_refused() -> None:
    line = struct.pack("<BII4d", 1, 2, 2, 8.0, 50.0, 10.0, 52.0)
    with_z = struct.pack(">BI3d", 0, 1001, 8.0, 50.0, 99.0)
    extended = struct.pack("<BII3d", 1, 0xA000_0001, 4326, 8.0, 50.0, 99.0)
    assert wkb_corners(line) == (0, [(8.0, 50.0), (10.0, 52.0)])
    assert wkb_corners(with_z) == (0, [(8.0, 50.0)])
    assert wkb_corners(extended) == (4326, [(8.0, 50.0)])
    collection = struct.pack("<BII", 1, 7, 2) + line + with_z
    assert wkb_corners(collection)[1] == [(8.0, 50.0), (10.0, 52.0), (8.0, 50.0)]
    chance = random.Random(4)
    for _ in range(MUTANTS * 10):
        mutant = bytearray(collection)
        mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        for read in (wkb_corners, package_corners):
            try:
                read(bytes(mutant[: chance.randrange(len(mutant))]))
            except ValueError:
                continue


# --- GDAL -----------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("ogr2ogr") is None, reason="needs GDAL's ogr2ogr")
@pytest.mark.parametrize(
    ("driver", "name", "options"),
    [
        ("GPKG", "a.gpkg", ["-t_srs", f"EPSG:{ONTARIO}", "-nlt", "MULTIPOINT"]),
        ("ESRI Shapefile", "a.shp", ["-t_srs", f"EPSG:{ONTARIO}", "-lco", "ENCODING=UTF-8"]),
        ("KML", "a.kml", []),
        ("GML", "a.gml", ["-dsco", "FORMAT=GML3.2", "-t_srs", f"EPSG:{ONTARIO}"]),
        ("GML", "a.gml", ["-dsco", "FORMAT=GML2"]),
        ("FlatGeobuf", "a.fgb", ["-t_srs", f"EPSG:{ONTARIO}", "-nlt", "MULTIPOINT"]),
        ("FlatGeobuf", "a.fgb", ["-lco", "SPATIAL_INDEX=NO"]),
    ],
)
def test_what_gdal_writes_is_read(
    tmp_path: Path, driver: str, name: str, options: list[str]
) -> None:
    (tmp_path / "in.csv").write_text(csv_text())
    (tmp_path / "in.vrt").write_text(
        '<OGRVRTDataSource><OGRVRTLayer name="in"><SrcDataSource>in.csv</SrcDataSource>'
        "<GeometryType>wkbPoint</GeometryType><LayerSRS>EPSG:4326</LayerSRS>"
        '<GeometryField encoding="PointFromColumns" x="LON" y="LAT"/>'
        + "".join(f'<Field name="{each}"/>' for each in COLUMNS)
        + "</OGRVRTLayer></OGRVRTDataSource>"
    )
    (tmp_path / "out").mkdir()
    command = ["ogr2ogr", "-f", driver, *options, f"out/{name}", "in.vrt"]
    # SUMO's package, once imported, leads PROJ to data of another version.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PROJ_")}
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=own)
    check(imported(tmp_path / "out" / name))
