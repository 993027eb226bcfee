"""UBIFS: every node of the log is read, not its index.

Source: Linux, fs/ubifs/ubifs-media.h.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from typing import Final

from roadseal.assess.inventory.collector import Member
from roadseal.assess.inventory.firmware import streams
from roadseal.assess.inventory.firmware.budget import FAILURES, Budget
from roadseal.assess.inventory.firmware.flash_tree import FlashTree

MAGIC: Final = b"\x31\x18\x10\x06"

_BLOCK_BYTES: Final = 4096
_HEADER_BYTES: Final = 24
_BLOCK_MASK: Final = (1 << 29) - 1
_ROOT: Final = 1


def files(data: bytes, budget: Budget) -> Iterator[Member]:
    """Yield the files of a volume.

    Raises:
        ValueError: it holds none, or a part of one cannot be read; those that can come first.
        TooMuchError: they hold more than the limit.
    """
    tree = FlashTree(_ROOT)
    at = data.find(MAGIC)
    while at >= 0:
        length = int.from_bytes(data[at + 16 : at + 20], "little")
        node = data[at : at + length]
        if length < _HEADER_BYTES or len(node) < length or not _checked(node):
            at = data.find(MAGIC, at + 1)
            continue
        _node(node, tree)
        at = data.find(MAGIC, at + length)
    yield from tree.files(budget, contained=False)
    if not tree.names or tree.unread:
        raise ValueError(tree.unread)


def _checked(node: bytes) -> bool:
    return zlib.crc32(node[8:]) ^ 0xFFFFFFFF == int.from_bytes(node[4:8], "little")


def _node(node: bytes, tree: FlashTree) -> None:
    version = int.from_bytes(node[8:16], "little")
    number = int.from_bytes(node[24:28], "little")
    match node[20]:
        case 0 if len(node) >= 56:  # an inode
            tree.size(version, number, int.from_bytes(node[48:56], "little"))
        case 1 if len(node) >= 48:  # data
            block = int.from_bytes(node[28:32], "little") & _BLOCK_MASK
            size = int.from_bytes(node[40:44], "little")
            kind = int.from_bytes(node[44:46], "little")
            if size <= _BLOCK_BYTES:
                unpack = partial(_unpack, kind, node[48:], size)
                tree.piece(version, number, block * _BLOCK_BYTES, unpack)
        case 2 if len(node) >= 56:  # an entry of a folder
            length = int.from_bytes(node[50:52], "little")
            name = node[56 : 56 + length]
            tree.name(version, number, name, int.from_bytes(node[40:48], "little"))


def _unpack(kind: int, packed: bytes, size: int) -> bytes | None:
    try:
        match kind:
            case 0:
                return packed[:size]
            case 1:
                return streams.unpack_lzo(packed, size)
            case 2:
                return zlib.decompressobj(wbits=-15).decompress(packed, _BLOCK_BYTES)
            case 3:
                return streams.unpack_zstd(packed, _BLOCK_BYTES)
    except FAILURES:
        return None
    return None
