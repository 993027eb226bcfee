"""Which reader a file needs: decided by what it holds, not by what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from roadseal.assess.inventory.estate.csv_file import read_csv
from roadseal.assess.inventory.estate.cvmanager import (
    is_cvmanager_dump,
    read_cvmanager_database,
    read_cvmanager_dump,
)
from roadseal.assess.inventory.estate.json_file import read_json
from roadseal.assess.inventory.estate.osm import read_osm
from roadseal.assess.inventory.estate.sheet import read_sheet
from roadseal.assess.inventory.estate.table import LIMITS, Table, unreadable
from roadseal.errors import RoadsealError

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")  # XLS
_REFUSED: Final = {
    b"PGDMP": ("it is a compressed PostgreSQL dump", "Dump it with pg_dump --format=plain."),
    b"\x1f\x8b": ("it is compressed", "Unpack it first: gunzip."),
    b"%PDF": ("it is a PDF", "Ask for the table it was made from."),
    b"\x00\x00\x27\x0a": ("it is a shapefile", "Convert it to GeoJSON: ogr2ogr -t_srs EPSG:4326."),
    b"SQLite format 3": ("it is a GeoPackage or SQLite file", "Convert it to GeoJSON: ogr2ogr."),
}
_HEAD_BYTES: Final = 1 << 20


def read_source(source: str | Path, encoding: str | None = None) -> Table:
    """Open an estate: CSV, spreadsheet, GeoJSON, OSM XML, jpo-cvmanager dump or database.

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
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is no path"
        raise unreadable(str(source), reason, "Check the path.") from None
    if size > LIMITS.file_bytes:
        raise RoadsealError(
            "estate-too-large",
            f"{path.name} is larger than {LIMITS.file_bytes >> 30} GiB.",
            advice="Split it.",
        )
    for magic, (why, advice) in _REFUSED.items():
        if head.startswith(magic):
            raise unreadable(path.name, why, advice)
    try:
        return _read(path, head, encoding)
    except OSError as error:
        raise unreadable(path.name, error.strerror or "the disk refuses") from None


def _read(path: Path, head: bytes, encoding: str | None) -> Table:
    if head.startswith((_ZIP, _OLE)):
        return read_sheet(path)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[", b"\x1e")):
        return read_json(path)
    if start.startswith(b"<"):
        if b"opengis.net/kml" in head:
            raise unreadable(path.name, "it is KML", "Convert it to GeoJSON: ogr2ogr.")
        if b"<osm" not in head:
            raise unreadable(path.name, "it is XML of another kind", "Export OSM XML or CSV.")
        return read_osm(path)
    text = head.decode("utf-8", errors="replace")
    if is_cvmanager_dump(text) or (text.startswith("--") and "PostgreSQL database dump" in text):
        return read_cvmanager_dump(path)
    return read_csv(path, encoding)
