"""What a proposal makes of names: of the file, and of columns that speak of something else.

Each table has the columns of one that a city has published (the city stands beside it), with rows
of our own.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest

from roadseal.assess.inventory.estate import (
    Action,
    Import,
    Kind,
    guess_mapping,
    import_table,
    read_mapping,
    read_source,
)
from roadseal.assess.inventory.estate.lexicon import column_likeness, kind_of_title, meaning_of
from roadseal.crypto.toml_source import TomlSource


def imported(folder: Path, name: str, text: str) -> Import:
    path = folder / name
    path.write_text(text, "utf-8")
    table = read_source(path)
    mapping = read_mapping(TomlSource("m", guess_mapping(table).mapping.to_toml()))
    return import_table(table, mapping, "x")


def kinds(done: Import) -> Counter[str]:
    return Counter(str(each.kind) for each in done.assets)


# --- what the file is called ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Traffic_Camera_Locations_En", "camera"),  # Hong Kong
        ("Red_Light_Camera_Locations", "camera"),  # Ottawa, Chicago
        ("TrafficSignals", "signal"),  # Manchester
        ("traffic_signal_detectors", "detector"),
        ("semaforos", "signal"),
        ("ampeln", "signal"),
        ("Lichtsignalanlagen", "signal"),
        ("號誌設置位置", "signal"),
        ("intersections", None),
        ("export_2024", None),
    ],
)
def test_titles(title: str, kind: str | None) -> None:
    assert kind_of_title(title) == kind


def test_a_file_of_bare_places_is_what_it_is_called(tmp_path: Path) -> None:
    done = imported(tmp_path, "traffic_lights.csv", "lat,lon\n37.9803,23.7354\n37.9796,23.7360\n")
    assert kinds(done) == {"signal": 2}


def test_a_layer_is_what_it_is_called(tmp_path: Path) -> None:
    text = (
        '{"type": "FeatureCollection", "name": "Semaforos", "features": [{"type": "Feature",'
        '"properties": {"codigo": "7", "EXCLUSIVO_PEDESTRE": "NÃO"},'
        '"geometry": {"type": "Point", "coordinates": [-38.5, -3.7]}}]}'
    )
    assert kinds(imported(tmp_path, "layer0.geojson", text)) == {"signal": 1}


def test_kinds_that_nobody_knows_are_the_files_own_but_not_the_other_ones(tmp_path: Path) -> None:
    # Vancouver
    text = (
        "TYPE;Geom;Geo Local Area\n"
        ';"{""coordinates"": [-123.129, 49.291], ""type"": ""Point""}";Downtown\n'
        'Railway Preempted;"{""coordinates"": [-123.05, 49.238], ""type"": ""Point""}";Renfrew\n'
        'Pedestrian Actuated Signal;"{""coordinates"": [-123.04, 49.22], ""type"": ""Point""}";K\n'
        'RRFB;"{""coordinates"": [-123.15, 49.23], ""type"": ""Point""}";Kerrisdale\n'
        'Other;"{""coordinates"": [-123.16, 49.24], ""type"": ""Point""}";Kerrisdale\n'
    )
    done = imported(tmp_path, "traffic-signals.csv", text)
    assert [str(each.kind) for each in done.assets] == [
        "signal", "signal", "pedestrian-signal", "beacon", "unknown",
    ]  # fmt: skip


def test_columns_about_pedestrians_make_no_pedestrian_signals(tmp_path: Path) -> None:
    # Washington, Charlotte
    text = (
        "SIGNAL_ID,UNITDESC,PED_BUTTONS,ALL_PED_PHASE,HAWK,LATITUDE,LONGITUDE\n"
        "375,NEAL RD_VIEW DR,N,No,No,35.3038,-80.7721\n380,JORDAN PL_MATH AV,Y,No,Yes,35.24,-80.8\n"
    )
    done = imported(tmp_path, "city.csv", text)
    assert kinds(done) == {"signal": 2}
    assert [each.name for each in done.assets] == ["NEAL RD_VIEW DR", "JORDAN PL_MATH AV"]


def test_a_column_whose_every_value_is_a_kind_needs_no_name_for_it(tmp_path: Path) -> None:
    # Recife
    text = (
        "semaforo;localizacao1;localizacao2;utilizacao;sinalsonoro;Latitude;Longitude\n"
        "1;Sol, Rua do;Nova, Rua;Veic.C/Ped.Ocas.;N;-8.0638;-34.8809\n"
        "2;Caxangá, Av.;Bom Pastor, Rua;Veicular;N;-8.0408;-34.9384\n"
        "3;Carmo, Av.;Caxias, Rua;Pedestre;S;-8.0662;-34.8773\n"
    )
    done = imported(tmp_path, "x.csv", text)
    assert [(each.id, str(each.kind)) for each in done.assets] == [
        ("x/1", "signal"),
        ("x/2", "signal"),
        ("x/3", "pedestrian-signal"),
    ]
    assert done.assets[0].name == "Sol, Rua do & Nova, Rua"


def test_of_an_archive_the_file_that_is_called_after_signals_is_read(tmp_path: Path) -> None:
    # The General Traffic Signal Specification: a zip of tables.
    with zipfile.ZipFile(tmp_path / "gtss.zip", "w") as archive:
        archive.writestr(
            "signals.txt",
            "signal_id,agency_id,street_name1,street_name2,latitude,longitude\n"
            "1,1,Main St,Second St,40.712776,-74.005974\n2,1,Main St,Third St,40.72,-74.01\n",
        )
        archive.writestr("agency.txt", "agency_id,agency_name,agency_url\n1,City,x\n" * 99)
        archive.writestr("phases.txt", "signal_id,phase,movement\n1,2,NBT\n" * 99)
    table = read_source(tmp_path / "gtss.zip")
    done = import_table(table, guess_mapping(table).mapping, "x")
    assert [(each.id, each.name, each.kind) for each in done.assets] == [
        ("x/1", "Main St & Second St", Kind.SIGNAL),
        ("x/2", "Main St & Third St", Kind.SIGNAL),
    ]
    assert {each.rule for each in done.notes} == {"other-files"}


# --- columns that speak of something else ---------------------------------------------------------


def test_the_status_of_a_programme_takes_no_signal_off_the_road(tmp_path: Path) -> None:
    # Manchester
    text = (
        "FRAS_ref,Description,Type,Controller,SCOOT_STATUS,SCOOT_COMMISSION_DATE,Longitude,Latitude\n"
        "1,Albion St/Whitworth St,Signal,ST900,COMPLETED,20100125,-2.248157,53.474223\n"
        "17,Bury Old Rd/Leicester Rd,Signal,ST800,PLANNED,,-2.249394,53.515692\n"
        "3/154,Moss Ln/Chorlton Rd,Puffin,ST750 ELV,,,-2.258203,53.45884\n"
    )
    done = imported(tmp_path, "TrafficSignals.csv", text)
    assert [(each.id, each.model, each.installed) for each in done.assets] == [
        ("x/1", "ST900", None),
        ("x/17", "ST800", None),
        ("x/3-154", "ST750 ELV", None),
    ]
    assert not done.count(Action.REJECTED)


def test_a_link_that_is_down_is_no_offline_signal(tmp_path: Path) -> None:
    # Austin
    text = (
        "Signal ID,Location Name,Signal Type,Signal Status,Control,Turn On Date,"
        "IP Communication status,Detection status,Latitude,Longitude\n"
        "479,A / B,TRAFFIC,TURNED_ON,PRIMARY,07/28/1976,OFFLINE,OK,30.36,-97.71\n"
        "436,C / D,TRAFFIC,TURNED_ON,PRIMARY,04/04/49473,ONLINE,OK,30.40,-97.69\n"
        "291,E / F,TRAFFIC,TURNED_ON,SECONDARY,01/01/1900,NO COMMUNICATION,,30.26,-97.74\n"
        "4093,G / H,PHB,CONSTRUCTION,PRIMARY,,NO COMMUNICATION,BROKEN,30.49,-97.75\n"
    )
    done = imported(tmp_path, "Traffic_Signals.csv", text)
    assert [each.id for each in done.assets] == ["x/479", "x/436", "x/291"]
    assert [each.installed for each in done.assets] == ["1976-07-28", None, None]
    assert {each.exposure for each in done.assets} == {()}
    assert {each.model for each in done.assets} == {None}
    assert Counter(each.rule for each in done.notes) == {
        "year-out-of-range": 1,
        "no-date": 1,
        "not-in-service": 1,
    }


@pytest.mark.parametrize(
    ("column", "field", "counts"),
    [
        ("CAMERA_INSTALL_YEAR", "installed", True),
        ("Controller Install Date", "installed", True),
        ("Baujahr LSA", "installed", True),
        ("LED install date", "installed", False),
        ("RECORD_STATUS", "status", True),
        ("Detection status", "status", False),
        ("Comm Status", "exposure", False),
        ("Control", "model", False),  # cut short would be ten characters long
        ("CONTROLLER", "model", True),
        ("INTERCONNE", "exposure", True),
    ],
)
def test_what_a_column_says_of_the_thing_itself(column: str, field: str, counts: bool) -> None:
    assert (column_likeness(column, field) >= 0.5) is counts


def test_yes_is_read_as_the_name_of_a_services_column(tmp_path: Path) -> None:
    # Toronto
    text = (
        "_id,PX,MAIN_STREET,MIDBLOCK_ROUTE,SIDE1_STREET,ACTIVATIONDATE,NODE_ID,TRANSIT_PREEMPT,"
        "FIRE_PREEMPT,RAIL_PREEMPT,geometry\n"
        '1,0002,FRONT ST,None,JARVIS ST,1948-11-15T00:00:00,13466793,,,,"{""coordinates"": '
        '[[-79.3717, 43.6474]], ""type"": ""MultiPoint""}"\n'
        '2,0003,KING ST E,None,JARVIS ST,1950-08-23T00:00:00,13466630,1,1,0,"{""coordinates"": '
        '[[-79.3718, 43.6504]], ""type"": ""MultiPoint""}"\n'
        '3,0004,BLOOR ST,PARK,None,1950-08-23T00:00:00,13466631,,,1,"{""coordinates"": '
        '[[-79.3719, 43.6604]], ""type"": ""MultiPoint""}"\n'
    )
    done = imported(tmp_path, "Traffic Signal - 4326.csv", text)
    assert [(each.id, each.name, each.services) for each in done.assets] == [
        ("x/0002", "FRONT ST & JARVIS ST", ()),
        ("x/0003", "KING ST E & JARVIS ST", ("preemption", "priority")),
        ("x/0004", "BLOOR ST & PARK", ("preemption",)),
    ]
    assert "unknown-value" not in {each.rule for each in done.notes}


def test_a_long_file_may_be_sorted_by_what_its_rows_are(tmp_path: Path) -> None:
    kinds_of = ["signal"] * 20_000 + ["camera"] * 2_000
    rows = "".join(f"{n},{kind}\n" for n, kind in enumerate(kinds_of))
    done = imported(tmp_path, "x.csv", f"asset id,type\n{rows}")
    assert kinds(done) == {"signal": 20_000, "camera": 2_000}
    assert not done.notes


# --- references, names, dates ---------------------------------------------------------------------


def test_a_count_of_the_rows_gives_way_to_a_number_that_was_given(tmp_path: Path) -> None:
    # Yangon, from a shapefile of OpenStreetMap
    rows = "".join(
        f"{n},{26_577_613 + 7 * n},5201,traffic_signals, ,{n},16.7{n},96.1{n}\n" for n in range(9)
    )
    done = imported(tmp_path, "x.csv", f"FID,osm_id,code,fclass,name,id,lat,lon\n{rows}")
    assert [each.id for each in done.assets][:2] == ["x/26577613", "x/26577620"]
    assert kinds(done) == {"signal": 9}


def test_a_column_called_after_the_thing_holds_its_reference(tmp_path: Path) -> None:
    # Mannheim, Taipei
    german = (
        "AmpelId, VtuId, Straßennamen, kommentar\n"
        "11, 316, John-Straße / Paul-Straße,\n12, 316, A / B, x\n"
    )
    done = imported(tmp_path, "x.csv", german)
    assert [(each.id, each.name) for each in done.assets] == [
        ("x/11", "John-Straße / Paul-Straße"),
        ("x/12", "A / B"),
    ]
    chinese = (
        "項次,路口,行政區,號誌編號,WGS84經度座標,WGS84緯度座標\n"
        "1,八德路　　光復北路,松山區,SKWPX10,121.55782,25.048206\n"
        "2,八德路　　延吉街,松山區,SKWP510,121.55333,25.048195\n"
    )
    (first, _) = imported(tmp_path, "y.csv", chinese).assets
    assert (first.id, first.kind, first.latitude) == ("x/SKWPX10", Kind.SIGNAL, 25.048206)
    assert first.name == "八德路 光復北路"


@pytest.mark.parametrize("column", ["CameraID", "VMSID", "Signal-Nr", "AmpelId", "RSU ref"])
def test_the_number_of_a_thing_goes_before_the_count_of_a_portal(column: str) -> None:
    assert column_likeness(column, "id") > column_likeness("OBJECTID", "id")


def test_a_column_of_phrases_names_the_rows_where_none_is_called_a_name(tmp_path: Path) -> None:
    text = "Signal ID,Wo,lat,lon\n1,Ring / Markt,52.1,13.1\n2,Ring / Tor,52.2,13.2\n"
    assert [each.name for each in imported(tmp_path, "x.csv", text).assets] == [
        "Ring / Markt",
        "Ring / Tor",
    ]


def test_dates_beside_it_tell_day_and_month_apart(tmp_path: Path) -> None:
    # Fortaleza
    text = (
        "CÓDIGO,CRUZAMENTO,DATA DE IMPLANTAÇÃO,DATA DE REATIVAÇÃO,LATITUDE,LONGITUDE\n"
        "001,AV. A & AV. B,desconhecida,25/03/2011,-3.73,-38.52\n"
        "002,AV. C & AV. D,12/05/1999,,-3.74,-38.53\n"
    )
    done = imported(tmp_path, "semaforos.csv", text)
    assert [each.installed for each in done.assets] == [None, "1999-05-12"]
    assert not done.notes


def test_a_place_written_as_a_program_has_it(tmp_path: Path) -> None:
    # Bogotá
    text = '"x"\n"new google.maps.LatLng(4.6401,-74.0763),"\n"new Point(4.6410,-74.0761),"\n'
    assert [each.latitude for each in imported(tmp_path, "semaforos.csv", text).assets] == [
        4.6401,
        4.6410,
    ]


def test_words_of_two_parts_are_found_behind_a_point() -> None:
    assert meaning_of("Veic.C/Ped.Paral.", "kind") == "signal"
    assert meaning_of("12.18", "services") == "ntcip-1218"


def test_words_are_found_in_scripts_that_join_them() -> None:
    assert meaning_of("차량신호등", "kind") == "signal"
    assert meaning_of("보행자신호등", "kind") == "pedestrian-signal"
    assert column_likeness("신호등구분", "kind") == pytest.approx(1.0, abs=0.1)
    assert column_likeness("WGS84緯度座標", "latitude") >= 0.6
    assert kind_of_title("대구광역시_신호등_20230323") == "signal"


# --- what interfaces answer -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "first", "place"),
    [
        (  # OData: Singapore's Land Transport Authority
            '{"odata.metadata": "x", "value": ['
            '{"CameraID": "1001", "Latitude": 1.29531, "Longitude": 103.87114},'
            '{"CameraID": "1002", "Latitude": 1.31954, "Longitude": 103.87856}]}',
            "camera", "x/1001", (1.29531, 103.87114),
        ),
        (  # a list within a list
            '{"items": [{"timestamp": "t", "cameras": ['
            '{"camera_id": "4703", "location": {"latitude": 1.357, "longitude": 103.694}},'
            '{"camera_id": "4704", "location": {"latitude": 1.36, "longitude": 103.7}}]}]}',
            "camera", "x/4703", (1.357, 103.694),
        ),
        (  # Taiwan's Transport Data eXchange
            '{"AuthorityCode": "TNN", "VMSs": ['
            '{"VMSID": "V-1", "PositionLon": 120.20113, "PositionLat": 22.99021},'
            '{"VMSID": "V-2", "PositionLon": 120.21113, "PositionLat": 22.98021}]}',
            "sign", "x/V-1", (22.99021, 120.20113),
        ),
        (  # NGSI-LD
            '[{"id": "urn:ngsi-ld:TrafficLight:1", "type": "TrafficLight",'
            '"name": {"type": "Property", "value": "A / B"}, "location": {"type": "GeoProperty",'
            '"value": {"type": "Point", "coordinates": [-3.8, 43.46]}}}]',
            "signal", "x/urn:ngsi-ld:TrafficLight:1", (43.46, -3.8),
        ),
        (  # SensorThings, as Hamburg's signals are
            '{"value": [{"@iot.id": 7, "name": "TLF-Knoten 279", "properties": '
            '{"trafficLightsId": "279"}, "Locations": [{"location": {"type": "Feature", '
            '"geometry": {"type": "Point", "coordinates": [9.98, 53.55]}}}]}]}',
            "signal", "x/279", (53.55, 9.98),
        ),
    ],
)  # fmt: skip
def test_answers_of_interfaces(
    tmp_path: Path, text: str, kind: str, first: str, place: tuple[float, float]
) -> None:
    asset = imported(tmp_path, "answer.json", text).assets[0]
    assert (str(asset.kind), asset.id) == (kind, first)
    assert (asset.latitude, asset.longitude) == place
