"""The guard only ratchets up, forgets nothing in silence, and survives a restart."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.clock import Time64, parse_instant
from roadseal.crypto import (
    DowngradeGuard,
    Outcome,
    Profile,
    Purpose,
    Waiver,
    WaiverStatus,
    algorithm,
    load_profile,
    migration_steps,
    registry,
    sign_waiver,
    stronger_than,
)
from roadseal.crypto.waiver import EVERYONE
from roadseal.errors import RoadsealError
from roadseal.events import EventLog

DUAL, ECDSA, FN_DSA = "ecdsa-p256+fn-dsa-512/pre1", "ecdsa-p256", "fn-dsa-512/pre1"
NOW = parse_instant("2026-12-24")
KEY = MLDSA65PrivateKey.from_seed_bytes(bytes(32))
ISSUERS = {"city": KEY.public_key()}
WAIVER = Waiver(
    issuer="city",
    subject="rsu-1",
    purpose=Purpose.MESSAGE,
    algorithm=ECDSA,
    not_before=parse_instant("2026-12-01"),
    not_after=parse_instant("2027-01-31"),
    reason="Post-quantum module in repair.",
)
HYBRID = load_profile("hybrid-2026")


def make(profile: Profile = HYBRID, capacity: int = 100) -> tuple[DowngradeGuard, EventLog]:
    log = EventLog()
    return DowngradeGuard(profile, log, issuers=ISSUERS, capacity=capacity), log


def kinds(log: EventLog) -> list[str]:
    return [event.kind for event in log.events]


def wide(*extra: str) -> Profile:
    """hybrid-2026 with more algorithms accepted for messages."""
    choice = HYBRID[Purpose.MESSAGE]
    choices = {
        **HYBRID.choices,
        Purpose.MESSAGE: replace(choice, accept=(*choice.accept, *extra)),
    }
    return replace(HYBRID, name="wide", choices=choices)


def test_a_peer_seen_strong_is_refused_weak() -> None:
    guard, log = make()
    assert guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW).allowed
    decision = guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW)
    assert not decision.allowed
    assert decision.outcome is Outcome.BELOW_SEEN
    assert decision.strongest_seen == (DUAL,)
    assert kinds(log) == ["downgrade.raised", "downgrade.refused"]
    assert log.events[1].subject == "rsu-1"
    assert log.events[1].facts == {
        "purpose": "message",
        "algorithm": ECDSA,
        "strongest_seen": DUAL,
        "reason": "below-seen",
        "profile": "hybrid-2026/1",
    }
    # The refusal taught the guard nothing, and the strong form is still welcome.
    assert guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW).allowed


def test_legacy_peers_and_other_purposes_are_not_touched() -> None:
    guard, log = make()
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    for _ in range(3):
        assert guard.observe("car-1", Purpose.MESSAGE, ECDSA, now=NOW).outcome is Outcome.OK
    assert guard.observe("rsu-1", Purpose.TLS_AUTHENTICATION, ECDSA, now=NOW).allowed
    assert kinds(log) == ["downgrade.raised"]


def test_a_legacy_peer_may_rise_and_then_not_fall() -> None:
    guard, _ = make()
    assert guard.observe("car-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed
    assert guard.observe("car-1", Purpose.MESSAGE, DUAL, now=NOW).allowed
    assert not guard.observe("car-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed


@pytest.mark.parametrize(
    "id_", ["ecdsa-p384", "ml-dsa-44", "aes-128-gcm", "sm2", "rot13", "", "\0"]
)
def test_what_the_profile_does_not_accept_is_refused_without_raising(id_: str) -> None:
    guard, log = make()
    decision = guard.observe("car-1", Purpose.MESSAGE, id_, now=NOW)
    assert decision.outcome is Outcome.NOT_ACCEPTED
    assert kinds(log) == ["downgrade.refused"]


def test_incomparable_algorithms_are_no_downgrade_and_both_are_remembered() -> None:
    guard, _ = make(wide("ml-dsa-44"))
    assert guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW).allowed
    decision = guard.observe("rsu-1", Purpose.MESSAGE, "ml-dsa-44", now=NOW)
    assert decision.outcome is Outcome.OK
    assert decision.strongest_seen == (DUAL, "ml-dsa-44")
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed


def test_half_of_a_dual_is_less_while_the_dual_is_accepted() -> None:
    guard, _ = make(wide(FN_DSA))
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    assert not guard.observe("rsu-1", Purpose.MESSAGE, FN_DSA, now=NOW).allowed


def test_half_of_a_dual_is_enough_once_the_profile_has_moved_on() -> None:
    guard, _ = make(wide(FN_DSA))
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    guard.profile = load_profile("pqc-2030")
    assert guard.observe("rsu-1", Purpose.MESSAGE, FN_DSA, now=NOW).allowed


def test_quantum_safety_is_owed_even_when_the_profile_falls_back() -> None:
    guard, _ = make()
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    guard.profile = load_profile("classical-2016")
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed
    assert guard.observe("rsu-2", Purpose.MESSAGE, ECDSA, now=NOW).allowed


def test_a_whole_migration_with_a_campaign_waiver() -> None:
    """From hybrid to PQC a station is never refused, and only between move and narrow waived."""
    guard, log = make()
    campaign = replace(WAIVER, subject=EVERYONE, algorithm=FN_DSA, reason="Campaign to pqc-2030.")
    assert guard.admit(sign_waiver(campaign, KEY), now=NOW).ok
    target = load_profile("pqc-2030")
    for step in migration_steps(HYBRID, target):
        guard.profile = step.after
        sent = step.after[Purpose.MESSAGE].preferred
        assert guard.observe("rsu-1", Purpose.MESSAGE, sent, now=NOW).allowed, step.after.label
    late = campaign.not_after
    assert guard.observe("rsu-1", Purpose.MESSAGE, FN_DSA, now=late).outcome is Outcome.OK
    assert "downgrade.waived" in kinds(log)
    assert "downgrade.refused" not in kinds(log)


def test_a_waiver_allows_until_its_end_date_and_says_so() -> None:
    guard, log = make()
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    assert guard.admit(sign_waiver(WAIVER, KEY), now=NOW).ok
    decision = guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW)
    assert decision.outcome is Outcome.WAIVED
    assert decision.waiver == WAIVER
    event = log.events[-1]
    assert event.kind == "downgrade.waived"
    assert event.facts["issuer"] == "city"
    assert event.facts["not_after"] == WAIVER.not_after
    assert not guard.observe("rsu-2", Purpose.MESSAGE, "ecdsa-p384", now=NOW).allowed
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=WAIVER.not_after).allowed


def test_a_waiver_can_lift_the_floor_for_one_peer() -> None:
    guard, _ = make(load_profile("pqc-2030"))
    guard.admit(sign_waiver(WAIVER, KEY), now=NOW)
    assert guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW).outcome is Outcome.WAIVED
    assert guard.observe("rsu-2", Purpose.MESSAGE, ECDSA, now=NOW).outcome is Outcome.NOT_ACCEPTED


def test_a_waiver_in_the_future_does_not_displace_one_in_force() -> None:
    guard, _ = make()
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    later = replace(
        WAIVER, not_before=WAIVER.not_after, not_after=parse_instant("2027-06-01"), reason="More."
    )
    before_both = Time64(WAIVER.not_before - 1)
    for waiver in (WAIVER, later):
        assert guard.admit(sign_waiver(waiver, KEY), now=before_both).ok
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=before_both).allowed
    for now in (NOW, later.not_before):
        assert guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=now).outcome is Outcome.WAIVED
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=later.not_after).allowed


def test_waivers_that_do_not_hold_are_not_admitted() -> None:
    guard, _ = make()
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    forged = sign_waiver(WAIVER, MLDSA65PrivateKey.from_seed_bytes(bytes([1] * 32)))
    assert guard.admit(forged, now=NOW).status is WaiverStatus.BAD_SIGNATURE
    assert guard.admit(b"noise", now=NOW).status is WaiverStatus.MALFORMED
    signed = sign_waiver(WAIVER, KEY)
    assert guard.admit(signed, now=WAIVER.not_after).status is WaiverStatus.EXPIRED
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed


def test_the_number_of_waivers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roadseal.crypto.downgrade.MAX_WAIVERS", 2)
    guard, _ = make()
    for subject in ("a", "b", "a"):  # the same one twice is one
        guard.admit(sign_waiver(replace(WAIVER, subject=subject), KEY), now=NOW)
    with pytest.raises(RoadsealError, match="already holds"):
        guard.admit(sign_waiver(replace(WAIVER, subject="c"), KEY), now=NOW)
    longer = replace(WAIVER, subject="c", not_after=parse_instant("2027-06-01"))
    assert guard.admit(sign_waiver(longer, KEY), now=WAIVER.not_after).ok  # the others have ended


def test_memory_is_bounded_and_forgetting_is_told() -> None:
    guard, log = make(capacity=3)
    for number in range(4):
        guard.observe(f"rsu-{number}", Purpose.MESSAGE, DUAL, now=NOW)
        guard.observe("rsu-0", Purpose.MESSAGE, DUAL, now=NOW)  # seen often, so kept
    forgotten = [event for event in log.events if event.kind == "downgrade.forgotten"]
    assert [(event.subject, dict(event.facts)) for event in forgotten] == [
        ("rsu-1", {"message": DUAL})
    ]
    assert not guard.observe("rsu-0", Purpose.MESSAGE, ECDSA, now=NOW).allowed
    # The forgotten one is held to the profile, like any unknown peer: the profile is the floor.
    assert guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed
    guard.profile = load_profile("pqc-2030")
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed


def test_a_crowd_of_classical_peers_displaces_nobody() -> None:
    guard, log = make(capacity=2)
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    for number in range(1000):
        guard.observe(f"car-{number}", Purpose.MESSAGE, ECDSA, now=NOW)
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed
    assert "downgrade.forgotten" not in kinds(log)
    peers = guard.snapshot()["peers"]
    assert isinstance(peers, list)
    assert len(peers) == 1


def test_a_snapshot_survives_a_restart_and_keeps_the_order_of_forgetting() -> None:
    guard, _ = make(wide("ml-dsa-44"), capacity=2)
    guard.observe("old", Purpose.MESSAGE, DUAL, now=NOW)
    guard.observe("new", Purpose.MESSAGE, "ml-dsa-44", now=NOW)
    guard.observe("new", Purpose.MESSAGE, DUAL, now=NOW)
    text = json.dumps(guard.snapshot())
    again, log = make(wide("ml-dsa-44"), capacity=2)
    again.restore(json.loads(text))
    assert again.snapshot() == guard.snapshot()
    assert not again.observe("new", Purpose.MESSAGE, ECDSA, now=NOW).allowed
    again.observe("third", Purpose.MESSAGE, DUAL, now=NOW)
    assert [event.subject for event in log.events if event.kind == "downgrade.forgotten"] == ["old"]


@pytest.mark.parametrize(
    "snapshot",
    [
        {},
        {"format": "roadseal-downgrade/1"},
        {"format": "roadseal-downgrade/2", "peers": []},
        {"format": "roadseal-downgrade/1", "peers": {}},
        {"format": "roadseal-downgrade/1", "peers": ["x"]},
        {"format": "roadseal-downgrade/1", "peers": [["x", {"message": ["rot13"]}]]},
        {"format": "roadseal-downgrade/1", "peers": [["x", {"massage": [DUAL]}]]},
        {"format": "roadseal-downgrade/1", "peers": [["x", {"message": [7]}]]},
        {"format": "roadseal-downgrade/1", "peers": [["x", [DUAL]]]},
        {"format": "roadseal-downgrade/1", "peers": [[7, {"message": [DUAL]}]]},
        {"format": "roadseal-downgrade/1", "peers": [["x", {}], ["x", {}]]},
        {"format": "roadseal-downgrade/1", "peers": [[str(n), {}] for n in range(101)]},
    ],
)
def test_a_damaged_snapshot_is_refused_and_changes_nothing(snapshot: dict[str, object]) -> None:
    guard, _ = make()
    guard.observe("rsu-1", Purpose.MESSAGE, DUAL, now=NOW)
    with pytest.raises(RoadsealError) as caught:
        guard.restore(snapshot)
    assert caught.value.code == "downgrade-snapshot"
    assert not guard.observe("rsu-1", Purpose.MESSAGE, ECDSA, now=NOW).allowed


def test_a_guard_needs_room() -> None:
    with pytest.raises(RoadsealError, match="remember"):
        make(capacity=0)


MESSAGE_IDS = [row.id for row in registry().values() if Purpose.MESSAGE.admits(row)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(MESSAGE_IDS)), max_size=25),
    st.integers(0, 25),
)
def test_it_only_ratchets_up(seen: list[tuple[str, str]], restart_at: int) -> None:
    everything = wide(*(id_ for id_ in MESSAGE_IDS if id_ not in HYBRID[Purpose.MESSAGE].accept))
    guard, log = make(everything)
    allowed: dict[str, list[str]] = {"a": [], "b": []}
    for number, (peer, id_) in enumerate(seen):
        if number == restart_at:
            snapshot = json.loads(json.dumps(guard.snapshot()))
            guard = DowngradeGuard(everything, log, issuers=ISSUERS)
            guard.restore(snapshot)
        decision = guard.observe(peer, Purpose.MESSAGE, id_, now=Time64(NOW + number))
        weaker = any(stronger_than(earlier, id_) for earlier in allowed[peer])
        assert decision.allowed == (not weaker)
        assert (not decision.allowed) == (
            bool(log.events)
            and log.events[-1].kind == "downgrade.refused"
            and log.events[-1].time == NOW + number
        )
        if decision.allowed:
            allowed[peer].append(id_)
    for peer, ids in allowed.items():
        if any(algorithm(id_).quantum_safe for id_ in ids):
            assert not guard.observe(peer, Purpose.MESSAGE, "ecdsa-p384", now=NOW).allowed
