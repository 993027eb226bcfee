"""Approvals, OCSP with openssl as the client, CRL shards, and lint by pkilint."""

from __future__ import annotations

import itertools
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from roadseal.clock import ManualClock, parse_instant
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest, der
from roadseal.operate.pki.approval import (
    Action,
    approve,
    pending,
    require_approval,
    set_roster,
    to_sign,
)
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.lint import lint
from roadseal.operate.pki.path.validation import PathReason, PathRules, validate_path
from roadseal.operate.pki.pkilint_findings import pkilint_findings
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.revocation import BULK
from roadseal.operate.pki.serials import status_index
from roadseal.operate.pki.signer import SoftwareSigner
from roadseal.operate.pki.template import TEMPLATES, common_name, signed
from roadseal.operate.pki.tls_identity import certification_request
from roadseal.store import Store, open_store

NOW = parse_instant("2026-11-26T09:00:00")
COMPOSITE = "composite-mldsa65-ecdsa-p256-sha512/draft-19"


@pytest.fixture
def store(store_url: str) -> Store:
    return open_store(store_url, SCHEMA)


def make(store: Store, algorithm: str = "ml-dsa-65", **changed: Any) -> Authority:
    rest = {
        "algorithm": algorithm,
        "passphrase": b"correct horse",
        "profile": load_profile("hybrid-2026"),
        "clock": ManualClock(NOW),
        "emit": EventLog(),
        **changed,
    }
    root = Authority.create(store, "root", **rest)
    return Authority.create(store, "issuing", parent=root, **rest)


def issue(authority: Authority, count: int) -> list[str]:
    csr = certification_request(generate_key("ml-dsa-65"))
    requests = [IssueRequest(csr, f"rsu-{n}.example", str(n)) for n in range(count)]
    return [issued.serial for issued in authority.issue_many(requests)]


def test_what_is_dangerous_waits_for_two_of_three(store: Store) -> None:
    authority = make(store)
    serials = issue(authority, BULK + 1)
    keys = {name: SoftwareSigner.generate("ml-dsa-65") for name in ("ada", "ben", "eve")}
    set_roster(store, {name: key.public_key for name, key in keys.items()}, 2, NOW)
    reason = x509.ReasonFlags.key_compromise
    with pytest.raises(RoadsealError) as caught:
        authority.revoke_many(serials, reason)
    assert caught.value.code == "pki-approval"
    (action,) = pending(store, NOW)
    assert action.approvers == ()
    assert '"kind":"revoke-many"' in action.action.text
    signature = keys["ada"].sign(to_sign(action.digest))
    assert approve(store, action.digest, "ada", signature, NOW) == 1
    assert approve(store, action.digest, "ada", signature, NOW) == 1  # once a head
    with pytest.raises(RoadsealError) as caught:
        approve(store, action.digest, "ben", signature, NOW)
    assert caught.value.code == "pki-approver"
    with pytest.raises(RoadsealError):
        authority.revoke_many(serials, reason)
    assert len(authority.certificates()) == BULK + 1
    approve(store, action.digest, "eve", keys["eve"].sign(to_sign(action.digest)), NOW)
    authority.revoke_many(serials, reason)
    assert authority.certificates() == []
    with pytest.raises(RoadsealError):  # approved once, done once
        authority.revoke_many(serials, reason)
    assert authority.audit_holds()


def test_an_approval_is_for_one_action_one_roster_and_one_week(store: Store) -> None:
    make(store)
    ada, ben = SoftwareSigner.generate("ml-dsa-65"), SoftwareSigner.generate("ml-dsa-65")
    set_roster(store, {"ada": ada.public_key}, 1, NOW)
    with pytest.raises(RoadsealError) as caught:
        set_roster(store, {"ben": ben.public_key}, 1, NOW)  # nobody votes the others out alone
    assert caught.value.code == "pki-approval"
    (action,) = pending(store, NOW)
    with pytest.raises(RoadsealError) as caught:
        approve(store, "00" * 32, "ada", b"", NOW)
    assert caught.value.code == "pki-action"
    approve(store, action.digest, "ada", ada.sign(to_sign(action.digest)), NOW)
    later = type(NOW)(NOW + 8 * 86_400 * 1_000_000)
    with pytest.raises(RoadsealError):
        set_roster(store, {"ben": ben.public_key}, 1, later)
    (again,) = pending(store, later)
    assert again.digest != action.digest  # the old signature fits no more
    with pytest.raises(RoadsealError):
        approve(store, again.digest, "ada", ada.sign(to_sign(action.digest)), later)
    approve(store, again.digest, "ada", ada.sign(to_sign(again.digest)), later)
    set_roster(store, {"ben": ben.public_key}, 1, later)
    assert pending(store, later) == []


def test_an_authority_is_made_as_it_was_approved(store: Store) -> None:
    make(store)
    ada = SoftwareSigner.generate("ml-dsa-65")
    set_roster(store, {"ada": ada.public_key}, 1, NOW)
    rest = {
        "algorithm": "ml-dsa-65",
        "passphrase": b"correct horse",
        "profile": load_profile("hybrid-2026"),
        "clock": ManualClock(NOW),
        "emit": EventLog(),
    }
    with pytest.raises(RoadsealError) as caught:
        Authority.create(store, "second root", life_s=86_400, **rest)
    assert caught.value.code == "pki-approval"
    (action,) = pending(store, NOW)
    approve(store, action.digest, "ada", ada.sign(to_sign(action.digest)), NOW)
    with pytest.raises(RoadsealError):
        Authority.create(store, "second root", life_s=3650 * 86_400, **rest)
    assert Authority.create(store, "second root", life_s=86_400, **rest)


def test_one_approval_lets_one_of_two_processes_through(postgres_url: str) -> None:
    stores = [open_store(postgres_url, SCHEMA) for _ in range(2)]
    make(stores[0])
    ada = SoftwareSigner.generate("ml-dsa-65")
    set_roster(stores[0], {"ada": ada.public_key}, 1, NOW)
    for number in range(5):
        action = Action.of(kind="test", number=number)
        with pytest.raises(RoadsealError):
            require_approval(stores[0], action, NOW)
        (waiting,) = [one for one in pending(stores[0], NOW) if one.action == action]
        approve(stores[0], waiting.digest, "ada", ada.sign(to_sign(waiting.digest)), NOW)
        through: list[bool] = []

        def go(store: Store, action: Action = action, through: list[bool] = through) -> None:
            with suppress(RoadsealError):
                require_approval(store, action, NOW)
                through.append(True)

        threads = [threading.Thread(target=go, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert through == [True]


def test_a_roster_needs_as_many_keys_as_heads(store: Store) -> None:
    make(store)
    key = SoftwareSigner.generate("ml-dsa-65").public_key
    for approvers, quorum in (({"a": key, "b": key}, 2), ({"a": key}, 2), ({"a": key}, 0)):
        with pytest.raises(RoadsealError) as caught:
            set_roster(store, approvers, quorum, NOW)
        assert caught.value.code == "pki-quorum"


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ml-dsa-65", COMPOSITE])
def test_ocsp_answers(tmp_path: Path, algorithm: str) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA), algorithm)
    good, bad = issue(authority, 2)
    authority.revoke(bad, x509.ReasonFlags.key_compromise)
    issuer = authority.chain[0]
    asked = ocsp.OCSPRequestBuilder()
    for serial, status in (
        (int(good, 16), ocsp.OCSPCertStatus.GOOD),
        (int(bad, 16), ocsp.OCSPCertStatus.REVOKED),
        (12345, ocsp.OCSPCertStatus.UNKNOWN),
    ):
        request = asked.add_certificate_by_hash(
            *_issuer_hashes(issuer), serial, hashes.SHA256()
        ).add_extension(x509.OCSPNonce(b"n" * 32), critical=False)
        encoded = request.build().public_bytes(Encoding.DER)
        response = ocsp.load_der_ocsp_response(authority.ocsp(encoded))
        assert response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        assert response.certificate_status is status
        assert authority.public_key.verify(response.tbs_response_bytes, response.signature)
        nonce = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        assert nonce == b"n" * 32
    other = make(open_store(tmp_path / "other.db", SCHEMA), algorithm)
    foreign = ocsp.load_der_ocsp_response(other.ocsp(encoded))
    assert foreign.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED


def test_a_shard_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA))
    serials = issue(authority, 9)
    leaf = x509.load_der_x509_certificate(authority.certificates()[1].certificate)
    serial = f"{leaf.serial_number:x}"
    authority.revoke(serial, x509.ReasonFlags.key_compromise)
    mine = status_index(leaf.serial_number) % 4

    def reason(*crls: bytes) -> PathReason:
        found = [x509.load_der_x509_crl(one) for one in (*crls, root)]
        rules = PathRules(NOW, crls=found)
        return validate_path(leaf, authority.chain[:1], authority.chain[1:], rules).reason

    root = _root_crl(tmp_path, authority)
    assert len(serials) == 9
    assert reason(authority.crl()) is PathReason.REVOKED
    assert reason(authority.crl(shard=(mine, 4))) is PathReason.REVOKED
    for other in {0, 1, 2, 3} - {mine}:
        assert reason(authority.crl(shard=(other, 4))) is PathReason.REVOCATION_UNKNOWN


def _root_crl(folder: Path, issuing: Authority) -> bytes:
    root = Authority.open(
        open_store(folder / "pki.db", SCHEMA),
        "root",
        passphrase=b"correct horse",
        profile=issuing.profile,
        clock=ManualClock(NOW),
        emit=EventLog(),
    )
    return root.crl()


def test_the_order_of_lists_changes_nothing(tmp_path: Path) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA))
    (serial,) = issue(authority, 1)
    leaf = x509.load_der_x509_certificate(authority.certificates()[0].certificate)
    old, root = authority.crl(), _root_crl(tmp_path, authority)
    authority.revoke(serial, x509.ReasonFlags.key_compromise)
    lists = [x509.load_der_x509_crl(one) for one in (old, authority.crl(), root)]
    for order in itertools.permutations(lists):
        rules = PathRules(NOW, crls=order)
        verdict = validate_path(leaf, authority.chain[:1], authority.chain[1:], rules)
        assert verdict.reason is PathReason.REVOKED


def test_a_list_under_another_anchor_clears_nobody(tmp_path: Path) -> None:
    mine, other = (make(open_store(tmp_path / f"{name}.db", SCHEMA)) for name in ("mine", "other"))
    (tmp_path / "pki.db").symlink_to(tmp_path / "mine.db")
    issue(mine, 1)
    leaf = x509.load_der_x509_certificate(mine.certificates()[0].certificate)
    anchors = [mine.chain[-1], other.chain[-1]]
    lists = [x509.load_der_x509_crl(one) for one in (other.crl(), _root_crl(tmp_path, mine))]
    rules = PathRules(NOW, crls=lists)
    untrusted = [mine.chain[0], other.chain[0]]
    verdict = validate_path(leaf, untrusted, anchors, rules)
    assert verdict.reason is PathReason.REVOCATION_UNKNOWN


def test_a_blocked_key_does_not_come_back_in_another_encoding(tmp_path: Path) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA))
    key = generate_key("ecdsa-p256")
    signer = SoftwareSigner(key)
    compressed = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    other = PublicKey.of("ecdsa-p256", compressed)
    body = der.sequence(der.integer(0), common_name("x"), other.info, der.tlv(0xA0))
    encoded = signed(body, "ecdsa-p256", signer.sign(body))
    with pytest.raises(RoadsealError) as caught:
        authority.issue(IssueRequest(encoded, "x.example", "1"))
    assert caught.value.code == "pki-key-profile"


def test_an_issuing_authority_is_revoked_by_its_root(tmp_path: Path) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA))
    issue(authority, 1)
    leaf = x509.load_der_x509_certificate(authority.certificates()[0].certificate)
    root = Authority.open(
        open_store(tmp_path / "pki.db", SCHEMA),
        "root",
        passphrase=b"correct horse",
        profile=authority.profile,
        clock=ManualClock(NOW),
        emit=EventLog(),
    )
    serial = f"{authority.chain[0].serial_number:x}"
    root.revoke(serial, x509.ReasonFlags.ca_compromise)
    lists = [x509.load_der_x509_crl(one) for one in (root.crl(), authority.crl())]
    rules = PathRules(NOW, crls=lists)
    verdict = validate_path(leaf, authority.chain[:1], authority.chain[1:], rules)
    assert verdict.reason is PathReason.REVOKED
    assert root.audit_holds()


def test_removal_is_no_reason_to_revoke(tmp_path: Path) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA))
    (serial,) = issue(authority, 1)
    with pytest.raises(RoadsealError) as caught:
        authority.revoke(serial, x509.ReasonFlags.remove_from_crl)
    assert caught.value.code == "pki-reason"


@pytest.mark.parametrize("request_", [b"", b"0", b"\x30\x00", bytes(5000)])
def test_a_hostile_ocsp_request_is_malformed(tmp_path: Path, request_: bytes) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA), "ecdsa-p256")
    response = ocsp.load_der_ocsp_response(authority.ocsp(request_))
    assert response.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_openssl_believes_our_ocsp_answer(tmp_path: Path) -> None:
    authority = make(
        open_store(tmp_path / "pki.db", SCHEMA),
        "ecdsa-p256",
        profile=load_profile("classical-2016"),
    )
    csr = certification_request(generate_key("ecdsa-p256"))
    issued = authority.issue(IssueRequest(csr, "rsu-1.example", "1"))
    leaf = x509.load_der_x509_certificate(issued.certificate)
    for name, one in (("leaf", leaf), ("ca", authority.chain[0]), ("root", authority.chain[1])):
        (tmp_path / f"{name}.pem").write_bytes(one.public_bytes(Encoding.PEM))

    def openssl(*arguments: str) -> str:
        at = ["-attime", str(NOW // 1_000_000 + 1_072_915_200 + 30)]
        run = ["openssl", "ocsp", "-issuer", "ca.pem", "-cert", "leaf.pem", *arguments]
        done = subprocess.run(
            [*run, *(at if "-respin" in run else [])],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout + done.stderr

    openssl("-reqout", "request.der")
    answer = authority.ocsp((tmp_path / "request.der").read_bytes())
    (tmp_path / "response.der").write_bytes(answer)
    said = openssl(
        "-respin",
        "response.der",
        "-CAfile",
        "root.pem",
        "-verify_other",
        "ca.pem",
        "-no_nonce",
        "-validity_period",
        "999999999",
    )
    assert "leaf.pem: good" in said
    assert "Response verify OK" in said


def test_shards_of_a_crl_partition_it(store: Store) -> None:
    authority = make(store)
    serials = issue(authority, 12)
    authority.revoke_many(serials[:7], x509.ReasonFlags.superseded)
    shards = [
        {entry.serial_number for entry in x509.load_der_x509_crl(authority.crl(shard=(n, 3)))}
        for n in range(3)
    ]
    whole = {entry.serial_number for entry in x509.load_der_x509_crl(authority.crl())}
    assert whole == {int(serial, 16) for serial in serials[:7]} == set().union(*shards)
    assert sum(map(len, shards)) == 7
    assert all(status_index(one) % 3 == n for n, shard in enumerate(shards) for one in shard)


def test_pkilint_finds_nothing_in_any_template(tmp_path: Path) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA))
    csr = certification_request(generate_key("ml-dsa-65"))
    names = ("rsu-1.example", "10.0.0.1", "https://rsu-1.example/")
    made = [
        authority.issue(IssueRequest(csr, "rsu-1.example", name, names, template=name))
        for name in TEMPLATES
        if name != "kem"
    ]
    encoded = [one.certificate for one in made]
    encoded += [one.public_bytes(Encoding.DER) for one in authority.chain]
    for one_der in encoded:
        found = [one for one in pkilint_findings(one_der) if one.severity in ("warning", "error")]
        assert found == []
        certificate = x509.load_der_x509_certificate(one_der)
        issuer = None if one_der == encoded[-1] else authority.chain[0]
        if one_der == encoded[-2]:
            issuer = authority.chain[1]
        assert list(lint(certificate, issuer)) == []


def test_pkilint_reads_or_refuses_anything() -> None:
    assert [one.severity for one in pkilint_findings(b"nonsense")] == ["fatal"]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("no dots and spaces",), "pki-name"),
        (("bücher.example",), "pki-name"),
        (("-leading.example",), "pki-name"),
        (("a.example", "a.example"), "pki-lint"),
        (("x" * 64 + ".example",), "pki-name"),
    ],
)
def test_bad_names_are_refused_before_anything_is_signed(
    tmp_path: Path, names: tuple[str, ...], code: str
) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA))
    csr = certification_request(generate_key("ml-dsa-65"))
    with pytest.raises(RoadsealError) as caught:
        authority.issue(IssueRequest(csr, "rsu-1.example", "1", names))
    assert caught.value.code == code
    assert authority.certificates() == []


def _issuer_hashes(issuer: x509.Certificate) -> tuple[bytes, bytes]:
    import hashlib

    from roadseal.operate.pki.signature import subject_public_key

    name = hashlib.sha256(issuer.subject.public_bytes()).digest()
    return name, hashlib.sha256(subject_public_key(issuer)).digest()
