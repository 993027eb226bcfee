"""One-time pad for small commands: secret and authentic whatever computer the attacker has.

Each message takes as many key bytes as it is long and 16 more for its tag; the first 16 bytes of
the key are the hash key. No byte of the key serves twice, and one that was skipped never serves: a
receiver takes messages in the order of their places. When the budget is spent there is nothing more
to say: a caller falls back to the channel's records, or asks for more key.
"""

from __future__ import annotations

import hmac
import struct
from enum import StrEnum
from typing import Final

from roadseal import _core
from roadseal.errors import RoadsealError
from roadseal.operate.qkd.secret import Secret

MAX_COMMAND_BYTES: Final = 256
_TAG: Final = 16
_HEAD: Final = struct.Struct(">Q")


class PadVerdict(StrEnum):
    """What became of a received message."""

    OK = "ok"
    MALFORMED = "malformed"
    REPLAYED = "replayed"
    BEYOND_KEY = "beyond_key"
    FORGED = "forged"


class OneTimePad:
    """One direction of a one-time-pad connection; both ends make one of the same key.

    Args:
        key: shared key bytes, 16 of them for the hash.
    """

    def __init__(self, key: Secret) -> None:
        self._hash_key = bytes(key.take(_TAG).peek())
        self._key = key
        self._total = len(key)
        self._at = 0

    def __repr__(self) -> str:
        return f"OneTimePad({self.budget_bytes} of {self._total} bytes left)"

    @property
    def budget_bytes(self) -> int:
        """Key bytes left; a command of n bytes takes n + 16."""
        return self._total - self._at

    def seal(self, command: bytes) -> bytes:
        """Protect a command and use up its key.

        Raises:
            RoadsealError: ``qkd-command-size``, ``qkd-pad-spent``.
        """
        if len(command) > MAX_COMMAND_BYTES:
            raise RoadsealError(
                "qkd-command-size",
                f"A command of {len(command)} bytes is too large for a one-time pad.",
                advice=f"Send at most {MAX_COMMAND_BYTES} bytes, or use the channel's records.",
            )
        if len(command) + _TAG > self.budget_bytes:
            raise RoadsealError(
                "qkd-pad-spent",
                f"{self.budget_bytes} bytes of pad are left and the command needs more.",
                advice="Take more key for the pad, or use the channel's records.",
            )
        head = _HEAD.pack(self._at)
        pad = self._use(len(command) + _TAG)
        hidden = _xor(command, pad[:-_TAG])
        tag = _core.authentication_tag(self._hash_key, pad[-_TAG:], head + hidden)
        return head + hidden + tag

    def open(self, message: bytes) -> tuple[PadVerdict, bytes]:
        """Check and read a command; whatever it says, no key is used for it twice."""
        size = len(message) - _HEAD.size - _TAG
        if not 0 <= size <= MAX_COMMAND_BYTES:
            return PadVerdict.MALFORMED, b""
        (place,) = _HEAD.unpack_from(message)
        if place < self._at:
            return PadVerdict.REPLAYED, b""
        if place + size + _TAG > self._total:
            return PadVerdict.BEYOND_KEY, b""
        offset = place - self._at
        with self._key.peek() as key:
            pad = bytes(key[offset : offset + size + _TAG])
        said, tag = message[:-_TAG], message[-_TAG:]
        expected = _core.authentication_tag(self._hash_key, pad[-_TAG:], said)
        if not hmac.compare_digest(expected, tag):
            return PadVerdict.FORGED, b""  # and the key stays: who forges must not use it up
        self._use(offset + size + _TAG)
        return PadVerdict.OK, _xor(said[_HEAD.size :], pad[:-_TAG])

    def _use(self, count: int) -> bytes:
        used = bytes(self._key.take(count).peek())
        self._at += count
        return used


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(a, b, strict=True))
