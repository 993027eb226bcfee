"""The key-encryption key of a store, and how far the store has come, which no snapshot undoes."""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.secret import Secret
from roadseal.operate.qkd.store.files import sync_directory

NO_HEAD: Final = bytes(32)
"""The MAC before the first record."""

_MAGIC: Final = b"roadseal-kek/1\0\0"
_KEY_BYTES: Final = 32
_SLOT: Final = struct.Struct(">Q32s32s")  # number of records, last MAC, MAC over both
_SLOT_OFFSETS: Final = (512, 1024)  # each in a disk sector of its own: a torn write spoils only one


class Anchor:
    """The key-encryption key, and how far the store has come.

    Keep its file away from the store's backups: on another disk, or on a token.

    Attributes:
        count: how many records the journal has had; never goes back.
        head: MAC of the last of them.
    """

    def __init__(self, descriptor: int, key: Secret, count: int, head: bytes) -> None:
        self._descriptor = descriptor
        self._key = key
        self._slot = 0  # where `count` and `head` stand on the disk
        self.count = count
        self.head = head
        self._mac_key = self.derive(b"anchor")

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
            anchor = cls(descriptor, key, 0, NO_HEAD)
            for slot in _SLOT_OFFSETS:
                os.pwrite(descriptor, anchor._packed(), slot)
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
        anchor = cls(descriptor, key, -1, NO_HEAD)
        for index, offset in enumerate(_SLOT_OFFSETS):
            slot = data[offset : offset + _SLOT.size]
            if len(slot) == _SLOT.size:
                count, head, mac = _SLOT.unpack(slot)
                if count > anchor.count and hmac.compare_digest(mac, anchor._mac(count, head)):
                    anchor.count, anchor.head, anchor._slot = count, head, index
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
        self._slot = 1 - self._slot  # the other one: what stands is not touched
        os.pwrite(self._descriptor, self._packed(), _SLOT_OFFSETS[self._slot])
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Erase the key from memory."""
        self._key.erase()
        os.close(self._descriptor)

    def _packed(self) -> bytes:
        return _SLOT.pack(self.count, self.head, self._mac(self.count, self.head))

    def _mac(self, count: int, head: bytes) -> bytes:
        return hmac.digest(self._mac_key, struct.pack(">Q", count) + head, "sha256")


def _unusable(path: Path, what: str) -> RoadsealError:
    return RoadsealError(
        "qkd-kek-unusable",
        f"The key-encryption key {path} cannot be used: {what}.",
        advice="Give a key file made by `roadseal qkd kme serve`, or a new path for a new store.",
    )
