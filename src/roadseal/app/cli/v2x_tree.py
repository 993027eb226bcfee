"""Messages and certificates as trees, with the names of services and times in ISO 8601."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from roadseal.app.cli.v2x_input import iso
from roadseal.v2x.service import service_name

TreeValue = Mapping[str, Any]
"""What the core's `describe_message` and `describe_certificate` give."""

_INSTANTS = frozenset({"generationTime", "expiryTime", "validFrom", "validUntil"})
_LONGEST_HEX = 64
_BYTES_A_ROW = 16
_ROWS_AROUND = 2


def annotated(value: Any) -> Any:
    """The tree with a `service` beside each `psid` and ISO 8601 beside each instant."""
    if isinstance(value, Mapping):
        row: dict[str, Any] = {}
        for key, item in value.items():
            row[key] = annotated(item)
            if key == "psid":
                row["service"] = service_name(item)
            elif key in _INSTANTS:
                row[f"{key}Iso"] = iso(item)
        return row
    if isinstance(value, list):
        return [annotated(item) for item in value]
    return value


def grow(tree: Tree, value: TreeValue) -> Tree:
    """Add what a message or certificate says to a rich tree."""
    for key, item in value.items():
        name = f"[bold]{escape(str(key))}[/]"
        if isinstance(item, Mapping):
            grow(tree.add(name), item)
        elif isinstance(item, list) and any(isinstance(each, Mapping) for each in item):
            branch = tree.add(f"{name} ({len(item)})")
            for each in item:
                _grow_item(branch, each)
        elif item != []:
            tree.add(f"{name} {escape(_text(key, item))}")
    return tree


def _grow_item(branch: Tree, item: TreeValue) -> None:
    if any(isinstance(value, Mapping | list) for value in item.values()):
        kind = item.get("type", "group" if "subjectPermissions" in item else "item")
        grow(branch.add(escape(str(kind))), item)
    else:
        cells = [
            _text(key, value) if key == "psid" else f"{key} {_text(key, value)}"
            for key, value in item.items()
        ]
        branch.add(escape(" · ".join(cells)))


def _text(key: str, value: Any) -> str:
    if key == "psid":
        name = service_name(value)
        return name if name.startswith("0x") else f"{name} (0x{value:x})"
    if key in _INSTANTS:
        return f"{iso(value) or 'after the year 9999'} ({value})"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(item) for item in value)
    form, space, octets = str(value).rpartition(" ")
    if len(octets) > _LONGEST_HEX:
        octets = f"{octets[:_LONGEST_HEX]}… {len(octets) // 2} bytes"
    return f"{form}{space}{octets}"


def hexdump(data: bytes, offset: int) -> str:
    """The rows around an offset, its byte pointed at; it may be one past the end."""
    middle = offset // _BYTES_A_ROW
    lines = []
    for row in range(max(middle - _ROWS_AROUND, 0), middle + _ROWS_AROUND + 1):
        start = row * _BYTES_A_ROW
        if start < len(data):
            lines.append(f"{start:08x}  {data[start : start + _BYTES_A_ROW].hex(' ')}")
        if row == middle:
            lines.append(" " * (10 + 3 * (offset % _BYTES_A_ROW)) + "^^")
    return "\n".join(lines)
