"""Issuing, revoking and telling, on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from roadseal.clock import ManualClock, parse_instant
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.operate.pki import (
    SCHEMA,
    Authority,
    IssueRequest,
    StatusListVerdict,
    read_status_list,
)
from roadseal.operate.pki.keys import generate_key, signing_hash
from roadseal.operate.pki.signer import SoftwareSigner
from roadseal.operate.pki.tables import AUDIT
from roadseal.store import Store, open_store

NOW = parse_instant("2026-11-26T09:00:00")
PASSPHRASE = b"correct horse"


def csr(algorithm: str = "ml-dsa-65") -> bytes:
    key = generate_key(algorithm)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ignored")])
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .sign(key, signing_hash(key))
        .public_bytes(Encoding.DER)
    )


def make(store: Store, algorithm: str = "ml-dsa-65", log: EventLog | None = None) -> Authority:
    rest = {
        "algorithm": algorithm,
        "passphrase": PASSPHRASE,
        "profile": load_profile("hybrid-2026"),
        "clock": ManualClock(NOW),
        "emit": log or EventLog(),
    }
    root = Authority.create(store, "root", **rest)
    return Authority.create(store, "issuing", parent=root, **rest)


@pytest.fixture
def store(store_url: str) -> Store:
    return open_store(store_url, SCHEMA)


def request(key: str = "1", encoded: bytes | None = None) -> IssueRequest:
    return IssueRequest(encoded or csr(), f"rsu-{key}.example", key)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
def test_a_certificate_chains_to_its_root(tmp_path: Path, algorithm: str) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA), algorithm)
    leaf = x509.load_der_x509_certificate(authority.issue(request()).certificate)
    leaf.verify_directly_issued_by(authority.chain[0])
    authority.chain[0].verify_directly_issued_by(authority.chain[1])
    assert leaf.subject.rfc4514_string() == "CN=rsu-1.example"


def test_what_is_issued_survives_reopening_and_is_the_same_when_repeated(store: Store) -> None:
    log = EventLog()
    asked = request()
    first = make(store, log=log).issue(asked)
    again = Authority.open(
        store,
        "issuing",
        passphrase=PASSPHRASE,
        profile=load_profile("hybrid-2026"),
        clock=ManualClock(NOW),
        emit=log,
    )
    assert again.issue(asked) == first
    assert [event.kind for event in log.events].count("certificate.issued") == 1
    with pytest.raises(RoadsealError) as caught:
        again.issue(request("1"))
    assert caught.value.code == "pki-idempotency"


def test_revocation_reaches_status_list_and_crl(store: Store) -> None:
    authority = make(store)
    issued = authority.issue_many([request(str(number)) for number in range(9)])
    authority.revoke(issued[4].serial, x509.ReasonFlags.key_compromise)
    verdict, status = read_status_list(authority.publish_status(), "issuing", authority.public_key)
    assert verdict is StatusListVerdict.OK
    assert status
    assert [status.revoked(number) for number in range(10)] == [
        *[False] * 4,
        True,
        *[False] * 4,
        None,
    ]
    crl = x509.load_der_x509_crl(authority.crl())
    assert crl.is_signature_valid(authority.chain[0].public_key())  # type: ignore[arg-type]  # ML-DSA
    assert [entry.serial_number for entry in crl] == [int(issued[4].serial, 16)]
    assert len(authority.certificates()) == 8


def test_a_blocked_key_is_not_certified_again(store: Store) -> None:
    authority = make(store)
    encoded = csr()
    issued = authority.issue(request("1", encoded))
    authority.revoke(issued.serial, x509.ReasonFlags.key_compromise, block_key=True)
    with pytest.raises(RoadsealError) as caught:
        authority.issue(request("2", encoded))
    assert caught.value.code == "pki-key-blocked"


def test_a_key_blocked_while_it_is_signed_is_not_certified(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = make(store)
    encoded = csr()
    first = authority.issue(request("1", encoded))
    signer = authority._issuing._office.signer
    signing = signer.sign

    def meanwhile(*arguments: Any) -> bytes:
        signed = signing(*arguments)
        authority.revoke(first.serial, x509.ReasonFlags.key_compromise, block_key=True)
        return signed

    monkeypatch.setattr(signer, "sign", meanwhile)
    with pytest.raises(RoadsealError) as caught:
        authority.issue(request("2", encoded))
    assert caught.value.code == "pki-key-blocked"
    assert authority.certificates() == []  # the first is revoked, the second does not exist


def test_hostile_requests_are_refused(tmp_path: Path) -> None:
    authority = make(open_store(tmp_path / "pki.db", SCHEMA))
    good = csr()
    for encoded, code in (
        (b"", "pki-csr"),
        (good[:-1], "pki-csr"),
        (good[:-1] + bytes([good[-1] ^ 1]), "pki-possession"),
        (csr("ecdsa-p384"), "pki-key-profile"),
    ):
        with pytest.raises(RoadsealError) as caught:
            authority.issue(IssueRequest(encoded, "x", "x"))
        assert caught.value.code == code
    assert authority.certificates() == []


def test_a_changed_audit_entry_shows(store: Store) -> None:
    authority = make(store)
    authority.issue(request())
    assert authority.audit_holds()
    with store.writing() as connection:
        connection.execute(AUDIT.update().where(AUDIT.c.sequence == 2).values(entry=b"{}"))
    assert not authority.audit_holds()


def test_ten_thousand_identities_fit_in_five_kilobytes() -> None:
    import random

    from roadseal.operate.pki.status_list import StatusList, make_bitmap, sign_status_list

    revoked = random.Random(1).sample(range(10_000), 300)
    status = StatusList("a", 1, NOW, NOW, 10_000, make_bitmap(10_000, revoked))
    key = SoftwareSigner.generate("ml-dsa-65")
    encoded = sign_status_list(status, key)
    assert len(encoded) <= 5_000
    assert read_status_list(encoded, "a", key.public_key) == (StatusListVerdict.OK, status)


def test_no_mutant_of_a_status_list_is_taken() -> None:
    import random

    from roadseal.operate.pki.status_list import StatusList, make_bitmap, sign_status_list

    key = SoftwareSigner.generate("ecdsa-p256")
    encoded = sign_status_list(StatusList("a", 1, NOW, NOW, 99, make_bitmap(99, [3])), key)
    draw = random.Random(2)
    for _ in range(int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "300"))):
        mutant = bytearray(encoded[: draw.randrange(len(encoded)) if draw.random() < 0.3 else None])
        if mutant:
            mutant[draw.randrange(len(mutant))] ^= draw.randrange(1, 256)
        verdict, _ = read_status_list(bytes(mutant), "a", key.public_key)
        assert verdict is not StatusListVerdict.OK


_ISSUE_UNTIL_KILLED = """
    import sys
    from roadseal.clock import ManualClock
    from roadseal.crypto import load_profile
    from roadseal.events import EventLog
    from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
    from roadseal.store import open_store
    authority = Authority.open(
        open_store(sys.argv[1], SCHEMA), "issuing", passphrase=b"correct horse",
        profile=load_profile("hybrid-2026"), clock=ManualClock(int(sys.argv[2])), emit=EventLog(),
    )
    csr = bytes.fromhex(sys.argv[3])
    for number in range(100_000):
        print(authority.issue(IssueRequest(csr, "rsu", str(number))).serial, flush=True)
"""


def test_a_killed_authority_loses_and_doubles_nothing(store_url: str) -> None:
    store = open_store(store_url, SCHEMA)
    authority = make(store)
    encoded = csr()
    arguments = [store_url, str(NOW), encoded.hex()]
    told: list[str] = []
    for stop in (3, 5, 8):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_ISSUE_UNTIL_KILLED), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            serials = [process.stdout.readline().strip() for _ in range(stop)]
            process.send_signal(signal.SIGKILL)
        assert serials[: len(told)] == told  # repeated requests give what was told before
        told = serials
    kept = [issued.serial for issued in authority.certificates()]
    assert set(told) <= set(kept)
    assert len(kept) == len(set(kept))
    assert authority.audit_holds()
    with store.reading() as connection:
        issued = connection.scalar(
            sa.select(sa.func.count()).select_from(AUDIT).where(AUDIT.c.authority == "issuing")
        )
    assert issued == len(kept) + 1  # and the authority's own creation
