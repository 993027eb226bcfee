"""The protocols' codec against an independent one (asn1tools), and against noise."""

from __future__ import annotations

import os
import random
from functools import cache
from pathlib import Path

import asn1tools
import pytest
from europe_material import NOW, Europe, europe
from test_etsi_flows import ask, ask_ticket, enrolled
from test_us_flows import CAR, Field, field, period_of

from roadseal.operate.pki.v2x import dot2, etsi_types, us_types
from roadseal.operate.pki.v2x.attributes import read_verification_key, verification_key_value
from roadseal.operate.pki.v2x.coer import Choice, CoerError, Integer, Record, Type
from roadseal.operate.pki.v2x.ecies import open_with_certificate, open_with_key
from roadseal.operate.pki.v2x.lists import (
    Entry,
    RevocationList,
    TrustList,
    sign_revocation_list,
    sign_trust_list,
)
from roadseal.operate.pki.v2x.secured import read_signed
from roadseal.operate.pki.v2x.us_device import Caterpillar, pseudonym_request
from roadseal.v2x import SigningKey

HERE = Path(__file__).parent
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))


@cache
def oracle() -> asn1tools.compiler.Specification:
    modules = [HERE / "protocols.asn", HERE.parents[2] / "v2x/signed_data_2022.asn"]
    return asn1tools.compile_files([str(path) for path in modules], "oer")


def agree(name: str, octets: bytes) -> object:
    """Another codec reads the octets and writes the same again."""
    value = oracle().decode(name, octets)
    assert oracle().encode(name, value) == octets
    return value


@pytest.fixture
def eu(tmp_path: Path) -> Europe:
    return europe(tmp_path / "eu.db")


@pytest.fixture
def us(tmp_path: Path) -> Field:
    return field(tmp_path, per_period=1)


def test_another_codec_reads_enrolment_and_tickets(eu: Europe) -> None:
    ea, aa = eu.ea_keys, eu.aa_keys
    request = ask(eu)
    agree("Data", request.octets)
    opened = open_with_certificate(request.octets, ea.credential.digest, ea.decrypting)
    agree("Data", opened.plaintext)
    outer = read_signed(opened.plaintext)
    kind, _ = agree("EtsiData", outer.payload)["content"]
    assert kind == "enrolmentRequest"
    proof = read_signed(etsi_types.ETSI_DATA.decode(outer.payload)["content"][1])
    assert agree("InnerEcRequest", proof.payload)["itsId"] == b"rsu-0042"
    answer = open_with_key(eu.ea.handle(request.octets, NOW).answer, request.key).plaintext
    _, response = agree("EtsiData", read_signed(answer).payload)["content"]
    assert (response["responseCode"], "certificate" in response) == ("ok", True)
    ticket = ask_ticket(eu, enrolled(eu))
    opened = open_with_certificate(ticket.octets, aa.credential.digest, aa.decrypting)
    kind, inner = agree("EtsiData", read_signed(opened.plaintext).payload)["content"]
    assert (kind, inner["ecSignature"][0]) == ("authorizationRequest", "encryptedEcSignature")
    pending = eu.aa.request(ticket.octets, NOW)
    opened = open_with_certificate(pending.message, ea.credential.digest, ea.decrypting)
    agree("EtsiData", read_signed(opened.plaintext).payload)
    answer = eu.ea.handle(pending.message, NOW).answer
    opened = open_with_key(answer, pending._validation_key)
    _, confirmed = agree("EtsiData", read_signed(opened.plaintext).payload)["content"]
    assert confirmed["responseCode"] == "ok"
    answer = open_with_key(eu.aa.finish(pending, answer, NOW).answer, ticket.key).plaintext
    kind, _ = agree("EtsiData", read_signed(answer).payload)["content"]
    assert kind == "authorizationResponse"


def test_a_dual_key_in_a_request_is_written_as_documented() -> None:
    """docs/wire-format.md: index 8, one preamble octet, the point, the FN-DSA key."""
    algorithm = "ecdsa-p256+fn-dsa-512/pre1"
    key = SigningKey.generate(algorithm).public_key
    octets = dot2.PUBLIC_VERIFICATION_KEY.encode(verification_key_value(algorithm, key))
    point = bytes([0x80 | key[0]]) + key[1:33]
    assert octets == bytes.fromhex("888203a300") + point + key[33:]
    read = dot2.PUBLIC_VERIFICATION_KEY.decode(octets)
    assert read_verification_key(read) == (algorithm, key)
    off_curve = octets[:6] + b"\xff" * 32 + octets[38:]
    assert read_verification_key(dot2.PUBLIC_VERIFICATION_KEY.decode(off_curve)) is None


def test_another_codec_reads_lists_of_europe(eu: Europe) -> None:
    root = eu.root.credential
    lines = (
        Entry("ea", eu.ea_keys.certificate, "http://ea", "http://ea/its"),
        Entry("aa", eu.aa_keys.certificate, "http://aa"),
        Entry("dc", access_point="http://dc", certificates=(root.hashed_id8,)),
    )
    full = TrustList(255, True, NOW, lines)
    delta = TrustList(0, False, NOW, lines[:1], (root.hashed_id8, "http://dc"))
    rca = (Entry("rca", eu.root.certificate, successor_to=eu.root.certificate),)
    for contents in (full, delta, TrustList(1, True, NOW, rca, of_tlm=True)):
        payload = read_signed(sign_trust_list(contents, root, NOW)).payload
        _, value = agree("EtsiData", payload)["content"]
        assert value["ctlSequence"] == contents.sequence
    octets = sign_revocation_list(RevocationList(NOW, NOW, (bytes(8),)), root, NOW)
    _, value = agree("EtsiData", read_signed(octets).payload)["content"]
    assert value["entries"] == [bytes(8)]


def test_another_codec_reads_the_us_messages_and_lists(us: Field, monkeypatch) -> None:
    from roadseal.operate.pki.v2x import us_requests

    seen: list[bytes] = []
    monkeypatch.setattr(Record, "encode", keep(Record.encode, us_requests.SCMS_PDU, seen))
    enrolment = us.enrol("car-1", CAR)
    _, _, credentials = us.pseudonyms(enrolment, period_of(NOW))
    monkeypatch.undo()
    kinds = {agree("ScmsPdu", octets)["content"][1][0] for octets in seen}
    assert kinds == {
        "eeEcaCertRequest",
        "ecaEeCertResponse",
        "eeRaCertRequest",
        "raEeCertAck",
        "raAcaCertRequest",
        "acaEeCertResponse",
        "acaRaCertResponse",
        "eeRaDownloadRequest",
    }
    us.system.ma.revoke(credentials[0].certificate, NOW)
    for octets in (us.system.ma.linked_crl(NOW), us.system.ma.hash_crl(NOW)):
        agree("CrlContents", read_signed(octets).payload)
    sent = pseudonym_request(
        Caterpillar.generate(os.urandom),
        CAR,
        enrolment,
        us.system.keys["us-ra"].certificate,
        "implicit",
        NOW,
        os.urandom,
    )
    ra = us.system.keys["us-ra"]
    opened = open_with_certificate(sent.octets, ra.credential.digest, ra.decrypting)
    _, inner = agree("Data", opened.plaintext)["content"]
    agree("SignedRequest", inner)


def keep(encode, kind: Type, seen: list[bytes]):
    def wrapped(self, value):
        octets = encode(self, value)
        if self is kind:
            seen.append(octets)
        return octets

    return wrapped


TYPES = [
    one
    for module in (dot2, etsi_types, us_types)
    for one in vars(module).values()
    if isinstance(one, (Record, Choice))
]


def test_noise_is_refused_and_what_is_read_is_written_the_same(monkeypatch) -> None:
    draw = random.Random(10)
    read = 0
    other_editions: list[int] = []
    additions = Record._read_additions

    def watched(self, reader, value) -> None:
        start = reader.at
        additions(self, reader, value)
        bits = 8 * (reader.octets[start] - 1) - reader.octets[start + 1]
        if bits != len(self.additions):  # an edition with more or fewer additions writes so
            other_editions.append(bits)

    monkeypatch.setattr(Record, "_read_additions", watched)
    for _ in range(MUTANTS * 5):
        kind = draw.choice(TYPES)
        octets = bytes(draw.choice((0, 1, 2, 3, 128, 129, 130, 255)) for _ in range(40))
        for length in (5, 12, 40):
            other_editions.clear()
            try:
                value = kind.decode(octets[:length])
            except CoerError:
                continue
            read += 1
            if "#" in repr(value):  # what later editions add is read, not rewritten in place
                continue
            if other_editions:
                assert kind.decode(kind.encode(value)) == value
            else:
                assert kind.encode(value) == octets[:length]
    assert read > 0


@pytest.mark.parametrize("value", [0, 127, 128, -128, -129, 255, 256, 2**31, -(2**31)])
def test_integers_are_shortest(value: int) -> None:
    octets = Integer().encode(value)
    assert Integer().decode(octets) == value
    with pytest.raises(CoerError):
        Integer().decode(bytes([octets[0] + 1, 0 if value >= 0 else 255]) + octets[1:])


def test_nesting_is_bounded() -> None:
    octets = b"\x03\x80\x00"
    for _ in range(200):
        octets = b"\x03\x81\x00\x40" + octets + b"\x00\x01\x24" + b"\x82" + b"\x80\x80" + bytes(64)
    with pytest.raises(CoerError, match="deep"):
        dot2.DATA.decode(octets)
