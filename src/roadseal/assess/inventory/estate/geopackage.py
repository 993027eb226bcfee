"""GeoPackage, and any SQLite file: the fullest table.

Source: OGC 12-128r19, clauses 1.1.3 (``gpkg_contents``) and 2.1.5 (``gpkg_geometry_columns``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

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
from roadseal.assess.inventory.estate.wkb import package_corners

_OWN: Final = ("gpkg_", "rtree_", "sqlite_", "idx_", "layer_styles")
_STEPS: Final = 100_000
_MAX_STEPS: Final = 500_000_000
"""Steps of SQLite's machine that a file may cost: minutes, for a view may be endless."""


def read_geopackage(path: Path) -> Table:
    """Read the fullest table of a GeoPackage or SQLite file; it is opened for reading only.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``.
    """
    try:
        with closing(_opened(path)) as database:
            return _fullest(path, database)
    except (sqlite3.Error, UnicodeError, OverflowError) as error:
        raise unreadable(path.name, f"SQLite says: {error}") from None


def _fullest(path: Path, database: sqlite3.Connection) -> Table:
    counts = dict(_counts(database))
    name = max(counts, key=lambda each: counts[each], default="")
    if not counts.get(name):
        check_columns((), path.name)
    if counts[name] > LIMITS.rows:
        raise unreadable(path.name, f"its table {name} has {counts[name]} rows")
    named = database.execute(_select("*", name) + " LIMIT 0").description
    columns, notes = distinct_columns(str(each[0]) for each in named)
    check_columns(columns, path.name)
    shape, system = _geometry(database, name)
    place = columns.index(shape) if shape in columns else None
    if others := ", ".join(f"{each} ({counts[each]})" for each in counts if each != name):
        notes = (note(0, "file", Action.REPAIRED, "other-sheets", others, name), *notes)
    if place is not None and not is_known_system(system):
        notes = (*notes, note(0, "file", Action.DOUBTED, "projection", str(system)[:80]))
    return Table(
        "geopackage", columns, lambda: _rows(path, name, place, system), notes, shape, name
    )


def _rows(path: Path, name: str, place: int | None, system: int | str) -> Iterator[Row]:
    try:
        with closing(_opened(path)) as database:
            every = database.execute(_select("*", name))
            for number, row in enumerate(every, 1):
                yield (
                    number,
                    [
                        _shape(cell, system) if at == place else cell_text(cell)
                        for at, cell in enumerate(row)
                    ],
                )
    except (sqlite3.Error, UnicodeError) as error:
        raise unreadable(path.name, f"SQLite says: {error}") from None


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    database.text_factory = lambda encoded: encoded.decode("utf-8", errors="replace")
    database.execute("PRAGMA trusted_schema = OFF")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 64 << 20)
    spent = 0

    def endless() -> bool:
        nonlocal spent
        spent += _STEPS
        return spent > _MAX_STEPS

    database.set_progress_handler(endless, _STEPS)
    return database


def _counts(database: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """How many rows each layer has; a view of what is not there has none."""
    for name in _layers(database):
        try:
            yield name, int(database.execute(_select("count(*)", name)).fetchone()[0])
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise


def _layers(database: sqlite3.Connection) -> list[str]:
    """What the package says it holds, else the tables that are not of SQLite's own."""
    tables = [
        str(name)
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
        )
    ]
    if "gpkg_contents" in tables:
        said = {
            str(name)
            for (name,) in database.execute(
                "SELECT table_name FROM gpkg_contents WHERE data_type IN ('features', 'attributes')"
            )
        }
        tables = [name for name in tables if name in said]
    return [name for name in tables if not name.startswith(_OWN)]


def _geometry(database: sqlite3.Connection, name: str) -> tuple[str | None, int | str]:
    """The column of a layer that is its geometry, and its system: EPSG code or written out."""
    try:
        found = database.execute(
            "SELECT column_name, organization, organization_coordsys_id, definition"
            " FROM gpkg_geometry_columns JOIN gpkg_spatial_ref_sys USING (srs_id)"
            " WHERE table_name = ?",
            (name,),
        ).fetchone()
    except sqlite3.OperationalError:  # no package
        return None, 0
    if found is None:
        return None, 0
    column, organisation, code, definition = found
    if isinstance(code, int) and code <= 0:  # -1, 0: the standard's "undefined"
        return str(column), 0
    if str(organisation).upper() == "EPSG" and isinstance(code, int):
        return str(column), code
    return str(column), str(definition)


def _shape(cell: Any, system: int | str) -> str:
    if not isinstance(cell, bytes):
        return ""
    try:
        place = in_degrees(middle(package_corners(cell)), system)
    except ValueError:
        return "geometry that is none"
    return place.wkt if place else ""


def _select(what: str, table: str) -> str:
    """A query of one table; no parameter can stand for its name, so that is quoted."""
    quoted = table.replace('"', '""')
    return f'SELECT {what} FROM "{quoted}"'  # noqa: S608
