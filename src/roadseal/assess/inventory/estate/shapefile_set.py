"""Shapefiles: the shapes, the table beside them, and the system and encoding that they name.

Source: ESRI Shapefile Technical Description (July 1998); ``.prj`` and ``.cpg`` as ArcGIS
writes them.
"""

from __future__ import annotations

import codecs
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import shapefile

from roadseal.assess.inventory.estate.cell import cell_text
from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.assess.inventory.estate.place import in_degrees, is_known_system, middle
from roadseal.assess.inventory.estate.table import (
    LIMITS,
    Row,
    Table,
    check_columns,
    distinct_columns,
    unreadable,
)

PLACE_COLUMN: Final = "geometry"
_BROKEN: Final = (  # what pyshp raises for octets that are no shapefile
    shapefile.ShapefileException,
    struct.error,
    ValueError,
    LookupError,
    OSError,
    ArithmeticError,
    TypeError,
    AttributeError,
)


def read_shapefile(path: Path) -> Table:
    """Read a shapefile with the files of the same name beside it.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``.
    """
    if _beside(path, ".dbf") is None:
        raise unreadable(path.name, "its table (.dbf) is not beside it", "Give the whole zip.")
    encoding = _encoding(path)
    system, notes = _system(path)
    try:
        with _opened(path, encoding) as reader:
            fields = [str(each[0]) for each in reader.fields if each[0] != "DeletionFlag"]
    except _BROKEN as error:
        raise unreadable(path.name, f"it is no whole shapefile ({error})") from None
    columns, renamed = distinct_columns([*fields, PLACE_COLUMN])
    check_columns(columns, path.name)
    return Table(
        "shapefile",
        columns,
        lambda: _rows(path, encoding, system),
        (*notes, *renamed),
        columns[-1],
    )


def _rows(path: Path, encoding: str, system: int | str) -> Iterator[Row]:
    try:
        with _opened(path, encoding) as reader:
            for number, (record, shape) in enumerate(
                zip(reader.iterRecords(), reader.iterShapes(), strict=False), 1
            ):
                if number > LIMITS.rows:
                    return
                corners = [(float(each[0]), float(each[1])) for each in shape.points]
                place = in_degrees(middle(corners), system)
                text = place.wkt if place else ""
                yield number, [*map(cell_text, record), text]
    except _BROKEN as error:
        raise unreadable(path.name, f"it is no whole shapefile ({error})") from None


def _opened(path: Path, encoding: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length in the header that is wrong does no harm
        return shapefile.Reader(
            shp=str(path),
            dbf=str(_beside(path, ".dbf")),
            encoding=encoding,
            encodingErrors="replace",
        )


def _system(path: Path) -> tuple[int | str, tuple[Note, ...]]:
    """The system of coordinates; without one, or with a strange one, that is noted."""
    said = _beside(path, ".prj")
    text = said.read_text("utf-8", errors="replace").strip() if said else ""
    if not text:
        return 0, (note(0, "file", Action.DOUBTED, "projection", "no .prj beside it"),)
    if is_known_system(text):
        return text, ()
    return text, (note(0, "file", Action.DOUBTED, "projection", text[:80]),)


def _encoding(path: Path) -> str:
    """What the ``.cpg`` says; without it, Unicode if the whole table is, else Windows-1252."""
    said = _beside(path, ".cpg")
    name = said.read_text("ascii", errors="replace").strip() if said else ""
    for each in (name, f"cp{name.removeprefix('ANSI ').strip()}"):
        try:
            return codecs.lookup(each).name
        except LookupError:
            continue
    table = _beside(path, ".dbf")
    try:
        (table or path).read_bytes().partition(b"\r")[2].decode("utf-8")
    except UnicodeError:
        return "cp1252"
    return "utf-8"


def _beside(path: Path, suffix: str) -> Path | None:
    """The file of the same name with another ending, in any case of letters."""
    wanted = path.stem.casefold() + suffix
    return next(
        (each for each in sorted(path.parent.iterdir()) if each.name.casefold() == wanted), None
    )
