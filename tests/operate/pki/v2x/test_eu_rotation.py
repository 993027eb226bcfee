"""European authorities through the years: followed, learned from lists, retired, revoked."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from europe_material import NOW

from other_form import is_other_form_of_r
from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.operate.pki.v2x import (
    SCHEMA,
    EuSystem,
    Keyring,
    Station,
    TrustAnchors,
    create_eu,
    follow_eu,
    open_eu,
    retire_eu,
)
from roadseal.operate.pki.v2x.enrolment import ENROLMENT_SSP
from roadseal.operate.pki.v2x.lists import TrustList, read_list, sign_trust_list
from roadseal.operate.pki.v2x.station import (
    Request,
    authorization_request,
    enrolment_request,
    read_response,
)
from roadseal.store import Store, open_store
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Header,
    Identification,
    Permission,
    Policy,
    Signer,
    SigningKey,
    Verifier,
    service,
    sign,
)
from roadseal.v2x.testing import VEHICLE

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))
LATER = Time64(NOW + 3_600_000_000)
POINT = "http://road"


@dataclass
class Years:
    """A system that is opened again after every change, as its operator does."""

    store: Store
    keyring: Keyring

    def open(self, system: str = "eu") -> EuSystem:
        return open_eu(self.store, self.keyring, random=os.urandom, emit=EventLog(), system=system)


@pytest.fixture
def years(tmp_path: Path) -> Years:
    store = open_store(tmp_path / "eu.db", SCHEMA, durable=False)
    keyring = Keyring(store, lambda: b"correct horse", os.urandom)
    create_eu(keyring, NOW)
    return Years(store, keyring)


def enrolled(
    eu: EuSystem,
    identity: Signer | Credential | None = None,
    *,
    ea: str = "eu-ea",
    name: bytes = b"rsu-1",
    now: Time64 = NOW,
) -> Credential | str:
    if identity is None:
        identity = SigningKey.generate("ecdsa-p256")
        known = Station(name, identity.algorithm, identity.public_key, VEHICLE)
        eu.ea.ledger.enter(known)
    contents = CertificateContents(
        start=now,
        duration=Duration(6, 1),
        app_permissions=(Permission(service.CERTIFICATE_REQUEST, ENROLMENT_SSP),),
    )
    key = SigningKey.generate("ecdsa-p256")
    certificate = eu.keys[ea].certificate
    request = enrolment_request(name, contents, key, identity, certificate, now, os.urandom)
    response = read_response(request, eu.enrol(request.octets, now).answer or b"", eu.trusted, now)
    return response.credential or response.verdict


def asked(
    eu: EuSystem, enrolment: Credential, aa: str, *, ea: str = "eu-ea", now: Time64 = NOW
) -> Request:
    contents = CertificateContents(
        start=now, duration=Duration.hours(2), app_permissions=VEHICLE[:1]
    )
    return authorization_request(
        contents,
        SigningKey.generate("ecdsa-p256"),
        enrolment,
        eu.keys[ea].certificate,
        eu.keys[aa].certificate,
        now,
        os.urandom,
    )


def ticket(
    eu: EuSystem, enrolment: Credential, aa: str, *, ea: str = "eu-ea", now: Time64 = NOW
) -> Credential | str:
    request = asked(eu, enrolment, aa, ea=ea, now=now)
    outcome = eu.ticket(request.octets, now)
    if outcome.answer is None:
        return outcome.verdict
    response = read_response(request, outcome.answer, eu.trusted, now)
    return response.credential or response.verdict


def informed(eu: EuSystem, now: Time64, anchors: TrustAnchors | None = None) -> TrustAnchors:
    anchors = anchors or TrustAnchors(eu.keys["eu-tlm"].certificate)
    lists = [eu.ectl(now, POINT)]
    for name, _ in eu.in_use("root"):
        lists += [eu.ctl(now, POINT, root=name), eu.crl(now, root=name)]
    for octets in lists:
        anchors, reason = anchors.hear(octets, now)
        assert reason in ("ok", "replay")
    return anchors


def heard(anchors: TrustAnchors, who: Credential, now: Time64 = LATER) -> str:
    verifier = Verifier(Policy(), 1)
    anchors.enter(verifier)
    header = Header(psid=service.CAM, generation_time=now)
    return verifier.verify(sign(b"CAM", header, who, Identification.CERTIFICATE), at=now).overall


def test_a_second_aa_is_learned_from_the_list_and_both_are_believed(years: Years) -> None:
    eu = years.open()
    enrolment, before = enrolled(eu), informed(eu, NOW)
    old = ticket(eu, enrolment, "eu-aa")
    assert follow_eu(years.keyring, "aa", NOW, algorithm="ecdsa-p384") == "eu-aa-2"
    eu = years.open()
    assert eu.aa.credential.signer.algorithm == "ecdsa-p384"
    new = ticket(eu, enrolment, "eu-aa-2")
    again = ticket(eu, enrolment, "eu-aa")  # the old one goes on
    after = informed(eu, LATER, before)
    assert [heard(before, one) for one in (old, new)] == ["ok", "unknown_issuer"]
    assert [heard(after, one) for one in (old, new, again)] == ["ok", "ok", "ok"]


def test_a_new_root_is_learned_from_the_tlm_with_the_one_it_follows(years: Years) -> None:
    eu = years.open()
    enrolment, before = enrolled(eu), informed(eu, NOW)
    old = ticket(eu, enrolment, "eu-aa")
    for role in ("root", "ea", "aa"):
        follow_eu(years.keyring, role, NOW, algorithm="ml-dsa-44")
    eu = years.open()
    assert eu.root == eu.keys["eu-root-2"].certificate
    assert eu.keys["eu-aa-2"].issuer == eu.keys["eu-root-2"].hashed_id8
    listed = read_list(eu.ectl(LATER, POINT), [eu.keys["eu-tlm"].certificate], LATER).contents
    first, second, _ = listed.added
    assert (first.successor_to, second.successor_to) == (None, first.certificate)
    # The old credential gets one of the new EA, and that one tickets of the new AA.
    moved = enrolled(eu, enrolment, ea="eu-ea-2")
    new = ticket(eu, moved, "eu-aa-2", ea="eu-ea-2")
    after = informed(eu, LATER, before)
    assert [heard(after, one) for one in (old, new)] == ["ok", "ok"]
    assert heard(before, new) == "unknown_issuer"
    # Across: a station that asks the new AA with what it had of the old EA.
    assert heard(after, ticket(eu, enrolment, "eu-aa-2", ea="eu-ea")) == "ok"


def test_a_retired_root_is_trusted_no_more_by_who_has_heard_the_lists(years: Years) -> None:
    old = ticket(years.open(), enrolled(years.open()), "eu-aa")
    before = informed(years.open(), NOW)
    for role in ("root", "ea", "aa"):
        follow_eu(years.keyring, role, NOW)
    for name in ("eu-ea", "eu-aa", "eu-root"):
        retire_eu(years.keyring, years.open().ledger, name)
    eu = years.open()
    after = informed(eu, LATER, before)
    assert (heard(before, old), heard(after, old)) == ("ok", "unknown_issuer")
    assert after.manager.certificates("rca") == [eu.keys["eu-root-2"].certificate]
    enrolment = enrolled(eu, ea="eu-ea-2", name=b"rsu-2")
    assert ticket(eu, enrolment, "eu-aa", ea="eu-ea-2") == "its-aa-imnottherecipient"
    assert enrolled(eu, name=b"rsu-3") == "unreadable"  # a retired EA has nothing to say


def test_the_revoked_aa_falls_and_the_other_stands(years: Years) -> None:
    follow_eu(years.keyring, "aa", NOW)
    eu = years.open()
    enrolment, anchors = enrolled(eu), informed(eu, NOW)
    old, new = ticket(eu, enrolment, "eu-aa"), ticket(eu, enrolment, "eu-aa-2")
    eu.revoke_authority(eu.keys["eu-aa"].hashed_id8)
    anchors = informed(eu, LATER, anchors)
    assert [heard(anchors, one) for one in (old, new)] == ["revoked", "ok"]
    assert ticket(eu, enrolment, "eu-aa") == "revoked"  # whatever it answers
    assert len(list(eu.aa.ledger.records("at"))) == 2
    assert isinstance(ticket(eu, enrolment, "eu-aa-2"), Credential)


def test_each_root_lists_what_it_issued_and_revokes_its_own(years: Years) -> None:
    for role in ("root", "aa"):
        follow_eu(years.keyring, role, NOW)
    eu = years.open()
    eu.revoke_authority(eu.keys["eu-aa"].hashed_id8)
    for root, kinds, revoked in (("eu-root", "ea aa dc", 1), ("eu-root-2", "aa dc", 0)):
        trusted = [eu.keys[root].certificate]
        listed = read_list(eu.ctl(LATER, POINT, root=root), trusted, LATER).contents
        assert " ".join(entry.kind for entry in listed.added) == kinds
        crl = read_list(eu.crl(LATER, root=root), trusted, LATER).contents
        assert len(crl.revoked) == revoked


def test_a_root_speaks_of_no_roots_and_strangers_of_nothing(years: Years) -> None:
    eu = years.open()
    tlm, root = eu.keys["eu-tlm"], eu.keys["eu-root"]
    anchors = TrustAnchors(tlm.certificate)
    assert anchors.hear(eu.ctl(NOW, POINT), NOW) == (anchors, "untrusted_root")  # too early
    anchors = informed(eu, NOW, anchors)
    contents = read_list(eu.ectl(NOW, POINT), [tlm.certificate], NOW).contents
    assert isinstance(contents, TrustList)
    usurped = sign_trust_list(replace(contents, sequence=9), root.credential, LATER)
    assert anchors.hear(usurped, LATER) == (anchors, "psid_not_permitted")
    assert anchors.hear(eu.ectl(NOW, POINT), LATER) == (anchors, "replay")
    assert anchors.hear(b"\0", LATER) == (anchors, "malformed")


def test_no_mutant_of_a_request_reaches_an_authority_or_raises(years: Years) -> None:
    """The recipients are read before anything is decrypted."""
    follow_eu(years.keyring, "aa", NOW)
    eu, draw = years.open(), random.Random(3)
    genuine = asked(eu, enrolled(eu), "eu-aa").octets
    assert eu.ticket(genuine, NOW).verdict == "ok"
    for _ in range(MUTANTS):
        octets = bytearray(genuine)
        octets[draw.randrange(len(octets))] ^= 1 << draw.randrange(8)
        for handle in (eu.ticket, eu.enrol):
            assert handle(bytes(octets), NOW).certificate is None
    for length in range(0, len(genuine), 5):
        assert eu.ticket(genuine[:length], NOW).answer is None
    assert len(list(eu.aa.ledger.records("at"))) == 1


def test_no_mutant_of_a_list_changes_what_is_trusted_or_raises(years: Years) -> None:
    eu, draw = years.open(), random.Random(4)
    anchors = TrustAnchors(eu.keys["eu-tlm"].certificate)
    after, _ = anchors.hear(eu.ectl(NOW, POINT), NOW)
    for before, octets in (
        (anchors, eu.ectl(NOW, POINT)),
        (after, eu.ctl(NOW, POINT)),
        (after, eu.crl(NOW)),
    ):
        for _ in range(MUTANTS // 4):
            mutant = bytearray(octets)
            mutant[draw.randrange(len(mutant))] ^= 1 << draw.randrange(8)
            now, reason = before.hear(bytes(mutant), NOW)
            if reason == "ok":
                assert is_other_form_of_r(octets, bytes(mutant))
            else:
                assert now is before


def test_a_system_of_another_name_shares_the_store_and_nothing_else(years: Years) -> None:
    create_eu(years.keyring, NOW, system="old")
    old, eu = years.open("old"), years.open()
    assert set(eu.keys) == {"eu-root", "eu-tlm", "eu-ea", "eu-aa"}
    assert set(old.keys) == {"old-root", "old-tlm", "old-ea", "old-aa"}
    enrolment = enrolled(eu)
    assert old.ea.ledger.record(enrolment.hashed_id8) is None
    assert heard(informed(eu, NOW), ticket(eu, enrolment, "eu-aa")) == "ok"


def test_mistakes_of_operators_are_told(years: Years) -> None:
    for code, mistake in (
        ("scms-role", lambda: follow_eu(years.keyring, "tlm", NOW)),
        ("scms-absent", lambda: follow_eu(years.keyring, "aa", NOW, system="us")),
        ("scms-absent", lambda: follow_eu(years.keyring, "aa", NOW, root="eu-root-7")),
        ("scms-absent", lambda: retire_eu(years.keyring, years.open().ledger, "eu-aa-7")),
        ("scms-absent", lambda: follow_eu(years.keyring, "aa", NOW, root="eu-ea")),
        ("scms-last", lambda: retire_eu(years.keyring, years.open().ledger, "eu-aa")),
        ("scms-absent", lambda: years.open("us")),
    ):
        with pytest.raises(RoadsealError) as error:
            mistake()
        assert error.value.code == code
    follow_eu(years.keyring, "root", NOW)
    with pytest.raises(RoadsealError, match="eu-ea, eu-aa below it") as error:
        retire_eu(years.keyring, years.open().ledger, "eu-root")
    assert error.value.code == "scms-in-use"
