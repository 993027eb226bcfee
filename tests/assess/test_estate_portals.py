"""Estates in the dress of open-data portals, and the faults that people's files have."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from roadseal.assess.inventory.estate import (
    Exposure,
    Import,
    Kind,
    guess_mapping,
    import_table,
    read_mapping,
    read_source,
)
from roadseal.assess.inventory.estate.header import second_header
from roadseal.assess.inventory.estate.place import Letter, parse_degrees, parse_place
from roadseal.assess.inventory.estate.zone import is_south, parse_zone
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000")) // 10


def imported(path: Path, extra: str = "") -> Import:
    table = read_source(path)
    mapping = guess_mapping(table).mapping
    text = mapping.to_toml()
    assert read_mapping(TomlSource("m", text)) == mapping
    return import_table(table, read_mapping(TomlSource("m", extra + text)), "x")


def written(folder: Path, text: str | bytes, name: str = "city.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rules(done: Import) -> Counter[str]:
    return Counter(each.rule for each in done.notes)


# --- quotation marks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "closer", "name"),
    [
        ('2,"open,50.2,8.2', '9,"K, L",50.9,8.9', "open"),  # by the opening mark of a later cell
        ('2,"open,50.2,8.2', '9,K 12",50.9,8.9', "open"),  # by inches
        ('2,"open,50.2,8.2', '9,"K",50.9,8.9', "open"),
        ('2,"a ""b"" open,50.2,8.2', '9,say "so",50.9,8.9', "open"),
    ],
)
def test_a_quotation_mark_that_another_cell_closes_swallows_no_row(
    tmp_path: Path, fault: str, closer: str, name: str
) -> None:
    between = [f"{n},S{n},50.{n},8.{n}" for n in range(3, 9)]
    lines = ["id,name,lat,lon", '1,"A, B",50.1,8.1', fault, *between, closer, "10,Z,50.5,8.5"]
    done = imported(written(tmp_path, "\n".join(lines) + "\n"))
    assert [each.id for each in done.assets] == [f"x/{n}" for n in range(1, 11)]
    assert name in done.assets[1].name
    assert done.assets[1].latitude == 50.2
    assert rules(done)["open-quote"] >= 1
    assert done.assets[8].latitude == 50.9


def test_cells_over_several_lines_stay_whole(tmp_path: Path) -> None:
    text = (
        "id,name,note,lat,lon\n"
        '1,A,"broken, mended\n12, 13, again\nand so on",50.1,8.1\n'
        '2,"Main\n(50.2, 8.2)","x ""y""\n",50.2,8.2\n'
    )
    done = imported(written(tmp_path, text))
    assert [(each.id, each.latitude) for each in done.assets] == [("x/1", 50.1), ("x/2", 50.2)]
    assert "open-quote" not in rules(done)


# --- two rows of names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "columns"),
    [
        ("(-),(text),(°),(°),(year)", ("Signal ID", "Name", "Lat", "Lon", "Installed")),
        ("Nummer,Bezeichnung,Breite,Länge,Baujahr", ("Signal ID", "Name", "Lat", "Lon", None)),
        (",,deg,deg,", ("Signal ID", "Name", "Lat", "Lon", "Installed")),
    ],
)
def test_a_second_row_of_units_or_of_another_language_is_no_asset(
    tmp_path: Path, second: str, columns: tuple[str, ...]
) -> None:
    rows = "".join(f"{n},Street {n},50.{n:02},8.{n:02},{1990 + n}\n" for n in range(1, 30))
    path = written(tmp_path, f"Signal ID,Name,Lat,Lon,Installed\n{second}\n{rows}")
    table = read_source(path)
    assert table.columns[:4] == columns[:4]
    done = imported(path)
    assert [each.id for each in done.assets] == [f"x/{n}" for n in range(1, 30)]
    assert done.assets[0].installed == "1991"
    assert rules(done)["second-header"] == 1
    book = openpyxl.Workbook()
    for line in path.read_text().splitlines():
        book.active.append(
            [float(c) if c.replace(".", "").isdigit() else c for c in line.split(",")]
        )
    book.save(tmp_path / "c.xlsx")
    assert [each.id for each in imported(tmp_path / "c.xlsx").assets] == [
        f"x/{n}" for n in range(1, 30)
    ]


def test_names_that_nobody_knows_give_way_to_those_of_the_second_row(tmp_path: Path) -> None:
    rows = "".join(f"{n},Street {n},50.{n:02},8.{n:02}\n" for n in range(1, 30))
    path = written(tmp_path, f"F1,F2,F3,F4\nid,name,latitude,longitude\n{rows}")
    assert read_source(path).columns == ("id", "name", "latitude", "longitude")


def test_a_first_row_of_words_is_no_second_header() -> None:
    words = [["name", "street", "lat"], ["A", "B", "?"], ["C", "D", "50.1"], ["E", "F", "50.2"]]
    assert second_header([["id", "name"], ["a", "b"], ["c", "d"], ["e", "f"]], 0) is None
    assert second_header([*words[:1], ["A", "B", "50.0"], *words[2:]], 0) is None
    pending = [["name", "street", "lat"], ["A", "B", "pending"], *words[2:], *words[2:]]
    assert second_header(pending, 0) is None


# --- O --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "place", "longitude"),
    [
        ("Nr,Kreuzung,Koordinaten", "53°33'10\"N 9°59'10\"O", 9.986),
        ("Id,Carrefour,Coordonnées", "48°51'N 1°30'O", -1.5),
        ("Código,Cruce,Coordenadas", "40°25'N 3°42'O", -3.7),
        ("Id,Name,Place", "53°33'10\"N 9°59'10\"O", None),
    ],
)
def test_o_is_east_or_west_by_the_language_or_nothing(
    tmp_path: Path, columns: str, place: str, longitude: float | None
) -> None:
    quoted = place.replace('"', '""')
    rows = "".join(f'{n},S {n},"{quoted}"\n' for n in range(1, 9))
    done = imported(written(tmp_path, f"{columns}\n{rows}"))
    assert len(done.assets) == 8
    if longitude is None:
        assert done.assets[0].latitude is None
        assert rules(done)["ambiguous-letter"] == 8
        said = imported(written(tmp_path, f"{columns}\n{rows}"), 'letter_o = "west"\n')
        assert said.assets[0].longitude == pytest.approx(-9.986, abs=0.001)
    else:
        assert done.assets[0].longitude == pytest.approx(longitude, abs=0.001)


def test_o_beside_w_is_east_and_beside_e_is_west(tmp_path: Path) -> None:
    for other, longitude in (("W", 9.5), ("E", -9.5)):
        rows = f"1,S,50°30'N 9°30'O\n2,T,50°31'N 9°31'{other}\n"
        done = imported(written(tmp_path, f"Id,Name,Place\n{rows}"))
        assert done.assets[0].longitude == longitude


def test_letters_in_two_columns(tmp_path: Path) -> None:
    rows = "".join(f"{n},S{n},53° 33.{n}' N,9° 59.{n}' O\n" for n in range(1, 9))
    done = imported(written(tmp_path, f"LSA-Nr,Standort,Breite,Länge\n{rows}"))
    assert done.assets[0].id == "x/1"
    assert done.assets[0].longitude == pytest.approx(9.985, abs=0.001)
    assert parse_degrees("9°30'O") is None
    assert parse_degrees("9°30'O", Letter.EAST) == 9.5
    assert parse_place("50°N 9°O", Letter.WEST) == (50.0, -9.0)


# --- zones ----------------------------------------------------------------------------------------


def test_each_row_in_its_own_utm_zone(tmp_path: Path) -> None:
    # Two of Spain's: Madrid in 30, Barcelona in 31, by their published coordinates.
    rows = "1,Sol,440291,4474254,30T\n2,Catalunya,430759,4582110,31T\n3,Nowhere,430759,4582110,x\n"
    rows += "".join(f"{n},S{n},{440_000 + n},{4_474_000 + n},30T\n" for n in range(4, 40))
    done = imported(written(tmp_path, f"Id,Cruce,X,Y,Huso\n{rows}"))
    by_id = {each.id: (each.latitude, each.longitude) for each in done.assets}
    assert by_id["x/1"] == pytest.approx((40.4165, -3.7038), abs=0.001)
    assert by_id["x/2"] == pytest.approx((41.3870, 2.1719), abs=0.001)
    assert by_id["x/3"] == (None, None)
    assert rules(done)["out-of-range"] == 1


@pytest.mark.parametrize(
    ("text", "epsg"),
    [("33", 32633), ("32N", 32632), ("UTM zone 18 S", 32718), ("EPSG:32723", 32723),
     ("30T", 32630), ("23K", 32723), ("61", None), ("0", None), ("north", None), ("", None)],
)  # fmt: skip
def test_zones(text: str, epsg: int | None) -> None:
    zone = parse_zone(text)
    assert (zone and zone.epsg(south=is_south(zone, 7_400_000))) == epsg


def test_s_is_a_band_where_the_northing_fits_and_else_the_south() -> None:
    zone = parse_zone("30S")
    assert zone
    assert not is_south(zone, 4_070_000)  # Málaga
    assert is_south(zone, 9_500_000)


def test_a_zone_without_its_half_is_doubted(tmp_path: Path) -> None:
    rows = "".join(f"{n},S{n},{390_000 + n},{5_819_000 + n},33\n" for n in range(30))
    done = imported(written(tmp_path, f"id,name,easting,northing,zone\n{rows}"))
    assert done.assets[0].latitude == pytest.approx(52.51, abs=0.01)
    assert rules(done)["ambiguous-zone"] == 1


def test_zones_of_maintenance_are_no_zones_of_the_globe(tmp_path: Path) -> None:
    rows = "".join(f"{n},S{n},{390_000 + n},{119_000 + n},{n % 7 + 1}\n" for n in range(30))
    path = written(tmp_path, f"id,name,easting,northing,zone\n{rows}")
    assert "zone" not in guess_mapping(read_source(path)).mapping.columns


# --- names of columns -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["LSA-Nr", "LSA-Nr.", "LSA Nummer", "LsaNr", "LSA_NR", "LZA-Nr"])
def test_the_german_number_of_a_signal_is_its_id(tmp_path: Path, name: str) -> None:
    rows = "".join(f"{n};Ring {n};52,{n + 100};13,{n + 100}\n" for n in range(40))
    rows += "7;Ring 7b;52,2;13,2\n"  # given twice
    done = imported(written(tmp_path, f"{name};Kreuzung;Breite;Länge\n{rows}"))
    assert done.assets[5].id == "x/5"
    assert done.assets[-1].id == "x/7~2"
    assert rules(done)["duplicate-reference"] == 1


def test_firmware_and_cross_streets_are_found(tmp_path: Path) -> None:
    rows = "".join(f"{n},Main,{n}th,40.{n:03},-75.1,v76.{n}\n" for n in range(1, 40))
    done = imported(written(tmp_path, f"ID,Main St,Cross St,Lat,Lon,Firmware\n{rows}"))
    first = done.assets[0]
    assert (first.name, first.firmware) == ("Main & 1th", "v76.1")


# --- portals --------------------------------------------------------------------------------------


def test_socrata_rows_with_their_columns_apart(tmp_path: Path) -> None:
    columns = [{"name": "id", "dataTypeName": "meta_data"}]
    columns += [{"name": name} for name in ("Signal ID", "Type", "Location", "Turn On Date")]
    rows = [
        ["row-a", str(n), "TRAFFIC", f"POINT (-97.{n:03} 30.2)", "2001-05-06T00:00:00"]
        for n in range(1, 9)
    ]
    text = json.dumps({"meta": {"view": {"columns": columns}}, "data": rows})
    done = imported(written(tmp_path, text, "rows.json"))
    assert done.assets[0].id == "x/1"
    assert (done.assets[0].latitude, done.assets[0].longitude) == (30.2, -97.001)
    assert done.assets[0].installed == "2001-05-06"


def test_ckan_and_opendatasoft(tmp_path: Path) -> None:
    records = [
        {"_id": n, "numero": f"F{n}", "carrefour": f"Rue {n}", "lat": 48.8 + n / 100, "lon": 2.3}
        for n in range(1, 9)
    ]
    ckan = json.dumps({"success": True, "result": {"records": records, "total": 8}})
    done = imported(written(tmp_path, ckan, "ckan.json"))
    assert (done.assets[0].id, done.assets[0].latitude) == ("x/F1", pytest.approx(48.81))
    found = [
        {"identifiant": f"F{n}", "type": "feu", "geo_point_2d": {"lon": 2.3, "lat": 48.8 + n / 100}}
        for n in range(1, 9)
    ]
    ods = json.dumps({"total_count": 8, "results": found})
    done = imported(written(tmp_path, ods, "ods.json"))
    assert (done.assets[0].id, done.assets[0].latitude) == ("x/F1", pytest.approx(48.81))
    assert done.assets[0].kind is Kind.SIGNAL


def test_a_french_file_with_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    rows = "".join(
        f'F{n};"Rue {n} ; Avenue";48,{8500 + n};2,{3500 + n};Lacroix;fibre optique;12/0{n}/2011\n'
        for n in range(1, 9)
    )
    header = "Identifiant;Carrefour;Latitude;Longitude;Constructeur;Liaison;Mise en service\n"
    done = imported(written(tmp_path, (header + rows).encode("cp1252")))
    first = done.assets[0]
    assert (first.id, first.latitude, first.longitude) == ("x/F1", 48.8501, 2.3501)
    assert first.name == "Rue 1 ; Avenue"
    assert first.vendor == "Lacroix"
    assert first.exposure == (Exposure.SHARED_FIBRE,)
    assert first.installed == "2011"  # 12/01: nobody can tell which is the month


@pytest.mark.parametrize(
    ("encoding", "columns", "maker"),
    [
        ("shift_jis", "信号機番号,交差点名,緯度,経度,メーカー", "京三製作所"),
        ("gb18030", "编号,路口名称,纬度,经度,厂商", "海信"),
        ("cp1251", "Номер,Перекрёсток,Широта,Долгота,Производитель", "Пульсар"),
        ("cp1256", "رقم,التقاطع,خط العرض,خط الطول,Vendor", "سيمنس"),
    ],
)
def test_an_old_encoding_is_told_by_the_words_that_it_makes(
    tmp_path: Path, encoding: str, columns: str, maker: str
) -> None:
    rows = "".join(f"{n},{maker} {n},35.{6800 + n},39.{7600 + n},{maker}\n" for n in range(1, 9))
    done = imported(written(tmp_path, f"{columns}\n{rows}".encode(encoding)))
    assert (done.assets[0].id, done.assets[0].vendor) == ("x/1", maker)
    assert (done.assets[0].latitude, done.assets[0].longitude) == (35.6801, 39.7601)
    assert rules(done)["encoding"] == 1


def test_arabic_digits_are_numbers(tmp_path: Path) -> None:
    digits = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
    rows = "".join(
        f"{n},تقاطع {n},{f'24.{700 + n}'.translate(digits)},{f'46.{600 + n}'.translate(digits)},"
        f"{str(1990 + n).translate(digits)}\n"
        for n in range(1, 20)
    )
    done = imported(written(tmp_path, f"رقم,التقاطع,خط العرض,خط الطول,installed\n{rows}"))
    first = done.assets[0]
    assert (first.latitude, first.longitude, first.installed) == (24.701, 46.601, "1991")


def test_days_counted_by_a_spreadsheet(tmp_path: Path) -> None:
    rows = "".join(f"{n},S{n},40.{n:03},-75.1,{38_412 + n}\n" for n in range(1, 9))
    done = imported(written(tmp_path, f"id,name,lat,lon,Install Date\n{rows}"))
    # LibreOffice and Excel show 38413 as 2 March 2005.
    assert done.assets[0].installed == "2005-03-02"
    assert rules(done)["serial-date"] == 8
    assert (date(2005, 3, 2) - date(1899, 12, 30)).days == 38_413


def test_geojson_of_every_geometry(tmp_path: Path) -> None:
    geometries = [
        {"type": "Point", "coordinates": [1.5, 50.5, 12.0]},
        {"type": "MultiPoint", "coordinates": [[1.0, 50.0], [2.0, 51.0]]},
        {"type": "Polygon", "coordinates": [[[1, 50], [2, 50], [2, 51], [1, 51], [1, 50]]]},
        {"type": "MultiPolygon", "coordinates": [[[[1, 50], [2, 50], [2, 51], [1, 51], [1, 50]]]]},
        {"type": "LineString", "coordinates": [[1, 50], [2, 51]]},
        {
            "type": "GeometryCollection",
            "geometries": [{"type": "Point", "coordinates": [1.5, 50.5]}],
        },
        None,
        {"type": "Point", "coordinates": []},
    ]
    features = [
        {"type": "Feature", "properties": {"OBJECTID": n, "Type": "signal"}, "geometry": each}
        for n, each in enumerate(geometries, 1)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    done = imported(written(tmp_path, text, "c.geojson"))
    assert len(done.assets) == 8
    for asset in done.assets[:6]:
        assert (asset.latitude, asset.longitude) == pytest.approx((50.5, 1.5))
    assert [asset.latitude for asset in done.assets[6:]] == [None, None]
    assert all("place" in asset.gaps for asset in done.assets[6:])


@pytest.mark.parametrize(
    ("header", "x", "y", "epsg", "place"),
    [
        ("id,name,X_3857,Y_3857", -13_627_665, 4_547_675, 3857, (37.7749, -122.4194)),
        # The Palace of Culture in Warsaw, by its published coordinates.
        ("numer,nazwa,X_1992,Y_1992", 636_900, 486_720, 2180, (52.2318, 21.0060)),
        ("id,nom,X (EPSG:2154),Y (EPSG:2154)", 648_237, 6_862_271, 2154, (48.8584, 2.2945)),
        ("ref,name,Easting,Northing", 530_047, 180_422, 27700, (51.5074, -0.1278)),
    ],
)
def test_coordinates_of_a_named_grid(
    tmp_path: Path, header: str, x: int, y: int, epsg: int, place: tuple[float, float]
) -> None:
    rows = "".join(f"{n},Street {n},{x + n},{y + n}\n" for n in range(8))
    path = written(tmp_path, f"{header}\n{rows}")
    assert guess_mapping(read_source(path)).mapping.epsg == epsg
    first = imported(path).assets[0]
    assert (first.latitude, first.longitude) == pytest.approx(place, abs=0.003)


def test_openstreetmap_ways_and_relations(tmp_path: Path) -> None:
    text = """<?xml version="1.0"?><osm version="0.6">
    <node id="2" lat="55.87" lon="-4.26"/><node id="3" lat="55.89" lon="-4.28"/>
    <way id="9"><nd ref="2"/><nd ref="3"/><tag k="highway" v="traffic_signals"/></way>
    <relation id="5"><member type="way" ref="9" role=""/><member type="node" ref="2" role=""/>
    <tag k="highway" v="traffic_signals"/></relation>
    <relation id="6"><member type="way" ref="404" role=""/>
    <tag k="highway" v="traffic_signals"/></relation></osm>"""
    done = imported(written(tmp_path, text, "x.osm"))
    assert [each.id for each in done.assets] == ["x/way-9", "x/relation-5", "x/relation-6"]
    assert (done.assets[0].latitude, done.assets[0].longitude) == pytest.approx((55.88, -4.27))
    assert (done.assets[1].latitude, done.assets[1].longitude) == pytest.approx((55.875, -4.265))
    assert done.assets[2].latitude is None
    overpass = json.dumps(
        {
            "version": 0.6,
            "elements": [
                {
                    "type": "way",
                    "id": 7,
                    "geometry": [{"lat": 55.0, "lon": -4.0}, {"lat": 56.0, "lon": -5.0}],
                    "tags": {"highway": "traffic_signals"},
                }
            ],
        }
    )
    (asset,) = imported(written(tmp_path, overpass, "o.json")).assets
    assert (asset.id, asset.latitude, asset.longitude) == ("x/way-7", 55.5, -4.5)


def test_a_workbook_with_merged_titles_and_several_sheets(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    cover = book.active
    cover.title = "Read me"
    cover["A1"] = "Traffic signals of Exampleton"
    cover.merge_cells("A1:F1")
    sheet = book.create_sheet("Signals")
    sheet["A1"] = "Exampleton, traffic signals, as of 2026"
    sheet.merge_cells("A1:F1")
    sheet["A2"] = "Where"
    sheet.merge_cells("A2:D2")
    sheet["E2"] = "What"
    sheet.merge_cells("E2:F2")
    sheet.append(["Signal No", "Intersection", "Latitude", "Longitude", "Controller", "Installed"])
    for n in range(1, 30):
        day = date(2000, 1, n) if n % 2 else 36_525 + n
        sheet.append([n, f"A & {n}", 40 + n / 1000, -75.1, "2070LX", day])
    sheet.append(["Total", 29])
    other = book.create_sheet("Legend")
    other.append(["2070LX", "controller"])
    book.save(tmp_path / "c.xlsx")
    done = imported(tmp_path / "c.xlsx")
    assert [each.id for each in done.assets] == [f"x/{n}" for n in range(1, 30)]
    assert done.assets[0].model == "2070LX"
    assert (done.assets[0].installed, done.assets[1].installed) == ("2000-01-01", "2000-01-02")
    found = rules(done)
    assert found["title-line"] == found["other-sheets"] == found["total-row"] == 1


def test_no_mutant_of_a_portal_raises_but_its_error(tmp_path: Path) -> None:
    chance = random.Random(1609)
    seeds = [
        b'id,name,lat,lon\n(-),(-),(d),(d)\n1,"A, B",50.1,8.1\n2,"x,50.2,8.2\n3,"C",50.3,8.3\n',
        "LSA-Nr;Kreuzung;Breite;Länge\n1;A;53°33'N;9°59'O\n2;B;53°34'N;9°58'O\n".encode("cp1252"),
        b"Id,Cruce,X,Y,Huso\n1,Sol,440291,4474254,30T\n2,B,430759,4582110,31T\n",
        b'{"meta":{"view":{"columns":[{"name":"id"},{"name":"lat"}]}},"data":[["1",2],["2",3]]}',
    ]
    for _ in range(MUTANTS):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randrange(1, 9)]
                    data = data or bytearray(b"x")
                case _:
                    data[at:at] = chance.choice([b'"', b"\n", b",", b"\xff", "º٫O".encode(), b"99"])
        try:
            imported(written(tmp_path, bytes(data), "m"))
        except RoadsealError:
            continue


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Kavşak No;Kavşak Adı;Enlem;Boylam;Tip\n{};Cadde;41,0{};28,9{};Sinyalizasyon\n", "cp1254"),
        ("מספר;צומת;קו רוחב;קו אורך;סוג\n{};צומת;41,0{};28,9{};רמזור\n", "cp1255"),
        ("番号;名称;緯度;経度;種別\n{};交差点;41,0{};28,9{};信号機\n", "euc_jp"),
        ("Anlegg nr;Kryss;Breddegrad;Lengdegrad;Type\n{};Gate;41,0{};28,9{};signal\n", "utf-8"),
    ],
)
def test_cities_of_more_languages(tmp_path: Path, text: str, encoding: str) -> None:
    header, row, _ = text.split("\n")
    rows = "".join(row.format(n, n, n) + "\n" for n in range(10, 30))
    done = imported(written(tmp_path, f"{header}\n{rows}".encode(encoding)))
    first = done.assets[0]
    assert (first.id, first.kind) == ("x/10", Kind.SIGNAL)
    assert (first.latitude, first.longitude) == (41.010, 28.910)


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (52_516_300, 13_377_700, (52.5163, 13.3777)),  # millionths
        (525_163_000, 133_777_000, (52.5163, 13.3777)),  # as SAE J2735 has them
        (13_521_000, 1_038_198_000, (1.3521, 103.8198)),
    ],
)
def test_whole_numbers_are_parts_of_a_degree(
    tmp_path: Path, latitude: int, longitude: int, place: tuple[float, float]
) -> None:
    rows = "".join(f"{n},S{n},{latitude + n},{longitude + n}\n" for n in range(12))
    done = imported(written(tmp_path, f"id,name,latitude,longitude\n{rows}"))
    assert (done.assets[0].latitude, done.assets[0].longitude) == pytest.approx(place)


@pytest.mark.parametrize(
    ("header", "x", "y"),
    [
        ("id,name,X,Y", 502_000, 6_961_000),  # Brisbane: of Sweden
        ("FACILITYID,LOCATION,X_COORD,Y_COORD", 2_550_000, 1_200_000),  # feet, of Switzerland
        (
            "FACILITYID,LOCATION,X_COORD,Y_COORD",
            180_000,
            350_000,
        ),  # of the Netherlands
        ("codigo,cruzamento,X,Y", 333_000, 7_395_000),  # Sao Paulo
    ],
)
def test_numbers_alone_put_no_city_into_another_country(
    tmp_path: Path, header: str, x: int, y: int
) -> None:
    rows = "".join(f"{n},Street {n},{x + n},{y + n}\n" for n in range(12))
    path = written(tmp_path, f"{header}\n{rows}")
    guess = guess_mapping(read_source(path))
    assert guess.mapping.epsg == 4326
    assert "give --epsg" in guess.reasons["place"]
    assert rules(imported(path))["out-of-range"] == 12


@pytest.mark.parametrize(
    ("header", "x", "y", "epsg"),
    [
        ("Nr,Korsning,X,Y", 674_000, 6_580_000, 3006),
        ("numero,carrefour,X,Y", 652_000, 6_862_000, 2154),
        ("numer,skrzyzowanie,X,Y", 636_900, 486_700, 2180),
        ("nummer,kruispunt,X,Y", 121_000, 487_000, 28992),
    ],
)
def test_the_language_of_the_columns_tells_the_grid(
    tmp_path: Path, header: str, x: int, y: int, epsg: int
) -> None:
    rows = "".join(f"{n},Street {n},{x + n},{y + n}\n" for n in range(12))
    assert guess_mapping(read_source(written(tmp_path, f"{header}\n{rows}"))).mapping.epsg == epsg


# --- columns as cities call them ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "row", "expected"),
    [
        (  # Toronto: CKAN's own count is no reference
            "_id,TCS #,MAIN,ACTIVATIONDATE,LATITUDE,LONGITUDE",
            "{n},{n}7,JARVIS ST {n},1948-11-15,43.6{n},-79.3{n}",
            {"id": "TCS #", "installed": "ACTIVATIONDATE"},
        ),
        (  # Vienna
            "FID,OBJECTID,SHAPE,ANLAGENNR,KREUZUNG,ERRICHTUNG",
            "V.{n},{n},POINT (16.3{n} 48.2{n}),010{n},Ring {n},1998-05-0{n}",
            {"id": "ANLAGENNR", "installed": "ERRICHTUNG", "place": "SHAPE"},
        ),
        (  # Cape Town
            "OBJECTID,SGNL_NMBR,LCTN_NAME,CNTRLR_TYPE,INST_DATE,MAINT_AGENCY,X,Y",
            "{n},TS12{n},ADDERLEY {n},Telvent,2009-05-1{n},CCT,18.42{n},-33.92{n}",
            {"id": "SGNL_NMBR", "owner": "MAINT_AGENCY", "installed": "INST_DATE"},
        ),
        (  # Seoul
            "신호등관리번호,도로명주소,위도,경도,설치일자,제조사,통신방식,관리기관명",
            "11-{n},세종대로 {n},37.57{n},126.97{n},2015-03-0{n},서돌전자,광통신,서울경찰청",
            {"id": "신호등관리번호", "vendor": "제조사", "owner": "관리기관명", "latitude": "위도"},
        ),
        (  # Dubai
            "رقم الإشارة,اسم التقاطع,خط العرض,خط الطول,تاريخ التركيب",
            "D-{n},شارع {n},25.20{n},55.27{n},2012-05-0{n}",
            {"id": "رقم الإشارة", "installed": "تاريخ التركيب"},
        ),
        (  # São Paulo
            "cd_identificador_semaforo,tx_local,tp_controlador,dt_implantacao,lat,lon",
            "S00{n},Av. Paulista {n},Flexcon III,2013-05-1{n},-23.55{n},-46.66{n}",
            {"id": "cd_identificador_semaforo", "installed": "dt_implantacao"},
        ),
    ],
)
def test_columns_are_known_by_the_names_that_cities_give_them(
    tmp_path: Path, columns: str, row: str, expected: dict[str, str]
) -> None:
    rows = "\n".join(row.format(n=n) for n in range(1, 8))
    path = written(tmp_path, f"{columns}\n{rows}\n")
    mapping = guess_mapping(read_source(path)).mapping
    proposed = {name: columns[0] for name, columns in mapping.columns.items()}
    assert {name: proposed.get(name) for name in expected} == expected
    assert len(imported(path).assets) == 7
