"""Cascade by itself: two keys in one process, what it told, and its curves of efficiency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

import numpy as np

from roadseal import _core
from roadseal.operate.qkd.distil.wire import Bits, packed
from roadseal.operate.qkd.finitekey import binary_entropy

VARIANTS: Final = ("original", "yanetal", "option3")
FRAME_BITS: Final = 65_536
RETRY_PASSES: Final = 8
LEAST_ERROR_RATE: Final = 1e-3  # block sizes stay finite on keys without errors


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What Cascade made of two keys.

    Args:
        corrected: Bob's key afterwards.
        errors: bits in which the keys differed before.
        left: bits in which they still differ.
        told: parities that were said in public.
        messages: questions that were asked, each with the parities of all frames.
        checks: how often the keys were compared by a hash.
    """

    corrected: Bits
    errors: int
    left: int
    told: int
    messages: int
    checks: int

    @property
    def error_rate(self) -> float:
        """The share of errors before."""
        return self.errors / len(self.corrected)

    @property
    def efficiency(self) -> float | None:
        """f: parities told ÷ Shannon's limit at the errors that were there; None without any."""
        limit = len(self.corrected) * binary_entropy(self.error_rate)
        return self.told / limit if limit else None


def reconcile(
    alice: Bits,
    bob: Bits,
    *,
    variant: str,
    error_rate: float,
    seed: int,
    frame_bits: int = FRAME_BITS,
    retries: int = 0,
) -> Reconciled:
    """Correct Bob's key to Alice's.

    Args:
        alice: the key as it should be.
        bob: as long, with errors.
        variant: one of `VARIANTS`.
        error_rate: estimated; it chooses the blocks.
        seed: of the shuffles, 64 bits.
        frame_bits: longer keys are reconciled in frames of about so many bits.
        retries: how often further passes follow where the keys still differ.
    """
    rate = min(max(error_rate, LEAST_ERROR_RATE), 0.5)
    plan = _Plan(variant=variant, error_rate=rate, seed=seed, frame_bits=frame_bits)
    answering = _core.CascadeResponder(packed(alice), len(alice), **plan)
    asking = _core.CascadeCorrector(packed(bob), len(bob), **plan)
    question, messages, checks = asking.start(), 0, 0
    while True:
        while not asking.done:
            messages += 1
            question = asking.receive(answering.answer(question))
        answering.answer(question)
        octets = np.frombuffer(asking.corrected(), dtype=np.uint8)
        corrected = np.unpackbits(octets, count=len(bob), bitorder="little").astype(bool)
        left = int((alice != corrected).sum())
        checks += 1
        if not left or checks > retries:
            break
        answering.extend(RETRY_PASSES)
        question = asking.extend(RETRY_PASSES)
    errors = int((alice != bob).sum())
    return Reconciled(corrected, errors, left, asking.asked, messages, checks)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Many runs of one variant on keys of one length and error rate.

    Args:
        variant: of Cascade.
        bits: of a key.
        error_rate: the share of bits that differ, in each key the same number.
        runs: how many keys.
        efficiency: mean of f; None where there is no error.
        deviation: standard deviation of f over the runs.
        frame_error_rate: share of keys that still differ.
        parities: told a key, mean.
        messages: asked a key, mean.
    """

    variant: str
    bits: int
    error_rate: float
    runs: int
    efficiency: float | None
    deviation: float | None
    frame_error_rate: float
    parities: float
    messages: float


def efficiency_curve(
    variants: Sequence[str],
    lengths: Sequence[int],
    error_rates: Sequence[float],
    *,
    runs: int,
    seed: int,
    frame_bits: int = FRAME_BITS,
) -> Iterator[CurvePoint]:
    """Run Cascade on random keys.

    Each has the number of errors that is nearest to the rate, and the rate is known: as the
    published curves are made.
    """
    for variant in variants:
        for bits in lengths:
            for error_rate in error_rates:
                draw = np.random.default_rng([seed, bits, round(error_rate * 1e9)])
                found = [_one_run(variant, bits, error_rate, frame_bits, draw) for _ in range(runs)]
                f = [each.efficiency for each in found if each.efficiency is not None]
                yield CurvePoint(
                    variant,
                    bits,
                    error_rate,
                    runs,
                    float(np.mean(f)) if f else None,
                    float(np.std(f)) if f else None,
                    sum(each.left > 0 for each in found) / runs,
                    sum(each.told for each in found) / runs,
                    sum(each.messages for each in found) / runs,
                )


def _one_run(
    variant: str, bits: int, error_rate: float, frame_bits: int, draw: np.random.Generator
) -> Reconciled:
    alice = draw.integers(0, 2, bits).astype(bool)
    bob = alice.copy()
    bob[draw.choice(bits, round(bits * error_rate), replace=False)] ^= True
    seed = int(draw.integers(1 << 62))
    return reconcile(
        alice, bob, variant=variant, error_rate=error_rate, seed=seed, frame_bits=frame_bits
    )


class _Plan(TypedDict):
    """What both ends of Cascade agree on beforehand."""

    variant: str
    error_rate: float
    seed: int
    frame_bits: int
