"""What a decision costs, in multiples of the bare signature check.

Every figure is a ratio of two costs of the same library in the same run, so that it means the same
on any machine. The two take turns, and each counts by its cheapest round: what a busy machine adds
is not the engine's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final, Literal

from roadseal import _core
from roadseal.clock import SystemClock, Time64
from roadseal.v2x import service
from roadseal.v2x.certificate import Credential
from roadseal.v2x.message import Header, Identification, sign
from roadseal.v2x.testing import Authority
from roadseal.v2x.verifier import Verifier

DECISION_TARGETS: Final = {"ecdsa-p256": 0.85, "fn-dsa-512/pre1": 0.75, "ml-dsa-44/rs1": 0.75}
"""Profiles whose decisions are measured, and the share of them that is signature."""

TWO_CORES_TARGET: Final = 1.9
RAW_GAIN_TARGET: Final = 0.95
"""Of what a second core gives to bare checks, how much the batch gets."""

FIRST_CONTACT_TARGET: Final = 2.7

ROUNDS: Final = 9

_WALL_ROUNDS = 5
"""Times as many rounds by the wall clock, each as much shorter: one has to find both cores idle."""

FIGURES: Final = 2 * len(DECISION_TARGETS) + 3
"""How many figures `benchmark` gives."""

_NOW = Time64(700_000_000_000_000)
_PAYLOAD = bytes(85)
_DIGEST_BYTES = 32
_FN_DSA = "fn-dsa-512/pre1"
_HOLDS = {"≥": operator.ge, "≤": operator.le}


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio, and what it should be.

    Args:
        what: what was measured.
        profile: of which message profile.
        ratio: the figure, without unit.
        comparison: on which side of the target it should be.
        target: what it should be.
        raw_us: the bare signature check, microseconds.
        engine_us: the whole decision, microseconds.
        clock: whether CPU time of one core or wall time was measured.
    """

    what: str
    profile: str
    ratio: float
    comparison: Literal["≥", "≤"]
    target: float
    raw_us: float
    engine_us: float
    clock: Literal["cpu", "wall"] = "cpu"

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return bool(_HOLDS[self.comparison](self.ratio, self.target))


def benchmark(
    clock: SystemClock, *, messages: int = 2000, rounds: int = ROUNDS
) -> Iterator[Figure]:
    """Measure decisions, one figure after the other.

    Args:
        clock: measures CPU and wall time.
        messages: how many of each kind in a round.
        rounds: how often each cost is taken.
    """
    for profile, target in DECISION_TARGETS.items():
        yield _decision(clock, profile, target, messages, rounds)
    yield _decision(
        clock, "ecdsa-p256", DECISION_TARGETS["ecdsa-p256"], messages, rounds, compressed=True
    )
    for profile in DECISION_TARGETS:
        yield _first_contact(clock, profile, max(messages // 8, 1), rounds)
    yield from _two_cores(clock, max(messages // _WALL_ROUNDS, 2), _WALL_ROUNDS * rounds)


def _decision(
    clock: SystemClock,
    profile: str,
    target: float,
    messages: int,
    rounds: int,
    *,
    compressed: bool = False,
) -> Figure:
    """Digest-signed messages of a signer at hand: everything is looked at, replay too."""
    authority = Authority(profile, now=_NOW)
    vehicle = authority.vehicle()
    batch = _signed(vehicle, messages)
    if compressed:
        batch = _with_compressed_r(batch, authority, vehicle)
    verifiers = iter([_acquainted(authority, vehicle) for _ in range(rounds)])
    raw_s, engine_s = _cheapest(
        clock.cpu_s,
        rounds,
        _bare_check(vehicle, messages),
        lambda: _decide(next(verifiers), batch),
    )
    what = "decision, full R" if compressed else "decision"
    return Figure(
        what, profile, raw_s / engine_s, "≥", target, _us(raw_s, batch), _us(engine_s, batch)
    )


def _first_contact(clock: SystemClock, profile: str, stations: int, rounds: int) -> Figure:
    """Messages with certificates never seen before: two signatures, and the key to unpack."""
    authority = Authority(profile, now=_NOW)
    vehicles = [authority.vehicle() for _ in range(stations)]
    batch = [_signed(vehicle, 1, Identification.CERTIFICATE)[0] for vehicle in vehicles]
    verifiers = [authority.verifier() for _ in range(rounds)]
    raw_s, engine_s = _cheapest(
        clock.cpu_s,
        rounds,
        _bare_check(vehicles[0], stations),
        lambda: _decide(verifiers.pop(), batch),  # its memory is the next one's: no fresh pages
    )
    return Figure(
        "first contact",
        profile,
        engine_s / raw_s,
        "≤",
        FIRST_CONTACT_TARGET,
        _us(raw_s, batch),
        _us(engine_s, batch),
    )


def _two_cores(clock: SystemClock, messages: int, rounds: int) -> Iterator[Figure]:
    """What a second core gives to the batch, and beside it to two threads of bare checks.

    Where the second core is shared with strangers, neither doubles: the bare checks say what there
    was to be had.
    """
    profile = "ecdsa-p256"
    authority = Authority(profile, now=_NOW)
    vehicle = authority.vehicle()
    batch = _signed(vehicle, messages)
    alone = iter([_acquainted(authority, vehicle) for _ in range(rounds)])
    paired = iter([_acquainted(authority, vehicle, threads=2) for _ in range(rounds)])
    whole, half = _bare_check(vehicle, messages), _bare_check(vehicle, messages // 2)
    with ThreadPoolExecutor(max_workers=2) as pool:

        def in_halves() -> None:
            for done in [pool.submit(half) for _ in range(2)]:
                done.result()

        costs = _taking_turns(
            clock.monotonic_s,
            rounds,
            whole,
            in_halves,
            lambda: _decide(next(alone), batch),
            lambda: _decide(next(paired), batch),
        )
    _, raw_two_s, one_s, two_s = (min(spent) for spent in costs)
    # What disturbs a round disturbs all its works: their ratio is taken before the middle one.
    share = median(
        (one / two) / (raw_one / raw_two) for raw_one, raw_two, one, two in zip(*costs, strict=True)
    )
    one_us, two_us, raw_two_us = (_us(spent, batch) for spent in (one_s, two_s, raw_two_s))
    yield Figure(
        "two cores ÷ one", profile, one_s / two_s, "≥", TWO_CORES_TARGET, one_us, two_us, "wall"
    )
    yield Figure(
        "of what two raw threads gain",
        profile,
        share,
        "≥",
        RAW_GAIN_TARGET,
        raw_two_us,
        two_us,
        "wall",
    )


def _cheapest(
    read_s: Callable[[], float], rounds: int, *works: Callable[[], object]
) -> list[float]:
    """The least each work costs, the works taking turns."""
    return [min(spent) for spent in _taking_turns(read_s, rounds, *works)]


def _taking_turns(
    read_s: Callable[[], float], rounds: int, *works: Callable[[], object]
) -> list[list[float]]:
    """What each work costs, round after round."""
    costs: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, spent in zip(works, costs, strict=True):
            start_s = read_s()
            work()
            spent.append(read_s() - start_s)
    return costs


def _bare_check(vehicle: Credential, count: int) -> Callable[[], None]:
    """Signatures over digests, checked by the library alone."""
    signer = vehicle.signer
    digests = [number.to_bytes(_DIGEST_BYTES, "big") for number in range(count)]
    signatures = [signer.sign(digest) for digest in digests]
    count_valid: Callable[[list[bytes], list[bytes]], int]
    if signer.algorithm == _FN_DSA:
        # The engine hashes faster than this library; it is measured by the library all the same.
        count_valid = partial(_core.fn_dsa_count_valid, signer.public_key)
    else:
        count_valid = _core.VerifyingKey(signer.algorithm, signer.public_key).count_valid

    def check() -> None:
        if count_valid(digests, signatures) != count:
            raise AssertionError("a signature that was just made does not hold")

    return check


def _decide(verifier: Verifier, batch: list[bytes]) -> None:
    verdicts = verifier.verify_batch(batch, _NOW)
    if not all(verdict.ok for verdict in verdicts):
        raise AssertionError("a message that was just made is refused")


def _acquainted(authority: Authority, vehicle: Credential, *, threads: int = 1) -> Verifier:
    verifier = authority.verifier(threads=threads)
    verifier.learn(vehicle.certificate)
    return verifier


def _signed(
    vehicle: Credential, count: int, identification: Identification = Identification.DIGEST
) -> list[bytes]:
    headers = (Header(psid=service.CAM, generation_time=Time64(_NOW + n)) for n in range(count))
    return [sign(_PAYLOAD, header, vehicle, identification) for header in headers]


def _with_compressed_r(
    batch: Sequence[bytes], authority: Authority, vehicle: Credential
) -> list[bytes]:
    """The messages with R as a compressed point, as US stations send it.

    Of the two points with this x only one verifies: it is found by trying.
    """
    verifier = _acquainted(authority, vehicle)
    candidates = [[_with_r_form(message, form) for form in (0x82, 0x83)] for message in batch]
    return [next(m for m in pair if verifier.verify(m, _NOW).ok) for pair in candidates]


def _with_r_form(message: bytes, form: int) -> bytes:
    """Replace the form of r, which stands before the 32 bytes each of r and s."""
    return message[:-65] + bytes([form]) + message[-64:]


def _us(seconds: float, batch: Sequence[bytes]) -> float:
    return 1e6 * seconds / len(batch)
