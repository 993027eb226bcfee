"""The register as CSV, XLSX and GeoJSON: the same register, the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from roadseal.assess.register.build import register_bytes
from roadseal.assess.register.document import AnyRegister
from roadseal.assess.register.writing import write_whole
from roadseal.errors import RoadsealError

COLUMNS: Final = (
    "id", "name", "kind", "tier", "worst_lane", "p10", "p50", "p90", "broken_today", "evidence",
    "top_reason", "exposure", "update_path", "corridor", "owner", "vendor", "model", "firmware",
    "installed", "end_of_life", "latitude", "longitude", "unknown",
)  # fmt: skip

_WITHOUT: Final = ("nothing is known of its cryptography", "nothing in it falls")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def export(register: AnyRegister, path: Path) -> None:
    """Write a register in the format that the file's name says.

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
    write_whole(path, [writer(register)])


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


def _csv(register: AnyRegister) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")  # RFC 4180
    writer.writeheader()
    for asset in register.ranked():
        writer.writerow({key: _harmless(value) for key, value in row_of(register, asset).items()})
    return text.getvalue().encode()


def _xlsx(register: AnyRegister) -> bytes:
    import xlsxwriter

    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(content, options)
    day = datetime.fromisoformat(register.document["as_of"]).replace(tzinfo=UTC)
    book.set_properties({"title": "Quantum exposure register", "created": day.replace(tzinfo=None)})
    bold = book.add_format({"bold": True})
    sheet = book.add_worksheet("register")
    sheet.write_row(0, 0, COLUMNS, bold)
    assets = register.ranked()
    for number, asset in enumerate(assets, 1):
        sheet.write_row(number, 0, list(row_of(register, asset).values()))
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, len(assets), len(COLUMNS) - 1)
    sheet.set_column(0, 1, 28)
    owed = book.add_worksheet("timeline")
    columns = (
        "on",
        "policy",
        "standing",
        "scope",
        "role",
        "algorithm",
        "assets",
        "binding",
        "rule",
    )
    owed.write_row(0, 0, columns, bold)
    for number, each in enumerate(register.document["timeline"], 1):
        owed.write_row(number, 0, [each[column] for column in columns])
    held = book.add_worksheet("certificates")
    named = (
        *("not_after", "issued_under", "asset", "title", "algorithm", "issuer", "serial"),
        *("sha256", "issued_under_source", "where"),
    )
    held.write_row(0, 0, named, bold)
    for number, each in enumerate(register.document.get("certificates", ()), 1):
        held.write_row(number, 0, [each[column] for column in named])
    book.close()
    return content.getvalue()


def _geojson(register: AnyRegister) -> bytes:
    features = [
        {
            "type": "Feature",
            "id": asset["id"],
            "geometry": _point(asset),
            "properties": row_of(register, asset),
        }
        for asset in register.ranked()
    ]
    collection = {"type": "FeatureCollection", "features": features}
    return orjson.dumps(collection, option=orjson.OPT_INDENT_2) + b"\n"


def _point(asset: Mapping[str, Any]) -> dict[str, Any] | None:
    if asset["latitude"] is None:
        return None  # RFC 7946 clause 3.2: an unlocated feature
    return {"type": "Point", "coordinates": [asset["longitude"], asset["latitude"]]}


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula, made text."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


_WRITERS: Final[Mapping[str, Callable[[AnyRegister], bytes]]] = {
    ".csv": _csv,
    ".xlsx": _xlsx,
    ".geojson": _geojson,
    ".json": lambda register: register_bytes(register.whole().document),
}
