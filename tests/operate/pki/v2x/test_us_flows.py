"""The US flows of IEEE 1609.2.1 from end to end, judged by the engine, and how they refuse."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from pycrate_asn1dir import ITS_IEEE1609_2

from other_form import is_other_form_of_r
from roadseal._core import describe_certificate
from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.operate.pki.v2x import us_device
from roadseal.operate.pki.v2x.ecies import encrypt_to_certificate, open_with_certificate
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.ledger import Station
from roadseal.operate.pki.v2x.outcome import Outcome
from roadseal.operate.pki.v2x.points import generate_scalar, public_point
from roadseal.operate.pki.v2x.tables import SCHEMA
from roadseal.operate.pki.v2x.us_answers import read_application, read_enrollment, read_pseudonyms
from roadseal.operate.pki.v2x.us_batch import read_batch
from roadseal.operate.pki.v2x.us_crl import Crl, HashEntry, read_crl, sign_crl
from roadseal.operate.pki.v2x.us_device import (
    Caterpillar,
    application_request,
    download_request,
    enrollment_request,
    pseudonym_request,
    successor_request,
)
from roadseal.operate.pki.v2x.us_periods import period_of
from roadseal.operate.pki.v2x.us_requests import read_request, sign_request
from roadseal.operate.pki.v2x.us_system import UsSystem, create_us, open_us
from roadseal.store import open_store
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Header,
    Identification,
    Permission,
    Policy,
    Reason,
    SigningKey,
    Verifier,
    service,
    sign,
)

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))
SECOND = 1_000_000
WEEK = 7 * 24 * 3600 * SECOND
NOW = Time64(700_000_000_000_000)
CAR = (Permission(service.BSM, b"\0\0", bitmap=False), Permission(0x204096))
UNIT = (Permission(0x82), Permission(0x204097))
PASSPHRASE = b"correct horse"


@dataclass
class Field:
    """A system and a device in it."""

    system: UsSystem
    log: EventLog
    keyring: Keyring

    def enrol(self, name: str, permissions: tuple[Permission, ...], kind="explicit") -> Credential:
        secret = SigningKey.generate_secret("ecdsa-p256")
        key = SigningKey.from_secret("ecdsa-p256", secret)
        self.system.eca.ledger.enter(
            Station(name.encode(), key.algorithm, key.public_key, permissions)
        )
        contents = CertificateContents(
            start=NOW, duration=Duration(6, 3), name=name, app_permissions=permissions
        )
        sent = enrollment_request(name, contents, key, kind, NOW)
        outcome = self.system.eca.handle(sent.octets, NOW)
        assert outcome.verdict == "ok"
        authorities = self.system.authorities()
        received = read_enrollment(sent, outcome.answer, secret, "ecdsa-p256", authorities, NOW)
        assert received.verdict == "ok"
        return received.credentials[0]

    def pseudonyms(self, enrolment: Credential, i: int, kind="implicit", now=NOW):
        caterpillar = Caterpillar.generate(os.urandom)
        ra = self.system.keys["us-ra"].certificate
        sent = pseudonym_request(caterpillar, CAR, enrolment, ra, kind, NOW, os.urandom)
        outcome = self.system.ra.handle(sent.octets, NOW)
        assert outcome.verdict == "ok"
        self.system.ra.produce(i, now)
        return caterpillar, sent, self.fetch(caterpillar, sent, enrolment, i, now)

    def fetch(self, caterpillar, sent, enrolment, i, now=NOW) -> tuple[Credential, ...]:
        ra, aca = self.system.keys["us-ra"].certificate, self.system.keys["us-aca"].certificate
        asked = download_request(sent.filename(i), enrolment, ra, now, os.urandom)
        outcome = self.system.ra.download(asked, now)
        assert outcome.verdict == "ok"
        authorities = self.system.authorities()
        received = read_pseudonyms(caterpillar, i, outcome.answer, aca, authorities, now)
        assert received.verdict == "ok"
        return received.credentials

    def verifier(self) -> Verifier:
        verifier = Verifier(Policy(), 1)
        self.system.enter(verifier)
        return verifier


def field(folder: Path | str, algorithm: str = "ecdsa-p256", per_period: int = 3) -> Field:
    url = folder / "us.db" if isinstance(folder, Path) else folder
    store, log = open_store(url, SCHEMA), EventLog()
    keyring = Keyring(store, lambda: PASSPHRASE, os.urandom)
    create_us(keyring, NOW, algorithm=algorithm)
    system = open_us(store, keyring, random=os.urandom, emit=log, per_period=per_period)
    return Field(system, log, keyring)


@pytest.fixture
def us(tmp_path: Path) -> Field:
    return field(tmp_path)


def message(credential: Credential, at: int, psid: int = service.BSM) -> bytes:
    header = Header(psid=psid, generation_time=Time64(at))
    return sign(b"BSM", header, credential, Identification.CERTIFICATE)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("ecdsa-p256", "implicit"),
        ("ecdsa-p256", "explicit"),
        ("ml-dsa-44", "explicit"),  # partially hybrid: ECDSA pseudonyms, certificates by ML-DSA
        ("fn-dsa-512/pre1", "explicit"),
    ],
)
def test_a_device_enrols_and_its_pseudonyms_are_believed(
    algorithm: str, kind: str, tmp_path: Path
) -> None:
    us = field(tmp_path, algorithm)
    enrolment = us.enrol("car-1", CAR, kind)
    i = period_of(NOW)
    _, _, credentials = us.pseudonyms(enrolment, i, kind)
    assert len(credentials) == 3
    verifier = us.verifier()
    seen = set()
    for number, credential in enumerate(credentials):
        tree = describe_certificate(credential.certificate)
        assert tree["type"] == kind
        assert tree["id"]["linkageData"].startswith(f"i={i} ")
        assert tree["cracaId"] == us.system.ma.signer.hashed_id8[-3:].hex()
        seen.add(tree["id"]["linkageData"])
        at = NOW + (number + 1) * SECOND
        assert verifier.verify(message(credential, at), at=Time64(at)).overall == "ok"
        if algorithm == "ecdsa-p256":
            foreign = ITS_IEEE1609_2.Ieee1609Dot2.Certificate
            foreign.from_coer(credential.certificate)
            assert foreign.to_coer() == credential.certificate
    assert len(seen) == 3
    wrong = verifier.verify(message(credentials[0], NOW + 9 * SECOND, 0x82), at=NOW + 9 * SECOND)
    assert wrong.overall == "psid_not_permitted"


@pytest.mark.parametrize("kind", ["explicit", "implicit"])
@pytest.mark.parametrize("hidden", [True, False])
def test_a_roadside_unit_gets_an_application_certificate(
    us: Field, kind: str, hidden: bool
) -> None:
    credential, _ = application(us, kind, hidden)
    verifier = us.verifier()
    at = Time64(NOW + SECOND)
    assert verifier.verify(message(credential, at, 0x82), at=at).overall == "ok"


def application(
    us: Field, kind: str, hidden: bool = True, name: str = "rsu-1"
) -> tuple[Credential, Credential]:
    enrolment = us.enrol(name, UNIT)
    secret = SigningKey.generate_secret("ecdsa-p256")
    key = SigningKey.from_secret("ecdsa-p256", secret)
    scalar = generate_scalar(0)
    contents = CertificateContents(start=NOW, duration=Duration.hours(168), app_permissions=UNIT)
    ra, aca = us.system.keys["us-ra"].certificate, us.system.keys["us-aca"].certificate
    response_key = public_point(0, scalar) if hidden else None
    sent = application_request(contents, key, response_key, enrolment, ra, kind, NOW, os.urandom)
    assert us.system.ra.handle(sent.octets, NOW).verdict == "ok"
    asked = download_request(sent.filename(), enrolment, ra, NOW, os.urandom)
    batch = us.system.ra.download(asked, NOW).answer
    received = read_application(
        batch, secret, "ecdsa-p256", scalar, aca, us.system.authorities(), NOW
    )
    assert received.verdict == "ok"
    return received.credentials[0], enrolment


def test_revoke_a_pseudonym_and_the_station_refuses_the_device(us: Field) -> None:
    """Revoke → CRL → refuse: the device and no other, from its period on and not before."""
    i = period_of(NOW)
    bad, good = us.enrol("bad", CAR), us.enrol("good", CAR)
    caterpillar, sent, now_bad = us.pseudonyms(bad, i)
    _, _, now_good = us.pseudonyms(good, i)
    later = Time64(NOW + WEEK)
    us.system.ra.produce(i + 1, later)
    next_bad = us.fetch(caterpillar, sent, bad, i + 1, later)
    assert us.system.ma.revoke(now_bad[0].certificate, NOW) == "linked"
    octets = us.system.ma.linked_crl(NOW)
    verdict = read_crl(octets, [us.system.root], NOW)
    assert (verdict.reason, len(verdict.contents.linked)) == (Reason.OK, 1)
    verifier = us.verifier()
    assert verdict.contents.enter(verifier, (i, i + 1)) == 6
    at = Time64(NOW + SECOND)
    for number, credential in enumerate(now_bad):
        at = Time64(NOW + (number + 1) * SECOND)
        assert verifier.verify(message(credential, at), at=at).overall == "revoked"
    for credential in next_bad:
        at = Time64(later + SECOND)
        assert verifier.verify(message(credential, at), at=at).overall == "revoked"
    assert verifier.verify(message(now_good[0], at), at=at).overall != "revoked"
    at = Time64(NOW + SECOND)
    assert verifier.verify(message(now_good[0], at), at=at).overall == "ok"
    # The list of the next period does not tell what the device sent in this one.
    after = read_crl(us.system.ma.linked_crl(later), [us.system.root], later).contents
    fresh = us.verifier()
    after.enter(fresh, (i, i + 1))
    assert fresh.verify(message(now_bad[0], at), at=at).overall == "ok"
    # And the device gets nothing more, while the other does.
    made = us.system.ra.produce(i + 2, Time64(NOW + 2 * WEEK))
    assert made == 3


def test_revoke_an_application_certificate_and_the_station_refuses_it(us: Field) -> None:
    for kind in ("explicit", "implicit"):
        credential, _ = application(us, kind, name=f"rsu-{kind}")
        assert us.system.ma.revoke(credential.certificate, NOW) == "hashed"
        crl = read_crl(us.system.ma.hash_crl(NOW), [us.system.root], NOW)
        assert crl.reason is Reason.OK
        verifier = us.verifier()
        crl.contents.enter(verifier)
        at = Time64(NOW + SECOND)
        assert verifier.verify(message(credential, at, 0x82), at=at).overall == "revoked"
    # What has expired is off the list.
    long_after = Time64(NOW + 2 * WEEK)
    assert (
        read_crl(us.system.ma.hash_crl(long_after), [us.system.root], long_after).contents.hashes
        == ()
    )
    assert us.system.ma.revoke(b"junk", NOW) == "unreadable"
    assert us.system.ma.revoke(us.system.root, NOW) == "unknown"


def test_a_unit_whose_application_certificate_is_revoked_gets_nothing_more(us: Field) -> None:
    credential, enrolment = application(us, "explicit", name="bad")
    _, good = application(us, "explicit", name="good")
    car = us.enrol("car-1", CAR)
    key, ra = SigningKey.generate("ecdsa-p256"), us.system.keys["us-ra"].certificate

    def asks(who: Credential) -> str:
        validity = Duration.hours(168)
        contents = CertificateContents(start=NOW, duration=validity, app_permissions=UNIT)
        sent = application_request(contents, key, None, who, ra, "explicit", NOW, os.urandom)
        return us.system.ra.handle(sent.octets, NOW).verdict

    assert us.system.ma.revoke(credential.certificate, NOW) == "hashed"
    assert asks(enrolment) == "revoked"
    assert asks(us.enrol("bad", UNIT)) == "revoked"  # nor under another enrolment
    assert asks(good) == "ok"
    assert len(us.pseudonyms(car, period_of(NOW))[2]) == 3


def test_a_list_counts_only_from_its_craca_and_on_its_series(us: Field) -> None:
    good = Crl(1, us.system.ma.signer.hashed_id8, NOW, Time64(NOW + WEEK), 1)
    entry = (HashEntry(bytes(10), NOW),)
    good = replace(good, hashes=entry)
    signer = us.system.ma.signer
    assert read_crl(sign_crl(good, signer, NOW), [us.system.root], NOW).reason is Reason.OK
    for wrong in (replace(good, series=2), replace(good, craca=bytes(8))):
        octets = sign_crl(wrong, signer, NOW)
        assert read_crl(octets, [us.system.root], NOW).reason is Reason.SSP_MISMATCH
    by_aca = sign_crl(good, us.system.keys["us-aca"].credential, NOW)
    reason = read_crl(by_aca, [us.system.root], NOW, us.system.intermediates).reason
    assert reason is Reason.PSID_NOT_PERMITTED
    stale = read_crl(sign_crl(good, signer, NOW), [us.system.root], Time64(NOW + WEEK))
    assert (stale.reason, stale.is_stale) == (Reason.OK, True)


def test_requests_are_refused_with_a_verdict(us: Field, tmp_path: Path) -> None:
    ra = us.system.keys["us-ra"].certificate
    enrolment = us.enrol("car-1", CAR)
    caterpillar = Caterpillar.generate(os.urandom)

    def ask(**changes):
        values = {"permissions": CAR, "enrolment": enrolment, "now": NOW, **changes}
        return us.system.ra.handle(
            pseudonym_request(
                caterpillar,
                values["permissions"],
                values["enrolment"],
                ra,
                "implicit",
                values["now"],
                os.urandom,
            ).octets,
            NOW,
        ).verdict

    assert ask(permissions=UNIT) == "not_permitted"
    assert ask(permissions=()) == "not_permitted"
    assert ask(now=NOW - 3600 * SECOND) == "untimely"
    stranger = Credential(enrolment.certificate, SigningKey.generate("ecdsa-p256"))
    assert ask(enrolment=stranger) == "bad_signature"
    (tmp_path / "other").mkdir()
    other = field(tmp_path / "other").enrol("car-1", CAR)
    assert ask(enrolment=other) == "unknown_signer"
    assert us.system.eca.ledger.revoke(enrolment.hashed_id8, NOW)
    assert ask() == "revoked"
    assert us.system.ra.handle(b"\3\x80", NOW).verdict == "malformed"


def test_an_aca_with_a_post_quantum_key_gives_no_implicit_certificates(tmp_path: Path) -> None:
    us = field(tmp_path, "ml-dsa-44")
    ra, enrolment = us.system.keys["us-ra"].certificate, us.enrol("car-1", CAR)
    caterpillar = Caterpillar.generate(os.urandom)
    sent = pseudonym_request(caterpillar, CAR, enrolment, ra, "implicit", NOW, os.urandom)
    assert us.system.ra.handle(sent.octets, NOW).verdict == "bad_contents"


def test_an_enrolment_is_for_the_key_that_the_factory_registered(us: Field) -> None:
    key = SigningKey.generate("ecdsa-p256")
    contents = CertificateContents(start=NOW, duration=Duration(6, 3), app_permissions=CAR)
    assert (
        us.system.eca.handle(
            enrollment_request("car-9", contents, key, "explicit", NOW).octets, NOW
        ).verdict
        == "unknown_device"
    )
    station = Station(b"car-9", "ecdsa-p256", key.public_key, CAR[:1])
    us.system.eca.ledger.enter(station)
    request = enrollment_request("car-9", contents, key, "explicit", NOW)
    assert us.system.eca.handle(request.octets, NOW).verdict == "not_permitted"
    other = SigningKey.generate("ecdsa-p256")
    request = enrollment_request("car-9", contents, other, "explicit", NOW)
    assert us.system.eca.handle(request.octets, NOW).verdict == "unknown_device"
    few = replace(contents, app_permissions=CAR[:1])
    request = enrollment_request("car-9", few, key, "explicit", NOW)
    first = us.system.eca.handle(request.octets, NOW)
    again = us.system.eca.handle(request.octets, NOW)
    assert (first.verdict, again.verdict, again.answer) == ("ok", "replayed", first.answer)
    late = enrollment_request("car-9", few, key, "explicit", Time64(NOW - 3600 * SECOND))
    assert us.system.eca.handle(late.octets, NOW).verdict == "untimely"


def test_an_enrolment_is_succeeded_by_one_with_another_key(us: Field) -> None:
    first = us.enrol("rsu-1", UNIT)
    secret = SigningKey.generate_secret("ecdsa-p256")
    key = SigningKey.from_secret("ecdsa-p256", secret)
    contents = CertificateContents(start=NOW, duration=Duration(6, 3), app_permissions=UNIT)
    inner = enrollment_request("somebody else", contents, key, "explicit", NOW)
    ra = us.system.keys["us-ra"].certificate
    sent = successor_request(inner, first, ra, os.urandom)
    assert us.system.ra.handle(sent.octets, NOW).verdict == "ok"
    asked = download_request(sent.filename(), first, ra, NOW, os.urandom)
    (answer,) = read_batch(us.system.ra.download(asked, NOW).answer).values()
    received = read_enrollment(inner, answer, secret, "ecdsa-p256", us.system.authorities(), NOW)
    assert received.verdict == "ok"
    holders = {one.holder for one in us.system.eca.ledger.records("enrolment")}
    assert holders == {b"rsu-1"}  # the present certificate says whose it is, not the request
    stranger = Credential(first.certificate, SigningKey.generate("ecdsa-p256"))
    forged = successor_request(inner, stranger, ra, os.urandom)
    assert us.system.ra.handle(forged.octets, NOW).verdict == "bad_signature"


def ask_pseudonyms(us: Field, enrolment: Credential, now: Time64 = NOW):
    caterpillar, ra = Caterpillar.generate(os.urandom), us.system.keys["us-ra"].certificate
    sent = pseudonym_request(caterpillar, CAR, enrolment, ra, "implicit", now, os.urandom)
    return caterpillar, sent, us.system.ra.handle(sent.octets, now).verdict


def test_a_revoked_device_gets_nothing_however_it_asks(us: Field) -> None:
    """It asks again, enrols again, or wants a successor: the device is blocked, not a request."""
    i = period_of(NOW)
    enrolment = us.enrol("bad", CAR)
    first = us.pseudonyms(enrolment, i)[2]
    _, _, verdict = ask_pseudonyms(us, enrolment)  # a second request is there already
    assert verdict == "ok"
    assert us.system.ma.revoke(first[0].certificate, NOW) == "linked"
    assert us.system.ra.produce(i + 1, NOW) == 0
    assert ask_pseudonyms(us, enrolment)[2] == "revoked"
    assert ask_pseudonyms(us, us.enrol("bad", CAR))[2] == "revoked"
    key = SigningKey.generate("ecdsa-p256")
    contents = CertificateContents(start=NOW, duration=Duration(6, 3), app_permissions=CAR)
    inner = enrollment_request("bad", contents, key, "explicit", NOW)
    ra = us.system.keys["us-ra"].certificate
    sent = successor_request(inner, enrolment, ra, os.urandom)
    assert us.system.ra.handle(sent.octets, NOW).verdict == "revoked"
    assert us.system.ra.produce(i + 2, NOW) == 0


def test_no_batch_for_suspended_stations_and_revoked_or_expired_enrolments(us: Field) -> None:
    i, eca = period_of(NOW), us.system.eca.ledger
    suspended, revoked, good = (us.enrol(name, CAR) for name in ("suspended", "revoked", "good"))
    for enrolment in (suspended, revoked, good):
        us.pseudonyms(enrolment, i)
    assert us.system.ra.produce(i + 1, NOW) == 9
    assert eca.suspend(b"suspended")
    assert eca.revoke(revoked.hashed_id8, NOW)
    assert us.system.ra.produce(i + 2, NOW) == 3
    in_four_years = Time64(NOW + 4 * 52 * WEEK)
    assert us.system.ra.produce(period_of(in_four_years), in_four_years) == 0


def test_a_device_that_asks_often_gets_one_batch_of_a_period(us: Field) -> None:
    """Sybil: the bound is of the device, whatever number of requests it has signed."""
    i, enrolment = period_of(NOW), us.enrol("car-1", CAR)
    asked = [ask_pseudonyms(us, enrolment) for _ in range(3)]
    assert {verdict for *_, verdict in asked} == {"ok"}
    assert us.system.ra.produce(i, NOW) == 3
    caterpillar, newest, _ = asked[-1]
    assert len(us.fetch(caterpillar, newest, enrolment, i)) == 3
    # A request after the batch, even with another enrolment certificate, counts from the next on.
    assert ask_pseudonyms(us, us.enrol("car-1", CAR))[2] == "ok"
    assert us.system.ra.produce(i, NOW) == 0
    assert us.system.ra.produce(i + 1, NOW) == 3


@pytest.mark.parametrize(
    ("verdict", "changes"),
    [
        ("bad_contents", {"duration": Duration(6, 500)}),
        ("bad_contents", {"start": Time64(NOW + 200 * WEEK)}),
        ("not_permitted", {"name": "signal-controller-of-somebody-else"}),
        ("not_permitted", {"assurance": 0xE0}),
    ],
)
def test_no_device_is_certified_for_ever_or_as_another(
    us: Field, verdict: str, changes: dict, monkeypatch
) -> None:
    key, ra = SigningKey.generate("ecdsa-p256"), us.system.keys["us-ra"].certificate
    enrolment = us.enrol("rsu-1", UNIT)
    contents = CertificateContents(start=NOW, duration=Duration.hours(168), app_permissions=UNIT)
    contents = replace(contents, **changes)
    sent = application_request(contents, key, None, enrolment, ra, "explicit", NOW, os.urandom)
    assert us.system.ra.handle(sent.octets, NOW).verdict == verdict
    us.system.eca.ledger.enter(Station(b"car-1", key.algorithm, key.public_key, UNIT))
    # Our own device asks for no level; this one does.
    hostile = partial(CertificateContents, assurance=contents.assurance)
    monkeypatch.setattr(us_device, "CertificateContents", hostile)
    request = enrollment_request("car-1", contents, key, "explicit", NOW)
    assert us.system.eca.handle(request.octets, NOW).verdict == verdict


def test_a_unit_with_an_application_certificate_disturbs_no_batch(us: Field) -> None:
    application(us, "explicit")
    assert len(us.pseudonyms(us.enrol("car-1", CAR), period_of(NOW))[2]) == 3


def test_unified_butterfly_is_recognised_and_not_built(us: Field, monkeypatch) -> None:
    from roadseal.operate.pki.v2x import us_requests

    enrolment = us.enrol("car-1", CAR)
    plain = us_requests.pdu

    def unified(interface, kind, value):
        if "additionalParams" in value:
            value = {**value, "additionalParams": ("unified", ("aes128", bytes(16)))}
        return plain(interface, kind, value)

    monkeypatch.setattr(us_device, "pdu", unified)
    sent = pseudonym_request(
        Caterpillar.generate(os.urandom),
        CAR,
        enrolment,
        us.system.keys["us-ra"].certificate,
        "implicit",
        NOW,
        os.urandom,
    )
    assert us.system.ra.handle(sent.octets, NOW).verdict == "unsupported_butterfly"


def test_a_batch_is_made_once_and_only_for_its_owner(us: Field) -> None:
    i = period_of(NOW)
    enrolment, other = us.enrol("car-1", CAR), us.enrol("car-2", CAR)
    caterpillar, sent, first = us.pseudonyms(enrolment, i)
    assert us.system.ra.produce(i, NOW) == 0
    again = us.fetch(caterpillar, sent, enrolment, i)
    assert {one.certificate for one in again} == {one.certificate for one in first}
    ra = us.system.keys["us-ra"].certificate
    for filename, who in (
        (sent.filename(i), other),
        (sent.filename(i + 7), enrolment),
        ("nonsense", enrolment),
    ):
        asked = download_request(filename, who, ra, NOW, os.urandom)
        assert us.system.ra.download(asked, NOW).verdict == "not_found"
    kinds = [event.kind for event in us.log.events]
    assert kinds.count("batch.made") == 1


def test_no_mutant_of_a_request_or_list_is_taken_or_raises(us: Field) -> None:
    draw = random.Random(9)
    key = SigningKey.generate("ecdsa-p256")
    us.system.eca.ledger.enter(Station(b"car-1", "ecdsa-p256", key.public_key, CAR))
    contents = CertificateContents(start=NOW, duration=Duration(6, 3), app_permissions=CAR)
    request = enrollment_request("car-1", contents, key, "explicit", NOW).octets
    crl = us.system.ma.linked_crl(NOW)
    for _ in range(MUTANTS // 2):
        mutant = bytearray(request)
        at = draw.randrange(len(mutant))
        if at == len(mutant) - 65:
            continue  # the form of R: its y does not count, and a request has one answer
        mutant[at] ^= 1 << draw.randrange(8)
        assert us.system.eca.handle(bytes(mutant), NOW).certificate is None
        us.system.aca.handle(bytes(mutant), NOW)
        mutant = bytearray(crl)
        mutant[draw.randrange(len(mutant))] ^= 1 << draw.randrange(8)
        if read_crl(bytes(mutant), [us.system.root], NOW).reason is Reason.OK:
            assert is_other_form_of_r(crl, bytes(mutant))


def test_a_hostile_device_signs_what_it_mutates_and_gets_a_verdict(us: Field) -> None:
    draw = random.Random(11)
    key = SigningKey.generate("ecdsa-p256")
    us.system.eca.ledger.enter(Station(b"evil", "ecdsa-p256", key.public_key, CAR))
    contents = CertificateContents(start=NOW, duration=Duration(6, 3), app_permissions=CAR)
    plain = read_request(enrollment_request("evil", contents, key, "explicit", NOW).octets)
    enrolment = us.enrol("evil-2", CAR)
    ra_keys = us.system.keys["us-ra"]
    sent = pseudonym_request(
        Caterpillar.generate(os.urandom),
        CAR,
        enrolment,
        ra_keys.certificate,
        "implicit",
        NOW,
        os.urandom,
    )
    opened = open_with_certificate(sent.octets, ra_keys.credential.digest, ra_keys.decrypting)
    batch = read_request(opened.plaintext)
    ra_signer = ra_keys.credential
    taken = 0
    for _ in range(MUTANTS // 4):
        octets = mutated(plain.to_be_signed, draw)
        us.system.eca.handle(signed_anyhow(octets, key, None), NOW)
        octets = mutated(batch.to_be_signed, draw)
        signed = signed_anyhow(octets, enrolment.signer, enrolment)
        sealed = encrypt_to_certificate(signed, ra_keys.certificate, os.urandom)
        taken += us.system.ra.handle(sealed.octets, NOW).verdict == "ok"
        us.system.aca.handle(signed_anyhow(octets, ra_signer.signer, ra_signer), NOW)
    us.system.ra.produce(period_of(NOW), NOW)
    honest = us.enrol("honest", CAR)
    assert len(us.pseudonyms(honest, period_of(NOW))[2]) == 3
    assert taken > 0


def mutated(octets: bytes, draw: random.Random) -> bytes:
    mutant = bytearray(octets)
    for _ in range(draw.randint(1, 2)):
        at = draw.randrange(len(mutant))
        mutant[at] = draw.choice((mutant[at] ^ 1, mutant[at] ^ 2, draw.randrange(256), 0x84))
    return bytes(mutant)


def signed_anyhow(octets: bytes, signer: SigningKey, credential: Credential | None) -> bytes:
    """Whatever it says, it is signed: `sign_request` does not read it."""
    return sign_request(octets, signer, credential)


def test_secrets_open_with_the_passphrase_alone(us: Field, tmp_path: Path) -> None:
    store = open_store(tmp_path / "us.db", SCHEMA)
    wrong = Keyring(store, lambda: b"wrong", os.urandom)
    with pytest.raises(RoadsealError, match="passphrase"):
        wrong.load("us-root")
    with pytest.raises(RoadsealError, match="already"):
        create_us(us.keyring, NOW)
    secret = us.system.keys["us-root"].signing
    assert secret not in (tmp_path / "us.db").read_bytes()
    assert repr(secret) not in repr(us.system.keys["us-root"])


def test_every_store_carries_a_device_to_its_revocation(store_url: str) -> None:
    us, i = field(store_url, per_period=2), period_of(NOW)
    enrolment = us.enrol("car-1", CAR)
    _, _, credentials = us.pseudonyms(enrolment, i)
    assert us.system.ma.revoke(credentials[0].certificate, NOW) == "linked"
    verifier, at = us.verifier(), Time64(NOW + SECOND)
    read_crl(us.system.ma.linked_crl(NOW), [us.system.root], NOW).contents.enter(verifier, [i])
    assert verifier.verify(message(credentials[1], at), at=at).overall == "revoked"


def test_an_answer_that_is_not_the_acas_is_not_taken(us: Field, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = field(tmp_path / "other")
    us.pseudonyms(us.enrol("car-1", CAR), period_of(NOW))
    honest = us.system.ra._certification._to_aca
    answers: list[bytes] = []

    def replaying(request, now):
        answers.append(honest(request, now).answer)
        return Outcome("ok", answers[0])

    for crooked in (replaying, other.system.aca.handle, lambda *_: Outcome("ok", b"junk")):
        us.system.ra._certification._to_aca = crooked
        made = us.system.ra.produce(period_of(NOW) + 1, NOW)
        assert made == 0
    us.system.ra._certification._to_aca = honest
    assert us.system.ra.produce(period_of(NOW) + 1, NOW) == 3


WRITER = """
import sys
sys.path[:0] = {tests!r}
from pathlib import Path
from test_us_flows import CAR, NOW, field, period_of
us = field(Path({folder!r}), per_period=2)
enrolment = us.enrol("car-1", CAR)
i = period_of(NOW)
us.pseudonyms(enrolment, i)
while True:
    i += 1
    us.system.ra.produce(i, NOW)
    (name, octets) = us.system.ra.ledger.items("batch")[-1]
    print(name.decode(), octets.hex(), flush=True)
"""


def test_a_batch_that_was_made_survives_sigkill_and_the_next_is_made(tmp_path: Path) -> None:
    code = WRITER.format(
        tests=[str(Path(__file__).parents[n]) for n in (0, 3)], folder=str(tmp_path)
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        lines = [writer.stdout.readline().split() for _ in range(3)]
        writer.send_signal(signal.SIGKILL)
    store = open_store(tmp_path / "us.db", SCHEMA)
    keyring = Keyring(store, lambda: PASSPHRASE, os.urandom)
    system = open_us(store, keyring, random=os.urandom, emit=EventLog(), per_period=2)
    for name, octets in lines:
        assert system.ra.ledger.get("batch", name.encode()).hex() == octets
    assert system.ra.produce(period_of(NOW) + 100, NOW) == 2
