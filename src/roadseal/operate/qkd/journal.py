"""A journal that cannot go back: what it says is on disk, in order, unaltered, and not older.

Every record carries a MAC over itself and the record before it. The last MAC and its number are
also kept with the key-encryption key, in the anchor, which lies apart from the journal: a journal
that is cut, edited, or restored from a snapshot no longer reaches the anchor and is refused.
A record after the anchor was written by a process that died before its effect left; it counts.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.secret import Secret

_MAC_BYTES: Final = 32
_MAX_RECORD_BYTES: Final = 1 << 24
_MAGIC: Final = b"roadseal-kek/1\0\0"
_KEY_BYTES: Final = 32
_SLOT: Final = struct.Struct(">Q32s32s")  # number of records, last MAC, MAC over both
_SLOT_OFFSETS: Final = (512, 1024)  # each in a disk sector of its own: a torn write spoils only one
_START: Final = bytes(_MAC_BYTES)

Record = dict[str, Any]


class Anchor:
    """The key-encryption key, and how far the store has come.

    Keep its file away from the store's backups: on another disk, or on a token.
    """

    def __init__(self, descriptor: int, key: Secret, count: int, head: bytes) -> None:
        self._descriptor = descriptor
        self._key = key
        self.count = count
        self.head = head

    @classmethod
    def create(cls, path: Path, random_bytes: Callable[[int], bytes] = os.urandom) -> Anchor:
        """Make a key; its file must not exist.

        Raises:
            RoadsealError: ``qkd-kek-unusable``.
        """
        key = Secret(random_bytes(_KEY_BYTES))
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.pwrite(descriptor, _MAGIC + bytes(key.peek()), 0)
            anchor = cls(descriptor, key, 0, _START)
            for slot in _SLOT_OFFSETS:
                os.pwrite(descriptor, anchor._slot(), slot)
            os.fsync(descriptor)
            sync_directory(path.parent)
        except OSError as error:
            raise _unusable(path, error.strerror or "") from None
        return anchor

    @classmethod
    def open(cls, path: Path) -> Anchor:
        """Read a key and where its store stands.

        Raises:
            RoadsealError: ``qkd-kek-unusable``.
        """
        try:
            descriptor = os.open(path, os.O_RDWR)
            data = os.pread(descriptor, 4096, 0)
        except OSError as error:
            raise _unusable(path, error.strerror or "") from None
        key = Secret(data[len(_MAGIC) : len(_MAGIC) + _KEY_BYTES])
        anchor = cls(descriptor, key, -1, _START)
        for offset in _SLOT_OFFSETS:
            slot = data[offset : offset + _SLOT.size]
            if len(slot) == _SLOT.size:
                count, head, mac = _SLOT.unpack(slot)
                if count > anchor.count and hmac.compare_digest(mac, anchor._mac(count, head)):
                    anchor.count, anchor.head = count, head
        if not data.startswith(_MAGIC) or anchor.count < 0:
            os.close(descriptor)
            raise _unusable(path, "it is damaged")
        return anchor

    def derive(self, purpose: bytes, salt: bytes = b"") -> bytes:
        """A 32-byte key for one purpose (HKDF-SHA-256, RFC 5869)."""
        kdf = HKDF(SHA256(), 32, salt, b"roadseal/qkd/store/v1/" + purpose)
        return kdf.derive(bytes(self._key.peek()))

    def advance(self, count: int, head: bytes) -> None:
        """Say durably that the journal has come to `count` records, the last with MAC `head`."""
        self.count, self.head = count, head
        os.pwrite(self._descriptor, self._slot(), _SLOT_OFFSETS[count % 2])
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Erase the key from memory."""
        self._key.erase()
        os.close(self._descriptor)

    def _slot(self) -> bytes:
        return _SLOT.pack(self.count, self.head, self._mac(self.count, self.head))

    def _mac(self, count: int, head: bytes) -> bytes:
        return hmac.digest(self.derive(b"anchor"), struct.pack(">Q", count) + head, "sha256")


class Journal:
    """Records of a store, appended and never changed.

    Args:
        path: its file; made when the anchor has seen no record yet.
        anchor: the key and how far the journal must reach.

    Raises:
        RoadsealError: ``qkd-store-rolled-back``, ``qkd-store-corrupted``.
    """

    def __init__(self, path: Path, anchor: Anchor) -> None:
        self._path = path
        self._anchor = anchor
        self._key = anchor.derive(b"journal")
        flags = os.O_RDWR | os.O_APPEND | (0 if anchor.count else os.O_CREAT)
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise corrupted(path, error.strerror or "it cannot be opened") from None
        self.records: list[Record] = []
        self._head = _START
        self._count = 0
        try:
            self._read_all(path, anchor)
        except BaseException:
            self.close()
            raise

    def _read_all(self, path: Path, anchor: Anchor) -> None:
        whole = 0
        for record, head, end in self._scan(path.read_bytes()):
            self.records.append(record)
            whole = end
            self._count += 1
            self._head = head
            if self._count == anchor.count and head != anchor.head:
                raise rolled_back(path)
        if self._count < anchor.count:
            raise rolled_back(path)
        os.ftruncate(self._descriptor, whole)  # a record that a crash cut short took no effect
        os.fsync(self._descriptor)
        sync_directory(path.parent)
        anchor.advance(self._count, self._head)

    def commit(self, records: Sequence[Record]) -> None:
        """Append records; on return they are on disk, and the anchor knows.

        Raises:
            OSError: the disk is full or failing; the journal must not be used any more.
        """
        data = bytearray()
        head = self._head
        for record in records:
            body = orjson.dumps(record)
            head = hmac.digest(self._key, head + body, "sha256")
            data += struct.pack(">I", len(body)) + body + head
        written = os.write(self._descriptor, data)
        if written != len(data):
            raise OSError(28, "the disk is full")
        os.fdatasync(self._descriptor)
        self._head = head
        self._count += len(records)
        self._anchor.advance(self._count, head)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _scan(self, data: bytes) -> Iterator[tuple[Record, bytes, int]]:
        at, head = 0, _START
        while at + 4 <= len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            end = at + 4 + size + _MAC_BYTES
            if end > len(data):
                return
            body, mac = data[at + 4 : at + 4 + size], data[end - _MAC_BYTES : end]
            head = hmac.digest(self._key, head + body, "sha256")
            if size > _MAX_RECORD_BYTES or not hmac.compare_digest(mac, head):
                if end == len(data):
                    return  # the last record, written in part
                raise corrupted(self._path, f"the record at byte {at} was altered")
            yield orjson.loads(body), head, end
            at = end


def fingerprint(key: bytes, octets: bytes | memoryview) -> bytes:
    """Eight bytes by which a cell is known again; they say nothing without `key`."""
    return hashlib.blake2b(octets, digest_size=8, key=key).digest()


def sync_directory(path: Path) -> None:
    """Make a new file's name durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def corrupted(path: Path, what: str) -> RoadsealError:
    """The store cannot be trusted."""
    return RoadsealError(
        "qkd-store-corrupted",
        f"The key store's {path.name} cannot be trusted: {what}.",
        advice="Zeroise the store and import fresh keys at both ends; do not repair it by hand.",
    )


def rolled_back(path: Path) -> RoadsealError:
    """The store is older than its key says."""
    return RoadsealError(
        "qkd-store-rolled-back",
        f"The key store's {path.name} is older than its key-encryption key remembers.",
        advice="A restored snapshot would give keys twice: zeroise it and import fresh keys.",
    )


def _unusable(path: Path, what: str) -> RoadsealError:
    return RoadsealError(
        "qkd-kek-unusable",
        f"The key-encryption key {path} cannot be used: {what}.",
        advice="Give a key file made by `roadseal qkd kme serve`, or a new path for a new store.",
    )
