"""An operator's XML: read whole, compressed too; what is wrong is named with its line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from traffic_scenes import grid

from roadseal.errors import RoadsealError
from roadseal.pilot.corridor import read_corridor
from roadseal.pilot.scenario_xml import check_well_formed, elements

ENTITIES = """<!DOCTYPE routes [
 <!ENTITY a "0123456789"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
]>
<routes><route id="r" edges="&b;"/></routes>
"""


def drain(file: Path) -> None:
    for _ in elements(file):
        pass


READERS = pytest.mark.parametrize("read", [drain, check_well_formed], ids=["elements", "form"])


@READERS
@pytest.mark.parametrize("name", ["r.rou.xml", "r.rou.xml.gz"])
def test_entities_are_refused(tmp_path: Path, read: Callable[[Path], None], name: str) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(ENTITIES.encode()) if name.endswith("gz") else ENTITIES.encode())
    with pytest.raises(RoadsealError, match="defines entities") as caught:
        read(file)
    assert caught.value.code == "scenario-unreadable"


@READERS
@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("a.xml", b"<routes>\n<route>\n</routes>", "scenario-unreadable", "line 3: .*mismatched"),
        ("b.xml", b"", "scenario-unreadable", "line 1: .*no element"),
        ("c.xml.gz", b"<routes/>", "scenario-unreadable", "not compressed with gzip"),
        ("d.xml.gz", gzip.compress(b"<routes/>" * 9)[:-9], "scenario-unreadable", "c.*gzip|end"),
        ("gone.xml", None, "scenario-missing", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, read: Callable[[Path], None], name: str, content: bytes, code: str, said: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RoadsealError, match=said) as caught:
        read(file)
    assert caught.value.code == code
    assert caught.value.advice


def test_a_document_type_without_entities_is_read(tmp_path: Path) -> None:
    file = tmp_path / "old.xml.gz"
    file.write_bytes(gzip.compress(b'<!DOCTYPE routes SYSTEM "x.dtd"><routes><route/></routes>'))
    check_well_formed(file)
    assert [element.tag for element in elements(file)] == ["route", "routes"]


def test_entities_in_programs_of_additional_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "programs.add.xml"
    file.write_text(ENTITIES)
    with pytest.raises(RoadsealError, match="defines entities"):
        read_corridor(grid().net_file, [file], name="grid", source="test")
