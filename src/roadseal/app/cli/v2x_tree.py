"""Messages and certificates as trees, with the names of services and times in ISO 8601."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.text import Text
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
        return f"{service_name(value)} (0x{value:x})"
    if key in _INSTANTS:
        return f"{iso(value) or 'after the year 9999'} ({value})"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(item) for item in value)
    text = str(value)
    if len(text) <= _LONGEST_HEX + len("uncompressed "):
        return text
    form, _, octets = text.rpartition(" ")
    return f"{form} {octets[:_LONGEST_HEX]}… {len(octets) // 2} bytes".strip()


def hexdump(data: bytes, offset: int) -> Text:
    """The rows around an offset, its byte marked; one past the end is shown as such."""
    middle = offset // _BYTES_A_ROW
    text = Text()
    for row in range(max(middle - _ROWS_AROUND, 0), middle + _ROWS_AROUND + 1):
        start = row * _BYTES_A_ROW
        if start >= len(data) and row != middle:
            continue
        text.append(f"{start:08x} ", style="dim")
        for position in range(start, min(start + _BYTES_A_ROW, len(data))):
            style = "bold reverse red" if position == offset else ""
            text.append(" ").append(f"{data[position]:02x}", style=style)
        if start <= offset < start + _BYTES_A_ROW and offset >= len(data):
            text.append(" ").append("the end", style="bold reverse red")
        text.append("\n")
    return text
