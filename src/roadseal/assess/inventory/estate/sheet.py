"""Spreadsheets: XLSX, XLS, XLSB and ODS through calamine."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from roadseal.assess.inventory.estate.cell import cell_text
from roadseal.assess.inventory.estate.header import HEADLESS, header_row, second_header
from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.assess.inventory.estate.table import (
    LIMITS,
    Row,
    Table,
    check_columns,
    distinct_columns,
    unreadable,
)

_HEAD_ROWS = 40


def read_sheet(path: Path) -> Table:
    """Read the fullest sheet of a workbook.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``.
    """
    _check_unpacked_size(path)
    title, cells, notes = _fullest(path)
    head = [[cell_text(cell) for cell in row] for row in cells[:_HEAD_ROWS]]
    header_at = header_row(head)
    if header_at is None:
        check_columns((), path.name)
    start = header_at or 0
    names = head[max(start, 0)]
    if start == HEADLESS:
        names = [f"column {number}" for number in range(1, len(names) + 1)]
        notes = (*notes, note(0, "file", Action.REPAIRED, "no-header", "", ", ".join(names)))
    elif start:
        skipped = " / ".join(" ".join(filter(None, row)) for row in head[:start])
        notes = (*notes, note(0, "file", Action.REPAIRED, "title-line", skipped))
    while names and not names[-1].strip():
        names = names[:-1]
    if start != HEADLESS and (merged := second_header(head, start)):
        names, said = merged
        start += 1
        notes = (*notes, note(0, "file", Action.REPAIRED, "second-header", said))
    columns, renamed = distinct_columns(names)
    check_columns(columns, path.name)

    def rows() -> Iterator[Row]:
        for number, row in enumerate(cells[start + 1 :], start + 2):
            yield number, [cell_text(cell) for cell in row]

    return Table("xlsx", columns, rows, (*notes, *renamed), title=title)


def _fullest(path: Path) -> tuple[str, list[list[Any]], tuple[Note, ...]]:
    try:
        workbook = CalamineWorkbook.from_path(path)
        sheets = {
            name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in workbook.sheet_names
        }
    except (CalamineError, OSError, ValueError) as error:
        raise unreadable(
            path.name, str(error).splitlines()[0] if str(error) else "not one"
        ) from None
    if not sheets:
        check_columns((), path.name)
    name = max(
        sheets, key=lambda each: sum(1 for row in sheets[each] for cell in row if cell != "")
    )
    others = ", ".join(each for each in sheets if each != name)
    notes = (note(0, "file", Action.REPAIRED, "other-sheets", others, name),) if others else ()
    return name, sheets[name], notes


def _check_unpacked_size(path: Path) -> None:
    """A few kilobytes of a compressed archive may claim to be terabytes."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise unreadable(path.name, str(error)) from None
    if size > LIMITS.unpacked_bytes:
        raise unreadable(path.name, f"it unpacks to {size >> 20} MiB")
