"""The wire of Protocol Buffers: fields of a message, and packed numbers all at once.

Source: Protocol Buffers documentation, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_MAX_VARINT_BYTES: Final = 10
_FIXED_BYTES: Final = {1: 8, 5: 4}


def fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The fields of a message: number, value if it is a varint, content if it is not.

    Raises:
        ValueError: the octets are no message, or end within it.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value, b""
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in _FIXED_BYTES:
            size = _FIXED_BYTES[kind]
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if at + size > len(message):
            raise ValueError("a field is cut off")
        yield number, 0, message[at : at + size]
        at += size


def varints(content: bytes) -> Iterator[int]:
    """Packed varints one by one: for a few, where `packed` is for many.

    Raises:
        ValueError: the last one is cut off, or one is too long.
    """
    at = 0
    while at < len(content):
        value, at = _varint(content, at)
        yield value


def packed(content: bytes) -> Integers:
    """Packed varints.

    Raises:
        ValueError: the last one is cut off, or one is too long.
    """
    octets = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(octets < 0x80)
    if not len(octets):
        return np.zeros(0, np.int64)
    if not len(ends) or ends[-1] != len(octets) - 1:
        raise ValueError("a number is cut off")
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _MAX_VARINT_BYTES:
        raise ValueError("a number is too long")
    shifts = (np.arange(len(octets)) - np.repeat(starts, lengths)) * 7
    parts = (octets & 0x7F).astype(np.uint64) << shifts.astype(np.uint64)
    return np.add.reduceat(parts, starts).astype(np.int64)


def signed(numbers: Integers) -> Integers:
    """What zigzag varints stand for."""
    return (numbers >> 1) & 0x7FFF_FFFF_FFFF_FFFF ^ -(numbers & 1)


def deltas(content: bytes) -> Integers:
    """Packed zigzag varints, each the difference to the one before it.

    Raises:
        ValueError: as `packed`.
    """
    return np.cumsum(signed(packed(content)))


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
        if at >= len(message):
            break
        octet = message[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, at
    raise ValueError("a number is cut off or too long")
