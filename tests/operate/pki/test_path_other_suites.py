"""Rules that OpenSSL's, GnuTLS' and the BSI's tests of path validation hold others to.

Cases of our own, each with its clause; the chains of those suites are not used.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from test_path import (
    CA,
    DNS,
    ICA,
    KEYS,
    LEAF,
    ROOT,
    RULES,
    alternative,
    exclude,
    ica,
    leaf,
    make,
    revocation,
    usage,
)
from test_path_rules import NAMED, crl, spliced, with_extensions
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.errors import RoadsealError
from roadseal.operate.pki import der
from roadseal.operate.pki.encodings import read_certificates, read_lists
from roadseal.operate.pki.path.validation import PathReason, PathRules, validate_path
from roadseal.operate.pki.template import encode
from roadseal.operate.pki.trust_settings import distrusted_in

SERVER = replace(RULES, purpose=ExtendedKeyUsageOID.SERVER_AUTH)
CLIENT_ONLY = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
STRICT = replace(RULES, strict=True)


def reason(
    certificate: x509.Certificate,
    between: x509.Certificate = ICA,
    anchor: x509.Certificate = ROOT,
    rules: PathRules = RULES,
) -> PathReason:
    return validate_path(certificate, [between], [anchor], rules).reason


def test_an_authority_for_clients_makes_no_servers() -> None:
    """RFC 5280 §4.2.1.12: one of the purposes indicated, and no other."""
    anything = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    assert reason(LEAF, ica(*CA, CLIENT_ONLY)) is PathReason.OK
    assert reason(LEAF, ica(*CA, CLIENT_ONLY), rules=SERVER) is PathReason.EXTENDED_KEY_USAGE
    assert reason(LEAF, ica(*CA, anything), rules=SERVER) is PathReason.OK
    bound = make("root", "root", KEYS[0], KEYS[0], *CA, CLIENT_ONLY)
    assert reason(LEAF, anchor=bound, rules=SERVER) is PathReason.EXTENDED_KEY_USAGE


@pytest.mark.parametrize(
    ("settings", "server", "anything"),
    [
        (["-addtrust", "serverAuth"], True, True),
        (["-addtrust", "clientAuth"], False, True),
        (["-addtrust", "anyExtendedKeyUsage"], True, True),
        (["-addreject", "clientAuth"], True, True),
        (["-addreject", "serverAuth"], False, True),
        (["-addreject", "anyExtendedKeyUsage"], False, False),
        (["-addtrust", "serverAuth", "-addreject", "serverAuth"], False, True),
        (["-setalias", "of no weight"], True, True),
    ],
)
def test_trust_settings_of_openssl_are_kept(
    settings: list[str], server: bool, anything: bool, tmp_path: Path
) -> None:
    """A root that a system's bundle distrusts is there to be refused."""
    plain, marked, end = (tmp_path / one for one in ("plain.pem", "marked.pem", "end.pem"))
    plain.write_bytes(ROOT.public_bytes(Encoding.PEM))
    end.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (LEAF, ICA)))
    command = ["openssl", "x509", "-in", plain, "-out", marked, "-trustout", *settings]
    subprocess.run(command, check=True, capture_output=True)
    verify = ["x509", "verify", str(end), "--at", "2026-11-26T09:00:00Z", "--json", "--trust"]
    for purpose, holds in ((["--purpose", "server"], server), ([], anything)):
        done = CliRunner().invoke(app, [*verify, str(marked), *purpose])
        assert (done.exit_code == 0) is holds, done.output
        assert ("distrusted" in done.output) is not holds
        both = [*verify, str(plain), "--untrusted", str(marked), *purpose]
        assert (CliRunner().invoke(app, both).exit_code == 0) is holds


def test_trust_settings_that_are_none_are_an_error_and_nothing_worse() -> None:
    certificate = ROOT.public_bytes(Encoding.DER)
    for behind in (b"\x30\x05\x30", b"\x30\x80", b"\x04\x00", b"\x30\x02\x30\x09"):
        encoded = _armoured(certificate + behind)
        try:
            distrusted_in(encoded, None)
        except ValueError:
            continue


def _armoured(octets: bytes) -> bytes:
    from base64 import encodebytes

    label = b"TRUSTED CERTIFICATE-----\n"
    return b"-----BEGIN " + label + encodebytes(octets) + b"-----END " + label


PSS, MGF1 = (der.object_identifier(f"1.2.840.113549.1.1.{n}") for n in (10, 8))
SHA256 = der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1"), b"\x05\x00")
BOUND = der.sequence(
    der.tlv(0xA0, SHA256),
    der.tlv(0xA1, der.sequence(MGF1, SHA256)),
    der.tlv(0xA2, der.integer(32)),
)


def test_a_key_bound_to_pss_signs_only_as_it_is_bound() -> None:
    """RFC 4055 §§ 1.2 and 3.3: same hash, same mask, no shorter salt; never PKCS #1 v1.5."""
    key = rsa.generate_private_key(65537, 2048)
    raw = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bits = der.elements(der.contents(raw))[1]
    free, bound = (
        spliced(ICA, KEYS[0], 6, der.sequence(der.sequence(PSS, *parameters), bits))
        for parameters in ((), (BOUND,))
    )
    builder = (
        x509.CertificateBuilder(LEAF.issuer, LEAF.subject, KEYS[2].public_key(), 7)
        .not_valid_before(LEAF.not_valid_before_utc)
        .not_valid_after(LEAF.not_valid_after_utc)
    )

    def signed(digest: Any, salt: int | None) -> x509.Certificate:
        scheme = padding.PKCS1v15() if salt is None else padding.PSS(padding.MGF1(digest), salt)
        return builder.sign(key, digest, rsa_padding=scheme)

    for digest, salt, holds in (
        (hashes.SHA256(), 32, True),
        (hashes.SHA256(), 40, True),
        (hashes.SHA256(), 20, False),
        (hashes.SHA384(), 48, False),
        (hashes.SHA256(), None, False),
    ):
        expected = PathReason.OK if holds else PathReason.BAD_SIGNATURE
        assert reason(signed(digest, salt), bound) is expected, (digest.name, salt)
        expected = PathReason.OK if salt is not None else PathReason.BAD_SIGNATURE
        assert reason(signed(digest, salt), free) is expected, (digest.name, salt)


def test_a_curve_that_is_written_out_is_no_named_curve(tmp_path: Path) -> None:
    """RFC 5480 §2.1.1; what CVE-2020-0601 came of."""
    make_key = (
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
        "-pkeyopt ec_param_enc:explicit -out key.pem"
    )
    subprocess.run(make_key.split(), cwd=tmp_path, check=True, capture_output=True)
    show = "openssl pkey -in key.pem -pubout -outform DER"
    info = subprocess.run(show.split(), cwd=tmp_path, check=True, capture_output=True).stdout
    assert len(info) > 200
    assert reason(spliced(LEAF, KEYS[1], 6, info)) is PathReason.MALFORMED_KEY


def test_a_leaf_has_a_key_that_somebody_could_rely_on() -> None:
    short = rsa.generate_private_key(65537, 1024)
    assert reason(make("x", "ica", short, KEYS[1])) is PathReason.WEAK_ALGORITHM


@pytest.mark.parametrize(
    ("key", "named", "holds"),
    [
        (ed25519.Ed25519PrivateKey.generate(), ("digital_signature",), True),
        (ed25519.Ed25519PrivateKey.generate(), ("digital_signature", "key_agreement"), False),
        (ed25519.Ed25519PrivateKey.generate(), ("key_encipherment",), False),
        (x25519.X25519PrivateKey.generate(), ("key_agreement",), True),
        (x25519.X25519PrivateKey.generate(), ("key_agreement", "decipher_only"), True),
        (x25519.X25519PrivateKey.generate(), ("key_agreement", "digital_signature"), False),
        (x25519.X25519PrivateKey.generate(), ("key_encipherment",), False),
    ],
)
def test_keys_on_edwards_and_montgomery_curves_do_one_thing(
    key: Any, named: tuple[str, ...], holds: bool
) -> None:
    """RFC 9295 §3."""
    certificate = make("x", "ica", key, KEYS[1], usage(*named))
    assert reason(certificate) is (PathReason.OK if holds else PathReason.KEY_USAGE)


def test_a_critical_no_check_is_understood() -> None:
    """RFC 6960 §4.2.2.2.1: it should not be critical, and it is about OCSP."""
    assert reason(leaf(x509.OCSPNoCheck())) is PathReason.OK


FEATURE = der.sequence(  # a TLS feature (RFC 7633) that the library does not know
    der.object_identifier("1.3.6.1.5.5.7.1.24"),
    der.tlv(der.OCTET_STRING, der.sequence(der.integer(6))),
)
CRITICAL_FEATURE = der.sequence(*der.elements(der.contents(FEATURE))[:1], der.TRUE, FEATURE[-7:])
NO_AUTHORITY = der.sequence(
    der.object_identifier("2.5.29.19"),
    der.tlv(der.OCTET_STRING, der.sequence(b"\x01\x01\x00")),
)


def test_an_extension_that_nobody_asks_for_spoils_nothing() -> None:
    """RFC 5280 §4.2: not recognised and not critical is ignored; critical is not."""
    with pytest.raises(KeyError):
        _ = with_extensions(FEATURE).extensions
    assert reason(with_extensions(NAMED, FEATURE)) is PathReason.OK
    assert reason(with_extensions(FEATURE)) is PathReason.OK
    assert reason(with_extensions(NAMED, FEATURE, FEATURE)) is PathReason.MALFORMED
    assert reason(with_extensions(NAMED, CRITICAL_FEATURE)) is not PathReason.OK
    outside = ica(*CA, exclude(DNS("road")))
    assert reason(with_extensions(NAMED, FEATURE), outside) is PathReason.NAME_CONSTRAINTS


def test_a_leaf_may_write_out_that_it_is_no_authority_unless_we_are_strict() -> None:
    """X.690 §11.5 leaves the default away; the field does not."""
    certificate = with_extensions(NAMED, NO_AUTHORITY)
    with pytest.raises(ValueError, match="EncodedDefault"):
        _ = certificate.extensions
    assert reason(certificate) is PathReason.OK
    assert reason(certificate, rules=STRICT) is not PathReason.OK


def test_a_leaf_maps_no_policy_to_any_policy() -> None:
    """RFC 5280 §4.2.1.5; clause 6.1 would not look."""
    specific, any_policy = (der.object_identifier(one) for one in ("1.2.3.4", "2.5.29.32.0"))
    mapping = der.sequence(der.sequence(specific, any_policy))
    extension = der.sequence(
        der.object_identifier("2.5.29.33"), der.TRUE, der.tlv(der.OCTET_STRING, mapping)
    )
    assert reason(with_extensions(NAMED, extension)) is PathReason.MALFORMED


def test_names_times_constraints_have_an_end() -> None:
    trees = [DNS(f"{number}.example") for number in range(1100)]
    names = alternative(*(DNS(f"a.{number}.road") for number in range(1000)))
    between = ica(*CA, x509.NameConstraints(None, trees))
    assert reason(leaf(names), between) is PathReason.TOO_COMPLEX
    few = ica(*CA, x509.NameConstraints(None, trees[:1000]))
    assert reason(leaf(names), few) is PathReason.OK


def test_every_list_of_a_file_is_read() -> None:
    lists = [crl(serials=(number,)) for number in (7, 8)]
    encoded = b"text\n".join(one.public_bytes(Encoding.PEM) for one in lists)
    assert read_lists(encoded) == lists
    assert read_lists(lists[0].public_bytes(Encoding.DER)) == lists[:1]
    for hostile in (b"", b"-----BEGIN X509 CRL-----\nAA=\n-----END X509 CRL-----", b"\x30\x80"):
        with pytest.raises(ValueError):  # noqa: PT011 - which of many, the library says
            read_lists(hostile)


NUMBER = x509.CRLNumber(7)
SIGNER = x509.AuthorityKeyIdentifier.from_issuer_public_key(KEYS[1].public_key())


@pytest.mark.parametrize(
    ("extensions", "plain", "strict"),
    [
        (((NUMBER, False), (SIGNER, False)), PathReason.OK, PathReason.OK),
        (((NUMBER, False),), PathReason.OK, PathReason.REVOCATION_UNKNOWN),
        (((SIGNER, False),), PathReason.OK, PathReason.REVOCATION_UNKNOWN),
        (((NUMBER, True), (SIGNER, False)), PathReason.OK, PathReason.REVOCATION_UNKNOWN),
    ],
)
def test_strict_takes_no_list_that_no_conforming_authority_makes(
    extensions: Any, plain: PathReason, strict: PathReason
) -> None:
    """RFC 5280 §§ 5.2.1 and 5.2.3."""
    own = x509.SubjectKeyIdentifier.from_public_key(KEYS[1].public_key())
    kinds = (encode(CA[0], critical=True), encode(CA[1], critical=True), encode(own))
    anchor = make("ica", "ica", KEYS[1], KEYS[1], *CA)
    anchor = spliced(anchor, KEYS[1], 7, der.tlv(0xA3, der.sequence(*kinds)))
    end = with_extensions(NAMED, encode(SIGNER))
    for is_strict, expected in ((False, plain), (True, strict)):
        rules = replace(RULES, crls=[crl(*extensions)], strict=is_strict)
        assert validate_path(end, [], [anchor], rules).reason is expected


def test_a_list_that_cannot_be_read_spoils_no_other() -> None:
    good = revocation("ica", KEYS[1]), revocation("root", KEYS[0])
    whole = der.elements(der.contents(good[0].public_bytes(Encoding.DER)))
    odd = der.sequence(der.object_identifier("2.5.29.20"), der.tlv(der.OCTET_STRING, b"\x05\x00"))
    fields = der.elements(der.contents(whole[0]))
    body = der.sequence(*fields, der.tlv(0xA0, der.sequence(odd)))
    broken = x509.load_der_x509_crl(der.sequence(body, *whole[1:]))
    with pytest.raises(ValueError):  # noqa: PT011 - which of many, the library says
        _ = broken.extensions
    assert validate_path(LEAF, [ICA], [ROOT], replace(RULES, crls=[broken, *good])).ok
    alone = validate_path(LEAF, [ICA], [ROOT], replace(RULES, crls=[broken]))
    assert alone.reason is PathReason.REVOCATION_UNKNOWN


def verify(*arguments: object) -> tuple[int, list[dict[str, Any]]]:
    command = ["x509", "verify", "--at", "2026-11-26T09:00:00Z", "--json", *map(str, arguments)]
    done = CliRunner().invoke(app, command)
    return done.exit_code, json.loads(done.stdout)


def test_the_end_of_a_chain_is_found_in_any_order(tmp_path: Path) -> None:
    """A root that holds says nothing of the leaf that lies behind it."""
    bad = leaf(days=(-9, -1))
    root = tmp_path / "root.pem"
    root.write_bytes(ROOT.public_bytes(Encoding.PEM))
    for chain in ((ROOT, ICA, bad), (ICA, bad, ROOT), (bad, ROOT, ICA)):
        file = tmp_path / "chain.pem"
        file.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        code, (row,) = verify(file, "--trust", root)
        assert (code, row["subject"], row["certificates"]) == (1, "CN=leaf", 3)
        assert row["reason"] == "expired"
    roots = tmp_path / "roots.pem"
    roots.write_bytes(
        root.read_bytes() + make("other", "other", KEYS[3], KEYS[3], *CA).public_bytes(Encoding.PEM)
    )
    assert verify(roots, "--trust", root)[1][0]["subject"] == "CN=root"


def test_folders_stand_for_their_files(tmp_path: Path) -> None:
    trust, leaves = tmp_path / "trust", tmp_path / "leaves"
    for file, one in (
        (trust / "deep/root.pem", ROOT),
        (leaves / "ok.pem", LEAF),
        (leaves / "old.der", leaf(days=(-9, -1))),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        form = Encoding.DER if file.suffix == ".der" else Encoding.PEM
        file.write_bytes(one.public_bytes(form))
    (trust / "README").write_text("no certificate")
    (leaves / "key.pem").write_text("no certificate either")
    (tmp_path / "ica.pem").write_bytes(ICA.public_bytes(Encoding.PEM))
    code, rows = verify(leaves, "--trust", trust, "--untrusted", tmp_path / "ica.pem")
    assert code == 1
    assert {Path(row["file"]).name: row["reason"] for row in rows} == {
        "key.pem": "malformed",
        "ok.pem": "ok",
        "old.der": "expired",
    }


@pytest.mark.parametrize("at", ["", "tomorrow", "1764590400", "9999-12-31T23:59:59Z", "2026-13-01"])
def test_an_instant_that_is_none_is_an_error(at: str, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.public_bytes(Encoding.PEM))
    done = CliRunner().invoke(app, ["x509", "verify", str(tmp_path / "root.pem"), "--at", at])
    assert isinstance(done.exception, RoadsealError)


def test_what_is_no_der_is_named() -> None:
    """A critical FALSE that is written out, as the example of RFC 8410 §10.2 does."""
    name, value = der.elements(der.contents(encode(CA[1])))
    odd = der.sequence(name, b"\x01\x01\x00", value)
    whole = der.elements(der.contents(LEAF.public_bytes(Encoding.DER)))
    fields = der.elements(der.contents(whole[0]))[:-1]
    body = der.sequence(*fields, der.tlv(0xA3, der.sequence(odd)))
    with pytest.raises(ValueError, match=r"EncodedDefault.*critical"):
        read_certificates(der.sequence(body, *whole[1:]))
