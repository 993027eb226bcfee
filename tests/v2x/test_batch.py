"""A batch gives the same answers on one core, on two, and message by message."""

from __future__ import annotations

import random

import pytest
from v2x_material import HEARD, SENT, authority, message

from roadseal.v2x import Identification, Policy, Verdict, Verifier, service

PARTS = ("overall", "signature", "chain", "validity", "permission", "freshness", "anchored")


def facts(verdict: Verdict) -> tuple[object, ...]:
    return tuple(getattr(verdict, part) for part in PARTS)


def mix(seed: int) -> list[bytes]:
    """Strangers that introduce themselves late, replays, forgeries, noise, in any order."""
    chance = random.Random(seed)
    messages = []
    for profile in ("ecdsa-p256", "ml-dsa-44/rs1", "fn-dsa-512/pre1"):
        for _ in range(4):
            station = authority(profile).vehicle()
            own = [message(station, at=SENT + step) for step in range(6)]
            own.insert(3, message(station, Identification.CERTIFICATE, at=SENT + 100))
            own.append(message(station, psid=service.SREM))
            own += chance.sample(own, 3)
            messages += own
    forged = [octets[:-1] + bytes([octets[-1] ^ 1]) for octets in chance.sample(messages, 10)]
    noise = [chance.randbytes(chance.randrange(300)) for _ in range(10)]
    messages += forged + noise
    chance.shuffle(messages)
    return messages


def verifier(threads: int, policy: Policy | None = None) -> Verifier:
    made = Verifier(policy or Policy(), threads)
    for profile in ("ecdsa-p256", "ml-dsa-44/rs1", "fn-dsa-512/pre1"):
        authority(profile).enter(made)
    return made


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("room", [8_192, 3])
def test_cores_do_not_change_the_answer(seed: int, room: int) -> None:
    messages = mix(seed)
    policy = Policy(learned_certificates=room)
    answers = [
        [facts(verdict) for verdict in verifier(threads, policy).verify_batch(messages, at=HEARD)]
        for threads in (1, 2, 2)
    ]
    assert answers[0] == answers[1] == answers[2]
    found = {answer[0] for answer in answers[0]}
    assert found >= {"ok", "unknown_signer", "replay", "malformed"}


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_is_its_messages_one_after_the_other(seed: int) -> None:
    messages = mix(seed)
    one_by_one = verifier(1)
    single = [facts(one_by_one.verify(octets, at=HEARD)) for octets in messages]
    whole = [facts(verdict) for verdict in verifier(2).verify_batch(messages, at=HEARD)]
    assert whole == single


def test_an_authority_met_within_the_batch_counts_from_there() -> None:
    """Its certificate comes with a message of its own; the stations' messages follow."""
    classical = authority("ecdsa-p256")
    own = message(
        classical.authorisation, Identification.CERTIFICATE, psid=service.CERTIFICATE_REQUEST
    )
    station = message(classical.vehicle(), Identification.CERTIFICATE)
    answers = []
    for threads in (1, 2):
        made = Verifier(Policy(), threads)
        made.add_root(classical.root.certificate)
        answers.append([v.overall for v in made.verify_batch([station, own, station], at=HEARD)])
    assert answers == [["unknown_issuer", "ok", "ok"]] * 2


def test_order_decides_which_of_two_is_the_replay() -> None:
    classical = authority("ecdsa-p256")
    octets = message(classical.vehicle(), Identification.CERTIFICATE)
    verdicts = classical.verifier(threads=2).verify_batch([octets] * 40, at=HEARD)
    assert [verdict.overall for verdict in verdicts] == ["ok"] + ["replay"] * 39
