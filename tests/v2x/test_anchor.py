from __future__ import annotations

import random
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from v2x_material import HEARD, NOW, SENT, authority, message

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Identification,
    Policy,
    SigningKey,
    profile_of,
    self_signed,
)
from roadseal.v2x.anchor import HEAD_BYTES, AnchorReason, Anchors, Batch, make_batch

WITH = Identification.CERTIFICATE
POST_QUANTUM_ONLY = Policy(certificates=("ml-dsa-44", "ml-dsa-65", "fn-dsa-512/pre1"))
HOUR = 3_600_000_000
END = Time64(NOW + HOUR)


@cache
def voucher(algorithm: str = "ml-dsa-65", name: str = "voucher") -> Credential:
    contents = CertificateContents(start=NOW, duration=Duration.hours(24), name=name)
    return self_signed(contents, SigningKey.generate(algorithm))


@cache
def vehicles(count: int) -> tuple[Credential, ...]:
    return tuple(authority("ecdsa-p256").vehicle() for _ in range(count))


def batch(count: int = 5, number: int = 1, **changes: int) -> Batch:
    times = {"not_before": NOW, "not_after": END} | changes
    return make_batch(
        [vehicle.certificate for vehicle in vehicles(count)],
        voucher(),
        number=number,
        not_before=Time64(times["not_before"]),
        not_after=Time64(times["not_after"]),
    )


@cache
def usual() -> Batch:
    return batch()


def anchors() -> Anchors:
    return Anchors([voucher().certificate])


def test_a_whole_list_anchors_every_certificate() -> None:
    verifier = authority("ecdsa-p256").verifier(POST_QUANTUM_ONLY)
    before = message(vehicles(5)[0], WITH)
    assert verifier.verify(before, at=HEARD).overall == "policy_downgrade"
    assert anchors().admit_list(verifier, usual().list_bytes(), HEARD) is AnchorReason.OK
    assert verifier.occupancy()[3] == 5
    for vehicle in vehicles(5):
        found = verifier.verify(message(vehicle, WITH, at=SENT + 1), at=HEARD)
        assert (found.overall, found.anchored) == ("ok", True)
        octets = message(vehicle, at=SENT + 2)
        assert len(octets) == 178  # the classical size, to the byte
        found = verifier.verify(octets, at=HEARD)
        assert (found.overall, found.anchored) == ("ok", True)
        name = profile_of(found.algorithm, found.certificate_algorithm, anchored=found.anchored)
        assert name == "anchored-ml-dsa-65/rs1"
    stranger = message(authority("ecdsa-p256").vehicle(), WITH)
    found = verifier.verify(stranger, at=HEARD)
    assert (found.overall, found.anchored) == ("policy_downgrade", False)


def test_a_single_proof_anchors_one_certificate() -> None:
    verifier = authority("ecdsa-p256").verifier(POST_QUANTUM_ONLY)
    receiver, first = anchors(), vehicles(5)[0].certificate
    proof = usual().proof(first)
    assert len(proof) == 22 + 3 * 32
    assert receiver.admit_proof(verifier, proof, first, HEARD) is AnchorReason.UNKNOWN_BATCH
    assert receiver.admit_head(usual().head, HEARD) is AnchorReason.OK
    assert receiver.admit_proof(verifier, proof, first, HEARD) is AnchorReason.OK
    assert verifier.verify(message(vehicles(5)[0], WITH), at=HEARD).ok
    other = vehicles(5)[1].certificate
    assert receiver.admit_proof(verifier, proof, other, HEARD) is AnchorReason.NOT_INCLUDED
    assert verifier.occupancy()[3] == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 8, 9, 16, 17, 31])
def test_every_certificate_of_any_batch_has_a_proof(count: int) -> None:
    made = batch(count)
    verifier, receiver = authority("ecdsa-p256").verifier(), anchors()
    assert receiver.admit_head(made.head, HEARD) is AnchorReason.OK
    for vehicle in vehicles(count):
        proof = made.proof(vehicle.certificate)
        assert len(proof) <= 22 + 32 * (count - 1).bit_length()
        admitted = receiver.admit_proof(verifier, proof, vehicle.certificate, HEARD)
        assert admitted is AnchorReason.OK


def test_anchors_end_with_their_batch() -> None:
    short = batch(not_after=SENT + 1_000)
    verifier = authority("ecdsa-p256").verifier(POST_QUANTUM_ONLY)
    assert anchors().admit_list(verifier, short.list_bytes(), SENT) is AnchorReason.OK
    octets = message(vehicles(5)[0], WITH)
    assert verifier.verify(octets, at=SENT + 999).ok
    # Judged later, made before: a message cannot be dated back into the batch's time.
    assert verifier.verify(octets, at=SENT + 1_000).overall == "policy_downgrade"


def test_older_batches_are_refused_also_after_a_restart() -> None:
    receiver = anchors()
    second = batch(3, number=2)
    assert receiver.admit_head(second.head, HEARD) is AnchorReason.OK
    assert receiver.admit_head(usual().head, HEARD) is AnchorReason.SUPERSEDED
    verifier = authority("ecdsa-p256").verifier()
    assert receiver.admit_list(verifier, usual().list_bytes(), HEARD) is AnchorReason.SUPERSEDED
    first = vehicles(5)[0].certificate
    old = usual().proof(first)
    assert receiver.admit_proof(verifier, old, first, HEARD) is AnchorReason.SUPERSEDED
    restarted = Anchors([voucher().certificate], receiver.newest)
    assert restarted.admit_head(usual().head, HEARD) is AnchorReason.SUPERSEDED
    assert restarted.admit_head(second.head, HEARD) is AnchorReason.OK
    assert verifier.occupancy()[3] == 0


def test_two_batches_of_one_number_contradict_each_other() -> None:
    receiver = anchors()
    assert receiver.admit_head(usual().head, HEARD) is AnchorReason.OK
    assert receiver.admit_head(usual().head, HEARD) is AnchorReason.OK
    assert receiver.admit_head(batch(3).head, HEARD) is AnchorReason.CONTRADICTORY


def test_nobody_else_may_vouch() -> None:
    receiver = Anchors([voucher(name="another").certificate])
    assert receiver.admit_head(usual().head, HEARD) is AnchorReason.UNKNOWN_AUTHORITY
    claimed = bytearray(usual().head)
    claimed[6:14] = voucher(name="another").hashed_id8
    assert receiver.admit_head(bytes(claimed), HEARD) is AnchorReason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW - 1, AnchorReason.NOT_YET_VALID),
        (NOW, AnchorReason.OK),
        (END - 1, AnchorReason.OK),
        (END, AnchorReason.EXPIRED),
    ],
)
def test_a_batch_has_its_time(now: int, reason: AnchorReason) -> None:
    assert anchors().admit_head(usual().head, Time64(now)) is reason


def test_no_batch_outlives_the_certificate_of_its_authority() -> None:
    long = batch(not_after=NOW + 100 * HOUR)
    receiver = anchors()
    assert receiver.admit_head(long.head, Time64(NOW + 23 * HOUR)) is AnchorReason.OK
    assert receiver.admit_head(long.head, Time64(NOW + 24 * HOUR)) is AnchorReason.EXPIRED


def test_a_list_must_be_the_one_that_was_signed() -> None:
    verifier = authority("ecdsa-p256").verifier()
    octets = usual().list_bytes()
    swapped = octets[:HEAD_BYTES] + octets[HEAD_BYTES + 32 :] + octets[HEAD_BYTES : HEAD_BYTES + 32]
    assert anchors().admit_list(verifier, swapped, HEARD) is AnchorReason.ROOT_MISMATCH
    for length in (1, 31, 32):
        cut = anchors().admit_list(verifier, octets[:-length], HEARD)
        assert cut is AnchorReason.MALFORMED
    huge = octets + bytes(65_536 * 32)
    assert anchors().admit_list(verifier, huge, HEARD) is AnchorReason.TOO_LARGE
    assert verifier.occupancy()[3] == 0


def test_a_node_cannot_pass_for_a_leaf() -> None:
    """RFC 9162's different first bytes: the two lower hashes are no certificate."""
    receiver = anchors()
    made = batch(4)
    receiver.admit_head(made.head, HEARD)
    verifier = authority("ecdsa-p256").verifier()
    proof = made.proof(vehicles(4)[0].certificate)
    leaves = b"".join(sha256(b"\x00" + entry).digest() for entry in made.entries[:2])
    header = bytearray(proof[:22])
    header[-1] = 1
    forged = bytes(header) + proof[22 + 32 :]
    assert receiver.admit_proof(verifier, forged, leaves, HEARD) is AnchorReason.NOT_INCLUDED


@pytest.mark.fuzz
def test_no_bent_bit_is_admitted_and_nothing_raises() -> None:
    chance = random.Random(5)
    verifier = authority("ecdsa-p256").verifier()
    octets = usual().list_bytes()
    certificate = vehicles(5)[2].certificate
    proof = usual().proof(certificate)
    ready = anchors()
    ready.admit_head(usual().head, HEARD)
    for _ in range(1_500):
        bent = bytearray(octets)
        bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
        assert anchors().admit_list(verifier, bytes(bent), HEARD) is not AnchorReason.OK
    for bit in range(len(proof) * 8):
        bent = bytearray(proof)
        bent[bit // 8] ^= 1 << bit % 8
        admitted = ready.admit_proof(verifier, bytes(bent), certificate, HEARD)
        assert admitted is not AnchorReason.OK
    assert verifier.occupancy()[3] == 0


@given(st.binary(max_size=200), st.sampled_from([b"", b"RSMB\x01\x07", b"RSMP\x01", b"RSMP\x02"]))
def test_noise_is_refused(noise: bytes, start: bytes) -> None:
    verifier = authority("ecdsa-p256").verifier()
    receiver = anchors()
    receiver.admit_head(usual().head, HEARD)
    for octets in (start + noise, start + noise + bytes(HEAD_BYTES)):
        assert receiver.admit_head(octets, HEARD) is not AnchorReason.OK
        assert receiver.admit_list(verifier, octets, HEARD) is not AnchorReason.OK
        assert receiver.admit_proof(verifier, octets, noise, HEARD) is not AnchorReason.OK


def test_versions_to_come_are_refused_by_name() -> None:
    head = bytearray(usual().head)
    head[4] = 2
    assert anchors().admit_head(bytes(head), HEARD) is AnchorReason.UNSUPPORTED_VERSION
    proof = bytearray(usual().proof(vehicles(5)[0].certificate))
    proof[4] = 2
    verifier = authority("ecdsa-p256").verifier()
    admitted = anchors().admit_proof(verifier, bytes(proof), b"", HEARD)
    assert admitted is AnchorReason.UNSUPPORTED_VERSION


@pytest.mark.parametrize(
    "mistake",
    [
        {"number": 0},
        {"number": 1 << 32},
        {"not_after": NOW},
        {"certificates": []},
        {"authority": voucher("ecdsa-p256")},
    ],
)
def test_mistakes_of_the_caller_are_explained(mistake: dict[str, object]) -> None:
    arguments: dict[str, object] = {
        "certificates": [vehicles(5)[0].certificate],
        "authority": voucher(),
        "number": 1,
        "not_before": NOW,
        "not_after": END,
    }
    with pytest.raises(RoadsealError) as caught:
        make_batch(**arguments | mistake)  # type: ignore[arg-type]  # the mistake is the point
    assert caught.value.code == "anchor-batch-refused"
    assert caught.value.advice


def test_only_ml_dsa_authorities_and_only_members_have_proofs() -> None:
    with pytest.raises(RoadsealError):
        Anchors([voucher("ecdsa-p256").certificate])
    with pytest.raises(RoadsealError) as caught:
        usual().proof(b"not a member")
    assert caught.value.code == "certificate-not-in-batch"
