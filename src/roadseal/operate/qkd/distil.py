"""Distillation: two ends turn what their detectors saw into one secret key, in public messages.

Sans-I/O: give each end what the other sent, send what it returns. Sifting, estimation on the test
basis, Cascade, verification, privacy amplification; one tag each over everything that was said. A
key leaves an end only after the other's tag held. Whatever the peer sends, the outcome is a key or
an abort with its reason, and an abort is said to the peer under a tag.

The rates that the test basis shows bound what an eavesdropper can know (`finitekey`); every bit
that is said about the key is counted, parities and the verification hash alike.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

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
from roadseal.operate.qkd.distil_wire import Bits, Fields, Kind, MalformedError, message, packed
from roadseal.operate.qkd.finitekey import (
    Counts,
    Intensities,
    KeyBound,
    Security,
    binary_entropy,
    key_bound,
)
from roadseal.operate.qkd.secret import Secret

MAX_DETECTIONS: Final = 1 << 26
_HASH_BYTES: Final = 16  # equal for other keys with a chance of bits / 2^135
_MOST_QUESTIONS: Final = 10_000
_FRAME_BITS: Final = 65_536
_RETRIES: Final = 3
_RETRY_PASSES: Final = 8  # each finds what is left with a chance of one half
_LEAST_ERROR_RATE: Final = 1e-3  # block sizes stay finite on a link without errors

RandomBytes = Callable[[int], bytes]
"""Where randomness comes from: `secrets.token_bytes`, or a seeded one in a test."""


class AbortReason(StrEnum):
    """Why a block gave no key."""

    TOO_FEW = "too_few"
    ERROR_RATE = "error_rate"
    NO_KEY = "no_key"
    VERIFICATION = "verification"
    AUTHENTICATION = "authentication"
    AUTHENTICATION_EXHAUSTED = "authentication_exhausted"
    PROTOCOL = "protocol"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Abort:
    """A block without a key.

    Args:
        reason: why.
        detail: in words, without secrets.
        test: what the test basis showed, as far as it got.
    """

    reason: AbortReason
    detail: str
    test: Counts | None = None


@dataclass(frozen=True, slots=True)
class Distilled:
    """A block's key.

    Args:
        secret: the key, whole bytes, without what paid for authentication.
        key: counts of the key basis.
        test: counts of the test basis.
        bound: what they prove.
        leaked_bits: said in public about the key.
        efficiency: f: parities told ÷ Shannon's limit at the real error rate.
        security: of the key.
    """

    secret: Secret
    key: Counts
    test: Counts
    bound: KeyBound
    leaked_bits: int
    efficiency: float
    security: Security


@dataclass(frozen=True, slots=True)
class Settings:
    """What both ends agreed on beforehand.

    Args:
        sent: Alice's intensities and basis choice.
        security: of the keys.
        variant: of Cascade: ``original``, ``yanetal`` or ``option3``.
        highest_error_rate: above it a block is thrown away unread.
    """

    sent: Intensities
    security: Security = field(default_factory=Security)
    variant: str = "yanetal"
    highest_error_rate: float = 0.11


class _End(ABC):
    """What both ends have: the block's number, the transcript, and how to give up."""

    role: Role

    def __init__(self, settings: Settings, pool: AuthenticationPool, block: int) -> None:
        self.outcome: Distilled | Abort | None = None
        self._settings = settings
        self._pool = pool
        self._block = block
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
        leaked = told + 8 * _HASH_BYTES * self._verified
        settings = self._settings
        test = self._test or Counts((0, 0), (0, 0))
        bound = key_bound(key, test, settings.sent, leaked, settings.security)
        return bound, leaked, max(int(bound.bits) // 8, 0)


class Sender(_End):
    """Alice: her bits are the key.

    Args:
        transmission: her record.
        settings: agreed with Bob.
        pool: authentication key, alike at both ends.
        block: the block's number, the same at both ends, never twice.
        random_bytes: for the matrix of privacy amplification.
    """

    role = Role.ALICE

    def __init__(
        self,
        transmission: Transmission,
        settings: Settings,
        pool: AuthenticationPool,
        *,
        block: int,
        random_bytes: RandomBytes,
    ) -> None:
        super().__init__(settings, pool, block)
        self._transmission = transmission
        self._random_bytes = random_bytes
        self._key_bits: Bits = np.zeros(0, dtype=bool)
        self._key_weak: Bits = np.zeros(0, dtype=bool)
        self._test_weak: Bits = np.zeros(0, dtype=bool)
        self._cascade: _core.CascadeResponder | None = None
        self._questions = 0
        self._pending: tuple[Secret, Counts, KeyBound, int, int] | None = None

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
        mine = self._transmission.of(pulses)
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
        self._test = _counts(self._test_weak, errors)
        self._cascade = _core.CascadeResponder(
            packed(self._key_bits),
            len(self._key_bits),
            variant=self._settings.variant,
            error_rate=rate,
            seed=seed,
            frame_bits=_FRAME_BITS,
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
        hash_key, theirs = fields.octets(TAG_BYTES), fields.octets(_HASH_BYTES)
        fields.end()
        counts = _counts(self._key_weak, errors)
        bits = packed(self._key_bits)
        self._verified += 1
        if self._cascade is None:
            raise MalformedError("out of turn")
        if _verification_hash(hash_key, bits) != theirs:
            if self._verified > _RETRIES:
                return self._abort(AbortReason.VERIFICATION, "the two keys differ")
            self._cascade.extend(_RETRY_PASSES)
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


class Receiver(_End):
    """Bob: he corrects his bits until they are Alice's.

    Args:
        reception: his record.
        settings: agreed with Alice.
        pool: authentication key, alike at both ends.
        block: the block's number, the same at both ends, never twice.
        random_bytes: for shuffles and the verification hash.
    """

    role = Role.BOB

    def __init__(
        self,
        reception: Reception,
        settings: Settings,
        pool: AuthenticationPool,
        *,
        block: int,
        random_bytes: RandomBytes,
    ) -> None:
        super().__init__(settings, pool, block)
        self._reception = reception
        self._random_bytes = random_bytes
        self._key_bits: Bits = np.zeros(0, dtype=bool)
        self._key_weak: Bits = np.zeros(0, dtype=bool)
        self._cascade: _core.CascadeCorrector | None = None
        self._told = 0
        self._corrected: bytes | None = None
        self._errors = (0, 0)

    def start(self) -> list[bytes]:
        """The first message of the block."""
        pulse = self._reception.pulse
        gaps = np.diff(pulse, prepend=0)
        if len(gaps) > MAX_DETECTIONS or (len(gaps) and gaps.max() >= 1 << 32):
            return self._abort(AbortReason.TOO_FEW, "clicks are too many or too far apart")
        parts = (struct.pack("<I", len(gaps)), gaps.astype("<u4").tobytes())
        return self._say(message(Kind.DETECTIONS, *parts, packed(self._reception.key_basis)))

    def _step(self, octets: bytes) -> list[bytes]:
        fields = Fields(octets[1:])
        if octets[0] == Kind.AMPLIFY and self._corrected is not None:
            return self._amplify(octets)
        self._note(Role.ALICE, octets)
        if octets[0] == Kind.SIFTED and self._cascade is None:
            return self._estimate(fields)
        if octets[0] == Kind.ANSWER and self._cascade is not None and not self._cascade.done:
            return self._ask(self._cascade.receive(octets[1:]))
        if octets[0] == Kind.RETRY and self._cascade is not None and self._verified <= _RETRIES:
            fields.end()
            return self._ask(self._cascade.extend(_RETRY_PASSES))
        raise MalformedError("out of turn")

    def _estimate(self, fields: Fields) -> list[bytes]:
        mine = self._reception
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
        self._test = _counts(test_weak, errors)
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
            frame_bits=_FRAME_BITS,
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
        parts = struct.pack("<II", *self._errors), hash_key, _verification_hash(hash_key, corrected)
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
        counts = _counts(self._key_weak, self._errors)
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


def _counts(weak: Bits, errors: tuple[int, ...]) -> Counts:
    decoys = int(weak.sum())
    detections = (len(weak) - decoys, decoys)
    if errors[0] > detections[0] or errors[1] > detections[1]:
        raise MalformedError("counting more errors than bits")
    return Counts(detections, (errors[0], errors[1]))


def _verification_hash(key: bytes, bits: bytes) -> bytes:
    return _core.authentication_tag(key, bytes(TAG_BYTES), bits)[:_HASH_BYTES]


def _masked(octets: bytes, bits: int) -> bytes:
    """`octets` with nothing set from `bits` on."""
    spare = -bits % 8
    return octets[:-1] + bytes([octets[-1] & (0xFF >> spare)])


def distil(sender: Sender, receiver: Receiver) -> tuple[Distilled | Abort, Distilled | Abort]:
    """Run two ends against each other in one process; returns what each came to."""
    to_sender = receiver.start()
    while to_sender:
        to_receiver = [reply for said in to_sender for reply in sender.receive(said)]
        to_sender = [reply for said in to_receiver for reply in receiver.receive(said)]
    lost = Abort(AbortReason.PROTOCOL, "the conversation broke off")
    return sender.outcome or lost, receiver.outcome or lost
