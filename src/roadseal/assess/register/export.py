"""The register as CSV, XLSX and GeoJSON: the same register, the same bytes."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from roadseal.assess.register.document import AnyRegister
from roadseal.assess.register.json_pieces import object_pieces
from roadseal.assess.register.writing import fill_whole
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from xlsxwriter import Workbook

COLUMNS: Final = (
    "id", "name", "kind", "tier", "worst_lane", "p10", "p50", "p90", "broken_today", "evidence",
    "top_reason", "exposure", "update_path", "corridor", "owner", "vendor", "model", "firmware",
    "installed", "end_of_life", "latitude", "longitude", "unknown",
)  # fmt: skip

SHEET_ROWS: Final = 1_048_575
"""What a sheet of Excel holds below its names."""

_OWED: Final = (
    "on", "policy", "standing", "scope", "role", "algorithm", "assets", "binding", "rule",
)  # fmt: skip
_HELD: Final = (
    "not_after", "issued_under", "asset", "title", "algorithm", "issuer", "serial", "sha256",
    "issued_under_source", "where",
)  # fmt: skip
_WITHOUT: Final = ("nothing is known of its cryptography", "nothing in it falls")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def export(register: AnyRegister, path: Path) -> None:
    """Write a register in the format that the file's name says, an asset at a time.

    Raises:
        RoadsealError: ``register-format``, ``file-unwritable``.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise RoadsealError(
            "register-format",
            f"A register cannot be written as {path.suffix or 'a file without an ending'}.",
            advice=f"Name a file that ends in {', '.join(_WRITERS)}.",
        )
    fill_whole(path, lambda file: writer(register, file))


def row_of(register: AnyRegister, asset: Mapping[str, Any]) -> dict[str, Any]:
    """One asset in `COLUMNS`."""
    case, (low, middle, high) = register.case(asset), register.headline(asset)
    worst = case["headline"] if case else None
    first = next((use for part, use in register.parts(asset) if part["lane"] == worst), None)
    return {
        "id": asset["id"],
        "name": asset["name"],
        "kind": asset["kind"],
        "tier": register.tier(asset),
        "worst_lane": case["headline"] if case else "",
        "p10": low if case else None,
        "p50": middle if case else None,
        "p90": high if case else None,
        "broken_today": case["broken_today"] if case else None,
        "evidence": case["basis"] if case else "",
        "top_reason": _reason(first) if first else _WITHOUT[case is not None],
        "exposure": " ".join(asset["exposure"]) or "unknown",
        **{
            key: asset[key] if asset[key] is not None else "unknown"
            for key in (
                "update_path", "corridor", "owner", "vendor", "model", "firmware", "installed",
                "end_of_life",
            )
        },
        "latitude": asset["latitude"],
        "longitude": asset["longitude"],
        "unknown": " ".join(asset["unknown"]),
    }  # fmt: skip


def _reason(use: Mapping[str, Any]) -> str:
    algorithm = "unknown algorithm" if use["algorithm"] == "unknown" else use["algorithm"]
    return f"{algorithm} for {use['role'].replace('-', ' ')}"


def _rows(register: AnyRegister) -> Iterator[dict[str, Any]]:
    return (row_of(register, asset) for asset in register.worst_first())


def _csv(register: AnyRegister, file: IO[bytes]) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")  # RFC 4180
    writer.writeheader()
    for row in _rows(register):
        writer.writerow({key: _harmless(value) for key, value in row.items()})
    text.detach()


def _xlsx(register: AnyRegister, file: IO[bytes]) -> None:
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    day = datetime.fromisoformat(register.document["as_of"]).replace(tzinfo=UTC)
    book.set_properties({"title": "Quantum exposure register", "created": day.replace(tzinfo=None)})
    rows = (tuple(row.values()) for row in _rows(register))
    _add_sheet(book, "register", COLUMNS, rows)
    _add_sheet(book, "timeline", _OWED, _picked(register.document["timeline"], _OWED))
    held = register.document.get("certificates", ())
    _add_sheet(book, "certificates", _HELD, _picked(held, _HELD))
    book.close()


def _add_sheet(
    book: Workbook, name: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]
) -> None:
    """A sheet of rows below their names, or several where one cannot hold them."""
    bold = book.add_format({"bold": True})
    for part in range(1, sys.maxsize):
        sheet = book.add_worksheet(name if part == 1 else f"{name} {part}")
        sheet.freeze_panes(1, 2)
        sheet.set_column(0, 1, 28)
        sheet.write_row(0, 0, columns, bold)
        written = 0
        for written, row in enumerate(islice(rows, SHEET_ROWS), 1):
            sheet.write_row(written, 0, row)
        sheet.autofilter(0, 0, written, len(columns) - 1)
        if written < SHEET_ROWS:
            return


def _picked(
    rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
    return (tuple(row[column] for column in columns) for row in rows)


def _geojson(register: AnyRegister, file: IO[bytes]) -> None:
    features = (
        {
            "type": "Feature",
            "id": asset["id"],
            "geometry": _point(asset),
            "properties": row_of(register, asset),
        }
        for asset in register.worst_first()
    )
    collection = {"type": "FeatureCollection", "features": features}
    file.writelines(object_pieces(collection, option=orjson.OPT_INDENT_2))


def _point(asset: Mapping[str, Any]) -> dict[str, Any] | None:
    if asset["latitude"] is None:
        return None  # RFC 7946 clause 3.2: an unlocated feature
    return {"type": "Point", "coordinates": [asset["longitude"], asset["latitude"]]}


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula, made text."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


_WRITERS: Final[Mapping[str, Callable[[AnyRegister, IO[bytes]], None]]] = {
    ".csv": _csv,
    ".xlsx": _xlsx,
    ".geojson": _geojson,
    ".json": lambda register, file: file.writelines(register.pieces()),
}
