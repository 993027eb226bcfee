"""136 secured messages that a US pilot recorded: implicit certificates, R compressed."""

from __future__ import annotations

import gzip
from collections import Counter

import pytest
from pycrate_oracle import decode_message
from v2x_material import field_certificates, field_rows, field_verifier, material

from roadseal._core import describe_certificate, describe_message, find_messages

SIGNATURE_BYTES = 1 + 1 + 32 + 32


def spdus() -> list[bytes]:
    return [bytes.fromhex(row["spdu"]) for row in field_rows()]


def without_derived(tree: object) -> object:
    """A tree without what only Roadseal computes of a certificate."""
    if isinstance(tree, dict):
        derived = ("hashedId8", "bytes", "canonical")
        return {k: without_derived(v) for k, v in tree.items() if k not in derived}
    if isinstance(tree, list):
        return [without_derived(item) for item in tree]
    return tree


def test_every_one_verifies_under_the_recovered_key() -> None:
    verdicts = field_verifier().verify_batch(spdus())
    assert Counter(verdict.overall for verdict in verdicts) == {"ok": 136}
    for row, verdict, spdu in zip(field_rows(), verdicts, spdus(), strict=True):
        assert verdict.signer is not None
        assert verdict.payload is not None
        assert verdict.signer.hex() == row["cert_hashedid8"]
        assert (verdict.psid, verdict.generation_time) == (
            row["psid"],
            row["generationTime_us_tai2004"],
        )
        assert verdict.expiry_time == row["expiryTime"]
        assert verdict.payload[1] - verdict.payload[0] == row["payload_len"]
        assert verdict.with_certificate is (row["signer"] == "certificate")
        # The keys are pinned because the pilot's authority is not at hand: nothing is said of it.
        assert (verdict.signature, verdict.chain) == ("ok", None)
        assert spdu[verdict.payload[0] : verdict.payload[1]].hex() in row["spdu"]


@pytest.mark.parametrize(
    ("log", "count"), [("bsmTx_commsignia.gz", 33), ("rxMsg_commsignia_map.gz", 103)]
)
def test_every_one_is_found_again_in_its_log(log: str, count: int) -> None:
    raw = gzip.decompress(material("v2x", "us-field", log).read_bytes())
    found = [raw[at : at + length] for at, length in find_messages(raw)]
    expected = [bytes.fromhex(row["spdu"]) for row in field_rows() if row["src"] == log]
    assert len(expected) == count
    assert Counter(found) == Counter(expected)


def test_every_one_is_read_as_pycrate_reads_it() -> None:
    for spdu in spdus():
        assert without_derived(describe_message(spdu)) == decode_message(spdu)


def test_one_bit_of_the_parity_of_r_breaks_every_one() -> None:
    flipped = []
    for spdu in spdus():
        at = len(spdu) - SIGNATURE_BYTES + 1
        assert spdu[at] in (0x82, 0x83)
        flipped.append(spdu[:at] + bytes([spdu[at] ^ 1]) + spdu[at + 1 :])
    verdicts = field_verifier().verify_batch(flipped)
    assert Counter(verdict.overall for verdict in verdicts) == {"bad_signature": 136}


def test_the_other_s_is_the_same_message_and_so_a_replay() -> None:
    """(r, n − s) holds as well, with R mirrored: no second message can be made of it."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    verifier = field_verifier()
    for spdu in spdus():
        assert verifier.verify(spdu).ok
        s = order - int.from_bytes(spdu[-32:], "big")
        at = len(spdu) - SIGNATURE_BYTES + 1
        twin = spdu[:at] + bytes([spdu[at] ^ 1]) + spdu[at + 1 : -32] + s.to_bytes(32, "big")
        verdict = verifier.verify(twin)
        assert (verdict.signature, verdict.overall) == ("ok", "replay")


def test_nothing_verifies_under_the_other_stations_key() -> None:
    verifier = field_verifier()
    names = {row["cert_hashedid8"]: row["pubkey_uncompressed"] for row in field_rows()}
    for (name, _), (_, key) in zip(names.items(), reversed(names.items()), strict=True):
        verifier.pin(bytes.fromhex(name), "ecdsa-p256", bytes.fromhex(key))
    assert {v.overall for v in verifier.verify_batch(spdus())} == {"bad_signature"}


def test_the_certificates_are_implicit_and_named_by_their_hash() -> None:
    for name, octets in field_certificates().items():
        tree = describe_certificate(octets)
        assert (tree["hashedId8"], tree["type"], tree["canonical"]) == (name, "implicit", True)
