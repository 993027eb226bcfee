"""Messages larger than a frame, sent in pieces and put together again.

A GeoNetworking payload or a WAVE short message holds about 1,400 bytes; a message under ML-DSA, or
one with a post-quantum certificate, does not fit. A fragment has a header of fourteen bytes
(big-endian, docs/wire-format.md):

    0xF1 | first 8 bytes of SHA-256(message) | index | count | message's length (3) | piece

    >>> pieces = fragments(bytes(3_000), frame_bytes=1_400)
    >>> [len(piece) for piece in pieces]
    [1400, 1400, 242]
    >>> reassembler = Reassembler()
    >>> [reassembler.take(piece, b"sender", Time64(0)).outcome.value for piece in pieces]
    ['pending', 'pending', 'complete']

The hash finds transmission errors and mixed-up pieces; who sent them is for the signature inside
to say.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

from roadseal.clock import Time64
from roadseal.errors import RoadsealError

FRAME_BYTES = 1_400
HEADER_BYTES = 14

_MAGIC = 0xF1  # fragment, version 1; a secured message begins with 3, its own version
_ID = slice(1, 9)
_MAX_FRAGMENTS = 255
_OVERHEAD_BYTES = 512  # what an unfinished message costs beside its bytes,
_PIECE_OVERHEAD_BYTES = 128  # and each of its pieces: tiny ones must not come cheap


class Outcome(Enum):
    """What became of a frame."""

    COMPLETE = "complete"
    PENDING = "pending"
    DUPLICATE = "duplicate"
    CONFLICTING = "conflicting"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassemblyLimits:
    """What reassembly may cost.

    Args:
        message_bytes: largest message.
        memory_bytes: most bytes of unfinished messages; the oldest are given up first.
        per_source: unfinished messages of one source; its oldest are given up first.
        timeout_us: how long a message may take from its first fragment to its last.
    """

    message_bytes: int = 65_536
    memory_bytes: int = 1_048_576
    per_source: int = 4
    timeout_us: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Reassembly:
    """What became of a frame, and the message if it is whole now."""

    outcome: Outcome
    message: bytes | None = None


def fragments(message: bytes, *, frame_bytes: int = FRAME_BYTES) -> list[bytes]:
    """Cut a message into frames; one that fits travels as it is.

    Args:
        message: the whole secured message.
        frame_bytes: largest frame.

    Raises:
        RoadsealError: the message needs more than 255 frames of that size, or is none: it begins as
            a fragment does.
    """
    if message[:1] == bytes([_MAGIC]):
        raise RoadsealError(
            "not-a-secured-message",
            "What begins with 0xF1 is a fragment already, not a secured message.",
            advice="Give the whole Ieee1609Dot2Data, which begins with 3.",
        )
    if len(message) <= frame_bytes:
        return [message]
    room = frame_bytes - HEADER_BYTES
    count = -(-len(message) // room) if room > 0 else _MAX_FRAGMENTS + 1
    if count > _MAX_FRAGMENTS:
        raise RoadsealError(
            "message-too-large-to-fragment",
            f"A message of {len(message)} bytes does not fit into {_MAX_FRAGMENTS} frames of "
            f"{frame_bytes} bytes.",
            advice="Send the certificate on its own, or use larger frames.",
        )
    name = sha256(message).digest()[:8]
    return [
        bytes([_MAGIC])
        + name
        + bytes([index, count])
        + len(message).to_bytes(3, "big")
        + message[index * room : (index + 1) * room]
        for index in range(count)
    ]


class Reassembler:
    """Puts messages together, within limits; frames come in any order and more than once."""

    def __init__(self, limits: ReassemblyLimits | None = None) -> None:
        self.limits = limits or ReassemblyLimits()
        self._open: OrderedDict[tuple[bytes, bytes], _Unfinished] = OrderedDict()
        self._of_source: dict[bytes, list[tuple[bytes, bytes]]] = {}
        self._bytes = 0

    def take(self, frame: bytes, source: bytes, now: Time64) -> Reassembly:
        """Take a frame.

        Args:
            frame: as received; one that is no fragment is a whole message.
            source: who sent it, as the link layer says.
            now: when it was received.

        Returns:
            What became of it. A fragment that contradicts an earlier one is `conflicting` and left
            out: the first stays, and if that was the false one, the message ends as `corrupt` and
            may be sent again.
        """
        self._expire(now)
        if not frame or frame[0] != _MAGIC:
            return Reassembly(Outcome.COMPLETE, frame)
        if len(frame) <= HEADER_BYTES:
            return Reassembly(Outcome.MALFORMED)
        index, count, length = frame[9], frame[10], int.from_bytes(frame[11:14], "big")
        piece = frame[HEADER_BYTES:]
        if length > self.limits.message_bytes:
            return Reassembly(Outcome.TOO_LARGE)
        if not _possible(index, count, length, len(piece)):
            return Reassembly(Outcome.MALFORMED)
        key = (source, frame[_ID])
        unfinished = self._open.get(key)
        if unfinished is None:
            unfinished = _Unfinished(count, length, now)
            if unfinished.cost > self.limits.memory_bytes:
                return Reassembly(Outcome.TOO_LARGE)
            self._make_room(source, unfinished.cost)
            self._open[key] = unfinished
            self._of_source.setdefault(source, []).append(key)
            self._bytes += unfinished.cost
        outcome = unfinished.add(index, count, length, piece)
        if outcome is not Outcome.COMPLETE:
            return Reassembly(outcome)
        self._drop(key)
        message = b"".join(unfinished.pieces[i] for i in range(count))
        if len(message) != length or sha256(message).digest()[:8] != frame[_ID]:
            return Reassembly(Outcome.CORRUPT)
        return Reassembly(Outcome.COMPLETE, message)

    def occupancy(self) -> tuple[int, int]:
        """Unfinished messages, and the bytes that are set aside for them."""
        return len(self._open), self._bytes

    def _expire(self, now: Time64) -> None:
        while self._open:
            key, oldest = next(iter(self._open.items()))
            if 0 <= now - oldest.since < self.limits.timeout_us:
                return
            self._drop(key)

    def _make_room(self, source: bytes, cost: int) -> None:
        own = self._of_source.get(source, [])
        while len(own) >= self.limits.per_source:
            self._drop(own[0])
        while self._open and self._bytes + cost > self.limits.memory_bytes:
            self._drop(next(iter(self._open)))

    def _drop(self, key: tuple[bytes, bytes]) -> None:
        self._bytes -= self._open.pop(key).cost
        own = self._of_source[key[0]]
        own.remove(key)
        if not own:
            del self._of_source[key[0]]


@dataclass(slots=True)
class _Unfinished:
    count: int
    length: int
    since: Time64
    pieces: dict[int, bytes] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        return self.length + _OVERHEAD_BYTES + self.count * _PIECE_OVERHEAD_BYTES

    def add(self, index: int, count: int, length: int, piece: bytes) -> Outcome:
        if (count, length) != (self.count, self.length):
            return Outcome.CONFLICTING
        known = self.pieces.get(index)
        if known is not None:
            return Outcome.DUPLICATE if known == piece else Outcome.CONFLICTING
        if sum(map(len, self.pieces.values())) + len(piece) > length:
            return Outcome.CONFLICTING
        self.pieces[index] = piece
        return Outcome.COMPLETE if len(self.pieces) == count else Outcome.PENDING


def _possible(index: int, count: int, length: int, piece: int) -> bool:
    """Whether a message of this length, cut into equal pieces and a last one, has such a piece."""
    if count < 2 or index >= count:
        return False
    if index < count - 1:
        return piece * (count - 1) < length <= piece * count
    room = -(-(length - piece) // (count - 1))
    return room * (count - 1) == length - piece and piece <= room
