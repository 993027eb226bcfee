"""OpenStreetMap PBF: the road equipment of an extract, and how many elements were not.

A first pass takes the equipment; others look up the places of the ways and relations among it, so
that no more than these is held.

Source: OpenStreetMap wiki, "PBF Format"; ``fileformat.proto`` and ``osmformat.proto``.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from roadseal.assess.inventory.estate.osm import table_of_equipment
from roadseal.assess.inventory.estate.osm_block import Block, Element, Reference
from roadseal.assess.inventory.estate.place import Place, middle
from roadseal.assess.inventory.estate.protobuf import fields
from roadseal.assess.inventory.estate.table import Table, unreadable

_HEAD_BYTES: Final = 64 << 10  # limits of the format itself
_BLOB_BYTES: Final = 32 << 20
_KNOWN_FEATURES: Final = {b"OsmSchema-V0.6", b"DenseNodes"}


def read_osm_pbf(path: Path) -> Table:
    """Read the road equipment of an OpenStreetMap extract.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``.
    """
    try:
        found, others = _equipment(path)
        places = _places(path, found)
    except (ValueError, zlib.error, lzma.LZMAError, EOFError, OverflowError) as error:
        raise unreadable(path.name, f"its PBF is damaged ({error})") from None
    records = []
    for each in found:
        record = {"@id": f"{each.kind}/{each.number}", **each.tags}
        if place := each.place or places.get((each.kind, each.number)):
            record["geometry"] = place.wkt
        records.append(record)
    return table_of_equipment(path.name, records, others)


def _equipment(path: Path) -> tuple[list[Element], int]:
    found, others = [], 0
    for block in _blocks(path):
        for element in block.elements():
            found.append(element)
        others += block.tagged
    return found, others - len(found)


def _places(path: Path, found: Iterable[Element]) -> dict[Reference, Place]:
    """The middle of each way and relation: of its nodes, and of those of its ways."""
    shapes = {(each.kind, each.number): each.members for each in found if each.members}
    ways = {number for members in shapes.values() for kind, number in members if kind == "way"}
    if ways:
        for block in _blocks(path):
            for way in block.ways(lambda number, _: number in ways):
                shapes.setdefault((way.kind, way.number), way.members)
    nodes = {number for each in shapes.values() for kind, number in each if kind == "node"}
    corners: dict[int, tuple[float, float]] = {}
    if nodes:
        wanted = np.fromiter(sorted(nodes), np.int64)
        for block in _blocks(path):
            corners.update(block.corners(wanted))

    def of(members: Iterable[Reference], depth: int) -> Iterator[tuple[float, float]]:
        for kind, number in dict.fromkeys(members):
            if kind == "node" and number in corners:
                yield corners[number]
            elif kind == "way" and depth:
                yield from of(shapes.get((kind, number), ()), depth - 1)

    placed = {key: middle(list(of(members, 1))) for key, members in shapes.items()}
    return {key: place for key, place in placed.items() if place}


def _blocks(path: Path) -> Iterator[Block]:
    with path.open("rb") as file:
        while size := file.read(4):
            head = file.read(min(int.from_bytes(size), _HEAD_BYTES + 1))
            kind, length = b"", 0
            for number, value, content in fields(head):
                kind = content if number == 1 else kind
                length = value if number == 3 else length
            if len(head) != int.from_bytes(size) or not 0 < length <= _BLOB_BYTES:
                raise ValueError("a blob is cut off or larger than the format allows")
            blob = file.read(length)
            if len(blob) != length:
                raise ValueError("a blob is cut off")
            if kind == b"OSMHeader":
                _check(_unpacked(blob))
            elif kind == b"OSMData":
                yield Block(_unpacked(blob))


def _check(header: bytes) -> None:
    asked = {content for number, _, content in fields(header) if number == 4}
    if strange := asked - _KNOWN_FEATURES:
        raise ValueError(f"it asks for {strange.pop().decode(errors='replace')[:40]}")


def _unpacked(blob: bytes) -> bytes:
    for number, _, content in fields(blob):
        match number:
            case 1:
                return content
            case 3 | 4:
                unpacker = zlib.decompressobj() if number == 3 else lzma.LZMADecompressor()
            case 6 | 7:
                raise ValueError("it is packed with LZ4 or Zstandard: osmium cat -o new.osm.pbf")
            case _:
                continue
        message: bytes = unpacker.decompress(content, _BLOB_BYTES)
        if not unpacker.eof:
            raise ValueError("a block is cut off or larger than the format allows")
        return message
    raise ValueError("a blob without a content that is known")
