"""A device's certificate: when it renews, what it obeys, what it refuses."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from roadseal.clock import ManualClock, Time64, from_datetime, parse_instant
from roadseal.crypto import load_profile
from roadseal.events import EventLog
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
from roadseal.operate.pki.keys import SigningKey, generate_key
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.unit.device import DeviceState, Renewal, hear_time, renewal, renews_at
from roadseal.operate.pki.unit.orders import (
    PROBE_CONTEXT,
    Answer,
    Body,
    DropTrust,
    Enrol,
    Install,
    Message,
    Prepare,
    Probe,
    Refused,
    Retire,
    Switch,
    SwitchBack,
    Trust,
    encoded_chain,
    obey,
)
from roadseal.store import open_store

NOW = parse_instant("2026-11-26T09:00:00")
DAY_US = 86_400 * 1_000_000
NAME = "rsu-1.example"
DER = Encoding.DER


class Ring:
    def generate(self, algorithm: str) -> bytes:
        return generate_key(algorithm).private_bytes(DER, PrivateFormat.PKCS8, NoEncryption())

    def open(self, reference: bytes) -> SigningKey:
        key = load_der_private_key(reference, None)
        assert isinstance(key, SigningKey)
        return key


@dataclass
class Pair:
    """A device and its authority; every order goes through its flash."""

    authority: Authority
    clock: ManualClock
    state: DeviceState
    ring: Ring
    error_us: int = 0

    @property
    def now(self) -> Time64:
        return Time64(self.clock.time + self.error_us)

    @property
    def root(self) -> bytes:
        return self.authority.chain[-1].public_bytes(DER)

    def tell(self, body: Body, fence: int = 1) -> Answer:
        message = Message(NAME, fence, self.clock.time, body)
        state, answer = obey(self.state, message, self.ring, self.now)
        self.state = DeviceState.from_json(state.to_json())
        assert self.state == state
        return answer

    def issue(self, csr: bytes, name: str = NAME, life_days: int = 30) -> bytes:
        request = IssueRequest(csr, name, os.urandom(8).hex(), life_s=life_days * 86_400)
        return self.authority.issue(request).certificate

    def enrol(self, request: str = "first", fence: int = 1) -> None:
        assert self.tell(Trust(self.root), fence).refused is None
        csr = self.tell(Prepare(request, "ml-dsa-65"), fence).csr
        install = Install(self.issue(csr), encoded_chain(self.authority.chain))
        assert self.tell(install, fence).refused is None
        assert self.tell(Switch(request), fence).refused is None


def authority(store_path: Path, name: str, clock: ManualClock) -> Authority:
    store = open_store(store_path, SCHEMA)
    rest = {
        "algorithm": "ml-dsa-65",
        "passphrase": b"p",
        "profile": load_profile("hybrid-2026"),
        "clock": clock,
        "emit": EventLog(),
    }
    root = Authority.create(store, f"root-{name}", **rest)
    return Authority.create(store, name, parent=root, **rest)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    clock = ManualClock(NOW)
    found = Pair(authority(tmp_path / "a.db", "a", clock), clock, DeviceState(NAME), Ring())
    found.enrol()
    return found


def test_a_device_renews_after_two_thirds_of_its_life_give_or_take_a_tenth(pair: Pair) -> None:
    assert pair.state.preferred
    certificate = pair.state.preferred.loaded
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    shares = []
    for number in range(500):
        due = renews_at(f"rsu-{number}", certificate)
        shares.append((due - from_datetime(begin)) / ((end - begin).total_seconds() * 1e6))
    assert 0.6 <= min(shares) < 0.61
    assert 0.725 < max(shares) <= 0.7334
    due = renews_at(NAME, certificate)
    assert renewal(pair.state, Time64(due - 1)) is Renewal.KEEP
    assert renewal(pair.state, due) is Renewal.RENEW


def test_an_authority_that_is_away_for_a_quarter_of_a_life_stops_nobody(pair: Pair) -> None:
    """L renewed at 2/3 ± 10 % leaves at least 0.26 L."""
    assert pair.state.preferred
    end = from_datetime(pair.state.preferred.loaded.not_valid_after_utc)
    last = max(renews_at(f"rsu-{n}", pair.state.preferred.loaded) for n in range(2000))
    assert end - last > 0.26 * 30 * DAY_US


def test_an_expired_certificate_renews_itself_once_then_the_bootstrap_is_needed(pair: Pair) -> None:
    assert pair.state.preferred
    end = from_datetime(pair.state.preferred.loaded.not_valid_after_utc)
    late = Time64(end + DAY_US)
    assert renewal(pair.state, late) is Renewal.GRACE
    spent = replace(pair.state, grace_spent=pair.state.preferred.serial, pending=None)
    assert renewal(spent, late) is Renewal.BOOTSTRAP
    assert renewal(pair.state, Time64(end + 8 * DAY_US)) is Renewal.BOOTSTRAP
    assert renewal(DeviceState(NAME), NOW) is Renewal.BOOTSTRAP


def test_a_clock_without_a_signal_is_not_believed_before_what_was_signed(pair: Pair) -> None:
    """Set to 1970 by a flat battery, it takes the status list's time as the earliest."""
    assert pair.state.preferred
    end = from_datetime(pair.state.preferred.loaded.not_valid_after_utc)
    assert renewal(pair.state, Time64(0)) is Renewal.KEEP
    assert renewal(hear_time(pair.state, Time64(end - DAY_US)), Time64(0)) is Renewal.RENEW
    state = hear_time(hear_time(pair.state, end), NOW)
    assert state.floor == end  # it does not go back


@pytest.mark.parametrize("error_days", [-9000, -400, 400, 9000])
def test_a_wrong_clock_does_not_keep_a_device_from_its_certificate(
    tmp_path: Path, error_days: int
) -> None:
    clock = ManualClock(NOW)
    error_us = max(error_days * DAY_US, -NOW)
    pair = Pair(
        authority(tmp_path / "a.db", "a", clock), clock, DeviceState(NAME), Ring(), error_us
    )
    pair.enrol()
    assert pair.state.time(pair.now) == NOW
    assert renewal(pair.state, pair.now) is Renewal.KEEP


def test_the_new_key_is_kept_before_its_request_leaves_and_stays_the_same(pair: Pair) -> None:
    first = pair.tell(Prepare("next", "ml-dsa-65"))
    assert pair.state.pending
    assert pair.state.pending.csr == first.csr
    assert pair.tell(Prepare("next", "ml-dsa-65")).csr == first.csr  # the same bytes: same request
    assert pair.tell(Prepare("after", "ml-dsa-65")).csr != first.csr


def test_the_old_certificate_stays_until_it_is_retired(pair: Pair) -> None:
    old = pair.state.preferred
    pair.enrol("next", 2)
    assert pair.state.beside == old
    assert pair.tell(Retire(), 3).refused is None
    assert pair.state.beside is None


def test_switching_back_restores_the_old_and_forgets_the_new(pair: Pair) -> None:
    old = pair.state.preferred
    pair.enrol("next", 2)
    assert pair.state.preferred != old
    assert pair.tell(SwitchBack("next"), 3).refused is None
    assert (pair.state.preferred, pair.state.beside, pair.state.pending) == (old, None, None)
    assert pair.tell(SwitchBack("next"), 4).refused is None  # repeating is harmless
    assert pair.state.preferred == old


def test_orders_may_be_repeated(pair: Pair) -> None:
    csr = pair.tell(Prepare("next", "ml-dsa-65"), 2).csr
    install = Install(pair.issue(csr), encoded_chain(pair.authority.chain))
    for body in (install, install, Switch("next"), Switch("next"), install, Switch("next")):
        assert pair.tell(body, 2).refused is None
    assert pair.state.preferred
    assert pair.state.preferred.certificate == install.certificate
    assert pair.state.beside
    assert pair.state.beside != pair.state.preferred


def test_an_order_that_comes_late_is_refused(pair: Pair) -> None:
    """A worker that was stopped wakes after the rollback, and sends its switch."""
    old = pair.state.preferred
    csr = pair.tell(Prepare("next", "ml-dsa-65"), 2).csr
    pair.tell(Install(pair.issue(csr), encoded_chain(pair.authority.chain)), 2)
    pair.tell(SwitchBack("next"), 9)
    assert pair.tell(Switch("next"), 3).refused is Refused.STALE
    assert pair.state.preferred == old


def test_attack_a_certificate_for_another_key(pair: Pair) -> None:
    pair.tell(Prepare("next", "ml-dsa-65"))
    other = DeviceState("x")
    _, answer = obey(other, Message("x", 1, NOW, Prepare("n", "ml-dsa-65")), Ring(), NOW)
    install = Install(pair.issue(answer.csr), encoded_chain(pair.authority.chain))
    assert pair.tell(install).refused is Refused.WRONG_KEY


def test_attack_a_certificate_of_another_authority(pair: Pair, tmp_path: Path) -> None:
    csr = pair.tell(Prepare("next", "ml-dsa-65")).csr
    stranger = authority(tmp_path / "b.db", "b", pair.clock)
    forged = stranger.issue(IssueRequest(csr, NAME, "k")).certificate
    for chain in (stranger.chain, pair.authority.chain):
        assert pair.tell(Install(forged, encoded_chain(chain))).refused is Refused.NO_CHAIN
    with_root = tuple(one.public_bytes(DER) for one in stranger.chain)
    assert pair.tell(Install(forged, with_root)).refused is Refused.NO_CHAIN


def test_attack_an_expired_certificate(pair: Pair) -> None:
    csr = pair.tell(Prepare("next", "ml-dsa-65")).csr
    install = Install(pair.issue(csr, life_days=1), encoded_chain(pair.authority.chain))
    pair.clock.advance(2 * 86_400)
    assert pair.tell(install).refused is Refused.NO_CHAIN


def test_attack_a_switch_to_nothing(pair: Pair) -> None:
    old = pair.state.preferred
    assert pair.tell(Switch("never-prepared")).refused is Refused.NOT_PREPARED
    pair.tell(Prepare("next", "ml-dsa-65"))
    assert pair.tell(Switch("next")).refused is Refused.NOTHING_BESIDE
    assert pair.state.preferred == old


def test_attack_dropping_the_trust_that_is_needed(pair: Pair, tmp_path: Path) -> None:
    assert pair.tell(DropTrust(pair.root)).refused is Refused.LAST_TRUST
    other = authority(tmp_path / "b.db", "b", pair.clock).chain[-1].public_bytes(DER)
    assert pair.tell(Trust(other)).refused is None
    assert pair.tell(DropTrust(pair.root)).refused is Refused.LAST_TRUST
    assert pair.tell(DropTrust(other)).refused is None
    assert pair.state.trust == (pair.root,)


def test_a_probe_is_signed_by_the_preferred_key_and_says_nothing_else(pair: Pair) -> None:
    answer = pair.tell(Probe(bytes(32)))
    leaf = x509.load_der_x509_certificate(answer.certificate)
    assert pair.state.preferred
    key = PublicKey.read(
        leaf.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo),
    )
    assert key.verify(PROBE_CONTEXT + bytes(32), answer.signature)
    assert pair.tell(Probe(b"short")).refused is Refused.MALFORMED


def test_no_secret_is_shown(pair: Pair) -> None:
    assert pair.state.preferred
    shown = repr(pair.state) + repr(Enrol("r", "ml-dsa-65", "a", "s3cret"))
    assert "s3cret" not in shown
    assert repr(pair.state.preferred.key) not in shown
    assert len(shown) < 500


def test_hostile_certificates_get_an_answer(pair: Pair) -> None:
    csr = pair.tell(Prepare("next", "ml-dsa-65")).csr
    good = pair.issue(csr)
    chain = encoded_chain(pair.authority.chain)
    draw = random.Random(3)
    before = pair.state
    for _ in range(int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "300"))):
        mutant = bytearray(good)
        mutant[draw.randrange(len(mutant))] ^= draw.randrange(1, 256)
        del mutant[draw.choice([len(mutant), draw.randrange(len(mutant))]) :]
        pair.state = before
        answer = pair.tell(Install(bytes(mutant), chain))
        assert answer.refused in (Refused.MALFORMED, Refused.WRONG_KEY, Refused.NO_CHAIN)
        assert pair.tell(Trust(bytes(mutant[:200]))).refused is Refused.MALFORMED
    pair.state = before
    assert pair.tell(Install(good, (b"\x30", *chain))).refused is Refused.NO_CHAIN
    assert pair.tell(Install(good, chain)).refused is None
