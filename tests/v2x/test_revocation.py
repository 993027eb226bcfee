"""Revocation by linkage value and by hash within a scope; payloads that travel another way."""

from __future__ import annotations

import hashlib

import pytest
from pycrate_asn1dir import ITS_IEEE1609_2
from v2x_material import HEARD, authority, field_certificates, field_rows, field_verifier, message

from roadseal._core import (
    describe_certificate,
    encode_signed_data,
    encode_to_be_signed_data,
    signing_digest,
)
from roadseal.v2x import Credential, Duration, Header, Identification, SigningKey, service
from roadseal.v2x.certificate import CertificateContents, issue
from roadseal.v2x.testing import VEHICLE

AUTHORITY = authority("ecdsa-p256")
SCOPE, PERIOD, VALUE = (b"\x39\x69\x21", 1), 42, b"linkage#1"


def pseudonym() -> Credential:
    signer = SigningKey.generate("ecdsa-p256")
    contents = CertificateContents(
        start=AUTHORITY.start,
        duration=Duration.hours(1),
        app_permissions=VEHICLE,
        linkage=(PERIOD, VALUE),
        craca_id=SCOPE[0],
        crl_series=SCOPE[1],
    )
    certificate = issue(contents, signer.algorithm, signer.public_key, AUTHORITY.authorisation)
    return Credential(certificate, signer)


@pytest.mark.parametrize(
    ("scope", "period", "values", "expected"),
    [
        (SCOPE, PERIOD, [VALUE], "revoked"),
        (SCOPE, PERIOD, [b"linkage#0", VALUE], "revoked"),
        (SCOPE, PERIOD, [b"linkage#2"], "ok"),
        (SCOPE, PERIOD, [], "ok"),
        (SCOPE, PERIOD + 1, [VALUE], "ok"),
        ((SCOPE[0], 2), PERIOD, [VALUE], "ok"),
        ((b"\0\0\0", SCOPE[1]), PERIOD, [VALUE], "ok"),
    ],
)
def test_a_linkage_value_revokes_in_its_scope_and_period(scope, period, values, expected) -> None:
    verifier = AUTHORITY.verifier()
    verifier.revoke_linkage(scope, period, values)
    octets = message(pseudonym(), Identification.CERTIFICATE)
    assert verifier.verify(octets, at=HEARD).overall == expected


def test_a_certificate_that_is_known_already_is_revoked_all_the_same() -> None:
    verifier, sender = AUTHORITY.verifier(), pseudonym()
    assert verifier.verify(message(sender, Identification.CERTIFICATE), at=HEARD).ok
    verifier.revoke_linkage(SCOPE, PERIOD, [VALUE])
    assert verifier.verify(message(sender), at=HEARD).overall == "revoked"


def test_the_hash_of_a_list_counts_in_the_lists_scope() -> None:
    """On a field certificate: it names its CRACA and its series itself."""
    name, octets = next(iter(field_certificates().items()))
    tree = describe_certificate(octets)
    own = (bytes.fromhex(tree["cracaId"]), tree["crlSeries"])
    spdu = next(bytes.fromhex(r["spdu"]) for r in field_rows() if r["cert_hashedid8"] == name)
    for scope, expected in (
        (own, "revoked"),
        (None, "revoked"),
        ((own[0], own[1] + 1), "ok"),
        ((bytes(3), own[1]), "ok"),
    ):
        verifier = field_verifier()
        verifier.revoke(hashlib.sha256(octets).digest()[-10:], scope)
        assert verifier.verify(spdu).overall == expected, scope


def test_an_external_payload_is_its_hash() -> None:
    digest = hashlib.sha256(b"travels another way").digest()
    header = Header(psid=service.CAM, generation_time=HEARD)
    signed = encode_to_be_signed_data(digest, header, external_sha256=True)
    key = SigningKey.generate("ecdsa-p256")
    signature = key.sign(signing_digest("ecdsa-p256", signed))
    foreign = ITS_IEEE1609_2.Ieee1609Dot2.Ieee1609Dot2Data
    foreign.from_coer(encode_signed_data(signed, "ecdsa-p256", signature))
    payload = foreign.get_val()["content"][1]["tbsData"]["payload"]
    assert payload == {"extDataHash": ("sha256HashedData", digest)}
    with pytest.raises(ValueError, match="32 bytes"):
        encode_to_be_signed_data(b"short", header, external_sha256=True)
