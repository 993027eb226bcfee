"""The adversary of Q-day: what it holds, what it lacks, and its forgeries for other receivers."""

from __future__ import annotations

import pytest

from roadseal._core import VerifyingKey, describe_certificate
from roadseal.clock import Time64, parse_instant
from roadseal.errors import RoadsealError
from roadseal.pilot.approach import load_approach
from roadseal.pilot.drills import ForgeryKind, qday_forgeries
from roadseal.pilot.drills.classical_half import ClassicalHalf, classical_part
from roadseal.pilot.drills.forgeries import adversary_of
from roadseal.pilot.drills.grafted_signer import GraftedSigner
from roadseal.pilot.payload import PriorityRequest
from roadseal.pilot.stations import Stations
from roadseal.v2x import Header, Identification, Policy, SigningKey, service, sign
from roadseal.v2x.policy import VERIFIABLE
from roadseal.v2x.testing import EMERGENCY_VEHICLE

START = parse_instant("2026-11-23T08:00")
DUAL, FN_DSA = "ecdsa-p256+fn-dsa-512/pre1", "fn-dsa-512/pre1"
GRAFTED = {ForgeryKind.GRAFTED_SIGNATURE, ForgeryKind.GRAFTED_CERTIFICATE}
SIGNATURES = {FN_DSA: 666, "ml-dsa-44": 2420}


def later(seconds: int) -> Time64:
    return Time64(START + seconds * 1_000_000)


@pytest.mark.parametrize("algorithm", VERIFIABLE)
def test_what_falls(algorithm: str) -> None:
    part = classical_part(algorithm)
    assert part == {DUAL: "ecdsa-p256"}.get(
        algorithm, algorithm if algorithm.startswith("ecdsa") else None
    )
    key = SigningKey.generate(algorithm)
    if part is None:
        with pytest.raises(RoadsealError, match="no classical part"):
            ClassicalHalf(key)
        return
    half = ClassicalHalf(key)
    digest = bytes(48 if "384" in algorithm else 32)
    assert half.algorithm == part
    assert len(half.sign(digest)) == 2 * len(digest)
    assert len(half.public_key) == 1 + len(digest)
    for beyond in {FN_DSA, "ml-dsa-44", DUAL} - {part}:
        with pytest.raises(RoadsealError, match="and no"):
            half.sign(digest, beyond)
    assert repr(half) == f"ClassicalHalf({part})"


def test_a_half_signs_what_the_half_of_a_dual_key_signs() -> None:
    """Its signature is real: where ECDSA alone is enough, the engine takes it."""
    key = SigningKey.generate(DUAL)
    half = ClassicalHalf(key)
    verifying = VerifyingKey(half.algorithm, half.public_key)
    assert verifying.count_valid([bytes(32)], [half.sign(bytes(32))]) == 1
    assert key.public_key.startswith(half.public_key)


@pytest.mark.parametrize("algorithm", [DUAL, FN_DSA, "ml-dsa-44"])
def test_a_graft_is_the_genuine_signature(algorithm: str) -> None:
    key = SigningKey.generate(algorithm)
    known = ClassicalHalf(key) if algorithm == DUAL else SigningKey.generate("ecdsa-p256")
    genuine = b"something" + key.sign(bytes(32))
    graft = GraftedSigner(algorithm, known, genuine)
    size = SIGNATURES.get(algorithm, 666)
    grafted = graft.sign(b"\1" * 32)
    assert grafted[-size:] == genuine[-size:]
    assert len(grafted) == len(key.sign(bytes(32)))


@pytest.mark.parametrize("name", ["classical", "pqc", "pqc-ml-dsa-44", "hybrid"])
def test_forgeries_for_a_corridor(name: str) -> None:
    """Fed to the verifier of the corridor's own unit, as the closed loop does."""
    approach = load_approach(name)
    stations = Stations.establish(approach, start=START)
    asked = [
        (later(second), PriorityRequest(f"ghost {second}", "signal 4", 2, 9.5)) for second in (1, 2)
    ]
    forgeries = qday_forgeries(stations, asked, start=START)
    unit = stations.verifier()
    kinds = {forgery.kind for forgery in forgeries}
    assert kinds == set(ForgeryKind) - (GRAFTED if name == "classical" else set())
    assert len(forgeries) == 2 * len(kinds)
    granted = set()
    for forgery in forgeries:
        for certificate in forgery.handed_out:
            unit.learn(certificate)
        verdict = unit.verify(forgery.message, forgery.time)
        assert verdict.payload is not None
        begin, end = verdict.payload
        read = PriorityRequest.from_bytes(forgery.message[begin:end])
        assert read == forgery.request
        if verdict.ok:
            granted.add(forgery.kind)
    own_root = {ForgeryKind.OWN_ROOT}
    assert granted == (kinds - own_root if name == "classical" else set())


def test_the_grafted_certificate_carries_a_genuine_signature() -> None:
    """It fails for the graft and not for a slip: the second signature is the authority's own."""
    stations = Stations.establish(load_approach("hybrid"), start=START)
    seen = stations.emergency_vehicle()
    heard = sign(b"heard", Header(psid=service.SREM, generation_time=START), seen)
    guises = adversary_of(stations, START).guises(seen, EMERGENCY_VEHICLE, heard)
    guise = next(guise for guise in guises if guise.kind is ForgeryKind.GRAFTED_CERTIFICATE)
    genuine, grafted = map(describe_certificate, (seen.certificate, guise.credential.certificate))
    assert grafted["altSignatureValue"] == genuine["altSignatureValue"]
    assert grafted["altVerificationKey"] != genuine["altVerificationKey"]
    header = Header(psid=service.SREM, generation_time=later(1))
    message = sign(b"forged", header, guise.credential, Identification.CERTIFICATE)
    verdict = stations.verifier(Policy()).verify(message, later(1))
    assert (verdict.signature, verdict.chain) == ("ok", "bad_signature")
    assert verdict.overall == "bad_signature"
