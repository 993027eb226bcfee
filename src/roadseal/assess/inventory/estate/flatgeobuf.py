"""FlatGeobuf: features one after the other, with the columns named at the head.

Source: FlatGeobuf specification 3, ``header.fbs`` and ``feature.fbs``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from roadseal.assess.inventory.estate.cell import cell_text
from roadseal.assess.inventory.estate.flatbuffer import FlatTable
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

MAGIC: Final = b"fgb\x03fgb"
_MAGIC_BYTES: Final = 8
_HEADER_BYTES: Final = 10 << 20
_FEATURE_BYTES: Final = 64 << 20
_NODE_BYTES: Final = 40
_MAX_DEPTH: Final = 8
_MAX_CORNERS: Final = 1 << 20
_NUMBERS: Final = ("b", "B", "?", "h", "H", "i", "I", "q", "Q", "f", "d")
"""The kinds of columns that are numbers, in the order of their codes."""
_TEXTS: Final = (11, 12, 13)  # String, Json, DateTime
_BINARY: Final = 14

System = int | str


def read_flatgeobuf(path: Path) -> Table:
    """Read the features of a FlatGeobuf file.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``.
    """
    try:
        with path.open("rb") as file:
            header = _header(file)
            kinds = [column.number(1, "B") for column in header.tables(7)]
            names = [column.text(0) for column in header.tables(7)]
            start = file.tell() + _index_bytes(header)
            if start > path.stat().st_size:
                raise ValueError("its index is longer than the file")
            system = _system(header)
            title = header.text(0)
    except (struct.error, ValueError, OverflowError) as error:
        raise unreadable(path.name, f"its head is damaged ({error})") from None
    columns, notes = distinct_columns([*names, "geometry"])
    check_columns(columns, path.name)
    if not is_known_system(system):
        notes = (*notes, note(0, "file", Action.DOUBTED, "projection", str(system)[:80]))
    rows = partial(_rows, path, start, tuple(kinds), system)
    return Table("flatgeobuf", columns, rows, notes, columns[-1], title)


def _header(file: IO[bytes]) -> FlatTable:
    file.seek(_MAGIC_BYTES)
    (size,) = struct.unpack("<I", file.read(4))
    if size > _HEADER_BYTES:
        raise ValueError("it is larger than the format allows")
    return FlatTable.root(file.read(size))


def _index_bytes(header: FlatTable) -> int:
    """How long the packed R-tree is that lies before the features."""
    width, level = header.number(9, "H", 16), header.number(8, "Q")
    nodes = level
    if width < 2 or not level:
        return 0
    while level > 1:
        level = -(-level // width)
        nodes += level
    return int(nodes * _NODE_BYTES)


def _system(header: FlatTable) -> System:
    crs = header.table(10)
    if crs is None:
        return 0
    organisation, code = crs.text(0).upper() or "EPSG", crs.number(1, "i")
    if code and organisation == "EPSG":
        return int(code)
    return crs.text(4) or 0


def _rows(path: Path, start: int, kinds: tuple[int, ...], system: System) -> Iterator[Row]:
    with path.open("rb") as file:
        file.seek(start)
        number = 0
        while (head := file.read(4)) and number < LIMITS.rows:
            number += 1
            try:
                (size,) = struct.unpack("<I", head)
                if size > _FEATURE_BYTES:
                    raise ValueError("larger than 64 MiB")
                octets = file.read(size)
                if len(octets) < size:
                    raise ValueError("cut off")
                feature = FlatTable.root(octets)
                cells = _cells(feature.vector(1, "B"), kinds)
                shape = _Shape()
                shape.add(feature.table(0))
            except (struct.error, ValueError) as error:
                raise unreadable(path.name, f"its feature {number} is {error}") from None
            place = in_degrees(middle(shape.corners), system)
            yield number, [*cells, place.wkt if place else ""]


def _cells(properties: bytes, kinds: tuple[int, ...]) -> list[str]:
    cells = [""] * len(kinds)
    at = 0
    while at < len(properties):
        (column,) = struct.unpack_from("<H", properties, at)
        if column >= len(kinds):
            raise ValueError("of a column that is not there")
        value, at = _value(properties, at + 2, kinds[column])
        cells[column] = cell_text(value)
    return cells


def _value(properties: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind < len(_NUMBERS):
        form = "<" + _NUMBERS[kind]
        return struct.unpack_from(form, properties, at)[0], at + struct.calcsize(form)
    if kind not in (*_TEXTS, _BINARY):
        raise ValueError(f"of the unknown kind {kind}")
    (size,) = struct.unpack_from("<I", properties, at)
    content = properties[at + 4 : at + 4 + size]
    if len(content) < size:
        raise ValueError("cut off")
    return (content if kind == _BINARY else content.decode(errors="replace")), at + 4 + size


class _Shape:
    """The corners of a geometry and its parts; no more than a feature may have."""

    def __init__(self) -> None:
        self.corners: list[tuple[float, float]] = []
        self._left = _MAX_CORNERS

    def add(self, geometry: FlatTable | None, depth: int = 0) -> None:
        if geometry is None or depth > _MAX_DEPTH:
            return
        numbers = geometry.vector(1, "d")
        pairs = len(numbers) // 16
        self._left -= 1 + pairs
        if self._left < 0:
            raise ValueError("of too many corners")
        for east, north in struct.iter_unpack("<dd", numbers[: pairs * 16]):
            if math.isfinite(east + north):  # an empty point has no numbers
                self.corners.append((east, north))
        for part in geometry.tables(7):
            self.add(part, depth + 1)
