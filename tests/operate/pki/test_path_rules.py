"""Rules that other path validators are tested by, as cases of our own; each has its clause.

The rules were collected from C2SP's x509-limbo; its chains are not used.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random
import subprocess
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7
from test_path import (
    CA,
    DNS,
    ICA,
    KEYS,
    LEAF,
    MAIL,
    NOW,
    ROOT,
    RULES,
    alternative,
    exclude,
    ica,
    leaf,
    make,
    name,
    permit,
    policy,
    revocation,
    usage,
)
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.clock import ManualClock, from_datetime, to_datetime
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest, der
from roadseal.operate.pki.encodings import read_certificates
from roadseal.operate.pki.files import verify_file
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.path.validation import PathReason, validate_path
from roadseal.operate.pki.template import encode
from roadseal.operate.pki.tls_identity import certification_request
from roadseal.store import open_store

UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55738.666.1"), b"")
AIA = x509.AuthorityInformationAccess(
    [x509.AccessDescription(x509.AuthorityInformationAccessOID.CA_ISSUERS, DNS("x.example"))]
)
NO_SIGN = usage("crl_sign")


def root(*extensions: Any, **rest: Any) -> x509.Certificate:
    return make("root", "root", KEYS[0], KEYS[0], *extensions, **rest)


def sub(*extensions: Any, subject: str = "sub", **rest: Any) -> x509.Certificate:
    """An authority under the issuing one, with a key of its own."""
    return make(subject, "ica", KEYS[3], KEYS[1], *(extensions or CA), **rest)


def below_sub(*extensions: Any) -> x509.Certificate:
    return make("end", "sub", KEYS[2], KEYS[3], *extensions)


def length(limit: int) -> tuple[Any, ...]:
    return x509.BasicConstraints(ca=True, path_length=limit), CA[1]


def spliced(
    certificate: x509.Certificate, signer: ec.EllipticCurvePrivateKey, at: int, changed: bytes
) -> x509.Certificate:
    """`certificate` with another element in the TBSCertificate, signed again."""
    parts = der.elements(der.contents(certificate.tbs_certificate_bytes))
    parts[at] = changed
    body = der.sequence(*parts)
    algorithm = der.elements(der.contents(certificate.public_bytes(Encoding.DER)))[1]
    signature = signer.sign(body, ec.ECDSA(hashes.SHA256()))
    return x509.load_der_x509_certificate(der.sequence(body, algorithm, der.octet_bits(signature)))


def with_extensions(*encoded: bytes) -> x509.Certificate:
    """A leaf with extensions as they stand, whatever a builder would say."""
    whole = der.tlv(0xA3, der.sequence(*encoded))
    return spliced(leaf(alternative(DNS("a.road"))), KEYS[1], 7, whole)


NAMED = encode(alternative(DNS("a.road")))
RED, BLUE = DNS("red.example"), DNS("blue.example")
BAD_MAIL = MAIL._init_without_validation("a@b@x.org")
CASES: dict[str, tuple[list[x509.Certificate], x509.Certificate, x509.Certificate, PathReason]] = {
    # RFC 5280 §4.2: critical and unknown; §4.2.2.1: AIA is never critical
    "root-critical-unknown": (
        [ICA],
        LEAF,
        root(*CA, UNKNOWN),
        PathReason.UNKNOWN_CRITICAL_EXTENSION,
    ),
    "ica-critical-unknown": (
        [ica(*CA, UNKNOWN)],
        LEAF,
        ROOT,
        PathReason.UNKNOWN_CRITICAL_EXTENSION,
    ),
    "leaf-critical-aia": ([ICA], leaf(AIA), ROOT, PathReason.UNKNOWN_CRITICAL_EXTENSION),
    "extension-twice": ([ICA], with_extensions(NAMED, NAMED), ROOT, PathReason.MALFORMED),
    # §4.2.1.3 and §4.2.1.9: who may sign certificates
    "root-without-constraints": ([ICA], LEAF, root(CA[1]), PathReason.NOT_AN_AUTHORITY),
    "root-that-may-not-sign": ([ICA], LEAF, root(CA[0], NO_SIGN), PathReason.KEY_USAGE),
    "length-and-may-not-sign": ([ica(length(0)[0], NO_SIGN)], LEAF, ROOT, PathReason.KEY_USAGE),
    "leaf-without-usages": ([ICA], leaf(), ROOT, PathReason.OK),
    # §4.2.1.9: path length
    "leaf-is-an-authority": ([ica(*length(0))], sub(*length(0)), ROOT, PathReason.OK),
    "length-may-rise": ([ica(*length(1)), sub(*length(2))], below_sub(), ROOT, PathReason.OK),
    "length-broken": (
        [ica(*length(0)), sub(*length(0))],
        below_sub(),
        ROOT,
        PathReason.PATH_TOO_LONG,
    ),
    "self-issued-does-not-count": (
        [ica(*length(0)), make("ica", "ica", KEYS[3], KEYS[1], *length(0))],
        make("end", "ica", KEYS[2], KEYS[3]),
        ROOT,
        PathReason.OK,
    ),
    # §4.2.1.10: name constraints
    "constraints-in-a-leaf": ([ICA], leaf(permit(RED)), ROOT, PathReason.NAME_CONSTRAINTS),
    "authority-outside-those-of-the-root": (
        [ICA, sub(*CA, alternative(BLUE))],
        below_sub(alternative(RED)),
        root(*CA, x509.NameConstraints([RED], [BLUE])),
        PathReason.NAME_CONSTRAINTS,
    ),
    "constraints-narrow": (
        [ica(*CA, permit(RED, BLUE)), sub(*CA, permit(BLUE))],
        below_sub(alternative(RED)),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "constraints-do-not-widen": (
        [ica(*CA, permit(BLUE)), sub(*CA, permit(RED, BLUE))],
        below_sub(alternative(RED)),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "second-name-excluded": (
        [ica(*CA, exclude(DNS("bad.example")))],
        leaf(alternative(DNS("example"), DNS("a.bad.example"))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "a-name-that-begins-with-a-dot": (
        [ica(*CA, permit(RED))],
        leaf(alternative(DNS(".red.example"), DNS("a.red.example"))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "a-net-for-an-address": (
        [ica(*CA, permit(x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))))],
        leaf(alternative(x509.IPAddress(ipaddress.ip_network("192.0.2.0/24")))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "ipv6-excluded": (
        [ica(*CA, exclude(x509.IPAddress(ipaddress.ip_network("::1/128"))))],
        leaf(alternative(x509.IPAddress(ipaddress.ip_address("::1")))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "ipv4-in-ipv6-clothes": (
        [ica(*CA, permit(x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))))],
        leaf(alternative(x509.IPAddress(ipaddress.ip_address("::ffff:192.0.2.1")))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "wildcard-over-what-is-excluded": (
        [ica(*CA, exclude(DNS("sub.example")))],
        leaf(alternative(DNS("*.EXAMPLE"))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "wildcard-beside-what-is-excluded": (
        [ica(*CA, exclude(DNS("a.sub.example")))],
        leaf(alternative(DNS("*.example"))),
        ROOT,
        PathReason.OK,
    ),
    "every-mailbox-excluded": (
        [ica(*CA, exclude(MAIL._init_without_validation("")))],
        leaf(alternative(MAIL("a@x.org"))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "quoted-mailbox": (
        [ica(*CA, exclude(MAIL("foo@x.org")))],
        leaf(alternative(MAIL._init_without_validation('"\\f\\o\\o"@x.org'))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "dot-means-below": (
        [ica(*CA, permit(DNS(".red.example")))],
        leaf(alternative(RED)),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "mail-with-two-hosts": (
        [ica(*CA, permit(MAIL("x.org")))],
        leaf(alternative(BAD_MAIL)),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    "subject-counts-beside-the-alternative": (
        [ica(*CA, permit(x509.DirectoryName(name("other"))))],
        leaf(alternative(x509.DirectoryName(name("other")))),
        ROOT,
        PathReason.NAME_CONSTRAINTS,
    ),
    # §4.1.2: serial numbers, names, algorithms
    "root-with-serial-zero": (
        [ICA],
        LEAF,
        spliced(ROOT, KEYS[0], 1, b"\x02\x01\x00"),
        PathReason.OK,
    ),
    "serial-zero": (
        [ICA],
        spliced(LEAF, KEYS[1], 1, b"\x02\x01\x00"),
        ROOT,
        PathReason.MALFORMED,
    ),
    "serial-negative": (
        [ICA],
        spliced(LEAF, KEYS[1], 1, b"\x02\x01\xff"),
        ROOT,
        PathReason.MALFORMED,
    ),
    "serial-of-21-octets": (
        [ICA],
        spliced(LEAF, KEYS[1], 1, b"\x02\x15\x01" + bytes(20)),
        ROOT,
        PathReason.MALFORMED,
    ),
    "algorithms-differ": (
        [ICA],
        spliced(LEAF, KEYS[1], 2, der.sequence(der.object_identifier("1.2.840.10045.4.3.3"))),
        ROOT,
        PathReason.MALFORMED,
    ),
    "policy-twice": ([ICA], leaf(policy("1.2.3", "1.2.3")), ROOT, PathReason.MALFORMED),
}


@pytest.mark.parametrize("case", CASES)
def test_rule(case: str) -> None:
    between, certificate, anchor, reason = CASES[case]
    verdict = validate_path(certificate, between, [anchor], RULES)
    assert verdict.reason is reason, (verdict.reason, verdict.detail)


AKI = x509.AuthorityKeyIdentifier.from_issuer_public_key(KEYS[0].public_key())
ICA_AKI = x509.AuthorityKeyIdentifier.from_issuer_public_key(KEYS[1].public_key())
SKI = x509.SubjectKeyIdentifier.from_public_key(KEYS[1].public_key())
BASIC = encode(CA[0], critical=True)
MAY = [BASIC, encode(CA[1], critical=True), encode(AKI), encode(SKI)]
LIMITS = x509.PolicyConstraints(require_explicit_policy=9, inhibit_policy_mapping=None)


@pytest.mark.parametrize(
    ("extensions", "what"),
    [
        (MAY, None),
        ([*MAY[:2], MAY[3]], "4.2.1.1)"),
        (MAY[:3], "4.2.1.2)"),
        ([BASIC, *MAY[2:]], "4.2.1.3)"),
        ([encode(CA[0]), *MAY[1:]], "4.2.1.9)"),
        ([*MAY, encode(permit(DNS("road")))], "4.2.1.10)"),
        ([*MAY, encode(permit(DNS("road")), critical=True)], None),
        ([*MAY, encode(LIMITS)], "4.2.1.11)"),
        ([*MAY, encode(x509.InhibitAnyPolicy(9))], "4.2.1.14)"),
        ([*MAY, encode(alternative(DNS("a..b")))], "4.2.1.6)"),
        ([*MAY, encode(alternative())], "4.2.1.6)"),
    ],
)
def test_strict_refuses_what_no_conforming_authority_makes(
    extensions: list[bytes], what: str | None
) -> None:
    issuer = spliced(ICA, KEYS[0], 7, der.tlv(0xA3, der.sequence(*extensions)))
    certificate = with_extensions(NAMED, encode(ICA_AKI))
    anchor = spliced(ROOT, KEYS[0], 7, der.tlv(0xA3, der.sequence(*MAY[:2], encode(_ski(KEYS[0])))))
    assert validate_path(certificate, [issuer], [anchor], RULES).ok
    verdict = validate_path(certificate, [issuer], [anchor], replace(RULES, strict=True))
    assert verdict.reason is (PathReason.NONCONFORMING if what else PathReason.OK), verdict.detail
    assert what is None or what in verdict.detail


def _ski(key: Any) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def test_the_command_takes_strictness_and_a_purpose(tmp_path: Path) -> None:
    for file, one in (("leaf", LEAF), ("ica", ICA), ("root", ROOT)):
        (tmp_path / f"{file}.pem").write_bytes(one.public_bytes(Encoding.PEM))
    paths = [str(tmp_path / f"{file}.pem") for file in ("leaf", "ica", "root")]
    command = ["x509", "verify", paths[0], "--untrusted", paths[1], "--trust", paths[2], "--json"]
    command += ["--at", to_datetime(NOW).isoformat()]
    for options, reason in (
        ([], "ok"),
        (["--purpose", "server"], "ok"),  # it has no extended key usage, which allows all
        (["--strict"], "nonconforming"),
    ):
        done = CliRunner().invoke(app, [*command, *options])
        assert json.loads(done.stdout)[0]["reason"] == reason
    done = CliRunner().invoke(app, [*command, "--purpose", "cooking"])
    assert isinstance(done.exception, RoadsealError)


def test_what_we_issue_conforms(tmp_path: Path) -> None:
    common = {
        "passphrase": b"correct horse",
        "profile": load_profile("hybrid-2026"),
        "clock": ManualClock(NOW),
        "emit": EventLog(),
        "algorithm": "ml-dsa-65",
    }
    store = open_store(tmp_path / "pki.db", SCHEMA)
    parent = Authority.create(store, "root", **common)
    authority = Authority.create(store, "issuing", parent=parent, **common)
    csr = certification_request(generate_key("ml-dsa-65"))
    issued = authority.issue(IssueRequest(csr, "rsu-1.example", "1"))
    mine = x509.load_der_x509_certificate(issued.certificate)
    strict = replace(RULES, strict=True)
    assert validate_path(mine, authority.chain[:1], authority.chain[1:], strict).ok


@pytest.mark.parametrize("algorithm", ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
def test_ml_dsa_signs_and_does_nothing_else(algorithm: str) -> None:
    """RFC 9881 §5."""
    key, own = generate_key(algorithm), generate_key(algorithm)
    anchor = make("root", "root", key, key, *CA)
    san = alternative(DNS("a.road"))
    assert validate_path(make("x", "root", own, key, san), [], [anchor], RULES).ok
    impostor = generate_key(algorithm)
    forged = validate_path(make("x", "root", own, impostor, san), [], [anchor], RULES)
    assert forged.reason is PathReason.BAD_SIGNATURE
    for wrong in ("key_encipherment", "data_encipherment", "key_agreement"):
        odd = make("x", "root", own, key, san, usage("digital_signature", wrong))
        assert validate_path(odd, [], [anchor], RULES).reason is PathReason.KEY_USAGE


def test_an_expired_cross_sign_does_not_spoil_the_short_chain() -> None:
    """What happened to many on the last day of AddTrust's root."""
    old = make("old", "old", KEYS[3], KEYS[3], *CA)
    cross = make("root", "old", KEYS[0], KEYS[3], *CA, days=(-9, -1))
    for anchors in ([ROOT, old], [old, ROOT]):
        assert validate_path(LEAF, [cross, ICA], anchors, RULES).ok
    assert validate_path(LEAF, [cross, ICA], [old], RULES).reason is PathReason.EXPIRED


def test_authorities_that_sign_each_other_lead_nowhere() -> None:
    a, b = (
        make(one, two, KEYS[i], KEYS[5 - i], *CA) for i, one, two in ((2, "a", "b"), (3, "b", "a"))
    )
    end = make("end", "a", KEYS[1], KEYS[2])
    assert validate_path(end, [a, b], [ROOT], RULES).reason is PathReason.NO_ISSUER
    same = [make("a", "a", KEYS[2], KEYS[3], *CA), make("a", "a", KEYS[3], KEYS[2], *CA)]
    assert not validate_path(end, same, [ROOT], RULES).ok


def test_another_certificate_of_the_same_authority_is_tried() -> None:
    """§6.1 says nothing of names outside constraints in a chain that is not taken."""
    forbids = make("gate", "root", KEYS[3], KEYS[0], *CA, exclude(DNS("bad.example")))
    bad = make("twin", "gate", KEYS[1], KEYS[3], *CA, alternative(DNS("bad.example")))
    good = make("twin", "root", KEYS[1], KEYS[0], *CA)
    end = make("end", "twin", KEYS[2], KEYS[1], alternative(DNS("good.example")))
    verdict = validate_path(end, [forbids, bad], [ROOT], RULES)
    assert verdict.reason is PathReason.NAME_CONSTRAINTS
    for between in ([forbids, bad, good], [good, bad, forbids]):
        assert validate_path(end, between, [ROOT], RULES).ok


def test_validity_includes_its_first_and_its_last_second() -> None:
    """§4.1.2.5: from notBefore through notAfter, inclusive; times have whole seconds."""
    begin, end = LEAF.not_valid_before_utc, LEAF.not_valid_after_utc
    long = [ica(days=(-20, 20)), root(*CA, days=(-20, 20))]
    moment = timedelta(milliseconds=5)
    for at, reason in (
        (begin - moment, PathReason.NOT_YET_VALID),
        (begin, PathReason.OK),
        (end, PathReason.OK),
        (end + moment, PathReason.OK),
        (end + timedelta(seconds=1), PathReason.EXPIRED),
    ):
        rules = replace(RULES, at=from_datetime(at))
        assert validate_path(LEAF, long[:1], long[1:], rules).reason is reason, at


def crl(
    *extensions: tuple[x509.ExtensionType, bool],
    signer: Any = None,
    serials: tuple[int, ...] = (),
) -> x509.CertificateRevocationList:
    now = to_datetime(NOW)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name("ica"))
        .last_update(now - timedelta(hours=1))
        .next_update(now + timedelta(hours=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        builder = builder.add_revoked_certificate(
            entry.revocation_date(now - timedelta(hours=2)).build()
        )
    return builder.sign(signer or KEYS[1], hashes.SHA256())


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({}, PathReason.OK),
        ({"serials": (7, 7)}, PathReason.OK),
        ({"serials": (LEAF.serial_number,)}, PathReason.REVOKED),
        ({"signer": KEYS[3]}, PathReason.REVOCATION_UNKNOWN),
        ({"extensions": ((UNKNOWN, True),)}, PathReason.REVOCATION_UNKNOWN),
        ({"extensions": ((UNKNOWN, False),)}, PathReason.OK),
    ],
)
def test_a_list_counts_if_it_can_be_believed_and_understood(
    what: dict[str, Any], reason: PathReason
) -> None:
    """§5.2, §6.3.3."""
    rest = {key: value for key, value in what.items() if key != "extensions"}
    mine = crl(*what.get("extensions", ()), **rest)
    rules = replace(RULES, crls=[mine, revocation("root", KEYS[0])])
    assert validate_path(LEAF, [ICA], [ROOT], rules).reason is reason


def test_lengths_that_der_forbids_get_a_verdict() -> None:
    """BER in the place of DER: long lengths, no lengths, padding."""
    draw = random.Random(3)
    info = KEYS[2].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    indefinite = b"\x30\x80" + der.contents(info) + b"\x00\x00"
    long_form = b"\x30\x83\x00\x00" + bytes([len(der.contents(info))]) + der.contents(info)
    for odd in (indefinite, long_form, info + b"\x00", info[:-1]):
        try:
            certificate = spliced(LEAF, KEYS[1], 6, odd)
        except ValueError:
            continue
        assert not validate_path(certificate, [ICA], [ROOT], RULES).ok
    whole = LEAF.public_bytes(Encoding.DER)
    for _ in range(200):
        octets = bytearray(whole)
        octets[draw.randrange(len(octets))] ^= 1 << draw.randrange(8)
        try:
            certificate = x509.load_der_x509_certificate(bytes(octets))
        except ValueError:
            continue
        assert not validate_path(certificate, [ICA], [ROOT], RULES).ok


def test_years_after_2049_are_written_and_read() -> None:
    far = datetime(2080, 1, 1, tzinfo=UTC)
    days = (far - to_datetime(NOW)).days
    chain = [ica(days=(-1, days)), root(*CA, days=(-1, days))]
    rules = replace(RULES, at=from_datetime(far - timedelta(days=3)))
    assert validate_path(leaf(days=(-1, days)), chain[:1], chain[1:], rules).ok


_NO_UTF_8 = der.sequence(der.object_identifier("2.5.4.3"), der.tlv(0x0C, b"\xff\xfe"))
BROKEN_NAME = spliced(
    make("twin", "root", KEYS[1], KEYS[0], *CA),
    KEYS[0],
    5,
    der.sequence(der.tlv(der.SET, _NO_UTF_8)),
)


def test_what_cannot_be_read_spoils_no_other_chain() -> None:
    """Names that no library reads, and an extension that is none, in certificates at hand."""
    for broken in (BROKEN_NAME, with_extensions(NAMED, NAMED)):
        assert validate_path(LEAF, [broken, ICA], [ROOT], RULES).ok
        assert validate_path(broken, [ICA], [ROOT], RULES).reason is PathReason.MALFORMED
    twin = spliced(ICA, KEYS[0], 7, der.tlv(0xA3, der.sequence(NAMED, NAMED)))
    assert validate_path(LEAF, [twin], [ROOT], RULES).reason is PathReason.MALFORMED
    assert validate_path(LEAF, [twin, ICA], [ROOT], RULES).ok


def test_a_file_whose_names_cannot_be_read_gets_a_verdict(tmp_path: Path) -> None:
    file = tmp_path / "broken.der"
    file.write_bytes(BROKEN_NAME.public_bytes(Encoding.DER))
    found = verify_file(file, [], None, RULES)
    assert found.parsed
    assert found.verdict.reason is PathReason.MALFORMED


def test_certificates_are_found_in_every_usual_encoding(tmp_path: Path) -> None:
    """Each as openssl writes it, or as an editor leaves it."""
    pem, whole = LEAF.public_bytes(Encoding.PEM), LEAF.public_bytes(Encoding.DER)
    (tmp_path / "leaf.pem").write_bytes(pem)
    (tmp_path / "ica.pem").write_bytes(ICA.public_bytes(Encoding.PEM))

    def openssl(*arguments: str) -> bytes:
        return subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True
        ).stdout

    bundle = ("crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-certfile", "ica.pem")
    trusted = openssl("x509", "-in", "leaf.pem", "-trustout", "-addtrust", "serverAuth")
    assert b"TRUSTED" in trusted
    for encoded in (
        whole,
        pem,
        pem.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + pem,
        pem.decode().encode("utf-16"),
        b"Subject: a leaf\n" + pem + b"and more\n",
        pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        trusted,
        b"".join(pem.splitlines()[1:-1]),
        b64encode(whole),
    ):
        assert read_certificates(encoded) == [LEAF]
    for encoded in (openssl(*bundle), openssl(*bundle, "-outform", "DER")):
        assert set(read_certificates(encoded)) == {LEAF, ICA}
    for nothing in (b"", b"MIIB", pem[:200], b"\xff\xfe\x00", whole[:-1], trusted[:-60]):
        with pytest.raises(ValueError):  # noqa: PT011  # a verdict of `verify_file`
            read_certificates(nothing)


def test_the_roots_that_a_system_believes_hold_or_are_too_weak() -> None:
    """Those of Debian's ca-certificates: 0 as a serial number, and what else there is."""
    files = sorted(Path("/etc/ssl/certs").glob("*.pem"))
    if len(files) < 50:
        pytest.skip("no ca-certificates here")
    found = {one.name: verify_file(one, [], None, RULES) for one in files}
    odd = {
        name: one.verdict.reason
        for name, one in found.items()
        if one.verdict.reason not in (PathReason.OK, PathReason.EXPIRED, PathReason.NOT_YET_VALID)
        and one.algorithm != "sha1WithRSAEncryption"
    }
    assert odd == {}


def test_hostile_files_are_no_certificates_and_nothing_worse() -> None:
    draw = random.Random(5)
    pem, whole = LEAF.public_bytes(Encoding.PEM), LEAF.public_bytes(Encoding.DER)
    bundle = pkcs7.serialize_certificates([LEAF, ICA], Encoding.DER)
    armoured = pkcs7.serialize_certificates([LEAF, ICA], Encoding.PEM)
    seeds = [pem, whole, bundle, armoured, b64encode(whole), pem.decode().encode("utf-16")]
    seeds.append(pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"))
    for _ in range(int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))):
        octets = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 5)):
            at = draw.randrange(len(octets) + 1)
            octets[at : at + draw.randint(0, 3)] = draw.randbytes(draw.randint(0, 3))
        with suppress(ValueError):
            read_certificates(bytes(octets))


def test_every_certificate_of_another_librarys_vectors_gets_a_verdict() -> None:
    """The test vectors of pyca/cryptography, where they are installed."""
    vectors = pytest.importorskip("cryptography_vectors")
    files = [
        one
        for one in (Path(vectors.__file__).parent / "x509").rglob("*")
        if one.suffix in (".pem", ".der", ".crt", ".cer")
    ]
    verdicts = {one.name: verify_file(one, [], None, RULES) for one in files}
    assert len(files) > 500
    for file, reason in (
        ("invalid_utf8_common_name.pem", PathReason.MALFORMED),
        ("rsa_pss_cert_invalid_mgf.der", PathReason.MALFORMED_KEY),
        ("verisign_md2_root.pem", PathReason.UNKNOWN_ALGORITHM),
        ("root-ed25519.pem", PathReason.OK),
    ):
        assert verdicts[file].verdict.reason is reason
