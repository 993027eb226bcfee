"""Bob's end of distillation: he corrects his bits until they are Alice's."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from roadseal import _core
from roadseal.operate.qkd.authentication import TAG_BYTES, Role
from roadseal.operate.qkd.detections import Reception
from roadseal.operate.qkd.distil.end import (
    FRAME_BITS,
    MAX_DETECTIONS,
    RETRIES,
    RETRY_PASSES,
    End,
    block_counts,
    verification_hash,
)
from roadseal.operate.qkd.distil.outcome import AbortReason
from roadseal.operate.qkd.distil.wire import Fields, Kind, MalformedError, message, packed
from roadseal.operate.qkd.secret import Secret

_LEAST_ERROR_RATE: Final = 1e-3  # block sizes stay finite on a link without errors


class Receiver(End[Reception]):
    """Bob: he corrects his bits until they are Alice's; begins with `start`."""

    role = Role.BOB
    _cascade: _core.CascadeCorrector | None = None
    _told = 0
    _corrected: bytes | None = None
    _errors = (0, 0)

    def start(self) -> list[bytes]:
        """The first message of the block."""
        pulse = self._record.pulse
        gaps = np.diff(pulse, prepend=0)
        if len(gaps) > MAX_DETECTIONS or (len(gaps) and gaps.max() >= 1 << 32):
            return self._abort(AbortReason.TOO_FEW, "clicks are too many or too far apart")
        parts = (struct.pack("<I", len(gaps)), gaps.astype("<u4").tobytes())
        return self._say(message(Kind.DETECTIONS, *parts, packed(self._record.key_basis)))

    def _step(self, octets: bytes) -> list[bytes]:
        fields = Fields(octets[1:])
        if octets[0] == Kind.AMPLIFY and self._corrected is not None:
            return self._amplify(octets)
        self._note(Role.ALICE, octets)
        if octets[0] == Kind.SIFTED and self._cascade is None:
            return self._estimate(fields)
        if octets[0] == Kind.ANSWER and self._cascade is not None and not self._cascade.done:
            return self._ask(self._cascade.receive(octets[1:]))
        if octets[0] == Kind.RETRY and self._cascade is not None and self._verified <= RETRIES:
            fields.end()
            return self._ask(self._cascade.extend(RETRY_PASSES))
        raise MalformedError("out of turn")

    def _estimate(self, fields: Fields) -> list[bytes]:
        mine = self._record
        (name,) = fields.numbers("q")
        if name not in self._pool:
            return self._abort(AbortReason.AUTHENTICATION, "Alice names pads that are not here")
        self._set = name
        sifted = np.flatnonzero(fields.bits(len(mine.pulse)))
        weak = fields.bits(len(sifted))
        bases, bits = mine.key_basis.take(sifted), mine.bit.take(sifted)
        key, test = np.flatnonzero(bases), np.flatnonzero(~bases)
        alice = fields.bits(len(test))
        fields.end()
        self._key_bits, self._key_weak = bits.take(key), weak.take(key)
        wrong, test_weak = bits.take(test) != alice, weak.take(test)
        errors = (int((wrong & ~test_weak).sum()), int((wrong & test_weak).sum()))
        self._test = block_counts(test_weak, errors)
        if not len(self._key_bits) or not self._test.total:
            return self._abort(AbortReason.TOO_FEW, "no detections in one of the bases")
        rate = self._test.error_rate
        if rate > self._settings.highest_error_rate:
            return self._abort(AbortReason.ERROR_RATE, f"{rate:.2%} of the test bits are wrong")
        rate = max(rate, _LEAST_ERROR_RATE)
        seed = self._random_bytes(8)  # only now, when the raw bits are fixed
        self._cascade = _core.CascadeCorrector(
            packed(self._key_bits),
            len(self._key_bits),
            variant=self._settings.variant,
            error_rate=rate,
            seed=int.from_bytes(seed, "little"),
            frame_bits=FRAME_BITS,
        )
        question = self._cascade.start()
        parts = struct.pack("<IId", *errors, rate), seed, struct.pack("<I", len(question)), question
        return self._say(message(Kind.ESTIMATE, *parts))

    def _ask(self, asked: bytes) -> list[bytes]:
        if self._cascade is None:
            raise MalformedError("out of turn")
        question = message(Kind.QUESTION, asked)
        if not self._cascade.done:
            return self._say(question)
        corrected = self._cascade.corrected()
        self._corrected = corrected
        self._told = self._cascade.asked
        self._verified += 1
        count = len(self._key_bits)
        octets = np.frombuffer(corrected, dtype=np.uint8)
        wrong = np.unpackbits(octets, count=count, bitorder="little") != self._key_bits
        weak = self._key_weak
        self._errors = (int((wrong & ~weak).sum()), int((wrong & weak).sum()))
        hash_key = self._random_bytes(TAG_BYTES)
        parts = struct.pack("<II", *self._errors), hash_key, verification_hash(hash_key, corrected)
        return self._say(question, message(Kind.VERIFY, *parts))

    def _amplify(self, octets: bytes) -> list[bytes]:
        said, tag = octets[:-TAG_BYTES], octets[-TAG_BYTES:]
        self._note(Role.ALICE, said)
        if not self._transcript_holds(tag):
            return self._abort(AbortReason.AUTHENTICATION, "Alice's tag does not hold")
        fields = Fields(said[1:])
        (length,) = fields.numbers("I")
        count = len(self._key_bits)
        seed = fields.octets(-(-(count + length - 1) // 8))
        fields.end()
        counts = block_counts(self._key_weak, self._errors)
        bound, leaked, allowed = self._bound(counts, self._told)
        if length != 8 * allowed or self._corrected is None:
            return self._abort(AbortReason.PROTOCOL, "Alice wants another length than is secret")
        secret = Secret(_core.toeplitz(seed, self._corrected, count, length))
        mine = self._transcript_tag()
        if mine is None:
            secret.erase()
            return self._abort(AbortReason.AUTHENTICATION_EXHAUSTED, "no pad is left for a tag")
        self._conclude(secret, counts, bound, self._told, leaked)
        return [message(Kind.CONFIRM, mine)]
