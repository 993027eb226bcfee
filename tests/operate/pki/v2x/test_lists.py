"""Trust lists and revocation lists of TS 102 941: made, read, applied, and refused."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from other_form import is_other_form_of_r
from roadseal.clock import Time64
from roadseal.operate.pki.v2x.hierarchy import make_authority
from roadseal.operate.pki.v2x.lists import (
    Entry,
    RevocationList,
    TrustList,
    read_list,
    sign_revocation_list,
    sign_trust_list,
)
from roadseal.operate.pki.v2x.secured import sign_as
from roadseal.operate.pki.v2x.trust_state import TrustState
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Header,
    Identification,
    Policy,
    Reason,
    SigningKey,
    Verifier,
    issue,
    service,
    sign,
)
from roadseal.v2x.testing import VEHICLE

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))
NOW, WEEK = Time64(700_000_000_000_000), 7 * 24 * 3600 * 1_000_000
ROOT = make_authority("root", "root", "ecdsa-p256", NOW)
TLM = make_authority("tlm", "TLM", "ecdsa-p384", NOW)
EA = make_authority("ea", "EA", "ecdsa-p256", NOW, root=ROOT.credential)
AA = make_authority("aa", "AA", "ecdsa-p256", NOW, root=ROOT.credential)
LINES = (
    Entry("ea", EA.certificate, "http://ea/aa", "http://ea/its"),
    Entry("aa", AA.certificate, "http://aa"),
    Entry("dc", access_point="http://dc", certificates=(ROOT.credential.hashed_id8,)),
)
FULL = TrustList(7, True, Time64(NOW + WEEK), LINES)


@pytest.mark.parametrize("algorithm", ["ecdsa-brainpoolp384r1", "ml-dsa-65", "fn-dsa-512/pre1"])
def test_a_list_says_what_was_signed(algorithm: str) -> None:
    root = make_authority("root", "another", algorithm, NOW)
    delta = TrustList(8, False, FULL.next_update, (), (AA.credential.hashed_id8, "http://dc"))
    for contents in (FULL, delta):
        octets = sign_trust_list(contents, root.credential, NOW)
        verdict = read_list(octets, [root.certificate], NOW)
        assert (verdict.reason, verdict.contents) == (Reason.OK, contents)
        assert verdict.signer == root.credential.hashed_id8
        assert read_list(octets, [ROOT.certificate], NOW).reason is not Reason.OK


def test_the_trust_list_manager_vouches_for_roots() -> None:
    lines = (
        Entry("rca", ROOT.certificate, successor_to=ROOT.certificate),
        Entry("tlm", TLM.certificate, "http://tlm"),
    )
    contents = TrustList(255, True, Time64(NOW + WEEK), lines, of_tlm=True)
    octets = sign_trust_list(contents, TLM.credential, NOW)
    assert read_list(octets, [TLM.certificate], NOW).contents == contents
    state = TrustState().apply(contents)
    assert state.certificates("rca") == [ROOT.certificate]
    wrapped = state.apply(replace(contents, sequence=0, is_full=False, added=()))
    assert wrapped.sequence == 0


def test_a_list_of_what_its_signer_cannot_vouch_for_is_malformed() -> None:
    for contents, signer in (
        (replace(FULL, of_tlm=True), TLM),
        (replace(FULL, added=(Entry("rca", ROOT.certificate),)), ROOT),
        (replace(FULL, removed=("http://dc",)), ROOT),
    ):
        octets = sign_trust_list(contents, signer.credential, NOW)
        assert read_list(octets, [signer.certificate], NOW).reason is Reason.MALFORMED


def test_lists_of_others_and_for_other_services_do_not_hold() -> None:
    good = sign_trust_list(FULL, ROOT.credential, NOW)
    assert read_list(good, [], NOW).reason is Reason.UNTRUSTED_ROOT
    from roadseal.operate.pki.v2x.secured import read_signed

    payload = read_signed(good).payload
    wrong = sign_as(payload, service.CRL, NOW, ROOT.credential, Identification.CERTIFICATE)
    assert read_list(wrong, [ROOT.certificate], NOW).reason is Reason.PSID_NOT_PERMITTED
    below = sign_as(payload, service.CTL, NOW, AA.credential, Identification.CERTIFICATE)
    assert read_list(below, [ROOT.certificate], NOW).reason is Reason.PSID_NOT_PERMITTED


def test_age_is_told_and_order_is_kept() -> None:
    octets = sign_trust_list(FULL, ROOT.credential, NOW)
    assert not read_list(octets, [ROOT.certificate], NOW).is_stale
    late = read_list(octets, [ROOT.certificate], Time64(NOW + WEEK))
    assert (late.reason, late.is_stale) == (Reason.OK, True)
    state = TrustState().apply(FULL)
    assert state.apply(FULL) is None
    assert state.apply(replace(FULL, sequence=6)) is None
    assert state.apply(replace(FULL, sequence=20)).sequence == 20
    delta = TrustList(9, False, FULL.next_update, (), (AA.credential.hashed_id8,))
    assert state.apply(delta) is None  # 8 is missing
    assert TrustState().apply(delta) is None  # there is nothing to change
    after = state.apply(replace(delta, sequence=8))
    assert (after.certificates("aa"), after.certificates("ea")) == ([], [EA.certificate])


def test_a_list_of_the_circle_before_is_no_newer_one() -> None:
    """Rollback: 195 lists back, the sequence is 61 ahead."""
    state = TrustState().apply(replace(FULL, sequence=200, next_update=Time64(NOW + 400 * WEEK)))
    old = replace(FULL, sequence=5, next_update=NOW)
    assert state.apply(old) is None
    delta = replace(old, sequence=201, is_full=False)
    assert state.apply(delta).apply(replace(old, sequence=6)) is None
    assert state.apply(replace(old, next_update=Time64(NOW + 401 * WEEK))).sequence == 5


def test_when_a_list_was_signed_decides_what_is_older() -> None:
    """The sequence is one octet: 256 lists later, an old list has the number that is due."""
    state = TrustState().apply(replace(FULL, sequence=200), Time64(NOW + 9))
    gone = (AA.credential.hashed_id8,)
    delta = TrustList(201, False, Time64(NOW + 2 * WEEK), (), gone)
    assert state.apply(delta, Time64(NOW + 8)) is None  # of the circle before
    after = state.apply(delta, Time64(NOW + 10))
    assert after.certificates("aa") == []
    assert after.apply(replace(delta, sequence=203), Time64(NOW + 11)) is None  # a gap
    # Whoever missed half a circle takes the next full list, and a shorter period is no rollback.
    for sequence, next_update in ((60, NOW + 2 * WEEK), (202, NOW + 1)):
        full = replace(FULL, sequence=sequence, next_update=Time64(next_update))
        assert after.apply(full, Time64(NOW + 12)).certificates("aa") == [AA.certificate]
        assert after.apply(full, Time64(NOW + 9)) is None
    assert after.apply(replace(delta, sequence=201), Time64(NOW + 10)) is None  # once more


def test_a_list_says_when_it_was_signed() -> None:
    octets = sign_trust_list(FULL, ROOT.credential, Time64(NOW + 5))
    assert read_list(octets, [ROOT.certificate], Time64(NOW + 7)).signed_at == NOW + 5


def test_a_revoked_authority_is_refused_with_everything_it_issued() -> None:
    signer = SigningKey.generate("ecdsa-p256")
    contents = CertificateContents(
        start=NOW, duration=Duration.hours(1), app_permissions=VEHICLE[:1]
    )
    certificate = issue(contents, "ecdsa-p256", signer.public_key, AA.credential)
    header = Header(psid=service.CAM, generation_time=NOW + 1_000_000)
    ticket = Credential(certificate, signer)
    message = sign(b"CAM", header, ticket, Identification.CERTIFICATE)
    crl = RevocationList(NOW, Time64(NOW + WEEK), (AA.credential.hashed_id8,))
    verdict = read_list(sign_revocation_list(crl, ROOT.credential, NOW), [ROOT.certificate], NOW)
    assert (verdict.reason, verdict.contents) == (Reason.OK, crl)
    before = TrustState().apply(FULL)
    after = before.apply(verdict.contents)
    assert after.apply(crl) is None  # not a second time
    for state, expected in ((before, "ok"), (after, "revoked")):
        verifier = Verifier(Policy(), 1)
        verifier.add_root(ROOT.certificate)
        state.enter(verifier)
        assert verifier.verify(message, at=NOW + 1_000_000).overall == expected


def test_no_mutant_of_a_list_holds_or_raises() -> None:
    """But the same signature in its other form, of the list or of the certificate in it."""
    draw = random.Random(8)
    octets = sign_trust_list(FULL, ROOT.credential, NOW)
    for _ in range(MUTANTS):
        mutant = bytearray(octets)
        mutant[draw.randrange(len(mutant))] ^= 1 << draw.randrange(8)
        if read_list(bytes(mutant), [ROOT.certificate], NOW).reason is Reason.OK:
            assert is_other_form_of_r(octets, bytes(mutant))
    for length in range(0, len(octets), 7):
        assert read_list(octets[:length], [ROOT.certificate], NOW).reason is Reason.MALFORMED
