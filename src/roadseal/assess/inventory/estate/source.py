"""Which reader a file needs: decided by what it holds, not by what it is called."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from roadseal.assess.inventory.estate.csv_file import read_csv
from roadseal.assess.inventory.estate.cvmanager import (
    is_cvmanager_dump,
    read_cvmanager_database,
    read_cvmanager_dump,
)
from roadseal.assess.inventory.estate.flatgeobuf import MAGIC, read_flatgeobuf
from roadseal.assess.inventory.estate.geopackage import read_geopackage
from roadseal.assess.inventory.estate.json_file import read_json
from roadseal.assess.inventory.estate.kml import read_kml
from roadseal.assess.inventory.estate.osm import read_osm
from roadseal.assess.inventory.estate.osm_pbf import read_osm_pbf
from roadseal.assess.inventory.estate.packed import (
    FILE_GEODATABASE,
    is_workbook,
    read_compressed,
    read_zip,
)
from roadseal.assess.inventory.estate.parquet import read_parquet
from roadseal.assess.inventory.estate.sheet import read_sheet
from roadseal.assess.inventory.estate.table import LIMITS, Table, unreadable
from roadseal.assess.inventory.estate.xml_file import read_xml
from roadseal.errors import RoadsealError

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")  # XLS
_PACKED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_PBF: Final = b"\x0a\x09OSMHeader"
_PBF_AT: Final = 4
_SHAPES: Final = b"\x00\x00\x27\x0a"
_SQLITE: Final = b"SQLite format 3\x00"
_PARQUET: Final = b"PAR1"
_REFUSED: Final = {
    b"PGDMP": ("it is a compressed PostgreSQL dump", "Dump it with pg_dump --format=plain."),
    b"%PDF": ("it is a PDF", "Ask for the table it was made from."),
    b"7z\xbc\xaf\x27\x1c": ("it is a 7-Zip archive", "Unpack it first: 7z x."),
    b"Rar!": ("it is a RAR archive", "Unpack it first: unrar x."),
    b"\x28\xb5\x2f\xfd": ("it is compressed", "Unpack it first: unzstd."),
    b"AC10": ("it is a drawing of AutoCAD", "Convert it in a GIS to GeoJSON."),
    b"!table": ("it is of MapInfo", "Convert it: ogr2ogr -f GPKG new.gpkg FILE.tab"),
    b"\x00\x01\x00\x00Standard": (
        "it is of Microsoft Access",
        "Export its table as CSV: mdb-export.",
    ),
}
_HEAD_BYTES: Final = 1 << 20


def read_source(source: str | Path, encoding: str | None = None) -> Table:
    """Open an estate: a table, features or a database, by itself or compressed.

    Args:
        source: a path, or the URL of a jpo-cvmanager database.
        encoding: of a CSV; told from its octets without it.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``,
            ``estate-encoding``.
    """
    if isinstance(source, str) and "://" in source:
        return read_cvmanager_database(source)
    path = Path(source)
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode) and path.suffix.lower() == ".gdb":
            raise unreadable(path.name, *FILE_GEODATABASE)
        if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
            raise unreadable(path.name, "it is a pipe or a device", "Write it to a file first.")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is no path"
        raise unreadable(str(source), reason, "Check the path.") from None
    if about.st_size > LIMITS.file_bytes:
        raise RoadsealError(
            "estate-too-large",
            f"{path.name} is larger than {LIMITS.file_bytes >> 30} GiB.",
            advice="Split it.",
        )
    for magic, (why, advice) in _REFUSED.items():
        if head.startswith(magic):
            raise unreadable(path.name, why, advice)
    try:
        table = _read(path, head, encoding)
    except OSError as error:
        raise unreadable(path.name, error.strerror or "the disk refuses") from None
    return replace(table, title=f"{path.name.split('.')[0]} {table.title}".strip())


def _read(path: Path, head: bytes, encoding: str | None, *, packed: bool = False) -> Table:
    def unpacked(inner: Path) -> Table:
        with inner.open("rb") as file:
            return _read(inner, file.read(_HEAD_BYTES), encoding, packed=True)

    if head.startswith(_OLE) or (head.startswith(_ZIP) and is_workbook(path)):
        return read_sheet(path)
    if head.startswith((_ZIP, *_PACKED)):
        if packed:
            raise unreadable(path.name, "it is an archive in an archive", "Unpack it first.")
        return (read_zip if head.startswith(_ZIP) else read_compressed)(path, unpacked)
    if head.startswith(_SHAPES):
        from roadseal.assess.inventory.estate.shapefile_set import read_shapefile  # rarely needed

        return read_shapefile(path)
    if head.startswith(_SQLITE):
        return read_geopackage(path)
    if head.startswith(_PARQUET):
        return read_parquet(path)
    if head.startswith(MAGIC):
        return read_flatgeobuf(path)
    if head.startswith(_PBF, _PBF_AT):
        return read_osm_pbf(path)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[", b"\x1e")):
        return read_json(path)
    if _is_xml(start):
        return _xml_reader(head)(path)
    text = head.decode("utf-8", errors="replace")
    if is_cvmanager_dump(text) or (text.startswith("--") and "PostgreSQL database dump" in text):
        return read_cvmanager_dump(path)
    return read_csv(path, encoding)


def _is_xml(start: bytes) -> bool:
    return start.startswith((b"<", b"\xff\xfe<\x00", b"\xfe\xff\x00<"))


def _xml_reader(head: bytes) -> Callable[[Path], Table]:
    if b"<kml" in head or b"opengis.net/kml" in head:
        return read_kml
    return read_osm if b"<osm" in head else read_xml
