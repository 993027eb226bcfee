"""One flipped bit is enough: no mutant of a good message is accepted, and none raises.

One bit of the format is no part of what is said: R may be given by its x alone (0x80) or with the
parity of y (0x82, 0x83), and where y is even these differ in one bit. Both are the same signature
over the same bytes, so after the original the other is a replay; what the parity bit itself says is
checked.

`ROADSEAL_FUZZ_MUTANTS` sets how many are tried: 20,000 by default, 100,000 in CI, 300,000 in full.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest
from v2x_material import (
    DATA,
    HEARD,
    PROFILES,
    SENT,
    authority,
    field_rows,
    field_verifier,
    message,
)

from other_form import is_other_form_of_r
from roadseal._core import describe_certificate, describe_message
from roadseal.v2x import Identification, Policy, Verifier, service

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "20000"))
MESSAGES = 200
BATCH = 512

Judge = Callable[[list[bytes]], list[str]]


def judge_of(verifier: Verifier, at: int | None) -> Judge:
    def judge(messages: list[bytes]) -> list[str]:
        return [verdict.overall for verdict in verifier.verify_batch(messages, at=at)]

    return judge


def made_here() -> list[tuple[Judge, bytes]]:
    """Every profile, by digest and by certificate, with plain and with full headers."""
    cases = []
    for profile in PROFILES:
        station = authority(profile).vehicle()
        verifier = authority(profile).verifier()
        verifier.learn(station.certificate)
        judge = judge_of(verifier, HEARD)
        asked: dict[str, Any] = {
            "inline_p2pcd_request": (b"abc", b"def"),
            "requested_certificate": authority(profile).authorisation.certificate,
        }
        place: dict[str, Any] = {
            "generation_location": (435_500_000, 104_000_000),
            "expiry_time": HEARD + 10**6,
        }
        cases += [
            (judge, message(station)),
            (judge, message(station, Identification.CERTIFICATE, at=SENT + 1)),
            (judge, message(station, at=SENT + 2, **asked)),
            (judge, message(station, Identification.CERTIFICATE, psid=service.DENM, **place)),
        ]
    station = authority("ecdsa-p256").vehicle()
    verifier = authority("ecdsa-p256").verifier(Policy(certificates=("ml-dsa-65",)))
    verifier.learn(station.certificate)
    verifier.anchor(sha256(station.certificate).digest(), HEARD + 10**9)
    judge = judge_of(verifier, HEARD)
    cases.append((judge, message(station)))
    cases.append((judge, message(station, Identification.CERTIFICATE, at=SENT + 1)))
    return cases


def from_the_field(count: int) -> list[tuple[Judge, bytes]]:
    if not (DATA / "v2x" / "us-field").exists():
        return []
    judge = judge_of(field_verifier(), None)
    rows = random.Random(1).sample(field_rows(), min(count, 136))
    return [(judge, bytes.fromhex(row["spdu"])) for row in rows]


def tally(judge: Judge, octets: bytes, batch: list[bytes]) -> Counter[str]:
    """The verdicts on mutants, where every replay must be the same signature in its other form."""
    verdicts = judge(batch)
    for verdict, mutant in zip(verdicts, batch, strict=True):
        assert verdict != "ok", (octets.hex(), mutant.hex())
        assert verdict != "replay" or is_other_form_of_r(octets, mutant), mutant.hex()
    return Counter(verdicts)


def bit_choices(sizes: list[int], total: int) -> list[int]:
    """How many bits to flip in each message: as equal as their sizes allow."""
    quotas = [0] * len(sizes)
    left, total = len(sizes), min(total, sum(sizes))
    for at in sorted(range(len(sizes)), key=sizes.__getitem__):
        quotas[at] = min(sizes[at], -(-total // left))
        total, left = total - quotas[at], left - 1
    return quotas


def mutants(octets: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    for bit in chance.sample(range(len(octets) * 8), count):
        mutant = bytearray(octets)
        mutant[bit // 8] ^= 1 << bit % 8
        yield bytes(mutant)


@pytest.mark.fuzz
def test_no_mutant_is_accepted() -> None:
    cases = made_here()
    cases += from_the_field(MESSAGES - len(cases))
    while len(cases) < MESSAGES:
        cases += made_here()  # without the field data: more of our own
    for judge, octets in cases:
        assert judge([octets]) == ["ok"]
    chance = random.Random(20_260_101)
    verdicts: Counter[str] = Counter()
    quotas = bit_choices([len(octets) * 8 for _, octets in cases], MUTANTS)
    for (judge, octets), quota in zip(cases, quotas, strict=True):
        batch = list(mutants(octets, quota, chance))
        for at in range(0, len(batch), BATCH):
            verdicts += tally(judge, octets, batch[at : at + BATCH])
    assert verdicts.total() >= min(MUTANTS, sum(quotas))
    assert verdicts["replay"] <= 2 * len(cases)
    # Most must fail for the signature: otherwise the bits were not really covered by it.
    assert verdicts["bad_signature"] > 0.5 * verdicts.total(), verdicts
    print(f"\n{verdicts.total()} mutants of {len(cases)} messages: {dict(verdicts.most_common())}")


@pytest.mark.parametrize("profile", ["ecdsa-p256", "ecdsa-p384"])
@pytest.mark.parametrize("identification", Identification)
def test_every_single_bit_counts(profile: str, identification: Identification) -> None:
    station = authority(profile).vehicle()
    verifier = authority(profile).verifier()
    verifier.learn(station.certificate)
    octets = message(station, identification)
    judge = judge_of(verifier, HEARD)
    assert judge([octets]) == ["ok"]
    verdicts = tally(judge, octets, list(mutants(octets, len(octets) * 8, random.Random(0))))
    assert verdicts["replay"] <= 2


@pytest.mark.fuzz
def test_readers_never_raise() -> None:
    """Trees of mutants: several bits, cuts, doubled parts, and plain noise."""
    chance = random.Random(7)
    station = authority("dual-p256-fn-dsa-512/pre1").vehicle()
    seeds = [octets for _, octets in made_here()] + [
        station.certificate,
        authority("ecdsa-p256").root.certificate,
        authority("ecdsa-p256").authorisation.certificate,
        authority("ml-dsa-65/rs1").authorisation.certificate,
    ]
    errors: Counter[str] = Counter()
    for _ in range(MUTANTS):
        octets = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            octets[chance.randrange(min(len(octets), 400))] = chance.randrange(256)
        if chance.random() < 0.3:
            del octets[chance.randrange(len(octets)) :]
        if chance.random() < 0.1:
            octets += octets[: chance.randrange(200)]
        for tree in (describe_message(bytes(octets)), describe_certificate(bytes(octets))):
            errors[tree.get("error", "read")] += 1
    assert errors["malformed"] > MUTANTS
    assert errors["read"] > 0
    assert set(errors) <= {"read", "malformed", "unsupported_algorithm", "too_large", "too_deep"}
