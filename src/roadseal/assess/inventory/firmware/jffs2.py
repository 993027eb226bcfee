"""JFFS2: every node of the log, in either byte order.

Source: Linux, include/uapi/linux/jffs2.h, fs/jffs2/compr_rtime.c.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Final

from roadseal.assess.inventory.collector import Member
from roadseal.assess.inventory.firmware import streams
from roadseal.assess.inventory.firmware.budget import FAILURES, Budget
from roadseal.assess.inventory.firmware.flash_tree import FlashTree

_ENTRY, _INODE, _CLEAN = 0xE001, 0xE002, 0x2003

MAGICS: Final = tuple(
    struct.pack(order + "HH", 0x1985, kind) for order in "<>" for kind in (_ENTRY, _INODE, _CLEAN)
)
"""How an image begins: magic and kind of its first node."""

_HEADER_BYTES: Final = 12
_MAX_PIECE_BYTES: Final = 1 << 16
_ROOT: Final = 1


def files(data: bytes, budget: Budget) -> Iterator[Member]:
    """Yield the files of an image that begins with a node.

    Raises:
        ValueError: it holds none, or a part of one cannot be read; those that can come first.
        TooMuchError: they hold more than the limit.
    """
    order = "<" if data[:1] == b"\x85" else ">"
    magic = struct.pack(order + "H", 0x1985)
    tree = FlashTree(_ROOT)
    at = 0
    while 0 <= at <= len(data) - _HEADER_BYTES:
        _, kind, length, check = struct.unpack(order + "HHII", data[at : at + _HEADER_BYTES])
        node = data[at : at + length]
        if _check(data[at : at + 8]) != check or not _HEADER_BYTES <= length == len(node):
            at = _next(data, magic, at + 4)
            continue
        _node(kind, node, order, tree)
        at = _next(data, magic, at + length + -length % 4)
    yield from tree.files(budget, contained=False)
    if not tree.names or tree.unread:
        raise ValueError(tree.unread)


def _check(octets: bytes) -> int:
    """The CRC of JFFS2, which begins at zero and is not inverted."""
    return zlib.crc32(octets, 0xFFFFFFFF) ^ 0xFFFFFFFF


def _next(data: bytes, magic: bytes, at: int) -> int:
    """Where the next node may stand: nodes are aligned to four octets."""
    while (at := data.find(magic, at)) >= 0:
        if at % 4 == 0:
            return at
        at += 1
    return -1


def _node(kind: int, node: bytes, order: str, tree: FlashTree) -> None:
    if kind == _ENTRY and len(node) >= 40:
        parent, version, number = struct.unpack(order + "III", node[12:24])
        length = node[28]
        tree.name(version, parent, node[40 : 40 + length], number)
    elif kind == _INODE and len(node) >= 68:
        number, version = struct.unpack(order + "II", node[12:20])
        (size,) = struct.unpack(order + "I", node[28:32])
        offset, packed_bytes, unpacked_bytes = struct.unpack(order + "III", node[44:56])
        tree.size(version, number, size)
        packed = node[68 : 68 + packed_bytes]
        if unpacked_bytes <= _MAX_PIECE_BYTES and unpacked_bytes:
            unpack = partial(_unpack, node[56], packed, unpacked_bytes)
            tree.piece(version, number, offset, unpack)


def _unpack(kind: int, packed: bytes, size: int) -> bytes | None:
    try:
        match kind:
            case 0:
                return packed[:size]
            case 1:
                return bytes(size)
            case 2:
                return _rtime(packed, size)
            case 6:
                return zlib.decompressobj().decompress(packed, size)
            case 7:
                return streams.unpack_lzo(packed, size)
    except (*FAILURES, IndexError):
        return None
    return None  # Rubin's coders, which kernels have not written for long


def _rtime(packed: bytes, size: int) -> bytes:
    """Each octet, and how often what followed it last is repeated."""
    last = [0] * 256
    out = bytearray()
    at = 0
    while len(out) < size:
        value, repeat = packed[at], packed[at + 1]
        at += 2
        out.append(value)
        begin = last[value]
        last[value] = len(out)
        for step in range(min(repeat, size - len(out))):
            out.append(out[begin + step])
    return bytes(out)
