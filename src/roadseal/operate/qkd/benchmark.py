"""How fast distillation is on this machine: CPU time of one core, both ends together."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from roadseal import _core
from roadseal.clock import SystemClock
from roadseal.operate.qkd.authentication import AuthenticationPool
from roadseal.operate.qkd.detections import draw
from roadseal.operate.qkd.distil import Abort, Receiver, Sender, Settings, distil
from roadseal.operate.qkd.finitekey import binary_entropy
from roadseal.operate.qkd.link import LinkModel
from roadseal.operate.qkd.operating import optimise

_ERROR_RATE = 0.02
_CASCADE_BITS = 1_000_000
_FRAME_BITS = 65_536
_NO_LIMIT = 2.0
_LINK = LinkModel(loss_db=9.0, dark_hz=7e4, misalignment=0.015)
_BLOCK_BITS = 1_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A speed, and what it should be at least.

    Args:
        what: what was measured.
        mbit_s: million bits a second of CPU time: sifted bits, or bits that go into the hash.
        target: what it should be at least; 0 where none is set.
        note: block lengths, and f for Cascade with its limit.
        holds: whether speed and efficiency are as they should be.
    """

    what: str
    mbit_s: float
    target: float
    note: str
    holds: bool


def benchmark(clock: SystemClock, *, rounds: int = 3) -> Iterator[Figure]:
    """Measure, one figure after the other; each counts by its cheapest round."""
    for variant, target, limit in (
        ("original", 40, 1.16),
        ("yanetal", 20, 1.08),
        ("option3", 0, 2),
    ):
        yield _cascade(clock, variant, target, limit, rounds)
    for bits, target in ((1_000_000, 100), (10_000_000, 25)):
        yield _toeplitz(clock, bits, target, rounds)
    yield _end_to_end(clock, rounds)


def _cascade(clock: SystemClock, variant: str, target: float, limit: float, rounds: int) -> Figure:
    rng = random.Random(1)  # noqa: S311 - material to measure with
    alice = rng.randbytes(_CASCADE_BITS // 8)
    bob = bytearray(alice)
    wrong = rng.sample(range(_CASCADE_BITS), round(_CASCADE_BITS * _ERROR_RATE))
    for place in wrong:
        bob[place // 8] ^= 1 << place % 8
    told = 0

    def reconcile() -> None:
        nonlocal told
        answering = _core.CascadeResponder(
            alice,
            _CASCADE_BITS,
            variant=variant,
            error_rate=_ERROR_RATE,
            seed=1,
            frame_bits=_FRAME_BITS,
        )
        asking = _core.CascadeCorrector(
            bytes(bob),
            _CASCADE_BITS,
            variant=variant,
            error_rate=_ERROR_RATE,
            seed=1,
            frame_bits=_FRAME_BITS,
        )
        question = asking.start()
        while not asking.done:
            question = asking.receive(answering.answer(question))
        told = answering.revealed

    speed = _CASCADE_BITS / _cheapest(clock, rounds, reconcile) / 1e6
    efficiency = told / (_CASCADE_BITS * binary_entropy(_ERROR_RATE))
    note = f"{_ERROR_RATE:.0%} errors, frames of {_FRAME_BITS} bits, f {efficiency:.3f}"
    if limit < _NO_LIMIT:
        note += f" of at most {limit}"
    holds = speed >= target and efficiency <= limit
    return Figure(f"Cascade, {variant}", speed, target, note, holds)


def _toeplitz(clock: SystemClock, bits: int, target: float, rounds: int) -> Figure:
    seed = _random_bits(bits + bits // 2 - 1)
    octets = os.urandom(bits // 8)
    spent = _cheapest(clock, rounds, lambda: _core.toeplitz(seed, octets, bits, bits // 2))
    speed = bits / spent / 1e6
    note = f"{bits:,} bits to half, {_core.toeplitz_kernel()}"
    return Figure("Toeplitz", speed, target, note, speed >= target)


def _end_to_end(clock: SystemClock, rounds: int) -> Figure:
    point = optimise(_LINK, block_bits=_BLOCK_BITS)
    detections = round(_BLOCK_BITS / point.sent.key_basis**2)
    transmission, reception = draw(_LINK, point.sent, detections=detections, seed=1)
    settings = Settings(point.sent)
    shared = os.urandom(80)
    sifted = 0.0

    def once() -> None:
        nonlocal sifted
        ends = (
            Sender(
                transmission,
                settings,
                AuthenticationPool(shared),
                block=0,
                random_bytes=os.urandom,
            ),
            Receiver(
                reception, settings, AuthenticationPool(shared), block=0, random_bytes=os.urandom
            ),
        )
        outcome, _ = distil(*ends)
        if isinstance(outcome, Abort):
            raise AssertionError(f"a clean block was given up: {outcome.detail}")
        sifted = outcome.key.total + outcome.test.total

    speed_s = _cheapest(clock, rounds, once)
    speed = sifted / speed_s / 1e6
    note = f"sifted bits of a block of {_BLOCK_BITS:,}, both ends, simulated link"
    return Figure("end to end", speed, 10, note, speed >= 10)


def _random_bits(count: int) -> bytes:
    octets = bytearray(os.urandom(-(-count // 8)))
    octets[-1] &= 0xFF >> (-count % 8)
    return bytes(octets)


def _cheapest(clock: SystemClock, rounds: int, work: Callable[[], object]) -> float:
    costs = []
    for _ in range(rounds):
        start_s = clock.cpu_s()
        work()
        costs.append(clock.cpu_s() - start_s)
    return min(costs)
