"""One epoch of a hybrid channel: its keys, and the records under them, each once and in order."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from roadseal.clock import Time64
from roadseal.operate.qkd.channel.terms import Kind, Refusal
from roadseal.operate.qkd.mixing import EpochKeys

_HEADER: Final = struct.Struct(">BIQ")
_TAG_BYTES: Final = 16


@dataclass(slots=True)
class Epoch:
    """Keys of one epoch and what was sent and received under them.

    Args:
        number: of the epoch.
        keys: for both ways.
        qkd: whether QKD keys are in them.
        since: when it began.
        sent: records sent.
        sent_bytes: octets sent in them.
        received: the next sequence number that is taken.
    """

    number: int
    keys: EpochKeys
    qkd: bool
    since: Time64
    sent: int = 0
    sent_bytes: int = 0
    received: int = 0

    def seal(self, plaintext: bytes, *, up: bool) -> bytes:
        """Protect a record; `up` from the initiator."""
        key, iv = self._way(up=up)
        header = _HEADER.pack(Kind.DATA, self.number, self.sent)
        sealed = AESGCM(key).encrypt(_nonce(iv, self.sent), plaintext, header)
        self.sent += 1
        self.sent_bytes += len(plaintext)
        return header + sealed

    def open(self, record: bytes, *, up: bool) -> bytes | Refusal:
        """Open the next record, or say why it is none."""
        sequence = _HEADER.unpack_from(record)[2]
        if sequence != self.received:
            return Refusal.REPLAYED
        key, iv = self._way(up=up)
        head, sealed = record[: _HEADER.size], record[_HEADER.size :]
        try:
            plaintext = AESGCM(key).decrypt(_nonce(iv, sequence), sealed, head)
        except InvalidTag:
            return Refusal.FORGED
        self.received += 1
        return plaintext

    def _way(self, *, up: bool) -> tuple[bytes, bytes]:
        keys = self.keys
        return (keys.data_up, keys.iv_up) if up else (keys.data_down, keys.iv_down)


def epoch_of(record: bytes) -> int | None:
    """The number of the epoch that a record says it is of; None if it is too short for one."""
    if len(record) < _HEADER.size + _TAG_BYTES:
        return None
    kind, number, _ = _HEADER.unpack_from(record)
    return number if kind == Kind.DATA else -1


def _nonce(iv: bytes, sequence: int) -> bytes:
    return (int.from_bytes(iv, "big") ^ sequence).to_bytes(12, "big")
