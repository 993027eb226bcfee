"""Flattened device trees: nodes and properties, nothing interpreted.

Source: Devicetree Specification 0.4 §5.4.
"""

from __future__ import annotations

from typing import Final

MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 32


def read_tree(blob: bytes) -> dict[str, dict[str, bytes]] | None:
    """Return the properties of every node by its path; None if the tree is malformed."""
    at, strings = int.from_bytes(blob[8:12]), int.from_bytes(blob[12:16])
    path: list[str] = []
    nodes: dict[str, dict[str, bytes]] = {}
    while at + 4 <= len(blob) and len(nodes) < MAX_NODES:
        token, at = int.from_bytes(blob[at : at + 4]), at + 4
        match token:
            case 1:
                end = blob.find(b"\0", at)
                if end < 0 or len(path) >= MAX_DEPTH:
                    return None
                path.append(blob[at:end].decode("ascii", "replace"))
                nodes["/".join(path) or "/"] = {}
                at = (end + 4) & ~3
            case 2:
                if not path:
                    return None
                path.pop()
            case 3:
                length = int.from_bytes(blob[at : at + 4])
                name_at = strings + int.from_bytes(blob[at + 4 : at + 8])
                name_end = blob.find(b"\0", name_at)
                value_end = at + 8 + length
                if not path or name_end < 0 or value_end > len(blob):
                    return None
                name = blob[name_at:name_end].decode("ascii", "replace")
                nodes["/".join(path) or "/"][name] = blob[at + 8 : value_end]
                at = (value_end + 3) & ~3
            case 4:
                continue
            case 9:
                return nodes if not path else None
            case _:
                return None
    return None
