"""Path validation: every rule broken once, by name."""

from __future__ import annotations

import ipaddress
import os
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from roadseal.clock import Time64, parse_instant, to_datetime
from roadseal.crypto import load_profile
from roadseal.operate.pki.encodings import read_certificates
from roadseal.operate.pki.keys import generate_key, signing_hash
from roadseal.operate.pki.path.validation import PathReason, PathRules, validate_path

NOW = parse_instant("2026-11-26T09:00:00")
RULES = PathRules(NOW)
KEYS = [generate_key("ecdsa-p256") for _ in range(4)]


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def usage(*names: str) -> x509.KeyUsage:
    fields = """digital_signature content_commitment key_encipherment data_encipherment
        key_agreement key_cert_sign crl_sign encipher_only decipher_only""".split()  # noqa: SIM905 - shorter
    return x509.KeyUsage(**{field: field in names for field in fields})


CA = (x509.BasicConstraints(ca=True, path_length=None), usage("key_cert_sign", "crl_sign"))


def make(
    subject: str,
    issuer: str,
    key: Any,
    signer: Any,
    *extensions: Any,
    days: tuple[int, int] = (-1, 9),
) -> x509.Certificate:
    now = to_datetime(NOW)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(random.getrandbits(100) + 1)
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(signer, signing_hash(signer))


ROOT = make("root", "root", KEYS[0], KEYS[0], *CA)
ICA = make("ica", "root", KEYS[1], KEYS[0], *CA)
LEAF = make("leaf", "ica", KEYS[2], KEYS[1], x509.SubjectAlternativeName([x509.DNSName("a.road")]))


def permit(*trees: Any) -> x509.NameConstraints:
    return x509.NameConstraints(permitted_subtrees=trees, excluded_subtrees=None)


def exclude(*trees: Any) -> x509.NameConstraints:
    return x509.NameConstraints(permitted_subtrees=None, excluded_subtrees=trees)


def alternative(*names: Any) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(names)


def policy(*identifiers: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in identifiers]
    )


def ica(*extensions: Any, **rest: Any) -> x509.Certificate:
    return make("ica", "root", KEYS[1], KEYS[0], *(extensions or CA), **rest)


def leaf(*extensions: Any, **rest: Any) -> x509.Certificate:
    return make("leaf", "ica", KEYS[2], KEYS[1], *extensions, **rest)


EXPLICIT = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
DNS, MAIL, URI = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier
NET = x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))
CASES = {
    "plain": (ICA, LEAF, PathReason.OK),
    "expired-leaf": (ICA, leaf(days=(-9, -1)), PathReason.EXPIRED),
    "future-leaf": (ICA, leaf(days=(1, 2)), PathReason.NOT_YET_VALID),
    "expired-ca": (ica(days=(-9, -1)), LEAF, PathReason.EXPIRED),
    "no-basic-constraints": (ica(CA[1]), LEAF, PathReason.NOT_AN_AUTHORITY),
    "not-a-ca": (
        ica(x509.BasicConstraints(ca=False, path_length=None)),
        LEAF,
        PathReason.NOT_AN_AUTHORITY,
    ),
    "no-cert-sign": (ica(CA[0], usage("digital_signature")), LEAF, PathReason.KEY_USAGE),
    "other-signer": (ICA, make("leaf", "ica", KEYS[2], KEYS[3]), PathReason.BAD_SIGNATURE),
    "orphan": (ICA, make("leaf", "nobody", KEYS[2], KEYS[1]), PathReason.NO_ISSUER),
    "critical-unknown": (
        ICA,
        leaf(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")),
        PathReason.UNKNOWN_CRITICAL_EXTENSION,
    ),
    "leaf-signs-certificates": (ICA, leaf(CA[1]), PathReason.KEY_USAGE),
    "nameless-authority": (
        make("", "root", KEYS[1], KEYS[0], *CA),
        make("leaf", "", KEYS[2], KEYS[1]),
        PathReason.MALFORMED,
    ),
    "nameless-leaf": (ICA, make("", "ica", KEYS[2], KEYS[1]), PathReason.MALFORMED),
    "named-by-alternative": (
        ICA,
        make("", "ica", KEYS[2], KEYS[1], alternative(DNS("a.road"))),
        PathReason.OK,
    ),
    "dns-inside": (ica(*CA, permit(DNS("road"))), LEAF, PathReason.OK),
    "dns-outside": (ica(*CA, permit(DNS("oad"))), LEAF, PathReason.NAME_CONSTRAINTS),
    "dns-excluded": (ica(*CA, exclude(DNS("a.road"))), LEAF, PathReason.NAME_CONSTRAINTS),
    "ip-inside": (
        ica(*CA, permit(NET)),
        leaf(alternative(x509.IPAddress(ipaddress.ip_address("10.1.1.1")))),
        PathReason.OK,
    ),
    "ip-outside": (
        ica(*CA, permit(NET)),
        leaf(alternative(x509.IPAddress(ipaddress.ip_address("11.1.1.1")))),
        PathReason.NAME_CONSTRAINTS,
    ),
    "mail-host": (
        ica(*CA, permit(MAIL("x.org"))),
        leaf(alternative(MAIL("a@x.org"))),
        PathReason.OK,
    ),
    "mail-subhost": (
        ica(*CA, permit(MAIL("x.org"))),
        leaf(alternative(MAIL("a@b.x.org"))),
        PathReason.NAME_CONSTRAINTS,
    ),
    "uri-final-dot": (
        ica(*CA, exclude(URI("evil.example"))),
        leaf(alternative(URI("https://evil.example./"))),
        PathReason.NAME_CONSTRAINTS,
    ),
    "uri-without-host": (
        ica(*CA, exclude(URI("evil.example"))),
        leaf(alternative(URI("urn:evil:1"))),
        PathReason.NAME_CONSTRAINTS,
    ),
    "uri-address": (
        ica(*CA, permit(URI("good.example"))),
        leaf(alternative(URI("https://10.0.0.1/"))),
        PathReason.NAME_CONSTRAINTS,
    ),
    "uri-inside": (
        ica(*CA, permit(URI(".good.example"))),
        leaf(alternative(URI("https://a.good.example:8443/x"))),
        PathReason.OK,
    ),
    "mail-final-dot": (
        ica(*CA, exclude(MAIL("evil.example"))),
        leaf(alternative(MAIL("a@evil.example."))),
        PathReason.NAME_CONSTRAINTS,
    ),
    "directory-outside": (
        ica(*CA, permit(x509.DirectoryName(name("other")))),
        LEAF,
        PathReason.NAME_CONSTRAINTS,
    ),
    "policy-present": (ica(*CA, policy("1.2.3"), EXPLICIT), leaf(policy("1.2.3")), PathReason.OK),
    "policy-other": (
        ica(*CA, policy("1.2.3"), EXPLICIT),
        leaf(policy("1.2.4")),
        PathReason.POLICY,
    ),
    "policy-absent": (ica(*CA, policy("1.2.3"), EXPLICIT), LEAF, PathReason.POLICY),
}


@pytest.mark.parametrize("case", CASES)
def test_rule(case: str) -> None:
    issuer, certificate, reason = CASES[case]
    verdict = validate_path(certificate, [issuer], [ROOT], RULES)
    assert verdict.reason is reason, verdict.detail


def test_path_length_counts_intermediates() -> None:
    short = ica(x509.BasicConstraints(ca=True, path_length=0), CA[1])
    below = make("sub", "ica", KEYS[3], KEYS[1], *CA)
    end = make("end", "sub", KEYS[2], KEYS[3])
    assert validate_path(end, [short, below], [ROOT], RULES).reason is PathReason.PATH_TOO_LONG
    assert validate_path(end, [ICA, below], [ROOT], RULES).ok


def test_another_chain_is_tried_when_one_breaks() -> None:
    assert validate_path(LEAF, [ica(days=(-9, -1)), ica(CA[1]), ICA], [ROOT], RULES).ok


def test_a_mesh_of_cross_signs_ends() -> None:
    mesh = [
        make(f"n{a}", f"n{b}", KEYS[a % 4], KEYS[b % 4], *CA) for a in range(10) for b in range(10)
    ]
    end = make("end", "n0", KEYS[2], KEYS[0])
    assert not validate_path(end, mesh, [ROOT], RULES).ok


def test_purpose_profile_and_revocation() -> None:
    client = leaf(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))
    for purpose, reason in (
        (ExtendedKeyUsageOID.CLIENT_AUTH, PathReason.OK),
        (ExtendedKeyUsageOID.SERVER_AUTH, PathReason.EXTENDED_KEY_USAGE),
    ):
        verdict = validate_path(client, [ICA], [ROOT], replace(RULES, purpose=purpose))
        assert verdict.reason is reason
    strict = replace(RULES, profile=load_profile("pqc-2030"))
    assert validate_path(LEAF, [ICA], [ROOT], strict).reason is PathReason.NOT_IN_PROFILE
    lists = [revocation("root", KEYS[0]), revocation("ica", KEYS[1], LEAF.serial_number)]
    assert (
        validate_path(LEAF, [ICA], [ROOT], replace(RULES, crls=lists)).reason is PathReason.REVOKED
    )
    assert validate_path(client, [ICA], [ROOT], replace(RULES, crls=lists)).ok
    forged = [lists[0], revocation("ica", KEYS[3])]
    verdict = validate_path(LEAF, [ICA], [ROOT], replace(RULES, crls=forged))
    assert verdict.reason is PathReason.REVOCATION_UNKNOWN
    later = replace(RULES, at=Time64(NOW + 2 * 86_400_000_000), crls=lists)
    assert validate_path(LEAF, [ICA], [ROOT], later).reason is PathReason.REVOCATION_UNKNOWN


def revocation(issuer: str, key: Any, *serials: int) -> x509.CertificateRevocationList:
    now = to_datetime(NOW)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name(issuer))
        .last_update(now)
        .next_update(now + timedelta(days=1))
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, signing_hash(key))


def test_an_ml_dsa_key_that_would_encipher_is_refused() -> None:
    key = generate_key("ml-dsa-44")
    bad = make("leaf", "ica", key, KEYS[1], usage("digital_signature", "key_encipherment"))
    assert validate_path(bad, [ICA], [ROOT], RULES).reason is PathReason.KEY_USAGE


def test_a_signature_is_made_of_whole_octets() -> None:
    """The library takes unused bits that are zero: the same signature in another certificate."""
    leaf = LEAF
    while leaf.signature[-1] & 1:
        leaf = make("leaf", "ica", KEYS[2], KEYS[1])
    encoded = bytearray(leaf.public_bytes(Encoding.DER))
    assert encoded[-len(leaf.signature) - 1] == 0
    encoded[-len(leaf.signature) - 1] = 1
    bent = read_certificates(bytes(encoded))[0]
    assert validate_path(leaf, [ICA], [ROOT], RULES).ok
    assert validate_path(bent, [ICA], [ROOT], RULES).reason is PathReason.BAD_SIGNATURE


@pytest.mark.filterwarnings("ignore:Parsed a", "ignore:Attribute's length")
def test_mutants_of_a_leaf_get_a_verdict() -> None:
    encoded = LEAF.public_bytes(Encoding.DER)
    draw = random.Random(3)
    for _ in range(int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "500"))):
        mutant = bytearray(encoded)
        for _ in range(draw.randrange(1, 4)):
            mutant[draw.randrange(len(mutant))] = draw.randrange(256)
        if mutant == encoded:
            continue
        try:
            certificate = read_certificates(bytes(mutant))[0]
        except ValueError:
            continue
        assert not validate_path(certificate, [ICA], [ROOT], RULES).ok
