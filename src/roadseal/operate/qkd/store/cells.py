"""A block of key bits on disk: cells of 32 bytes, each sealed by itself so that it can be erased.

Source: AES-256-GCM, NIST SP 800-38D; one key a block, the number of the cell as nonce.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from roadseal.operate.qkd.store.files import corrupted

CELL_BYTES: Final = 32
CELL_BITS: Final = 8 * CELL_BYTES
_SEALED: Final = CELL_BYTES + 16
_HEAD: Final = struct.Struct(">16s32sII")  # magic, salt, cells, 0
_MAGIC: Final = b"roadseal-cells/1"
_NONCE: Final = struct.Struct(">4xQ")
_PRINT_BYTES: Final = 8


class Span(NamedTuple):
    """Cells of one block: from `first`, `cells` of them.

    Args:
        link: the KME at the other end.
        block: number of the block on that link.
        first: index of the first cell.
        cells: how many.
    """

    link: str
    block: int
    first: int
    cells: int

    @property
    def end(self) -> int:
        """Index of the cell after the last."""
        return self.first + self.cells


class CellFile:
    """The cells of one block.

    Args:
        path: its file.
        key: derives the block's key from its salt.

    Attributes:
        cells: how many.
        prints: a fingerprint of each.

    Raises:
        OSError: it cannot be opened.
        RoadsealError: ``qkd-store-corrupted``.
    """

    def __init__(self, path: Path, key: Callable[[bytes], bytes]) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR)
        try:
            self._read_head(key)
        except BaseException:
            os.close(self._descriptor)
            raise

    @staticmethod
    def write(
        path: Path, octets: memoryview, prints: list[bytes], key: Callable[[bytes], bytes]
    ) -> None:
        """Seal whole cells of `octets` into a new file; on return it is on disk."""
        salt = os.urandom(32)
        cipher = AESGCM(key(salt))
        with path.open("wb") as file:
            file.write(_HEAD.pack(_MAGIC, salt, len(prints), 0) + b"".join(prints))
            for i in range(len(prints)):
                cell = octets[i * CELL_BYTES : (i + 1) * CELL_BYTES]
                file.write(cipher.encrypt(_NONCE.pack(i), cell, None))
            file.flush()
            os.fsync(file.fileno())

    def read(self, first: int, count: int) -> bytearray:
        """Decrypt cells.

        Raises:
            RoadsealError: ``qkd-store-corrupted``: one is erased or altered.
        """
        data = os.pread(self._descriptor, _SEALED * count, self._start + _SEALED * first)
        decrypt, nonce = self._cipher.decrypt, _NONCE.pack
        out = bytearray()
        try:
            for i in range(count):
                at = _SEALED * i
                out += decrypt(nonce(first + i), data[at : at + _SEALED], None)
        except InvalidTag:
            raise corrupted(self._path, "a cell was altered") from None
        return out

    def erase(self, first: int, count: int) -> None:
        """Overwrite cells with zeros.

        Raises:
            OSError: the disk fails.
        """
        if count > 0:
            os.pwrite(self._descriptor, bytes(_SEALED * count), self._start + _SEALED * first)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _read_head(self, key: Callable[[bytes], bytes]) -> None:
        data = os.pread(self._descriptor, _HEAD.size, 0)
        if len(data) < _HEAD.size or not data.startswith(_MAGIC):
            raise corrupted(self._path, "it has no head")
        _, salt, self.cells, _ = _HEAD.unpack(data)
        self._cipher = AESGCM(key(salt))
        self._start = _HEAD.size + _PRINT_BYTES * self.cells
        if os.fstat(self._descriptor).st_size != self._start + _SEALED * self.cells:
            raise corrupted(self._path, "its length is wrong")
        marks = os.pread(self._descriptor, _PRINT_BYTES * self.cells, _HEAD.size)
        self.prints = [marks[i : i + _PRINT_BYTES] for i in range(0, len(marks), _PRINT_BYTES)]


def whole_cells(octets: bytes | bytearray) -> list[memoryview]:
    """The cells that a block of `octets` gives; what is left over is not used."""
    view = memoryview(octets)
    return [view[i : i + CELL_BYTES] for i in range(0, len(view) - CELL_BYTES + 1, CELL_BYTES)]


def fingerprint(key: bytes, cell: bytes | memoryview) -> bytes:
    """Eight bytes by which a cell is known again; they say nothing without `key`."""
    return hashlib.blake2b(cell, digest_size=_PRINT_BYTES, key=key).digest()


def check_value(cells: list[memoryview]) -> str:
    """What two ends compare: a MAC over the block under its first cell, which is never a key."""
    mac = hmac.new(bytes(cells[0]), digestmod="sha256")
    for cell in cells[1:]:
        mac.update(cell)
    return mac.digest()[:16].hex()
