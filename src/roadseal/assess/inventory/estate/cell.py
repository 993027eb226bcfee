"""A typed value of a spreadsheet, database or table, as the text of a cell."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import orjson

from roadseal.assess.inventory.estate.table import LIMITS


def cell_text(cell: Any) -> str:
    """The text of a value: whole numbers without a point, days without a time, octets in hex."""
    match cell:
        case None:
            return ""
        case str():
            return cell[: LIMITS.cell_chars]
        case bool():
            return "yes" if cell else "no"
        case float() if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        case datetime() if (cell.hour, cell.minute, cell.second) == (0, 0, 0):
            return cell.date().isoformat()
        case date() | datetime() | time():
            return cell.isoformat()
        case dict() | list():
            return orjson.dumps(cell, default=str).decode()[: LIMITS.cell_chars]
        case bytes():
            return cell.hex() if len(cell) <= LIMITS.cell_chars // 2 else ""
        case _:
            return str(cell)[: LIMITS.cell_chars]
