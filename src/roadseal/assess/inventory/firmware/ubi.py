"""UBI: volumes over raw flash, whose blocks lie in any order.

Source: Linux, drivers/mtd/ubi/ubi-media.h.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from roadseal.assess.inventory.collector import Member
from roadseal.assess.inventory.firmware.budget import Budget, safe_name

MAGIC: Final = b"UBI#"

_VOLUME: Final = b"UBI!"
_HEADER_BYTES: Final = 64
_LAYOUT_VOLUME: Final = 0x7FFFEFFF
_RECORD_BYTES: Final = 172
_MAX_BLOCKS: Final = 1 << 17
_SMALLEST_BLOCK: Final = 1 << 12
_STATIC: Final = 2


def volumes(data: bytes, headers: Sequence[int], budget: Budget) -> Iterator[Member]:
    """Yield each volume of the image whose erase-counter headers stand at `headers`.

    Args:
        data: the file.
        headers: where `MAGIC` was found, ascending.
        budget: what it may cost.

    Raises:
        ValueError: there is no volume.
        TooMuchError: they hold more than the limit.
    """
    begins = [at for at in headers[:_MAX_BLOCKS] if _checked(data, at)]
    distances = [after - before for before, after in pairwise(begins)]
    block_bytes = min((each for each in distances if each >= _SMALLEST_BLOCK), default=0)
    if len(begins) == 1:
        block_bytes = len(data) - begins[0]
    if not block_bytes:
        raise ValueError(len(begins))
    found: dict[int, dict[int, tuple[int, bytes]]] = {}
    for at in begins:
        _block(data[at : at + block_bytes], found)
    names = _names(found.pop(_LAYOUT_VOLUME, {}))
    if not found:
        raise ValueError(len(begins))
    for identifier, blocks in sorted(found.items()):
        size = max(len(body) for _, body in blocks.values())
        budget.member()
        budget.take(size * (max(blocks) + 1))
        missing = (0, b"\xff" * size)  # a block that was never written reads so
        whole = b"".join(blocks.get(number, missing)[1] for number in range(max(blocks) + 1))
        name = names.get(identifier) or f"volume-{identifier}"
        yield Member(safe_name(name), whole, contained=False)


def _checked(data: bytes, at: int) -> bool:
    header = data[at : at + _HEADER_BYTES]
    stated = int.from_bytes(header[60:64])
    return len(header) == _HEADER_BYTES and zlib.crc32(header[:60]) ^ 0xFFFFFFFF == stated


def _block(block: bytes, found: dict[int, dict[int, tuple[int, bytes]]]) -> None:
    """Take the newest copy of each logical block."""
    volume_at, data_at = int.from_bytes(block[16:20]), int.from_bytes(block[20:24])
    header = block[volume_at : volume_at + _HEADER_BYTES]
    if not header.startswith(_VOLUME) or not _checked(block, volume_at):
        return  # free
    identifier, number = int.from_bytes(header[8:12]), int.from_bytes(header[12:16])
    sequence = int.from_bytes(header[40:48])
    if number >= _MAX_BLOCKS or data_at >= len(block):
        return
    stated = int.from_bytes(header[20:24]) if header[5] == _STATIC else len(block)
    body = block[data_at : data_at + min(stated, len(block))]
    blocks = found.setdefault(identifier, {})
    if number not in blocks or blocks[number][0] <= sequence:
        blocks[number] = (sequence, body)


def _names(layout: dict[int, tuple[int, bytes]]) -> dict[int, str]:
    """Names in the table of volumes, of which two copies are kept."""
    for _, table in layout.values():
        names = {}
        for identifier in range(128):
            record = table[identifier * _RECORD_BYTES : (identifier + 1) * _RECORD_BYTES]
            length = int.from_bytes(record[14:16])
            if len(record) == _RECORD_BYTES and 0 < length < 128:
                names[identifier] = record[16 : 16 + length].decode("utf-8", "replace")
        if names:
            return names
    return {}
