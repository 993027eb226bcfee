from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from v2x_material import NOW, authority, message

from roadseal._core import describe_message
from roadseal.clock import Time64
from roadseal.v2x import Credential, Header, Identification, Policy, Verifier, service, sign
from roadseal.v2x.delivery import BSM, CAM, DENM, DeliveryPolicy, Inclusion, hashed_id3

MS = 1_000
START = NOW + 1_000_000
P256 = authority("ecdsa-p256")
DIGEST, CERTIFICATE = Identification.DIGEST, Identification.CERTIFICATE


@dataclass
class Station:
    """A station that really signs and verifies."""

    policy: DeliveryPolicy = CAM
    hands_on: bool = True
    knows_authority: bool = True
    credential: Credential = field(default_factory=P256.vehicle)

    def __post_init__(self) -> None:
        own = [P256.authorisation.certificate] if self.hands_on else []
        self.inclusion = Inclusion(self.policy, self.credential.hashed_id8, own)
        self.verifier = P256.verifier()
        if not self.knows_authority:
            self.verifier = type(self.verifier)(P256_POLICY, 1)
            self.verifier.add_root(P256.root.certificate)

    def send(self, now: int) -> bytes:
        attachments = self.inclusion.next(Time64(now))
        header = attachments.apply(Header(psid=service.CAM, generation_time=Time64(now)))
        return sign(b"payload", header, self.credential, attachments.identification)

    def receive(self, octets: bytes, now: int) -> str:
        verdict = self.verifier.verify(octets, at=now)
        learned = self.inclusion.heard(octets, verdict, Time64(now))
        if learned is not None:
            self.verifier.learn(learned)
        return verdict.overall


P256_POLICY = Policy()


def identifications(inclusion: Inclusion, times: range) -> list[int]:
    """The times, relative to the first, at which the certificate travelled along."""
    included = (t for t in times if inclusion.next(Time64(t)).identification is CERTIFICATE)
    return [(t - times.start) // MS for t in included]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (CAM, [0, 1_000, 2_000, 3_000]),  # 950 ms, on the next of the 100 ms steps
        (BSM, [0, 500, 1_000, 1_500, 2_000, 2_500, 3_000]),  # what field stations do
    ],
)
def test_the_cadence_at_ten_hertz(policy: DeliveryPolicy, expected: list[int]) -> None:
    inclusion = Inclusion(policy, bytes(8))
    assert identifications(inclusion, range(START, START + 3_001 * MS, 100 * MS)) == expected


def test_a_denm_always_carries_it() -> None:
    inclusion = Inclusion(DENM, bytes(8))
    assert len(identifications(inclusion, range(START, START + 500 * MS, 100 * MS))) == 5


def test_a_clock_set_back_does_not_silence_it() -> None:
    inclusion = Inclusion(CAM, bytes(8))
    inclusion.next(Time64(START))
    assert inclusion.next(Time64(START - 3_600_000 * MS)).identification is CERTIFICATE


def test_two_strangers_know_each_other_after_two_messages() -> None:
    """Both have just sent their certificate to nobody when they meet."""
    one, two = Station(), Station()
    one.send(START), two.send(START + 10 * MS)
    heard = []
    for step in range(4):
        now = START + (300 + 100 * step) * MS
        heard.append(two.receive(one.send(now), now))
        heard.append(one.receive(two.send(now + 10 * MS), now + 10 * MS))
    # one's digest · two includes at once: known · one answers: known · …
    assert heard[:4] == ["unknown_signer", "ok", "ok", "ok"]
    assert set(heard[4:]) == {"ok"}


def test_without_greeting_they_wait_for_the_second_to_pass() -> None:
    quiet = DeliveryPolicy(greet=False, ask=False)
    one, two = Station(quiet), Station(quiet)
    one.send(START), two.send(START)
    times = range(START + 100 * MS, START + 2_000 * MS, 100 * MS)
    heard = [two.receive(one.send(now), now) for now in times]
    assert heard.index("ok") == 9
    assert set(heard[:9]) == {"unknown_signer"}


def test_a_request_for_ones_own_certificate_is_answered_at_once() -> None:
    station = Station(DeliveryPolicy(greet=False))
    station.send(START)
    asker = P256.vehicle()
    asks = message(
        asker, at=START + 290 * MS, inline_p2pcd_request=(station.credential.digest[-3:],)
    )
    assert describe_message(station.send(START + 280 * MS))["signer"].keys() == {"digest"}
    assert station.receive(asks, START + 300 * MS) == "unknown_signer"  # heeded nevertheless
    assert describe_message(station.send(START + 310 * MS))["signer"].keys() == {"certificate"}
    assert describe_message(station.send(START + 410 * MS))["signer"].keys() == {"digest"}


def test_an_unknown_authority_is_asked_for_handed_on_and_learned() -> None:
    newcomer, local = Station(knows_authority=False), Station()
    now = START
    octets = local.send(now)
    assert newcomer.receive(octets, now) == "unknown_issuer"
    asking = newcomer.send(now + 20 * MS)
    wanted = hashed_id3(P256.authorisation.certificate)
    assert describe_message(asking)["headerInfo"]["inlineP2pcdRequest"] == [wanted.hex()]
    local.receive(asking, now + 20 * MS)
    sent = [local.send(now + step * 100 * MS) for step in range(1, 6)]
    trees = [describe_message(one) for one in sent]
    handing = [tree for tree in trees if "requestedCertificate" in tree["headerInfo"]]
    assert len(handing) == 1  # once is enough
    assert handing[0]["signer"].keys() == {"digest"}  # never beside the own certificate
    heard = [newcomer.receive(one, now + 600 * MS) for one in sent]
    assert heard[0] == "unknown_signer"
    assert newcomer.verifier.knows(P256.authorisation.hashed_id8)
    later = now + 2_000 * MS
    assert newcomer.receive(local.send(later), later) == "ok"


def test_who_hears_the_answer_of_another_keeps_quiet() -> None:
    newcomer, fast, slow = Station(knows_authority=False), Station(), Station()
    for station in (fast, slow):
        station.send(START)
        newcomer.receive(station.send(START + 1_000 * MS), START + 1_000 * MS)
    asking = newcomer.send(START + 1_020 * MS)
    for station in (fast, slow):
        station.receive(asking, START + 1_020 * MS)
        assert station.inclusion.occupancy()[2] == 1
    answer = next(
        octets
        for octets in (fast.send(START + (1_100 + step) * MS) for step in range(0, 500, 100))
        if "requestedCertificate" in describe_message(octets)["headerInfo"]
    )
    slow.receive(answer, START + 1_150 * MS)
    assert slow.inclusion.occupancy()[2] == 0


def test_a_false_answer_silences_nobody() -> None:
    station = Station()
    station.send(START)
    wanted = hashed_id3(P256.authorisation.certificate)
    stranger = P256.vehicle()
    asks = message(stranger, at=START, inline_p2pcd_request=(wanted,))
    station.receive(asks, START)
    other = P256.root.certificate
    station.receive(message(stranger, at=START, requested_certificate=other), START)
    assert station.inclusion.occupancy()[2] == 1


def test_nothing_is_learned_that_nobody_asked_for() -> None:
    station = Station()
    stranger = P256.vehicle()
    octets = message(stranger, at=START, requested_certificate=P256.root.certificate)
    verdict = station.verifier.verify(octets, at=START)
    assert verdict.overall == "unknown_signer"
    assert station.inclusion.heard(octets, verdict, Time64(START)) is None


def test_the_same_is_asked_for_a_few_times_only() -> None:
    station = Station(hands_on=False)
    unheard = P256.vehicle()
    station.receive(message(unheard, at=START), START)
    asked = []
    for step in range(100):
        now = START + step * 100 * MS
        header = describe_message(station.send(now))["headerInfo"]
        asked += [step] if "inlineP2pcdRequest" in header else []
    assert asked == [0, 5, 10, 15]
    assert station.inclusion.occupancy()[1] == 0


def test_american_requests_use_the_learning_request() -> None:
    station = Station(BSM, hands_on=False)
    unheard = P256.vehicle()
    station.receive(message(unheard, at=START), START)
    header = describe_message(station.send(START + MS))["headerInfo"]
    assert header["p2pcdLearningRequest"] == unheard.digest[-3:].hex()
    assert "inlineP2pcdRequest" not in header


@pytest.mark.parametrize("overall", ["malformed", "bad_signature", "stale"])
def test_what_is_wrong_is_not_heeded(overall: str) -> None:
    station = Station(DeliveryPolicy(greet=False))
    station.send(START)
    asker = P256.vehicle()
    now = START + 300 * MS
    octets = message(
        asker,
        CERTIFICATE,
        at=now,
        inline_p2pcd_request=(station.credential.digest[-3:],),
    )
    if overall == "bad_signature":
        octets = octets[:-1] + bytes([octets[-1] ^ 1])
    if overall == "malformed":
        octets = octets[:-1]
    if overall == "stale":
        now += 60_000 * MS
    assert station.receive(octets, now) == overall
    assert not station.inclusion._called_for


def test_a_flood_of_strangers_costs_a_bounded_number_of_certificates() -> None:
    """Unknown digests and requests for our own certificate in every message, for ten seconds."""
    station = Station()
    chance = random.Random(1)
    attacker = P256.vehicle()
    included = 0
    for step in range(100):
        now = START + step * 100 * MS
        for _ in range(20):
            made = bytearray(
                message(attacker, at=now, inline_p2pcd_request=(station.credential.digest[-3:],))
            )
            at = made.index(attacker.hashed_id8)
            made[at : at + 8] = chance.randbytes(8)
            assert station.receive(bytes(made), now) == "unknown_signer"
        included += b"\x81\x01\x01" + station.credential.certificate in station.send(now + MS)
    assert included <= 100 * 100 // 250 + 1  # one in three messages at 10 Hz
    neighbours, wanted, answers = station.inclusion.occupancy()
    assert (neighbours, answers) == (0, 0)
    assert wanted <= CAM.pending


@settings(max_examples=30)
@given(
    steps=st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=5, max_size=60),
    gap=st.integers(0, 400),
)
def test_no_more_often_than_the_gap_no_less_than_the_interval(
    steps: list[tuple[int, bool]], gap: int
) -> None:
    inclusion = Inclusion(DeliveryPolicy(gap_us=gap * MS), own_id=b"own-name")
    now, last = START, None
    for step_ms, asked in steps:
        now += step_ms * MS
        inclusion._called_for |= asked
        called_for = inclusion._called_for
        if inclusion.next(Time64(now)).identification is CERTIFICATE:
            assert last is None or now - last >= min(gap * MS, CAM.interval_us)
            last = now
        else:
            assert last is not None
            assert now - last < CAM.interval_us
            assert not (called_for and now - last >= gap * MS)


def test_neighbours_are_forgotten_and_bounded() -> None:
    policy = DeliveryPolicy(neighbours=3, forget_us=1_000 * MS)
    inclusion = Inclusion(policy, bytes(8))
    verifier: Verifier = P256.verifier()
    stations = [P256.vehicle() for _ in range(5)]
    for at, station in enumerate(stations):
        octets = message(station, CERTIFICATE, at=START + at)
        inclusion.heard(octets, verifier.verify(octets, at=START + at), Time64(START + at))
    assert inclusion.occupancy()[0] == 3
    inclusion.next(Time64(START))
    for later, known in ((500, True), (2_000, False)):
        now = START + later * MS
        octets = message(stations[-1], at=now)
        inclusion.heard(octets, verifier.verify(octets, at=now), Time64(now))
        assert inclusion._called_for is not known
