"""The trust list of the EU's L2 level, as its C-ITS point of contact published it in 2025.

From the tests of rasn (`standards/its/tests/data`, MIT/Apache-2.0): CE4CF6C19BFED720.oer is
`eu-l2-ectl.oer`, the same with certificates nested 150 deep is `eu-l2-ectl-nested.oer`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.v2x.lists import TrustList, read_list, sign_trust_list
from roadseal.operate.pki.v2x.secured import read_signed
from roadseal.operate.pki.v2x.trust_anchors import TrustAnchors
from roadseal.v2x import Policy, Reason, SigningKey, Verifier
from roadseal.v2x.certificate import Credential

SHARED = Path(__file__).resolve().parents[4].parent / "shared/data"
V2X = Path(os.environ.get("ROADSEAL_TESTDATA", SHARED)) / "v2x"
AT = Time64(669_386_122_000_000)
"""A second after it was signed."""


def material(name: str) -> bytes:
    path = V2X / name
    if not path.exists():
        pytest.skip(f"shared test data absent: v2x/{name} (set ROADSEAL_TESTDATA)")
    return path.read_bytes()


def test_the_ectl_of_the_eu_holds_and_names_the_roots() -> None:
    ectl, tlm = material("eu-l2-ectl.oer"), material("eu-l2-tlm.oer")
    verdict = read_list(ectl, [tlm], AT)
    assert (verdict.reason, verdict.is_stale) == (Reason.OK, False)
    contents = verdict.contents
    assert isinstance(contents, TrustList)
    assert (contents.sequence, contents.is_full, contents.of_tlm) == (1, True, True)
    assert [one.kind for one in contents.added] == ["rca", "rca", "tlm", "dc", "dc"]
    anchors, reason = TrustAnchors(tlm).hear(ectl, AT)
    assert reason is Reason.OK
    roots = [_core.describe_certificate(one) for one in anchors.manager.certificates("rca")]
    names = {"1_EU-ROOT-CA_L2", "3_Microsec-CCMS-RCA-2024_L2"}
    assert {one["id"]["name"] for one in roots} == names
    anchors.enter(Verifier(Policy(), 1))  # which checks the roots' signatures
    assert anchors.hear(ectl, AT)[1] is Reason.REPLAY
    half_a_year_later = Time64(AT + 180 * 24 * 3_600 * 1_000_000)
    assert read_list(ectl, [tlm], half_a_year_later).is_stale


def test_what_we_write_of_the_ectl_is_what_the_eu_wrote() -> None:
    ectl, tlm = material("eu-l2-ectl.oer"), material("eu-l2-tlm.oer")
    contents = read_list(ectl, [tlm], AT).contents
    assert isinstance(contents, TrustList)
    # The key is ours: of the list, the payload must be the same.
    signer = Credential(tlm, SigningKey.generate("ecdsa-brainpoolp384r1"))
    ours, theirs = read_signed(sign_trust_list(contents, signer, AT)), read_signed(ectl)
    assert ours is not None
    assert theirs is not None
    assert ours.payload == theirs.payload
    other = replace(contents, sequence=2)
    assert read_signed(sign_trust_list(other, signer, AT)).payload != theirs.payload


def test_no_octet_of_the_ectl_can_be_changed() -> None:
    ectl, tlm = material("eu-l2-ectl.oer"), material("eu-l2-tlm.oer")
    for at in range(0, len(ectl), 7):
        mutant = bytearray(ectl)
        mutant[at] ^= 0x10
        assert read_list(bytes(mutant), [tlm], AT).reason is not Reason.OK, at


def test_certificates_nested_without_end_are_malformed() -> None:
    nested, tlm = material("eu-l2-ectl-nested.oer"), material("eu-l2-tlm.oer")
    assert read_list(nested, [tlm], AT).reason is Reason.MALFORMED
