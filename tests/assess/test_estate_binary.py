"""Estates in OpenStreetMap PBF and FlatGeobuf, by the writers of osmium and GDAL."""

from __future__ import annotations

import base64
import bz2
import contextlib
import lzma
import os
import random
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from roadseal.assess.inventory.estate import Kind, guess_mapping, import_table, read_source
from roadseal.assess.inventory.estate.place import parse_place
from roadseal.assess.inventory.estate.protobuf import deltas, fields, packed, signed, varints
from roadseal.errors import RoadsealError

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))

EXTRACT = """<?xml version='1.0' encoding='UTF-8'?>
<osm version="0.6" generator="x">
 <node id="1" lat="52.5" lon="13.4" version="1">
  <tag k="highway" v="traffic_signals"/><tag k="ref" v="A1"/></node>
 <node id="2" lat="-33.9" lon="-70.6" version="1"/>
 <node id="3" lat="52.51" lon="13.41" version="1"/>
 <node id="4" lat="52.52" lon="13.42" version="1"><tag k="highway" v="crossing"/>
  <tag k="crossing" v="traffic_signals"/><tag k="name" v="Straße Ü"/></node>
 <node id="5" lat="52.53" lon="13.43" version="1"><tag k="shop" v="traffic_signals"/></node>
 <way id="10" version="1"><nd ref="3"/><nd ref="4"/><tag k="man_made" v="surveillance"/></way>
 <way id="11" version="1"><nd ref="1"/><nd ref="3"/></way>
 <way id="12" version="1"><nd ref="1"/><nd ref="3"/><tag k="highway" v="primary"/></way>
 <relation id="20" version="1"><member type="way" ref="11" role=""/>
  <member type="node" ref="4" role=""/><tag k="highway" v="toll_gantry"/></relation>
</osm>
"""
PBF = base64.b64decode(  # of EXTRACT, by osmium 1.15
    "AAAADQoJT1NNSGVhZGVyGDgQLBo0eJxT4vMvzg1OzkjNTdQNM9AzU+JySc0rTvXLT0ktbmLkzS/OzSzN1TfUMzTV"
    "MwAAMKgNWAAAAAwKB09TTURhdGEYmwEQlAEalQF4nONy52LgYs/ITM8oT6zk4i8pSkxLy0yOL85Mz0vMKeZiLkpN"
    "42JyNOTiSC7KLy7OzEvnYslLzE3l4goGKj08P1Xh8BwuluKM/AIhTyF3LlYmEHASbfh67Qvz//t/trMd+NWxg+3A"
    "LB4g8hJp2Pa0/n9790K2A4umL4SKBgkyMjGzMDAwMLKyMrGxM3AwMQAAS0wwyQAAAAsKB09TTURhdGEYXBBUGlh4"
    "nOPS4WLg4shNzIvPTUxJ5eIpLi0qS83MyUnMS07lYs/ITM8oT6zkYi8oysxNLKoUUpHi4eASYmSUYmRyYmJjkmLj"
    "4HZiYmIBivIIMTJLMbKAeACSjRDgAAAACwoHT1NNRGF0YRhAEDQaPHic45LiYuBiz8hMzyhPrOTiLsnPyYlPT8wr"
    "KarkYhASUxLhEBFiZJRiZHJiYmb2YhLjDWJiZAAAOeoJuA=="
)
FLATGEOBUF = base64.b64decode(  # of two rows, by GDAL 3.6, with an index
    "ZmdiA2ZnYgEsAQAAIAAAAAAAAAAAABYAIAAIAAwABwAAAAAAAAAAABAAFAAWAAAAAAAAAVgAAAAsAAAAEAAAAAIA"
    "AAAAAAAAAAAAAAUAAADQAAAApAAAAIQAAABgAAAAQAAAAAQAAADNzMzMzMwqQAAAAAAAQEpAUrgehevRKkDhehSu"
    "R0FKQAAAAAAPAAAAdHJhZmZpY19zaWduYWxzAI7///8AAAAFCAAAAAAAAAAFAAAAbGFuZXMAAACq////AAAABQgA"
    "AAAAAAAACQAAAGluc3RhbGxlZAAAAMr///8AAAALCAAAAAAAAAAEAAAAa2luZAAAAADm////AAAACwgAAAAAAAAA"
    "BAAAAG5hbWUAAA4AEAAIAAcAAAAAAAwADgAAAAAAAAsIAAAAAAAAAAMAAAByZWYAzczMzMzMKkAAAAAAAEBKQFK4"
    "HoXr0SpA4XoUrkdBSkABAAAAAAAAAFK4HoXr0SpA4XoUrkdBSkBSuB6F69EqQOF6FK5HQUpAAAAAAAAAAADNzMzM"
    "zMwqQAAAAAAAQEpAzczMzMzMKkAAAAAAAEBKQHAAAAAAAAAAbAAAAAwAAAAIAAwABAAIAAgAAABAAAAABAAAACwA"
    "AAAAAAIAAABBMgEABgAAAFNlY29uZAIABgAAAGNhbWVyYQMAAAAAAAQAAAAAAAgACAAAAAQACAAAAAQAAAACAAAA"
    "UrgehevRKkDhehSuR0FKQHwAAAAQAAAAAAAAAAgADAAEAAgACAAAAEwAAAAEAAAANgAAAAAAAgAAAEExAQAQAAAA"
    "U3RyYcOfZSAmIFJ1ZSDDnAIABgAAAHNpZ25hbAMAzwcAAAQABAAAAAAACAAIAAAABAAIAAAABAAAAAIAAADNzMzM"
    "zMwqQAAAAAAAQEpA"
)
ELEMENTS = {
    "node/1": ((52.5, 13.4), "traffic_signals", "A1"),
    "node/4": ((52.52, 13.42), "crossing", ""),
    "way/10": ((52.515, 13.415), "", ""),
    "relation/20": ((52.51, 13.41), "toll_gantry", ""),
}


def elements(path: Path) -> dict[str, tuple[tuple[float, float], str, str]]:
    table = read_source(path)
    assert [(each.rule, each.before) for each in table.notes] == [
        ("outside-selection", "2 elements")
    ]
    at = [table.columns.index(name) for name in ("@id", "geometry", "highway", "ref")]
    rows = ([cells[each] for each in at] for _, cells in table.rows())
    return {own: (_rounded(place), highway, ref) for own, place, highway, ref in rows}


def _rounded(text: str) -> tuple[float, float]:
    place = parse_place(text)
    assert place
    return round(place.latitude, 7), round(place.longitude, 7)


def test_an_extract_in_pbf_says_what_its_xml_says(tmp_path: Path) -> None:
    (tmp_path / "a.osm.pbf").write_bytes(PBF)
    (tmp_path / "a.osm").write_text(EXTRACT, "utf-8")
    assert elements(tmp_path / "a.osm.pbf") == ELEMENTS
    in_xml = elements(tmp_path / "a.osm")
    assert {key: in_xml[key] for key in ("node/1", "node/4", "way/10")} == {
        key: ELEMENTS[key] for key in ("node/1", "node/4", "way/10")
    }
    table = read_source(tmp_path / "a.osm.pbf")
    done = import_table(table, guess_mapping(table).mapping, "x")
    assert [str(each.kind) for each in done.assets] == [
        "signal", "pedestrian-signal", "camera", "unknown",
    ]  # fmt: skip
    assert done.assets[1].name == "Straße Ü"


@pytest.mark.skipif(shutil.which("osmium") is None, reason="needs osmium-tool")
@pytest.mark.parametrize(
    "options", ["pbf_dense_nodes=false", "pbf_compression=none", "locations_on_ways=true"]
)
def test_what_osmium_writes_is_read(tmp_path: Path, options: str) -> None:
    (tmp_path / "a.osm").write_text(EXTRACT, "utf-8")
    command = ["osmium", "cat", "a.osm", "-o", "b.osm.pbf", "-f", f"pbf,{options}"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert elements(tmp_path / "b.osm.pbf") == ELEMENTS


def test_compressed_extracts_are_read(tmp_path: Path) -> None:
    for name, pack in (("a.osm.bz2", bz2.compress), ("a.osm.xz", lzma.compress)):
        (tmp_path / name).write_bytes(pack(EXTRACT.encode()))
        assert set(elements(tmp_path / name)) == set(ELEMENTS)


def test_flatgeobuf_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.fgb"
    path.write_bytes(FLATGEOBUF)
    table = read_source(path)
    assert (table.format, table.title) == ("flatgeobuf", "a traffic_signals")
    done = import_table(table, guess_mapping(table).mapping, "x")
    found = {each.id: each for each in done.assets}
    assert found["x/A1"].name == "Straße & Rue Ü"
    assert (found["x/A1"].latitude, found["x/A1"].longitude) == (52.5, 13.4)
    assert (found["x/A1"].kind, found["x/A1"].installed) == (Kind.SIGNAL, "1999")
    assert (found["x/A2"].kind, found["x/A2"].latitude) == (Kind.CAMERA, 52.51)


@pytest.mark.parametrize("encoded", [PBF, FLATGEOBUF], ids=["pbf", "flatgeobuf"])
def test_no_mutant_raises_anything_else(tmp_path: Path, encoded: bytes) -> None:
    chance = random.Random(7)
    path = tmp_path / "a"
    for _ in range(MUTANTS // 4):
        mutant = bytearray(encoded)
        for _ in range(chance.randrange(1, 4)):
            mutant[chance.randrange(len(mutant))] = chance.choice((0, 1, 127, 128, 255))
        cut = len(mutant) if chance.random() < 0.7 else chance.randrange(len(mutant))
        path.write_bytes(mutant[:cut])
        with contextlib.suppress(RoadsealError):
            list(read_source(path).rows())


def test_packed_numbers_are_those_that_are_read_one_by_one() -> None:
    content = bytes([0, 1, 0x7F, 0x80, 1, 0xFF, 0xFF, 3, *[0xFF] * 9, 1])
    assert [each & (2**64 - 1) for each in packed(content).tolist()] == list(varints(content))
    assert signed(np.array([0, 1, 2, 3, -1, -2])).tolist() == [0, -1, 1, -2, -(2**63), 2**63 - 1]
    assert deltas(bytes([2, 2, 3])).tolist() == [1, 2, 0]
    for cut in (b"\x80", b"\xff" * 11, b"\x01\x80"):
        with pytest.raises(ValueError, match="number"):
            packed(cut)
        with pytest.raises(ValueError, match="number"):
            list(varints(cut))
    with pytest.raises(ValueError, match="cut off"):
        list(fields(b"\x0a\x05ab"))


def test_a_file_geodatabase_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "city.gdb").mkdir()
    with zipfile.ZipFile(tmp_path / "city.zip", "w") as archive:
        archive.writestr("city.gdb/a00000001.gdbtable", b"x")
    for name in ("city.gdb", "city.zip"):
        with pytest.raises(RoadsealError) as caught:
            read_source(tmp_path / name)
        assert caught.value.code == "estate-unreadable"
        assert "ogr2ogr" in (caught.value.advice or "")
