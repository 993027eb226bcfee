"""Enrolment and tickets of TS 102 941 from end to end, and every way to be refused."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from europe_material import ITS_ID, NOW, Europe, europe

from roadseal.clock import Time64
from roadseal.operate.pki.v2x.authorization import Pending
from roadseal.operate.pki.v2x.dot2 import DATA
from roadseal.operate.pki.v2x.ecies import encrypt_to_certificate, open_with_certificate
from roadseal.operate.pki.v2x.hierarchy import make_authority
from roadseal.operate.pki.v2x.ledger import Ledger, Station
from roadseal.operate.pki.v2x.outcome import Outcome
from roadseal.operate.pki.v2x.secured import read_signed, sign_as, sign_self, trusting
from roadseal.operate.pki.v2x.station import (
    Request,
    authorization_request,
    enrolment_request,
    read_response,
)
from roadseal.operate.pki.v2x.tables import SCHEMA
from roadseal.store import open_store
from roadseal.v2x import (
    Credential,
    Duration,
    Header,
    Identification,
    Permission,
    Policy,
    SigningKey,
    Verifier,
    service,
    sign,
)
from roadseal.v2x.testing import VEHICLE

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))
SIGNED_MUTANTS = max(200, MUTANTS // 20)  # each is signed and encrypted: some milliseconds
SECOND = 1_000_000
DUAL = "ecdsa-p256+fn-dsa-512/pre1"


@pytest.fixture
def eu(tmp_path: Path) -> Europe:
    return europe(tmp_path / "scms.db")


def ask(eu: Europe, *, identity=None, its_id=ITS_ID, key=None, now=NOW, **changes) -> Request:
    key = key or SigningKey.generate("ecdsa-p256")
    contents = eu.credential_contents(**changes)
    identity = identity or eu.canonical
    return enrolment_request(
        its_id, contents, key, identity, eu.ea_keys.certificate, now, os.urandom
    )


def enrolled(eu: Europe, algorithm: str = "ecdsa-p256") -> Credential:
    request = ask(eu, key=SigningKey.generate(algorithm))
    outcome = eu.ea.handle(request.octets, NOW)
    response = read_response(request, outcome.answer, eu.authorities, NOW)
    assert response.verdict == outcome.verdict == "ok"
    return response.credential


def ask_ticket(eu: Europe, enrolment: Credential, *, now=NOW, key=None, ea=None, **changes):
    return authorization_request(
        eu.ticket_contents(**changes),
        key or SigningKey.generate("ecdsa-p256"),
        enrolment,
        ea or eu.ea_keys.certificate,
        eu.aa_keys.certificate,
        now,
        os.urandom,
    )


def tell(eu: Europe, request: Request, now=NOW) -> Outcome:
    pending = eu.aa.request(request.octets, now)
    if isinstance(pending, Outcome):
        return pending
    return eu.aa.finish(pending, eu.ea.handle(pending.message, now).answer, now)


@pytest.mark.parametrize(
    ("authorities", "station"),
    [
        ("ecdsa-p256", "ecdsa-p256"),
        ("ecdsa-brainpoolp256r1", "ecdsa-brainpoolp256r1"),
        ("ecdsa-p384", "ecdsa-p384"),
        ("ml-dsa-44", "ecdsa-p256"),  # partially hybrid
        ("fn-dsa-512/pre1", "ecdsa-p256"),
        ("ecdsa-p256+fn-dsa-512/pre1", "ecdsa-p256"),  # dual authorities
        ("ml-dsa-65", "ml-dsa-65"),  # pure
        ("fn-dsa-512/pre1", "fn-dsa-512/pre1"),
        ("ecdsa-p256+fn-dsa-512/pre1", "ecdsa-p256+fn-dsa-512/pre1"),  # dual stations, too
    ],
)
def test_a_station_enrols_gets_a_ticket_and_is_believed(
    authorities: str, station: str, tmp_path: Path
) -> None:
    eu = europe(tmp_path / "db", authorities)
    enrolment = enrolled(eu, station)
    request = ask_ticket(eu, enrolment, key=SigningKey.generate(station))
    outcome = tell(eu, request)
    response = read_response(request, outcome.answer, eu.authorities, NOW)
    assert (outcome.verdict, response.verdict) == ("ok", "ok")
    verifier = Verifier(Policy(), 1)
    verifier.add_root(eu.root.certificate)
    verifier.add_certificates([eu.aa_keys.certificate])
    header = Header(psid=service.CAM, generation_time=NOW + SECOND)
    message = sign(b"CAM", header, response.credential, Identification.CERTIFICATE)
    verdict = verifier.verify(message, at=NOW + SECOND)
    assert (verdict.overall, verdict.algorithm) == ("ok", station)
    kinds = [event.kind for event in eu.log.events]
    assert kinds == ["enrolment.issued", "validation.confirmed", "ticket.issued"]
    # What the AA wrote of the ticket does not name the station, and the EA has not seen it.
    (record,) = eu.aa.ledger.records("at")
    assert record.holder == b""
    assert [one.kind for one in eu.ea.ledger.records()] == ["ec"]


class Half:
    """A dual key of which one half alone signs."""

    def __init__(self, whole: SigningKey, half: str) -> None:
        self.algorithm, self.public_key = whole.algorithm, whole.public_key
        self._whole, self._half, self._other = whole, half, SigningKey.generate(whole.algorithm)

    def sign(self, digest: bytes, _algorithm: str | None = None, /) -> bytes:
        parts = self.algorithm.split("+")
        return b"".join(
            (self._whole if part == self._half else self._other).sign(digest, part)
            for part in parts
        )


@pytest.mark.parametrize("half", DUAL.split("+"))
def test_half_a_dual_key_does_not_prove_possession(half: str, tmp_path: Path) -> None:
    eu = europe(tmp_path / "db", DUAL)
    key = SigningKey.generate(DUAL)
    outcome = eu.ea.handle(ask(eu, key=Half(key, half)).octets, NOW)
    assert (outcome.verdict, outcome.reason) == ("invalidsignature", "bad_signature")
    request = ask_ticket(eu, enrolled(eu, DUAL), key=Half(key, half))
    assert tell(eu, request).verdict == "invalidsignature"
    assert list(eu.aa.ledger.records("at")) == []


def test_a_second_enrolment_is_signed_by_the_first_credential(eu: Europe) -> None:
    first = enrolled(eu)
    request = ask(eu, identity=first, its_id=b"whatever it says here")
    outcome = eu.ea.handle(request.octets, NOW)
    assert outcome.verdict == "ok"
    holders = {one.holder for one in eu.ea.ledger.records("ec")}
    assert holders == {ITS_ID}


def test_a_repeated_request_gets_the_same_octets_and_no_second_certificate(eu: Europe) -> None:
    request = ask(eu)
    first, again = eu.ea.handle(request.octets, NOW), eu.ea.handle(request.octets, NOW + SECOND)
    assert (again.verdict, again.answer) == ("replayed", first.answer)
    assert len(list(eu.ea.ledger.records())) == 1
    ticket = ask_ticket(eu, read_response(request, first.answer, eu.authorities, NOW).credential)
    answered = tell(eu, ticket)
    repeated = eu.aa.request(ticket.octets, NOW + SECOND)
    assert isinstance(repeated, Outcome)
    assert (repeated.verdict, repeated.answer) == ("replayed", answered.answer)
    assert len(list(eu.aa.ledger.records())) == 1


def rewritten(octets: bytes, number: int) -> bytes:
    """The same request with one recipient more: nothing authenticates their list."""
    value = DATA.decode(octets)
    kind, encrypted = value["content"]
    more = [*encrypted["recipients"], ("pskRecipInfo", bytes([number]) * 8)]
    return DATA.encode({**value, "content": (kind, {**encrypted, "recipients": more})})


def negated(octets: bytes) -> bytes:
    """The same request with the ephemeral point's sign changed: the agreed secret is the same."""
    at = sign_of_ephemeral(octets)
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


def sign_of_ephemeral(octets: bytes) -> int:
    ((_, recipient),) = DATA.decode(octets)["content"][1]["recipients"]
    return octets.index(recipient["encKey"][1]["v"][1]) - 1


def test_a_request_that_was_changed_on_its_way_is_a_replay_all_the_same(eu: Europe) -> None:
    request = ask(eu)
    first = eu.ea.handle(request.octets, NOW)
    for changed in (negated(request.octets), *(rewritten(request.octets, n) for n in range(3))):
        again = eu.ea.handle(changed, NOW)
        assert (again.verdict, again.answer) == ("replayed", first.answer)
    assert len(list(eu.ea.ledger.records("ec"))) == 1
    ticket = ask_ticket(eu, read_response(request, first.answer, eu.authorities, NOW).credential)
    answered = tell(eu, ticket)
    for changed in (negated(ticket.octets), *(rewritten(ticket.octets, n) for n in range(3))):
        again = eu.aa.request(changed, NOW)
        assert (again.verdict, again.answer) == ("replayed", answered.answer)
    assert len(list(eu.aa.ledger.records("at"))) == 1


def test_a_confirmation_is_good_for_one_ticket(eu: Europe) -> None:
    """Sybil: the station signs one shared request, and asks for many tickets with it."""
    key, enrolment = SigningKey.generate("ecdsa-p256"), enrolled(eu)
    octets = ask_ticket(eu, enrolment, key=key).octets
    digest = eu.aa_keys.credential.digest
    opened = open_with_certificate(octets, digest, eu.aa_keys.decrypting)
    payload = read_signed(opened.plaintext).payload
    verdicts = []
    for second in range(3):
        now = Time64(NOW + second * SECOND)
        signed = sign_self(payload, 623, now, key)
        sealed = encrypt_to_certificate(signed, eu.aa_keys.certificate, os.urandom)
        pending = eu.aa.request(sealed.octets, now)
        answer = eu.ea.handle(pending.message, now).answer
        verdicts.append(eu.aa.finish(pending, answer, now).verdict)
    assert verdicts == ["ok", "deniedpermissions", "deniedpermissions"]


def test_requests_at_the_same_moment_do_not_pass_the_limit(store_url: str) -> None:
    eu = europe(store_url)
    eu.ea._parallel = 1
    enrolment = enrolled(eu)
    pendings = [eu.aa.request(ask_ticket(eu, enrolment).octets, NOW) for _ in range(6)]
    together = threading.Barrier(len(pendings))

    def validate(pending: Pending) -> str:
        together.wait()
        return eu.ea.handle(pending.message, NOW).verdict

    with ThreadPoolExecutor(len(pendings)) as threads:
        verdicts = sorted(threads.map(validate, pendings))
    assert verdicts == ["deniedtoomanycerts"] * 5 + ["ok"]


@pytest.mark.parametrize(
    ("verdict", "changes"),
    [
        ("unknownits", {"its_id": b"stranger"}),
        ("invalidsignature", {"identity": SigningKey.generate("ecdsa-p256")}),
        ("invalidsignature", {"now": NOW - 3600 * SECOND}),
        ("invalidsignature", {"now": NOW + 3600 * SECOND}),
        ("deniedrequest", {"duration": Duration(6, 4)}),
        ("deniedrequest", {"start": NOW + 40 * 31_556_952 * SECOND}),
        ("deniedrequest", {"start": NOW + 24 * 3600 * SECOND}),
        ("deniedrequest", {"name": "police.example"}),
        ("deniedrequest", {"assurance": 0xE0}),
        ("deniedrequest", {"start": NOW - 10 * 31_556_952 * SECOND}),
        ("deniedpermissions", {"app_permissions": (Permission(service.CAM, b"\1\0\0"),)}),
        (
            "deniedpermissions",
            {"app_permissions": (Permission(service.CERTIFICATE_REQUEST, b"\1\xe0"),)},
        ),
        (
            "deniedpermissions",
            {"app_permissions": (Permission(service.CERTIFICATE_REQUEST, b"\2\xc0"),)},
        ),
    ],
)
def test_an_enrolment_request_is_refused_with_the_standards_code(
    eu: Europe, verdict: str, changes: dict
) -> None:
    request = ask(eu, **changes)
    outcome = eu.ea.handle(request.octets, NOW)
    assert (outcome.verdict, outcome.certificate) == (verdict, None)
    assert read_response(request, outcome.answer, eu.authorities, NOW).verdict == verdict
    assert list(eu.ea.ledger.records()) == []


def test_revoked_credentials_and_suspended_stations_get_nothing(eu: Europe) -> None:
    first = enrolled(eu)
    assert eu.ea.ledger.revoke(first.hashed_id8, NOW)
    assert not eu.ea.ledger.revoke(first.hashed_id8, NOW)
    assert eu.ea.handle(ask(eu, identity=first).octets, NOW).verdict == "baditsstatus"
    assert tell(eu, ask_ticket(eu, first)).verdict == "deniedpermissions"
    second = enrolled(eu)
    assert eu.ea.ledger.suspend(ITS_ID)
    assert eu.ea.handle(ask(eu).octets, NOW).verdict == "baditsstatus"
    assert tell(eu, ask_ticket(eu, second)).verdict == "deniedpermissions"


def test_a_request_to_somebody_else_or_to_nobody_gets_a_verdict(eu: Europe) -> None:
    other = make_authority("ea", "other", "ecdsa-p256", NOW, root=eu.root.credential)
    request = enrolment_request(
        ITS_ID,
        eu.credential_contents(),
        SigningKey.generate("ecdsa-p256"),
        eu.canonical,
        other.certificate,
        NOW,
        os.urandom,
    )
    assert eu.ea.handle(request.octets, NOW) == Outcome("imnottherecipient")
    assert eu.ea.handle(b"", NOW) == Outcome("cantparse")
    assert eu.ea.handle(sign_as(b"x", 623, NOW, eu.ea_keys.credential), NOW) == Outcome(
        "badcontenttype"
    )


def test_a_wrong_service_is_no_request(eu: Europe) -> None:
    from roadseal.operate.pki.v2x import station

    for psid in (service.CAM, service.CRL):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(station, "_SCR", psid)
            request = ask(eu)
        assert eu.ea.handle(request.octets, NOW).reason == "psid_not_permitted"


@pytest.mark.parametrize(
    ("verdict", "changes"),
    [
        ("deniedpermissions", {"app_permissions": (Permission(service.SREM, b"\2\x81\0\0"),)}),
        ("deniedpermissions", {"app_permissions": ()}),
        ("its-aa-deniedpermissions", {"duration": Duration.hours(169)}),
        ("its-aa-deniedpermissions", {"start": NOW + 100 * 24 * 3600 * SECOND}),
        ("its-aa-deniedpermissions", {"name": "vehicle 7"}),
        ("deniedpermissions", {"assurance": 0xE0}),
        ("its-aa-outofsyncrequest", {"now": NOW - 3600 * SECOND}),
    ],
)
def test_a_ticket_is_refused_with_the_standards_code(
    eu: Europe, verdict: str, changes: dict
) -> None:
    request = ask_ticket(eu, enrolled(eu), **changes)
    outcome = tell(eu, request)
    assert (outcome.verdict, outcome.certificate) == (verdict, None)
    assert read_response(request, outcome.answer, eu.authorities, NOW).verdict == verdict


def test_nothing_outlives_its_issuer(eu: Europe) -> None:
    enrolment = enrolled(eu)
    in_three_years = Time64(NOW + 3 * 31_556_952 * SECOND)
    late = ask(eu, now=in_three_years, start=in_three_years)  # the EA holds for five
    assert eu.ea.handle(late.octets, in_three_years).verdict == "deniedrequest"
    last_day = Time64(NOW + 5 * 31_556_952 * SECOND - 24 * 3600 * SECOND)
    outcome = eu.aa.request(
        ask_ticket(eu, enrolment, now=last_day, start=last_day).octets, last_day
    )
    assert outcome.verdict == "its-aa-deniedpermissions"


def test_a_station_has_only_so_many_tickets_at_once(eu: Europe) -> None:
    enrolment = enrolled(eu)
    eu.ea._parallel = 2
    assert [tell(eu, ask_ticket(eu, enrolment)).verdict for _ in range(3)] == [
        "ok",
        "ok",
        "deniedtoomanycerts",
    ]
    next_week = NOW + 168 * 3600 * SECOND
    assert tell(eu, ask_ticket(eu, enrolment, start=next_week)).verdict == "ok"


def test_a_fixed_station_has_two_tickets_at_once_and_the_next_when_one_ends(eu: Europe) -> None:
    """EU certificate policy: 2 for a roadside station, whose place tells who it is anyway."""
    enrolment = enrolled(eu)
    eu.ea.ledger.enter(replace(eu.ea.ledger.station(ITS_ID), fixed=True))
    asked = [tell(eu, ask_ticket(eu, enrolment)).verdict for _ in range(3)]
    assert asked == ["ok", "ok", "deniedtoomanycerts"]
    next_week = Time64(NOW + 7 * 24 * 3600 * SECOND)
    assert tell(eu, ask_ticket(eu, enrolment, start=next_week)).verdict == "ok"
    # Fixed or not is asked at each ticket.
    eu.ea.ledger.enter(replace(eu.ea.ledger.station(ITS_ID), fixed=False))
    assert tell(eu, ask_ticket(eu, enrolment)).verdict == "ok"


def test_an_unknown_ea_a_strange_aa_and_a_strange_credential(eu: Europe, tmp_path: Path) -> None:
    enrolment = enrolled(eu)
    other = make_authority("ea", "other", "ecdsa-p256", NOW, root=eu.root.credential)
    assert tell(eu, ask_ticket(eu, enrolment, ea=other.certificate)).verdict == "its-aa-unknownea"
    stranger = europe(tmp_path / "elsewhere.db")
    foreign = replace_aa(eu, stranger)
    pending = foreign.request(
        authorization_request(
            eu.ticket_contents(),
            SigningKey.generate("ecdsa-p256"),
            enrolment,
            eu.ea_keys.certificate,
            stranger.aa_keys.certificate,
            NOW,
            os.urandom,
        ).octets,
        NOW,
    )
    assert isinstance(pending, Pending)
    assert eu.ea.handle(pending.message, NOW).verdict == "invalidaa"
    theirs = enrolled(stranger)
    assert tell(eu, ask_ticket(eu, theirs)).verdict == "unknownits"


def replace_aa(eu: Europe, stranger: Europe):
    """An AA under another root that knows our EA."""
    aa = stranger.aa
    aa._eas[eu.ea_keys.credential.hashed_id8] = eu.ea_keys.certificate
    return aa


def test_the_answer_of_the_ea_is_not_taken_from_anybody(eu: Europe) -> None:
    enrolment = enrolled(eu)
    for answer, verdict in (
        (None, "aa-ea-cantreachea"),
        (b"", "aa-ea-cantreachea"),
        (os.urandom(300), "aa-ea-cantreachea"),
    ):
        pending = eu.aa.request(ask_ticket(eu, enrolment).octets, NOW)
        assert eu.aa.finish(pending, answer, NOW).verdict == verdict
    # Unreachable is not remembered: the same request may be tried again.
    request = ask_ticket(eu, enrolment)
    eu.aa.finish(eu.aa.request(request.octets, NOW), None, NOW)
    assert tell(eu, request).verdict == "ok"
    # The answer to another request is not the answer to this one.
    first = eu.aa.request(ask_ticket(eu, enrolment).octets, NOW)
    second = eu.aa.request(ask_ticket(eu, enrolment).octets, NOW)
    answer = eu.ea.handle(first.message, NOW).answer
    assert eu.aa.finish(second, answer, NOW).verdict == "aa-ea-cantreachea"


def test_a_station_believes_only_the_answer_to_its_request(eu: Europe, tmp_path: Path) -> None:
    request = ask(eu)
    answer = eu.ea.handle(request.octets, NOW).answer
    stranger = europe(tmp_path / "other.db")
    assert read_response(request, answer, stranger.authorities, NOW).verdict == "unknown_signer"
    late = NOW + 3600 * SECOND
    assert read_response(request, answer, eu.authorities, late).verdict == "stale"
    other = replace(request, key=bytes(16))
    assert read_response(other, answer, eu.authorities, NOW).verdict == "unreadable"
    other = replace(request, request_hash=bytes(16))
    assert read_response(other, answer, eu.authorities, NOW).verdict == "other_request"
    other = replace(request, signer=SigningKey.generate("ecdsa-p256"))
    assert read_response(other, answer, eu.authorities, NOW).verdict == "wrong_key"
    revoking = trusting([eu.root.certificate], [eu.ea_keys.certificate])
    revoking.revoke(eu.ea_keys.credential.hashed_id8)
    assert read_response(request, answer, revoking, NOW).verdict == "revoked"


def test_no_mutant_of_a_request_is_granted_or_raises(eu: Europe) -> None:
    draw = random.Random(6)
    enrolment = enrolled(eu)
    requests = [ask(eu).octets, ask_ticket(eu, enrolment).octets]
    before = len(list(eu.ea.ledger.records()))
    for _ in range(MUTANTS // 4):
        octets = bytearray(draw.choice(requests))
        at, bit = draw.randrange(len(octets)), draw.randrange(8)
        if (at, bit) == (sign_of_ephemeral(bytes(octets)), 0):
            continue  # the same request, and a replay where the first was heard: see above
        octets[at] ^= 1 << bit
        assert eu.ea.handle(bytes(octets), NOW).certificate is None
        outcome = eu.aa.request(bytes(octets), NOW)
        assert isinstance(outcome, Outcome)
    assert len(list(eu.ea.ledger.records())) == before


def test_no_mutant_inside_the_encryption_is_granted_or_raises(eu: Europe) -> None:
    """The station itself is hostile: it encrypts garbage to the authority."""
    draw = random.Random(7)
    digest = eu.ea_keys.credential.digest
    opened = open_with_certificate(ask(eu).octets, digest, eu.ea_keys.decrypting)
    ticket = ask_ticket(eu, enrolled(eu)).octets
    digest = eu.aa_keys.credential.digest
    inner = open_with_certificate(ticket, digest, eu.aa_keys.decrypting)
    for _ in range(SIGNED_MUTANTS):
        if (mutant := changed(opened.plaintext, draw)) is not None:
            sealed = encrypt_to_certificate(mutant, eu.ea_keys.certificate, os.urandom)
            assert eu.ea.handle(sealed.octets, NOW).certificate is None
        if (mutant := changed(inner.plaintext, draw)) is not None:
            sealed = encrypt_to_certificate(mutant, eu.aa_keys.certificate, os.urandom)
            assert isinstance(eu.aa.request(sealed.octets, NOW), Outcome)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", DUAL])
def test_a_hostile_station_signs_what_it_mutates_and_gets_a_verdict(
    algorithm: str, eu: Europe
) -> None:
    from roadseal.operate.pki.v2x.etsi_types import ETSI_DATA

    draw = random.Random(12)
    key, enrolment = SigningKey.generate(algorithm), enrolled(eu)
    ea, aa = eu.ea_keys, eu.aa_keys
    request = open_with_certificate(ask(eu, key=key).octets, ea.credential.digest, ea.decrypting)
    outer = read_signed(request.plaintext)
    proof = read_signed(ETSI_DATA.decode(outer.payload)["content"][1])
    ticket = ask_ticket(eu, enrolment, key=key).octets
    inner = open_with_certificate(ticket, aa.credential.digest, aa.decrypting)
    at_request = read_signed(inner.plaintext).payload
    verdicts = set()
    for _ in range(SIGNED_MUTANTS):
        mutant = changed(proof.payload, draw) or proof.payload
        signed = sign_self(mutant, 623, NOW, key)
        payload = ETSI_DATA.encode({"version": 1, "content": ("enrolmentRequest", signed)})
        whole = sign_self(payload, 623, NOW, eu.canonical)
        sealed = encrypt_to_certificate(whole, ea.certificate, os.urandom)
        verdicts.add(eu.ea.handle(sealed.octets, NOW).verdict)
        mutant = changed(at_request, draw) or at_request
        sealed = encrypt_to_certificate(
            sign_self(mutant, 623, NOW, key), aa.certificate, os.urandom
        )
        pending = eu.aa.request(sealed.octets, NOW)
        if isinstance(pending, Pending):
            pending = eu.aa.finish(pending, eu.ea.handle(pending.message, NOW).answer, NOW)
        verdicts.add(pending.verdict)
    assert len(verdicts) > 5


def changed(octets: bytes, draw: random.Random) -> bytes | None:
    """One octet changed; but the form of R, which can be written with its y as well."""
    mutant, at = bytearray(octets), draw.randrange(len(octets))
    mutant[at] = draw.randrange(256)
    return None if at == len(octets) - 65 or bytes(mutant) == octets else bytes(mutant)


def test_ledgers_on_every_store_answer_a_request_once(store_url: str) -> None:
    store = open_store(store_url, SCHEMA)
    ledger, other = Ledger(store, "ea"), Ledger(store, "aa")
    station = Station(b"a", "ecdsa-p256", b"\2" + bytes(32), VEHICLE)
    ledger.enter(station)
    ledger.enter(replace(station, active=False))
    assert ledger.station(b"a") == replace(station, active=False)
    assert other.station(b"a") is None
    assert ledger.answer(b"request", b"first", NOW) == b"first"
    assert ledger.answer(b"request", b"second", NOW) == b"first"
    assert other.answered(b"request") is None
    assert [ledger.next_number("ctl", 3) for _ in range(4)] == [0, 1, 2, 0]
    ledger.put("k", [(b"2", b"two"), (b"1", b"one")])
    assert ledger.items("k") == [(b"1", b"one"), (b"2", b"two")]
    assert ledger.get("k", b"3") is None


WRITER = """
import sys, os
sys.path.insert(0, {tests!r})
from europe_material import ITS_ID, NOW, europe
from roadseal.operate.pki.v2x.station import enrolment_request
from roadseal.v2x import SigningKey
eu = europe({database!r})
while True:
    key = SigningKey.generate("ecdsa-p256")
    request = enrolment_request(ITS_ID, eu.credential_contents(), key, eu.canonical,
                                eu.ea_keys.certificate, NOW, os.urandom)
    outcome = eu.ea.handle(request.octets, NOW)
    print(outcome.certificate.hex(), flush=True)
"""


def test_what_left_the_authority_is_in_the_ledger_after_sigkill(tmp_path: Path) -> None:
    code = WRITER.format(tests=str(Path(__file__).parent), database=str(tmp_path / "db"))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as writer:
        left = [writer.stdout.readline().strip() for _ in range(5)]
        writer.send_signal(signal.SIGKILL)
        left += [line.strip() for line in writer.stdout if line.endswith("\n")]
    kept = {
        one.certificate.hex() for one in Ledger(open_store(tmp_path / "db", SCHEMA), "ea").records()
    }
    assert len(left) >= 5
    assert set(left) <= kept
