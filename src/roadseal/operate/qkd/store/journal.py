"""A journal that cannot go back: what it says is on disk, in order, unaltered, and not older.

Every record carries a MAC over itself and the record before it. The last MAC and its number are
also kept with the key-encryption key, in the anchor, which lies apart from the journal: a journal
that is cut, edited, or restored from a snapshot no longer reaches the anchor and is refused.
A record after the anchor was written by a process that died before its effect left; it counts.

`compact` puts a shorter journal in its place. The new one counts on from the old one and names its
last MAC, so that a process killed between the two leaves either the old journal, or the new one of
exactly the state that the anchor knows.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from roadseal.operate.qkd.store.anchor import NO_HEAD, Anchor
from roadseal.operate.qkd.store.files import corrupted, rolled_back, sync_directory

_MAC_BYTES: Final = 32
_MAX_RECORD_BYTES: Final = 1 << 24
_LEAST_TO_COMPACT: Final = 1 << 20  # a smaller journal is read in milliseconds
_GROWTH: Final = 4  # to how many times its compacted size a journal may grow

Record = dict[str, Any]


class Journal:
    """Records of a store, appended and never changed.

    Args:
        path: its file; made when the anchor has seen no record yet.
        anchor: the key and how far the journal must reach.

    Attributes:
        records: what `path` said, for the one who replays it.

    Raises:
        RoadsealError: ``qkd-store-rolled-back``, ``qkd-store-corrupted``.
    """

    def __init__(self, path: Path, anchor: Anchor) -> None:
        self._path = path
        self._fresh_path = path.with_name(path.name + ".new")
        self._anchor = anchor
        self._key = anchor.derive(b"journal")
        flags = os.O_RDWR | os.O_APPEND | (0 if anchor.count else os.O_CREAT)
        try:
            self._descriptor = os.open(path, flags, 0o600)
            self._fresh_path.unlink(missing_ok=True)  # a compaction that a crash cut short
        except OSError as error:
            raise corrupted(path, error.strerror or "it cannot be opened") from None
        self.records: list[Record] = []
        self._head = NO_HEAD
        self._count = 0
        self._bytes = 0
        self._compacted_bytes = 0
        try:
            self._read_all()
        except BaseException:
            self.close()
            raise

    def overgrown(self, live_bytes: int) -> bool:
        """Whether most of it is history, so that `compact` is worth its while.

        Args:
            live_bytes: about what would be left.
        """
        least = max(self._compacted_bytes, live_bytes)
        return self._bytes >= max(_LEAST_TO_COMPACT, _GROWTH * least)

    def commit(self, records: Sequence[Record]) -> None:
        """Append records; on return they are on disk, and the anchor knows.

        Raises:
            OSError: the disk is full or failing; the journal must not be used any more.
        """
        data, head = self._sealed(records, self._head)
        _write(self._descriptor, data)
        os.fdatasync(self._descriptor)
        self._head = head
        self._count += len(records)
        self._bytes += len(data)
        self._anchor.advance(self._count, head)

    def compact(self, records: Sequence[Record]) -> None:
        """Replace everything by `records`, which say the same; at no moment is there neither.

        Raises:
            OSError: as `commit`.
        """
        since = {"count": self._count, "head": self._head.hex(), "records": len(records)}
        data, head = self._sealed([{"compacted": since}, *records], NO_HEAD)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
        descriptor = os.open(self._fresh_path, flags, 0o600)
        try:
            _write(descriptor, data)
            os.fsync(descriptor)
            self._fresh_path.rename(self._path)
            sync_directory(self._path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._head = head
        self._count += 1 + len(records)
        self._bytes = self._compacted_bytes = len(data)
        self._anchor.advance(self._count, head)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _sealed(self, records: Sequence[Record], head: bytes) -> tuple[bytes, bytes]:
        data = bytearray()
        for record in records:
            body = orjson.dumps(record)
            head = hmac.digest(self._key, head + body, "sha256")
            data += struct.pack(">I", len(body)) + body + head
        return bytes(data), head

    def _read_all(self) -> None:
        anchor = self._anchor
        reached = anchor.count == 0
        owed = 0  # records without which the journal is not what was compacted
        for record, head, end in self._scan(self._path.read_bytes()):
            since = record.get("compacted") if not self._bytes else None
            if since is not None:
                self._count, owed = int(since["count"]), 1 + int(since["records"])
                reached = (self._count, since["head"]) == (anchor.count, anchor.head.hex())
            else:
                self.records.append(record)
            self._head, self._bytes = head, end
            self._count += 1
            owed -= 1
            if owed == 0:
                self._compacted_bytes = end
            if self._count == anchor.count:
                if head != anchor.head:
                    raise rolled_back(self._path)
                reached = True
        if not reached or owed > 0:
            raise rolled_back(self._path)
        os.ftruncate(self._descriptor, self._bytes)  # what a crash cut short took no effect
        os.fsync(self._descriptor)
        sync_directory(self._path.parent)
        anchor.advance(self._count, self._head)

    def _scan(self, data: bytes) -> Iterator[tuple[Record, bytes, int]]:
        at, head = 0, NO_HEAD
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


def _write(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError(28, "the disk is full")
