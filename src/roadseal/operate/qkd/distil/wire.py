"""The messages of distillation: what two ends say to each other in public, byte for byte.

Numbers are little-endian; arrays of bits are packed, the first in the lowest place, and preceded by
nothing: their lengths follow from what was said before. Whoever reads bounds every length by what
is there.
"""

from __future__ import annotations

import math
import struct
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]


class Kind(IntEnum):
    """The first byte of a message."""

    DETECTIONS = 1  # Bob: in which pulses he saw something, and in which basis
    SIFTED = 2  # Alice: where her basis was the same, the intensities, her test bits
    ESTIMATE = 3  # Bob: errors among the test bits, and how to reconcile
    QUESTION = 4  # Bob: Cascade
    ANSWER = 5  # Alice: Cascade
    VERIFY = 6  # Bob: a hash of the key, and how many errors it had
    AMPLIFY = 7  # Alice: the length of the secret key, the matrix, and her tag
    CONFIRM = 8  # Bob: his tag
    ABORT = 9  # either: why, and a tag
    RETRY = 10  # Alice: the keys still differ, go on


class MalformedError(ValueError):
    """A message that cannot be read; it never leaves the room."""


class Fields:
    """Reads the fields of a message."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def octets(self, count: int) -> bytes:
        """The next `count` bytes."""
        taken = self._octets[self._at : self._at + count]
        if count < 0 or len(taken) != count:
            raise MalformedError("too short")
        self._at += count
        return taken

    def numbers(self, form: str) -> tuple[int, ...]:
        """Numbers by `struct`'s letters, without padding."""
        return struct.unpack("<" + form, self.octets(struct.calcsize("<" + form)))

    def real(self) -> float:
        """A double that is a number."""
        value: float = struct.unpack("<d", self.octets(8))[0]
        if math.isnan(value):
            raise MalformedError("not a number")
        return value

    def bits(self, count: int) -> Bits:
        """Packed bits."""
        packed = np.frombuffer(self.octets(-(-count // 8)), dtype=np.uint8)
        return np.unpackbits(packed, count=count, bitorder="little").astype(bool)

    def array(self, count: int) -> NDArray[np.int64]:
        """Numbers of 32 bits."""
        return np.frombuffer(self.octets(4 * count), dtype="<u4").astype(np.int64)

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._octets):
            raise MalformedError("too long")


def packed(bits: Bits) -> bytes:
    """Bits packed into bytes."""
    return np.packbits(bits, bitorder="little").tobytes()


def message(kind: Kind, *parts: bytes) -> bytes:
    """A message of these parts."""
    return b"".join((bytes([kind]), *parts))
