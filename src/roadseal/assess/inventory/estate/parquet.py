"""Parquet and GeoParquet, through polars.

Source: OGC GeoParquet 1.1.0, clauses "Column metadata" and "encoding" (WKB).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import polars

from roadseal.assess.inventory.estate.cell import cell_text
from roadseal.assess.inventory.estate.note import Action, note
from roadseal.assess.inventory.estate.place import in_degrees, is_known_system, middle
from roadseal.assess.inventory.estate.table import (
    LIMITS,
    Row,
    Table,
    check_columns,
    distinct_columns,
    unreadable,
)
from roadseal.assess.inventory.estate.wkb import wkb_corners
from roadseal.errors import RoadsealError

_BATCH: Final = 50_000
# What polars raises for damaged files: some make its Rust core panic, which is no `Exception`.
_DAMAGED: Final = (
    polars.exceptions.PolarsError,
    polars.exceptions.PanicException,
    OSError,
    ValueError,
)


def read_parquet(path: Path) -> Table:
    """Read the rows of a Parquet file; its geometry, if it says which column that is.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``.
    """
    try:
        lazy = polars.scan_parquet(path)
        names = lazy.collect_schema().names()
        count = int(lazy.select(polars.len()).collect().item())
        shape, system = _geometry(polars.read_parquet_metadata(path))
    except _DAMAGED as error:
        raise _unreadable(path, error) from None
    columns, notes = distinct_columns(names)
    check_columns(columns if count else (), path.name)
    if count > LIMITS.rows:
        raise unreadable(path.name, f"it has {count} rows")
    place = names.index(shape) if shape in names else None
    if place is not None and not is_known_system(system):
        notes = (*notes, note(0, "file", Action.DOUBTED, "projection", str(system)[:80]))
    return Table(
        "parquet",
        columns,
        lambda: _rows(path, place, system),
        notes,
        None if place is None else columns[place],
    )


def _rows(path: Path, place: int | None, system: int | str) -> Iterator[Row]:
    lazy = polars.scan_parquet(path)
    number = 0
    while True:
        try:
            part = lazy.slice(number, _BATCH).collect()
        except _DAMAGED as error:
            raise _unreadable(path, error) from None
        for row in part.iter_rows():
            number += 1
            yield (
                number,
                [
                    _shape(cell, system) if at == place else cell_text(cell)
                    for at, cell in enumerate(row)
                ],
            )
        if part.height < _BATCH:
            return


def _unreadable(path: Path, error: BaseException) -> RoadsealError:
    if isinstance(error, polars.exceptions.PanicException):
        return unreadable(path.name, "it is damaged where its values are packed")
    return unreadable(path.name, (str(error).splitlines() or ["polars refuses it"])[0])


def _geometry(metadata: dict[str, str]) -> tuple[str | None, int | str]:
    """The geometry's column and its system; without ``crs`` it is degrees east and north."""
    try:
        geo = orjson.loads(metadata.get("geo", "null"))
    except orjson.JSONDecodeError:
        return None, 0
    match geo:
        case {"primary_column": str(name), "columns": dict(columns)}:
            column = columns.get(name)
            crs = column.get("crs") if isinstance(column, dict) else None
            match crs:
                case {"id": {"authority": "EPSG", "code": int(code)}}:
                    return name, code
                case {"id": {"code": "CRS84"}} | None:
                    return name, 0
                case _:
                    return name, orjson.dumps(crs).decode()
    return None, 0


def _shape(cell: Any, system: int | str) -> str:
    if not isinstance(cell, bytes):
        return cell_text(cell)
    try:
        place = in_degrees(middle(wkb_corners(cell)[1]), system)
    except ValueError:
        return "geometry that is none"
    return place.wkt if place else ""
