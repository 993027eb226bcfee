"""Archives as portals give them: a zip of a data set, a shapefile's parts, KMZ, gzip and its kin.

Of several files the likeliest kind is read; of one kind that which is called after signals, then
the largest.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Final

from roadseal.assess.inventory.estate.lexicon import kind_of_title
from roadseal.assess.inventory.estate.note import Action, note
from roadseal.assess.inventory.estate.table import LIMITS, Row, Table, unreadable

_BOOK: Final = ("[Content_Types].xml", "content.xml", "xl/")
_PARTS: Final = (".shp", ".dbf", ".prj", ".cpg")
_DATA: Final = (
    ".shp", ".gpkg", ".fgb", ".kml", ".geojson", ".json", ".jsonl", ".ndjson", ".topojson", ".csv",
    ".tsv", ".txt", ".xlsx", ".xls", ".ods", ".parquet", ".geoparquet", ".gml", ".xml", ".osm",
    ".pbf", ".sql", ".sqlite",
)  # fmt: skip
"""What may hold an estate, the likeliest first."""
_COPY: Final = 1 << 20

Packed = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
_OPENED: Final[Mapping[bytes, Callable[[Path], Packed]]] = {
    b"BZ": bz2.BZ2File,
    b"\xfd7": lzma.LZMAFile,
}
_SOUGHT: Final = ("signal", "pedestrian-signal", "rsu")
FILE_GEODATABASE: Final = (
    "it is an Esri File Geodatabase",
    "Convert it: ogr2ogr -f GPKG new.gpkg FILE.gdb, or export the layer as GeoJSON.",
)

Reader = Callable[[Path], Table]


def is_workbook(path: Path) -> bool:
    """Whether a zip is a spreadsheet, not an archive with a file in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith(_BOOK) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return True  # let its reader say what is wrong


def read_zip(path: Path, read: Reader) -> Table:
    """Read the likeliest file of an archive with `read`; the others are named.

    Raises:
        RoadsealError: ``estate-unreadable``, and what `read` raises.
    """
    folder = TemporaryDirectory(prefix="roadseal-estate-")
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {each.filename: each.file_size for each in archive.infolist() if _is_data(each)}
            name = min(
                sizes,
                key=lambda each: (
                    _DATA.index(_suffix(each)),
                    _strangeness(each),
                    -sizes[each],
                    each,
                ),
                default="",
            )
            if not name and any(".gdb/" in each.lower() for each in archive.namelist()):
                raise unreadable(path.name, *FILE_GEODATABASE)
            if not name:
                raise unreadable(path.name, "it is a zip without a file of a kind that is read")
            unpacked = _unpack(archive, name, Path(folder.name), path.name)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise unreadable(path.name, f"its zip is damaged or locked ({error})") from None
    except NotImplementedError as error:
        raise unreadable(path.name, str(error)) from None
    table = _kept(read(unpacked), folder)
    table = replace(table, title=f"{PurePosixPath(name).stem} {table.title}".strip())
    if others := ", ".join(each for each in sizes if each != name):
        table = replace(
            table,
            notes=(note(0, "file", Action.REPAIRED, "other-files", others, name), *table.notes),
        )
    return table


def read_compressed(path: Path, read: Reader) -> Table:
    """Read what a file compressed with gzip, bzip2 or xz holds with `read`.

    Raises:
        RoadsealError: ``estate-unreadable``, and what `read` raises.
    """
    folder = TemporaryDirectory(prefix="roadseal-estate-")
    unpacked = Path(folder.name, path.stem)
    with path.open("rb") as file:
        magic = file.read(2)
    opened = _OPENED.get(magic, gzip.GzipFile)
    try:
        with opened(path) as packed:
            _copy(packed, unpacked, path.name)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise unreadable(path.name, f"its compression is damaged ({error})") from None
    return _kept(read(unpacked), folder)


def _is_data(entry: zipfile.ZipInfo) -> bool:
    if not entry.filename:  # `is_dir` looks at its last character
        return False
    hidden = any(part.startswith((".", "__")) for part in PurePosixPath(entry.filename).parts)
    return not entry.is_dir() and not hidden and _suffix(entry.filename) in _DATA


def _strangeness(name: str) -> int:
    """How little a file's name says of signals: 0 that it holds them, 1 other equipment, 2 none."""
    kind = kind_of_title(PurePosixPath(name).stem)
    return (0 if kind in _SOUGHT else 1) if kind else 2


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.casefold()


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path, shown: str) -> Path:
    """The file, and for a shapefile its parts, under plain names of their own."""
    wanted = {_suffix(name): name}
    if _suffix(name) == ".shp":
        stem = name[:-4].casefold()
        for entry in archive.namelist():
            if _suffix(entry) in _PARTS and entry[:-4].casefold() == stem:
                wanted[_suffix(entry)] = entry
    for suffix, entry in wanted.items():
        with archive.open(entry) as packed:
            _copy(packed, folder / f"estate{suffix}", shown)
    return folder / f"estate{_suffix(name)}"


def _copy(packed: IO[bytes] | Packed, to: Path, shown: str) -> None:
    left = LIMITS.unpacked_bytes
    with to.open("wb") as file:
        while octets := packed.read(_COPY):
            left -= len(octets)
            if left < 0:
                raise unreadable(
                    shown, f"it unpacks to more than {LIMITS.unpacked_bytes >> 20} MiB"
                )
            file.write(octets)


def _kept(table: Table, folder: TemporaryDirectory[str]) -> Table:
    """`table` with its unpacked file, which goes with it."""

    def rows(kept: TemporaryDirectory[str] = folder) -> Iterator[Row]:
        yield from table.rows()

    return replace(table, rows=rows)
