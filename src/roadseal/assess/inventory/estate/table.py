"""A source as rows of text: what every file format becomes before a mapping gives it meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.errors import RoadsealError

Row = tuple[int, list[str]]
"""Row number in the source, from 1, and its cells."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a stranger's file is read.

    Args:
        file_bytes: largest file.
        unpacked_bytes: largest content of a spreadsheet or other compressed archive.
        tree_bytes: largest XML that is held as a whole.
        rows: most rows.
        columns: most columns.
        cell_chars: longest cell.
    """

    file_bytes: int = 2 << 30
    unpacked_bytes: int = 1 << 30
    tree_bytes: int = 128 << 20
    rows: int = 5_000_000
    columns: int = 2_000
    cell_chars: int = 1 << 20


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and rows that can be read again.

    Args:
        format: ``csv``, ``xlsx``, ``geojson``, ``kml``, ``xml``, ``geopackage``, ``shapefile``,
            ``parquet``, ``osm``, ``cvmanager``.
        columns: their names, each once.
        rows: starts reading from the first row.
        notes: what had to be done to the file as a whole.
        place: name of the column that the format itself defines as the place.
        title: what the file, and its layer or sheet, are called.
    """

    format: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    notes: tuple[Note, ...] = ()
    place: str | None = None
    title: str = ""


def table_of_records(
    format_name: str,
    records: list[Mapping[str, str]],
    *,
    notes: tuple[Note, ...] = (),
    place: str | None = None,
    title: str = "",
) -> Table:
    """Make a table of records that need not have the same keys; columns by first appearance."""
    columns = tuple(dict.fromkeys(key for record in records for key in record))
    check_columns(columns, format_name)

    def rows() -> Iterator[Row]:
        for number, record in enumerate(records, 1):
            yield number, [record.get(column, "") for column in columns]

    return Table(format_name, columns, rows, notes, place, title)


def distinct_columns(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """Give every column a name of its own."""
    seen: dict[str, int] = {}
    columns, notes = [], []
    for number, name in enumerate(names, 1):
        name = " ".join(name.split()) or f"column {number}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            renamed = f"{name} {seen[name]}"
            notes.append(note(0, "file", Action.REPAIRED, "repeated-column", name, renamed))
            name = renamed
        columns.append(name)
    return tuple(columns), tuple(notes)


def check_columns(columns: tuple[str, ...], name: str) -> None:
    """Refuse a table that is too wide or has no columns at all."""
    if not columns:
        raise RoadsealError(
            "estate-empty", f"{name} holds no rows.", advice="Check that it is the right file."
        )
    if len(columns) > LIMITS.columns:
        raise RoadsealError(
            "estate-too-large",
            f"{name} has {len(columns)} columns; {LIMITS.columns} are read.",
            advice="Export only the columns that describe the equipment.",
        )


def unreadable(name: str, why: str, advice: str = "Export it anew, or as CSV.") -> RoadsealError:
    """The error for a file that its format's reader refuses."""
    return RoadsealError("estate-unreadable", f"{name} cannot be read: {why}.", advice=advice)
