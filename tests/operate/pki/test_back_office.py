"""Approvals, OCSP with openssl as the client, CRL shards, and lint by pkilint."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from roadseal.clock import ManualClock, parse_instant
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
from roadseal.operate.pki.approval import Action, approve, pending, set_roster, to_sign
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.lint import lint
from roadseal.operate.pki.pkilint_findings import pkilint_findings
from roadseal.operate.pki.revocation import BULK
from roadseal.operate.pki.serials import status_index
from roadseal.operate.pki.signer import SoftwareSigner
from roadseal.operate.pki.template import TEMPLATES
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
    ((action, nobody),) = pending(store, NOW)
    assert nobody == []
    assert '"kind":"revoke-many"' in action.text
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
    ((action, _),) = pending(store, NOW)
    with pytest.raises(RoadsealError) as caught:
        approve(store, Action.of(kind="other").digest, "ada", b"", NOW)
    assert caught.value.code == "pki-action"
    approve(store, action.digest, "ada", ada.sign(to_sign(action.digest)), NOW)
    later = type(NOW)(NOW + 8 * 86_400 * 1_000_000)
    with pytest.raises(RoadsealError):
        set_roster(store, {"ben": ben.public_key}, 1, later)
    set_roster(store, {"ben": ben.public_key}, 1, NOW)
    assert pending(store, NOW) == []


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
    for der in encoded:
        found = [one for one in pkilint_findings(der) if one.severity in ("warning", "error")]
        assert found == []
        certificate = x509.load_der_x509_certificate(der)
        issuer = None if der == encoded[-1] else authority.chain[0]
        if der == encoded[-2]:
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
