"""Every reason of the closed list is given by somebody, and the first that applies wins."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256

import pytest
from v2x_material import HEARD, NOW, PAYLOAD, SENT, authority, message

from roadseal._core import encode_signed_data, encode_to_be_signed_data, signing_digest
from roadseal.clock import Time64
from roadseal.v2x import (
    Circle,
    Credential,
    Duration,
    Header,
    Identification,
    Permission,
    Policy,
    Reason,
    SigningKey,
    Verdict,
    Verifier,
    service,
)
from roadseal.v2x.policy import CLASSICAL
from roadseal.v2x.testing import VEHICLE

WITH = Identification.CERTIFICATE
AUTHORITY = authority("ecdsa-p256")
VENICE, ROME = (454_371_000, 123_326_000), (418_902_000, 124_922_000)


def verdict(
    octets: bytes,
    policy: Policy | None = None,
    verifier: Verifier | None = None,
    here: tuple[int, int] | None = None,
) -> Verdict:
    return (verifier or AUTHORITY.verifier(policy)).verify(octets, at=HEARD, here=here)


def station(permissions: tuple[Permission, ...] = VEHICLE, **options: object) -> Credential:
    return AUTHORITY.station(permissions, **options)  # type: ignore[arg-type]  # test shorthand


def ok() -> Verdict:
    return verdict(message(station(), WITH))


def malformed() -> Verdict:
    return verdict(message(station(), WITH)[:-1])


def unsupported_algorithm() -> Verdict:
    post_quantum = authority("fn-dsa-512/pre1")
    octets = message(post_quantum.vehicle(), WITH)
    return verdict(octets, verifier=post_quantum.verifier(Policy(supported=CLASSICAL)))


def bad_signature() -> Verdict:
    octets = message(station(), WITH)
    return verdict(octets[:-1] + bytes([octets[-1] ^ 1]))


def unknown_signer() -> Verdict:
    return verdict(message(station()))


def unknown_issuer() -> Verdict:
    return verdict(message(station(), WITH), verifier=Verifier(Policy(), 1))


def untrusted_root() -> Verdict:
    verifier = Verifier(Policy(), 1)
    verifier.add_certificates([AUTHORITY.root.certificate, AUTHORITY.authorisation.certificate])
    return verdict(message(station(), WITH), verifier=verifier)


def hash_mismatch() -> Verdict:
    octets = bytearray(message(station(), WITH))
    assert octets[2] == 0  # sha256
    octets[2] = 1
    return verdict(bytes(octets))


def expired() -> Verdict:
    return verdict(message(station(duration=Duration.seconds(5)), WITH))


def not_yet_valid() -> Verdict:
    return verdict(message(station(start=Time64(SENT + 60_000_000)), WITH))


def psid_not_permitted() -> Verdict:
    return verdict(message(station(), WITH, psid=service.SREM))


def ssp_mismatch() -> Verdict:
    policy = Policy(required_ssp={service.SREM: service.EMERGENCY_PRIORITY_SSP})
    ordinary = station((Permission(service.SREM, bytes.fromhex("02880000")),))
    return verdict(message(ordinary, WITH, psid=service.SREM), policy)


def outside_region() -> Verdict:
    local = station(region=Circle(VENICE, 5_000))
    return verdict(message(local, WITH, generation_location=ROME))


def stale() -> Verdict:
    return verdict(message(station(), WITH, at=HEARD - 10_000_001))


def future() -> Verdict:
    return verdict(message(station(), WITH, at=HEARD + 1_000_001))


def replay() -> Verdict:
    octets, verifier = message(station(), WITH), AUTHORITY.verifier()
    assert verdict(octets, verifier=verifier).ok
    return verdict(octets, verifier=verifier)


def revoked() -> Verdict:
    sender, verifier = station(), AUTHORITY.verifier()
    verifier.revoke(sender.hashed_id8)
    return verdict(message(sender, WITH), verifier=verifier)


def policy_downgrade() -> Verdict:
    policy = Policy(messages_by_psid={service.CAM: ("fn-dsa-512/pre1",)})
    return verdict(message(station(), WITH), policy)


def too_large() -> Verdict:
    return verdict(message(station(), WITH), Policy(max_message_bytes=300))


def too_deep() -> Verdict:
    octets = message(station(), WITH)
    for _ in range(4):
        octets = wrapped(octets)
    return verdict(octets)


def wrapped(octets: bytes) -> bytes:
    """The message as the payload of another, which is never looked at so far."""
    plain = encode_to_be_signed_data(b"", Header(psid=service.CAM, generation_time=SENT))
    empty = bytes.fromhex("03 80 00")
    to_be_signed = plain.replace(empty, octets, 1)
    return encode_signed_data(to_be_signed, "ecdsa-p256", os.urandom(64), digest=bytes(8))


PRODUCERS: dict[str, Callable[[], Verdict]] = {
    producer.__name__: producer
    for producer in (
        ok,
        malformed,
        unsupported_algorithm,
        bad_signature,
        unknown_signer,
        unknown_issuer,
        untrusted_root,
        hash_mismatch,
        expired,
        not_yet_valid,
        psid_not_permitted,
        ssp_mismatch,
        outside_region,
        stale,
        future,
        replay,
        revoked,
        policy_downgrade,
        too_large,
        too_deep,
    )
}
# Which part of the verdict the reason is in; None where the message could not be looked into.
PART = {
    "unsupported_algorithm": "signature",
    "bad_signature": "signature",
    "unknown_signer": "signature",
    "unknown_issuer": "chain",
    "untrusted_root": "chain",
    "hash_mismatch": "signature",
    "expired": "validity",
    "not_yet_valid": "validity",
    "revoked": "validity",
    "psid_not_permitted": "permission",
    "ssp_mismatch": "permission",
    "outside_region": "permission",
    "policy_downgrade": "permission",
    "stale": "freshness",
    "future": "freshness",
    "replay": "freshness",
}
PARTS = ("signature", "chain", "validity", "permission", "freshness")


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_every_reason_is_given(reason: Reason) -> None:
    found = PRODUCERS[reason]()
    assert found.overall == reason
    assert found.ok is (reason is Reason.OK)
    if reason in PART:
        assert getattr(found, PART[reason]) == reason
        before = PARTS[: PARTS.index(PART[reason])]
        assert {getattr(found, part) for part in before} <= {"ok"}
    elif reason is Reason.OK:
        assert {getattr(found, part) for part in PARTS} == {"ok"}
    else:
        assert {getattr(found, part) for part in PARTS} == {None}
        assert found.psid is None


def test_none_is_not_looked_at() -> None:
    """A signer that is not known: nothing can be said of chain, validity and permission."""
    found = unknown_signer()
    assert (found.chain, found.validity, found.permission) == (None, None, None)
    assert found.freshness == "ok"
    assert found.psid == service.CAM


def test_a_recording_has_no_age() -> None:
    old = message(station(), WITH, at=SENT - 9_000_000)
    assert AUTHORITY.verifier().verify(old).freshness is None


def test_parts_keep_their_order() -> None:
    """Everything is wrong at once; mending the parts in order uncovers the next."""
    sender = station(start=NOW, duration=Duration.seconds(1))
    octets = message(sender, WITH, psid=service.SREM, at=NOW + 2_000_000)
    broken = octets[:-1] + bytes([octets[-1] ^ 1])
    nobody = Verifier(Policy(max_age_us=1), 1)
    somebody = AUTHORITY.verifier(Policy(max_age_us=1))

    found = verdict(broken, verifier=nobody)
    assert (found.overall, found.chain) == ("bad_signature", "unknown_issuer")
    found = verdict(octets, verifier=nobody)
    assert (found.overall, found.signature) == ("unknown_issuer", "ok")
    found = verdict(octets, verifier=somebody)
    assert found.overall == "expired"
    assert (found.chain, found.permission, found.freshness) == (
        "ok",
        "psid_not_permitted",
        "stale",
    )


@pytest.mark.parametrize("reason", [Reason.REVOKED, Reason.EXPIRED])
def test_revocation_goes_before_validity(reason: Reason) -> None:
    sender, verifier = station(duration=Duration.seconds(5)), AUTHORITY.verifier()
    if reason is Reason.REVOKED:
        verifier.revoke(sender.hashed_id8)
    assert verdict(message(sender, WITH), verifier=verifier).overall == reason


def test_a_message_must_not_outlive_its_certificate() -> None:
    """Good until tomorrow, the sender's certificate is not: later it is refused."""
    sender = station(duration=Duration.seconds(60))
    octets = message(sender, WITH, expiry_time=SENT + 86_400_000_000)
    verifier = AUTHORITY.verifier(Policy(replay=False))
    assert verifier.verify(octets, at=HEARD).ok
    assert verifier.verify(octets, at=HEARD + 120_000_000).overall == "expired"


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ({"generation_time": None}, "stale"),
        ({"generation_time": None, "expiry_time": HEARD + 1}, "ok"),
        ({"generation_time": None, "expiry_time": HEARD - 1}, "expired"),
        ({"generation_time": SENT, "expiry_time": SENT - 1}, "expired"),
    ],
)
def test_without_a_time_nothing_is_fresh(times: dict[str, int | None], reason: str) -> None:
    sender = station()
    fields = encode_to_be_signed_data(PAYLOAD, Header(psid=service.CAM, **times))  # type: ignore[arg-type]  # plain integers
    signature = sender.signer.sign(signing_digest("ecdsa-p256", fields, sender.digest))
    octets = encode_signed_data(fields, "ecdsa-p256", signature, certificate=sender.certificate)
    assert verdict(octets).overall == reason


def test_self_needs_a_pin_and_follows_the_policy() -> None:
    key = SigningKey.generate("ecdsa-p256")
    fields = encode_to_be_signed_data(PAYLOAD, Header(psid=service.CAM, generation_time=SENT))
    octets = encode_signed_data(
        fields, "ecdsa-p256", key.sign(signing_digest("ecdsa-p256", fields, sha256().digest()))
    )
    assert verdict(octets).overall == "unknown_signer"
    for policy, expected in (
        (Policy(), "ok"),
        (Policy(messages=("ml-dsa-44",)), "policy_downgrade"),
        (Policy(supported=("ml-dsa-44",)), "unsupported_algorithm"),
    ):
        verifier = Verifier(policy, 1)
        verifier.pin(None, "ecdsa-p256", key.public_key)
        assert verdict(octets, verifier=verifier).overall == expected
    verifier = Verifier(Policy(), 1)
    verifier.pin(None, "ecdsa-p256", key.public_key)
    assert [verdict(octets, verifier=verifier).overall for _ in range(2)] == ["ok", "replay"]


def test_the_receivers_place_stands_in_for_the_senders() -> None:
    local = station(region=Circle(VENICE, 5_000))
    assert verdict(message(local, WITH), here=VENICE).ok
    assert verdict(message(local, WITH), here=ROME).overall == "outside_region"
    assert verdict(message(local, WITH)).ok
