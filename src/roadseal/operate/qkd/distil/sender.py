"""Alice's end of distillation: her bits are the key."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from roadseal import _core
from roadseal.operate.qkd.authentication import SET_BYTES, TAG_BYTES, Role
from roadseal.operate.qkd.detections import Transmission
from roadseal.operate.qkd.distil.end import (
    FRAME_BITS,
    HASH_BYTES,
    MAX_DETECTIONS,
    RETRIES,
    RETRY_PASSES,
    End,
    block_counts,
    verification_hash,
)
from roadseal.operate.qkd.distil.outcome import AbortReason
from roadseal.operate.qkd.distil.wire import Bits, Fields, Kind, MalformedError, message, packed
from roadseal.operate.qkd.finitekey import Counts, KeyBound
from roadseal.operate.qkd.secret import Secret

_MOST_QUESTIONS: Final = 10_000


class Sender(End[Transmission]):
    """Alice: her bits are the key; she waits for Bob to begin."""

    role = Role.ALICE
    _cascade: _core.CascadeResponder | None = None
    _test_weak: Bits = np.zeros(0, dtype=bool)
    _questions = 0
    _pending: tuple[Secret, Counts, KeyBound, int, int] | None = None

    def _step(self, octets: bytes) -> list[bytes]:
        fields = Fields(octets[1:])
        if octets[0] == Kind.CONFIRM and self._pending is not None:
            tag = fields.octets(TAG_BYTES)
            fields.end()
            return self._confirmed(tag)
        self._note(Role.BOB, octets)
        if octets[0] == Kind.DETECTIONS and not len(self._key_bits):
            return self._sift(fields)
        if octets[0] == Kind.ESTIMATE and self._cascade is None:
            return self._begin(fields)
        if octets[0] == Kind.QUESTION and self._cascade is not None and not self._cascade.done:
            return self._answer(octets[1:])
        if octets[0] == Kind.VERIFY and self._cascade is not None and self._cascade.done:
            return self._verify(fields)
        raise MalformedError("out of turn")

    def _sift(self, fields: Fields) -> list[bytes]:
        (count,) = fields.numbers("I")
        if count > MAX_DETECTIONS:
            raise MalformedError("too large")
        gaps = fields.array(count)
        bases = fields.bits(count)
        fields.end()
        if not gaps[1:].all():
            raise MalformedError("not in order")
        pulses = np.cumsum(gaps)
        mine = self._record.of(pulses)
        if mine is None:
            raise MalformedError("about pulses that were not sent")
        same = mine.key_basis == bases
        # Places instead of masks: taking by place is several times as fast on random masks.
        sifted, key, test = map(np.flatnonzero, (same, same & bases, same & ~bases))
        if not len(key) or not len(test):
            return self._abort(AbortReason.TOO_FEW, "no detections in one of the bases")
        self._key_bits, self._key_weak = mine.bit.take(key), mine.weak.take(key)
        self._test_weak = mine.weak.take(test)
        self._set = self._pool.next_set()
        if self._set is None:
            return self._abort(AbortReason.AUTHENTICATION_EXHAUSTED, "no pads are left for tags")
        name = struct.pack("<q", self._set)
        parts = (name, packed(same), packed(mine.weak.take(sifted)), packed(mine.bit.take(test)))
        return self._say(message(Kind.SIFTED, *parts))

    def _begin(self, fields: Fields) -> list[bytes]:
        errors = fields.numbers("II")
        rate = fields.real()
        (seed,) = fields.numbers("Q")
        question = fields.octets(fields.numbers("I")[0])
        fields.end()
        self._test = block_counts(self._test_weak, errors)
        self._cascade = _core.CascadeResponder(
            packed(self._key_bits),
            len(self._key_bits),
            variant=self._settings.variant,
            error_rate=rate,
            seed=seed,
            frame_bits=FRAME_BITS,
        )
        return self._answer(question)

    def _answer(self, question: bytes) -> list[bytes]:
        if self._cascade is None:
            raise MalformedError("out of turn")
        self._questions += 1
        if self._questions > _MOST_QUESTIONS:
            raise MalformedError("asking without end")
        answer = self._cascade.answer(question)
        return [] if self._cascade.done else self._say(message(Kind.ANSWER, answer))

    def _verify(self, fields: Fields) -> list[bytes]:
        errors = fields.numbers("II")
        hash_key, theirs = fields.octets(TAG_BYTES), fields.octets(HASH_BYTES)
        fields.end()
        counts = block_counts(self._key_weak, errors)
        bits = packed(self._key_bits)
        self._verified += 1
        if self._cascade is None:
            raise MalformedError("out of turn")
        if verification_hash(hash_key, bits) != theirs:
            if self._verified > RETRIES:
                return self._abort(AbortReason.VERIFICATION, "the two keys differ")
            self._cascade.extend(RETRY_PASSES)
            return self._say(message(Kind.RETRY))
        told = self._cascade.revealed
        bound, leaked, octets = self._bound(counts, told)
        if octets <= SET_BYTES:
            return self._abort(AbortReason.NO_KEY, f"{bound.bits:.0f} secret bits in this block")
        length = 8 * octets
        seed = self._random_bytes(-(-(len(self._key_bits) + length - 1) // 8))
        seed = _masked(seed, len(self._key_bits) + length - 1)
        secret = Secret(_core.toeplitz(seed, bits, len(self._key_bits), length))
        self._pending = (secret, counts, bound, told, leaked)
        said = message(Kind.AMPLIFY, struct.pack("<I", length), seed)
        self._note(self.role, said)
        tag = self._transcript_tag()
        if tag is None:
            return self._abort(AbortReason.AUTHENTICATION_EXHAUSTED, "no pad is left for a tag")
        return [said + tag]

    def _confirmed(self, tag: bytes) -> list[bytes]:
        if self._pending is None:
            raise MalformedError("out of turn")
        if not self._transcript_holds(tag):
            self._pending[0].erase()
            return self._abort(AbortReason.AUTHENTICATION, "Bob's tag does not hold")
        self._conclude(*self._pending)
        return []


def _masked(octets: bytes, bits: int) -> bytes:
    """`octets` with nothing set from `bits` on."""
    spare = -bits % 8
    return octets[:-1] + bytes([octets[-1] & (0xFF >> spare)])
