"""Lists below `--trust`: what they name is trusted, what they revoke is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from test_v2x_cli import rows, run

from roadseal.clock import Time64
from roadseal.events import EventLog
from roadseal.operate.pki.v2x import SCHEMA, Keyring, create_us, open_us
from roadseal.operate.pki.v2x.hierarchy import make_authority
from roadseal.operate.pki.v2x.lists import (
    Entry,
    RevocationList,
    TrustList,
    sign_revocation_list,
    sign_trust_list,
)
from roadseal.operate.pki.v2x.us_crl import Crl, hash_entry, sign_crl
from roadseal.store import open_store
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Header,
    Identification,
    Permission,
    SigningKey,
    issue,
    service,
    sign,
)
from roadseal.v2x.testing import VEHICLE

NOW, DAY = Time64(700_000_000_000_000), 24 * 3600 * 1_000_000
ROOT = make_authority("root", "root", "ecdsa-p256", NOW)
TLM = make_authority("tlm", "TLM", "ecdsa-p384", NOW)
AA = make_authority("aa", "AA", "ecdsa-p256", NOW, root=ROOT.credential)
DUE = Time64(NOW + 7 * DAY)


@pytest.fixture
def message(tmp_path: Path) -> Path:
    key = SigningKey.generate("ecdsa-p256")
    contents = CertificateContents(
        start=NOW, duration=Duration.hours(1), app_permissions=VEHICLE[:1]
    )
    certificate = issue(contents, "ecdsa-p256", key.public_key, AA.credential)
    header = Header(psid=service.CAM, generation_time=Time64(NOW + 60_000_000))
    file = tmp_path / "message"
    credential = Credential(certificate, key)
    file.write_bytes(sign(b"", header, credential, Identification.CERTIFICATE))
    return file


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    directory = tmp_path / "trust"
    directory.mkdir()
    (directory / "root").write_bytes(ROOT.certificate)
    return directory


def reason(message: Path, trust: Path, code: int) -> str:
    (row,) = rows("verify", message, "--trust", trust, code=code)
    return str(row["reason"])


def test_an_authority_of_a_trust_list_is_trusted(message: Path, trust: Path) -> None:
    assert reason(message, trust, 3) == "unknown_issuer"
    ctl = TrustList(1, True, DUE, (Entry("aa", AA.certificate, "http://aa"),))
    (trust / "ctl.hex").write_text(sign_trust_list(ctl, ROOT.credential, NOW).hex())
    assert reason(message, trust, 0) == "ok"
    assert "ctl.hex: names 1 aa" in run("verify", message, "--trust", trust).output


def test_a_revoked_authority_is_refused(message: Path, trust: Path) -> None:
    (trust / "aa").write_bytes(AA.certificate)
    assert reason(message, trust, 0) == "ok"
    crl = RevocationList(NOW, DUE, (AA.credential.hashed_id8,))
    (trust / "crl").write_bytes(sign_revocation_list(crl, ROOT.credential, NOW))
    assert reason(message, trust, 1) == "revoked"


def test_a_trust_list_manager_brings_its_roots_and_their_lists(message: Path, trust: Path) -> None:
    (trust / "root").write_bytes(TLM.certificate)
    ectl = TrustList(1, True, DUE, (Entry("rca", ROOT.certificate),), of_tlm=True)
    ctl = TrustList(1, True, DUE, (Entry("aa", AA.certificate, "http://aa"),))
    # Signed before the manager's list, and named before it.
    (trust / "a.ctl").write_bytes(sign_trust_list(ctl, ROOT.credential, NOW))
    (trust / "b.ectl").write_bytes(sign_trust_list(ectl, TLM.credential, Time64(NOW + 1_000_000)))
    assert reason(message, trust, 0) == "ok"


def test_lists_that_do_not_count_are_named_with_the_reason(message: Path, trust: Path) -> None:
    stranger = make_authority("root", "stranger", "ecdsa-p256", NOW)
    ctl = TrustList(1, True, DUE, (Entry("aa", AA.certificate, "http://aa"),))
    (trust / "foreign").write_bytes(sign_trust_list(ctl, stranger.credential, NOW))
    ectl = TrustList(1, True, DUE, (Entry("rca", stranger.certificate),), of_tlm=True)
    (trust / "usurped").write_bytes(sign_trust_list(ectl, ROOT.credential, NOW))
    delta = replace(ctl, sequence=9, is_full=False)
    (trust / "gap").write_bytes(sign_trust_list(delta, ROOT.credential, NOW))
    broken = bytearray(sign_trust_list(ctl, ROOT.credential, NOW))
    broken[-1] ^= 1
    (trust / "broken").write_bytes(broken)
    result = run("verify", message, "--trust", trust)
    assert result.exit_code == 3, "nobody vouches for the authority"
    for told in (
        "foreign: untrusted_root",
        "usurped: its signer may not say who is trusted there",
        "broken: bad_signature",
        "gap: it does not follow the list before it",
    ):
        assert told in result.output, result.output


def test_a_delta_counts_only_after_its_list(message: Path, trust: Path) -> None:
    full = TrustList(1, True, DUE, ())
    delta = TrustList(3, False, DUE, (Entry("aa", AA.certificate, "http://aa"),))
    (trust / "full").write_bytes(sign_trust_list(full, ROOT.credential, NOW))
    later = Time64(NOW + 1_000_000)
    (trust / "delta").write_bytes(sign_trust_list(delta, ROOT.credential, later))
    assert "delta: it does not follow" in run("verify", message, "--trust", trust).output
    follows = replace(delta, sequence=2)
    (trust / "delta").write_bytes(sign_trust_list(follows, ROOT.credential, later))
    assert reason(message, trust, 0) == "ok"


def test_an_american_list_revokes_too(tmp_path: Path, trust: Path) -> None:
    store = open_store(tmp_path / "us.db", SCHEMA)
    keyring = Keyring(store, lambda: b"correct horse", os.urandom)
    create_us(keyring, NOW)
    system = open_us(store, keyring, random=os.urandom, emit=EventLog())
    lister = system.ma.signer
    key = SigningKey.generate("ecdsa-p256")
    contents = CertificateContents(
        start=NOW,
        duration=Duration.hours(1),
        app_permissions=(Permission(service.BSM, b"\0\0", bitmap=False),),
        craca_id=lister.hashed_id8[-3:],
        crl_series=1,
    )
    issuer = system.keys["us-aca"].credential
    certificate = issue(contents, "ecdsa-p256", key.public_key, issuer)
    header = Header(psid=service.BSM, generation_time=Time64(NOW + 60_000_000))
    message = tmp_path / "bsm"
    credential = Credential(certificate, key)
    message.write_bytes(sign(b"", header, credential, Identification.CERTIFICATE))
    for number, each in enumerate((system.root, *system.intermediates)):
        (trust / str(number)).write_bytes(each)
    assert reason(message, trust, 0) == "ok"
    crl = Crl(1, lister.hashed_id8, NOW, DUE, 1, (hash_entry(certificate, DUE),))
    (trust / "crl").write_bytes(sign_crl(crl, lister, NOW))
    assert reason(message, trust, 1) == "revoked"
    elsewhere = replace(crl, series=2)
    (trust / "crl").write_bytes(sign_crl(elsewhere, lister, NOW))
    assert reason(message, trust, 0) == "ok"
    assert "crl: ssp_mismatch" in run("verify", message, "--trust", trust).output
