"""What both ends of distillation have: the block's number, the transcript, and how to give up."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import numpy as np

from roadseal import _core
from roadseal.operate.qkd.authentication import (
    SET_BYTES,
    TAG_BYTES,
    AuthenticationPool,
    Purpose,
    Role,
)
from roadseal.operate.qkd.detections import Reception, Transmission
from roadseal.operate.qkd.distil.outcome import Abort, AbortReason, Distilled, Settings
from roadseal.operate.qkd.distil.wire import Bits, Fields, Kind, MalformedError, message
from roadseal.operate.qkd.finitekey import Counts, KeyBound, binary_entropy, key_bound
from roadseal.operate.qkd.secret import Secret

MAX_DETECTIONS: Final = 1 << 26
HASH_BYTES: Final = 16  # equal for other keys with a chance of bits / 2^135
FRAME_BITS: Final = 65_536
RETRIES: Final = 3
RETRY_PASSES: Final = 8  # each finds what is left with a chance of one half

RandomBytes = Callable[[int], bytes]
"""Where randomness comes from: `secrets.token_bytes`, or a seeded one in a test."""

_Record = TypeVar("_Record", bound=Transmission | Reception)


class End(ABC, Generic[_Record]):
    """What both ends have: the block's number, the transcript, and how to give up.

    Args:
        record: what this end sent or saw.
        settings: agreed with the other end.
        pool: authentication key, alike at both ends.
        block: the block's number, the same at both ends, never twice.
        random_bytes: for what is drawn only when the raw bits are fixed.
    """

    role: Role

    def __init__(
        self,
        record: _Record,
        settings: Settings,
        pool: AuthenticationPool,
        *,
        block: int,
        random_bytes: RandomBytes,
    ) -> None:
        self.outcome: Distilled | Abort | None = None
        self._record = record
        self._settings = settings
        self._pool = pool
        self._block = block
        self._random_bytes = random_bytes
        self._key_bits: Bits = np.zeros(0, dtype=bool)
        self._key_weak: Bits = np.zeros(0, dtype=bool)  # which of them came from weaker pulses
        self._said: list[bytes] = []
        self._set: int | None = None  # of pads, as Alice named it
        self._verified = 0  # how often a hash of the key was said
        self._test: Counts | None = None

    def receive(self, octets: bytes) -> list[bytes]:
        """Take a message of the peer; return what to send."""
        if self.outcome is not None or not octets:
            return []
        try:
            if octets[0] == Kind.ABORT:
                return self._peer_aborts(octets)
            return self._step(octets)
        except MalformedError as error:
            return self._abort(AbortReason.PROTOCOL, f"the peer's message is {error}")
        except ValueError:  # of the compiled core: the numbers in it contradict each other
            return self._abort(AbortReason.PROTOCOL, "the peer's message contradicts itself")

    @abstractmethod
    def _step(self, octets: bytes) -> list[bytes]:
        """Take a message that is no abort; return what to send."""

    def _note(self, sender: Role, octets: bytes) -> None:
        self._said.append(struct.pack("<BQ", sender, len(octets)) + octets)

    def _say(self, *octets: bytes) -> list[bytes]:
        for each in octets:
            self._note(self.role, each)
        return list(octets)

    def _transcript(self) -> bytes:
        return struct.pack("<Q", self._block) + b"".join(self._said)

    def _abort(self, reason: AbortReason, detail: str) -> list[bytes]:
        self.outcome = Abort(reason, detail, self._test)
        name = self._set if self._set is not None else self._pool.next_set()
        if name is None:
            return []
        said = message(Kind.ABORT, struct.pack("<Qq", self._block, name), reason.value.encode())
        tag = self._pool.tag(name, self.role, Purpose.ABORT, said)
        self._pool.spend(name)
        return [said + tag] if tag is not None else []

    def _peer_aborts(self, octets: bytes) -> list[bytes]:
        said, tag = octets[:-TAG_BYTES], octets[-TAG_BYTES:]
        block, name = Fields(said[1:]).numbers("Qq")
        try:
            why = AbortReason(said[17:].decode("ascii"))
        except ValueError:
            raise MalformedError("an abort without a reason") from None
        other = Role(1 - self.role)
        if block == self._block and self._pool.holds(name, other, Purpose.ABORT, said, tag):
            self._pool.spend(name)
            self.outcome = Abort(AbortReason.PEER, f"the peer gave up: {why}", self._test)
            return []
        return self._abort(AbortReason.AUTHENTICATION, "the peer's abort has no valid tag")

    def _transcript_tag(self) -> bytes | None:
        """Our tag over everything that was said."""
        if self._set is None:
            return None
        said = self._transcript()
        return self._pool.tag(self._set, self.role, Purpose.TRANSCRIPT, said)

    def _transcript_holds(self, tag: bytes) -> bool:
        """Whether the peer's tag over everything that was said holds."""
        other, said = Role(1 - self.role), self._transcript()
        return self._set is not None and self._pool.holds(
            self._set, other, Purpose.TRANSCRIPT, said, tag
        )

    def _conclude(
        self, raw: Secret, counts: Counts, bound: KeyBound, told: int, leaked: int
    ) -> None:
        """Pay for the tags, and give the rest."""
        with raw.take(SET_BYTES).peek() as pads:
            self._pool.replenish(self._block, bytes(pads))
        if self._set is not None:
            self._pool.spend(self._set)
        assert self._test is not None  # noqa: S101 - both ends estimate before they conclude
        limit = counts.total * binary_entropy(counts.error_rate)
        efficiency = told / limit if limit else 0.0
        self.outcome = Distilled(
            raw, counts, self._test, bound, leaked, efficiency, self._settings.security
        )

    def _bound(self, key: Counts, told: int) -> tuple[KeyBound, int, int]:
        """The bound, what leaked, and the length of the key in whole bytes."""
        leaked = told + 8 * HASH_BYTES * self._verified
        settings = self._settings
        test = self._test or Counts((0, 0), (0, 0))
        bound = key_bound(key, test, settings.sent, leaked, settings.security)
        return bound, leaked, max(int(bound.bits) // 8, 0)


def block_counts(weak: Bits, errors: tuple[int, ...]) -> Counts:
    """Detections and errors by intensity; `weak` says which bits came from weaker pulses.

    Raises:
        MalformedError: more errors than bits.
    """
    decoys = int(weak.sum())
    detections = (len(weak) - decoys, decoys)
    if errors[0] > detections[0] or errors[1] > detections[1]:
        raise MalformedError("counting more errors than bits")
    return Counts(detections, (errors[0], errors[1]))


def verification_hash(key: bytes, bits: bytes) -> bytes:
    """What both ends compare instead of their keys."""
    return _core.authentication_tag(key, bytes(TAG_BYTES), bits)[:HASH_BYTES]
