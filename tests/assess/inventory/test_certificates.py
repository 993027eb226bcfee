"""Certificates and keys that others made, by every tool at hand; what malformed ones still say."""

import base64
import hashlib
import os
import random
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from assess_scanning import READER, algorithms, material, mutants, read
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal import _core
from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.certificates.ieee1609 import carve
from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.collector import MAX_HITS
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Role
from roadseal.clock import Time64
from roadseal.events import EventLog
from roadseal.operate.pki.v2x import create_eu, open_eu
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.tables import SCHEMA
from roadseal.store import open_store

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000"))


def run(*command: str, cwd: Path, stdin: bytes = b"") -> bytes:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, check=True).stdout


def system_certificates() -> list[bytes]:
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if not bundle.exists():
        pytest.skip("no certificates on this system")
    return [
        one.public_bytes(Encoding.DER)
        for one in x509.load_pem_x509_certificates(bundle.read_bytes())
    ]


def test_the_outline_says_what_cryptography_says() -> None:
    for encoded in system_certificates():
        outline, peer = _core.certificate_outline(encoded), x509.load_der_x509_certificate(encoded)
        assert outline is not None
        assert outline.length == len(encoded)
        assert int(outline.serial or "", 16) == peer.serial_number
        assert outline.not_after == peer.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert outline.signature_oid == peer.signature_algorithm_oid.dotted_string
        assert outline.self_issued == (peer.subject == peer.issuer)
        key = peer.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            assert outline.key_bits == key.key_size
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
        assert outline.is_ca is True
        (finding, *_), _ = read("a.der", encoded)
        assert classify(finding.algorithms[0].name).bearing is Bearing.SHOR
        assert finding.algorithms[0].role is Role.TRUST_ANCHOR


@pytest.mark.parametrize("maker", ["bc", "ossl35"])
def test_every_file_of_the_hackathon_is_named(maker: str) -> None:
    """File names carry the object identifier of the algorithm, which we did not write."""
    archive = material("pki", "hackathon-r5", maker, "artifacts_certs_r5.zip")
    seen = 0
    with zipfile.ZipFile(archive) as files:
        for name in files.namelist():
            if not name.endswith((".der", ".pem")) or "ciphertext" in name:
                continue
            found, gaps = read(name, files.read(name))
            assert found, (name, gaps)
            assert not gaps, name
            # not read: the delta of a chameleon certificate, and composites of before draft 19
            if "/chameleon_" in name or "/composite_" in name:
                continue
            labels = re.findall(r"(\d+(?:\.\d+){4,})", name)
            assert {identifiers.from_oid(oid) for oid in labels} <= set(algorithms(found)), name
            seen += bool(labels)
    assert seen > 25


def test_rfc9881() -> None:
    folder = material("pki", "rfc9881")
    for level in (44, 65, 87):
        (certificate,), _ = read("c.crt", (folder / f"ML-DSA-{level}.crt").read_bytes())
        peer = x509.load_pem_x509_certificate((folder / f"ML-DSA-{level}.crt").read_bytes())
        assert isinstance(peer.public_key(), (mldsa.MLDSA44PublicKey, mldsa.MLDSA65PublicKey,
                                              mldsa.MLDSA87PublicKey))  # fmt: skip
        assert {use.name for use in certificate.algorithms} == {f"ml-dsa-{level}"}
        for form in ("seed", "expanded", "both"):
            (key,), _ = read("k", (folder / f"ML-DSA-{level}-{form}.priv").read_bytes())
            assert [use.name for use in key.algorithms] == [f"ml-dsa-{level}"]
            assert key.facts["form"] == form
            assert "defects" not in key.facts
    (key,), _ = read("k", (folder / "bad-ML-DSA-44-1.priv").read_bytes())
    assert key.facts["defects"] == "its seed makes another key"
    assert key.confidence < 1


@pytest.mark.parametrize("maker", ["bc", "ossl35"])
def test_the_forms_of_private_keys_of_others_are_told_and_agree(maker: str) -> None:
    archive = material("pki", "hackathon-r5", maker, "artifacts_certs_r5.zip")
    forms: dict[str, int] = {}
    with zipfile.ZipFile(archive) as files:
        for name in files.namelist():
            stem = name.rsplit("/", 1)[-1]
            if not stem.startswith(("ml-dsa", "ml-kem")) or not stem.endswith("_priv.der"):
                continue
            encoded = files.read(name)
            (key,), _ = read(stem, encoded)
            assert "form" in key.facts, stem
            form = str(key.facts["form"])
            forms[form] = forms.get(form, 0) + 1
            assert f"_{form}" in stem
            assert "defects" not in key.facts
            if form == "seed":
                continue
            if form == "both" or stem.startswith("ml-kem"):
                changed = bytearray(encoded)
                changed[_within(encoded, stem)] ^= 1
                (other,), _ = read(stem, bytes(changed))
                assert other.facts["defects"], stem
    assert forms.keys() == {"seed", "expanded", "both"}


def _within(encoded: bytes, stem: str) -> int:
    """An octet that a check looks at: of z or the public key's digest, or of rho."""
    if stem.startswith("ml-kem"):
        return len(encoded) - 40
    sizes = {"44": 2560, "65": 4032, "87": 4896}
    return len(encoded) - sizes[stem[7:9]] + 5


def test_every_etsi_certificate_is_read_and_found_again_in_a_bundle() -> None:
    folder = material("v2x", "etsi-ts-its")
    files = sorted(folder.rglob("*.oer"))
    assert len(files) == 105
    for file in files:
        (found,), gaps = read(file.name, file.read_bytes())
        assert not gaps
        assert all(classify(use.name).bearing is Bearing.SHOR for use in found.algorithms)
    rng = random.Random(3)
    bundle, places = b"", []
    for file in files:
        bundle += rng.randbytes(rng.randrange(0, 9)).replace(b"\x80", b"\x81").replace(b"\0", b"\1")
        places.append((len(bundle), file.read_bytes()))
        bundle += file.read_bytes()
    assert list(carve(bundle)) == places


def test_the_european_trust_list_manager() -> None:
    (found,), _ = read("tlm.oer", material("v2x", "eu-l2-tlm.oer").read_bytes())
    assert found.algorithms[0].name == "ecdsa-brainpoolp384r1"
    assert found.algorithms[0].role is Role.TRUST_ANCHOR


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("genrsa 2048", "rsa-2048"),
        ("genrsa -traditional 1024", "rsa-1024"),
        ("ecparam -name prime256v1 -genkey -noout", "ec-p256"),
        ("ecparam -name brainpoolP384r1 -genkey -noout", "ec-brainpoolp384r1"),
        ("ecparam -name prime256v1 -genkey -noout -param_enc explicit", "ec-p256"),
        ("genpkey -algorithm ED25519", "ed25519"),
        ("genpkey -algorithm X25519", "x25519"),
        ("genpkey -algorithm ED448", "ed448"),
    ],
)
def test_private_keys_of_openssl(tmp_path: Path, command: str, expected: str) -> None:
    pem = run("openssl", *command.split(), cwd=tmp_path)
    (tmp_path / "k").write_bytes(pem)
    for form in ("PEM", "DER"):
        data = run("openssl", "pkey", "-in", "k", "-outform", form, cwd=tmp_path)
        every, gaps = read("key", data)
        (found,) = [one for one in every if one.collector.startswith("certificate/")]
        assert not gaps
        assert [use.name for use in found.algorithms] == [expected]
        assert found.facts["encrypted"] is False
    (found, *_), _ = read("key", pem)
    assert expected in algorithms([found])
    public = run("openssl", "pkey", "-in", "k", "-pubout", "-outform", "DER", cwd=tmp_path)
    found = read("key", public)[0][0]
    assert [use.name for use in found.algorithms] == [expected]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-v2 aes-256-cbc -v2prf hmacWithSHA512", ["pbkdf2-sha-512", "aes-256-cbc"]),
        ("-v2 des3 -v2prf hmacWithSHA1", ["pbkdf2-sha-1", "3des-cbc"]),
        ("-scrypt", ["scrypt", "aes-256-cbc"]),
        ("-v1 PBE-SHA1-3DES", ["3des-cbc"]),
    ],
)
def test_encrypted_keys(tmp_path: Path, options: str, expected: list[str]) -> None:
    (tmp_path / "k").write_bytes(run("openssl", "genpkey", "-algorithm", "ED25519", cwd=tmp_path))
    data = run("openssl", "pkcs8", "-topk8", "-in", "k", "-passout", "pass:x", *options.split(),
               cwd=tmp_path)  # fmt: skip
    (found,), _ = read("key", data)
    assert [use.name for use in found.algorithms] == expected
    assert found.facts["encrypted"] is True


def test_requests_lists_and_bundles_of_openssl(tmp_path: Path) -> None:
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c",
        "-subj", "/CN=a,b", "-sigopt", "rsa_padding_mode:pss", "-sha384", cwd=tmp_path)  # fmt: skip
    (certificate,), _ = read("c", (tmp_path / "c").read_bytes())
    assert algorithms([certificate]) == ["rsa-2048", "rsa-pss-sha-384"]
    assert certificate.title == r"CN=a\,b"
    request = run("openssl", "req", "-new", "-key", "k", "-subj", "/CN=x", "-outform", "DER",
                  cwd=tmp_path)  # fmt: skip
    (found,), _ = read("r.csr", request)
    assert algorithms([found]) == ["rsa-2048", "rsa-pkcs1-sha-256"]
    bundle = run("openssl", "crl2pkcs7", "-nocrl", "-certfile", "c", cwd=tmp_path)
    (found,), _ = read("b.p7b", bundle)
    assert algorithms([found]) == ["rsa-2048", "rsa-pss-sha-384"]
    (tmp_path / "index").write_text("")
    (tmp_path / "conf").write_text("[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\n")
    crl = run("openssl", "ca", "-gencrl", "-config", "conf", "-keyfile", "k", "-cert", "c",
              "-crldays", "9", cwd=tmp_path)  # fmt: skip
    (found,), _ = read("l.crl", crl)
    assert algorithms([found]) == ["rsa-pkcs1-sha-256"]
    run("openssl", "pkcs12", "-export", "-in", "c", "-inkey", "k", "-out", "p", "-passout",
        "pass:x", "-certpbe", "NONE", cwd=tmp_path)  # fmt: skip
    found_, _ = read("p.p12", (tmp_path / "p").read_bytes())
    assert {"aes-256-cbc", "pkcs12-kdf-sha-256", "rsa-2048"} <= set(algorithms(found_))


def test_keystore_of_keytool(tmp_path: Path) -> None:
    run("keytool", "-genkeypair", "-keyalg", "EC", "-groupname", "secp384r1", "-alias", "a",
        "-keystore", "s.jks", "-storetype", "JKS", "-storepass", "changeit", "-keypass", "changeit",
        "-dname", "CN=device", cwd=tmp_path)  # fmt: skip
    found, gaps = read("s.jks", (tmp_path / "s.jks").read_bytes())
    assert not gaps
    assert {"jks-digest", "jks-keyprotector", "ecdsa-p384", "ecdsa-sha-384"} == set(
        algorithms(found)
    )
    data = (tmp_path / "s.jks").read_bytes()
    assert any(gap.cause is Cause.UNREADABLE for gap in read("s.jks", data[:-200])[1])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("rsa2048", {"rsa-2048"}), ("ed25519/cert,sign+cv25519/encr", {"ed25519", "x25519"})],
)
def test_keys_of_gpg(tmp_path: Path, kind: str, expected: set[str]) -> None:
    home = tmp_path / "h"
    home.mkdir(mode=0o700)
    gpg = (
        "gpg",
        "--homedir",
        str(home),
        "--batch",
        "--passphrase",
        "",
        "--pinentry-mode",
        "loopback",
    )
    first, _, second = kind.partition("+")
    run(
        *gpg,
        "--quick-generate-key",
        "a@example.org",
        first.split("/")[0],
        "cert,sign",
        cwd=tmp_path,
    )
    if second:
        listing = run(*gpg, "--with-colons", "--list-keys", cwd=tmp_path).decode()
        print_ = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
        run(*gpg, "--quick-add-key", print_, "cv25519", "encr", cwd=tmp_path)
    for form in ((), ("--armor",)):
        public = run(*gpg, *form, "--export", cwd=tmp_path)
        assert set(algorithms(read("k.gpg", public)[0])) == expected
        secret = run(*gpg, *form, "--export-secret-keys", cwd=tmp_path)
        found, _ = read("k.gpg", secret)
        assert expected <= set(algorithms(found))
        assert all("key_id" in one.facts for one in found)
    ring = home / "pubring.kbx"
    assert expected == set(algorithms(read("pubring.kbx", ring.read_bytes())[0]))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("rsa", "rsa-2048"), ("ecdsa", "ecdsa-p256"), ("ed25519", "ed25519")],
)
def test_keys_of_openssh(tmp_path: Path, kind: str, expected: str) -> None:
    bits = ("-b", "2048") if kind == "rsa" else ()
    run("ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-f", "id", cwd=tmp_path)
    (private,), _ = read("id", (tmp_path / "id").read_bytes())
    assert algorithms([private]) == [expected]
    line = (tmp_path / "id.pub").read_text()
    lines = f'# {line}from="10.0.0.0/8",no-pty {line}host.example {line}\n'
    found, _ = read("authorized_keys", lines.encode())
    assert [one.location.line for one in found] == [2, 3]
    assert algorithms(found) == [expected] * 2
    listed = run("ssh-keygen", "-l", "-f", "id.pub", cwd=tmp_path).decode().split()[1]
    assert {one.facts["fingerprint"] for one in found} == {listed}
    run("ssh-keygen", "-q", "-p", "-f", "id", "-N", "secret", "-Z", "aes256-gcm@openssh.com",
        cwd=tmp_path)  # fmt: skip
    (locked,), _ = read("id", (tmp_path / "id").read_bytes())
    assert algorithms([locked]) == [expected, "aes-256-gcm", "bcrypt"]


def test_a_malformed_certificate_is_read_as_far_as_it_goes() -> None:
    encoded = bytearray(system_certificates()[0])
    for damage in (encoded[:-300], encoded + b"trailing", encoded[: len(encoded) // 2]):
        found, _ = read("a.der", bytes(damage))
        assert found, len(damage)
        assert found[0].facts["issuer"]
    found, _ = read("a.der", bytes(encoded[:-300]))
    assert "defects" in found[0].facts
    assert found[0].confidence < 1


def test_a_bundle_of_more_than_the_matcher_keeps_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(run("openssl", "genpkey", "-algorithm", "ED25519", cwd=tmp_path))
    block = run("openssl", "pkey", "-in", "k", "-pubout", cwd=tmp_path)
    found, gaps = read("many.pem", block * (MAX_HITS + 50))
    assert not gaps
    assert len(found) == MAX_HITS + 50
    assert found[-1].location.line == (MAX_HITS + 49) * 3 + 1


def test_lists_and_requests_of_our_own_authorities_are_named(tmp_path: Path) -> None:
    store = open_store(tmp_path / "eu.db", SCHEMA)
    keyring = Keyring(store, lambda: b"correct horse", os.urandom)
    now = Time64(700_000_000_000_000)
    create_eu(keyring, now)
    eu = open_eu(store, keyring, random=os.urandom, emit=EventLog())
    lists = {
        "certificate trust list": eu.ctl(now, "http://x"),
        "certificate revocation list": eu.crl(now),
    }
    for what, encoded in lists.items():
        found, gaps = read("a.bin", encoded)
        assert not gaps
        assert f"IEEE 1609.2 {what}" in {one.title for one in found}
        cut, gaps = read("a.bin", encoded[: len(encoded) * 2 // 3])
        assert len(cut) < len(found)
        assert [gap.cause for gap in gaps] == [Cause.UNREADABLE]


@pytest.mark.parametrize("name", ["a.oer", "unnamed"])
def test_a_certificate_of_ieee_1609_that_is_cut_off_is_said(name: str) -> None:
    folder = material("v2x", "etsi-ts-its")
    paths = sorted(folder.rglob("*.oer"))[:20]
    assert paths
    for path in paths:
        encoded = path.read_bytes()
        found, gaps = read(name, encoded[:-12])
        assert not found
        assert [gap.cause for gap in gaps] == [Cause.UNREADABLE], path
        found, gaps = read(name, encoded + b"more")
        assert len(found) == 1
        assert [gap.location.offset for gap in gaps] == [len(encoded)]


def test_certificates_in_hexadecimal_digits_are_found(tmp_path: Path) -> None:
    folder = material("v2x", "etsi-ts-its")
    path = sorted(folder.rglob("*.oer"))[0]
    (expected,), _ = read("a.oer", path.read_bytes())
    digits = path.read_bytes().hex()
    texts = {"a.json": f'{{"at": "{digits}"}}', "a.txt": digits, "a.yaml": f"at: {digits.upper()}"}
    for name, text in texts.items():
        (found,), gaps = read(name, text.encode())
        assert not gaps
        assert found.facts["sha256"] == expected.facts["sha256"], name
    der = system_certificates()[0]
    (found,), gaps = read("a.json", b'{"der": "' + der.hex().encode() + b'"}')
    assert not gaps
    assert found.location.uri == "a.json!/der@9"
    field = material("v2x", "us-field", "certificates.json")
    implicit, _ = read("certificates.json", field.read_bytes())
    assert len(implicit) == 2


STORES = [
    ("", {"pbkdf2-sha-256", "aes-256-cbc", "pkcs12-kdf-sha-256"}),
    ("-macalg sha512", {"pbkdf2-sha-256", "aes-256-cbc", "pkcs12-kdf-sha-512"}),
    ("-nomac", {"pbkdf2-sha-256", "aes-256-cbc", "null", "rsa-2048", "rsa-pkcs1-sha-256"}),
    ("-keypbe NONE -certpbe NONE", {"null", "pkcs12-kdf-sha-256", "rsa-2048", "rsa-pkcs1-sha-256"}),
    ("-keypbe NONE", {"pbkdf2-sha-256", "aes-256-cbc", "pkcs12-kdf-sha-256", "rsa-2048"}),
    ("-certpbe AES-128-CBC -keypbe PBE-SHA1-3DES -macalg sha1",
     {"pbkdf2-sha-256", "aes-128-cbc", "3des-cbc", "pkcs12-kdf-sha-1"}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "expected"), STORES)
def test_keystores_of_openssl_say_what_protects_them_and_what_does_not(
    options: str, expected: set[str], tmp_path: Path
) -> None:
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout",
        "k", "-out", "c", cwd=tmp_path)  # fmt: skip
    run("openssl", "pkcs12", "-export", "-in", "c", "-inkey", "k", "-passout", "pass:abcdef",
        *options.split(), "-out", "x.p12", cwd=tmp_path)  # fmt: skip
    found, gaps = read("x.p12", (tmp_path / "x.p12").read_bytes())
    assert not gaps
    names = set(algorithms(found))
    assert names == expected
    clear = [one for one in found if one.collector == "certificate/private-key"]
    assert bool(clear) is ("-keypbe NONE" in options)
    run("openssl", "pkcs12", "-in", "x.p12", "-passin", "pass:abcdef", "-nodes", "-out", "bag.pem",
        cwd=tmp_path)  # fmt: skip
    bag = (tmp_path / "bag.pem").read_bytes().replace(b"\n", b"\r\n")
    found, gaps = read("bag.pem", bag)
    assert not gaps
    assert algorithms(found) == ["rsa-2048", "rsa-pkcs1-sha-256", "rsa-2048"]


def test_a_jceks_says_what_its_keys_are_under(tmp_path: Path) -> None:
    run("keytool", "-genkeypair", "-keyalg", "RSA", "-dname", "CN=x", "-storetype", "JCEKS",
        "-keystore", "x.jceks", "-storepass", "abcdef", "-keypass", "abcdef",
        cwd=tmp_path)  # fmt: skip
    found, gaps = read("x.jceks", (tmp_path / "x.jceks").read_bytes())
    assert not gaps
    assert "3des-cbc" in algorithms(found)
    assert not any(name.startswith("unreadable") for name in algorithms(found))


def test_lines_of_any_length_and_ending_hold_the_same_certificate() -> None:
    encoded = system_certificates()[0]
    text = base64.b64encode(encoded)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    bodies = {
        "unix": b"\n".join(lines),
        "dos": b"\r\n".join(lines),
        "long": text,
        "indented": b"\n    ".join(lines),
        "quoted": b"\\n".join(lines),
        "spaced": b" ".join(lines),
        "unpadded": text.rstrip(b"="),
        "mail": b"\n> ".join(lines),
    }
    for name, body in bodies.items():
        block = b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"
        (found,), gaps = read(f"{name}.pem", block)
        assert found.facts["sha256"] == hashlib.sha256(encoded).hexdigest(), name
        assert not gaps


def test_words_of_prose_are_no_keys() -> None:
    text = b"Use -----BEGIN CERTIFICATE----- as the first line; ssh-rsa AAAA is the type."
    assert read("README", text) == ([], [])


def test_unknown_blocks_are_gaps() -> None:
    _, gaps = read("x.pem", b"-----BEGIN NEW THING-----\nAAAA\n-----END NEW THING-----\n")
    assert [gap.cause for gap in gaps] == [Cause.NOT_SUPPORTED]


@pytest.mark.fuzz
def test_mutants_get_findings_or_gaps_and_nothing_else(tmp_path: Path) -> None:
    seeds = system_certificates()[:20]
    seeds.append(Path("/etc/ssl/certs/ca-certificates.crt").read_bytes()[:3000])
    for command in ("genrsa 1024", "ecparam -name prime256v1 -genkey"):
        seeds.append(run("openssl", *command.split(), cwd=tmp_path))
    run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", "id", cwd=tmp_path)
    seeds += [(tmp_path / name).read_bytes() for name in ("id", "id.pub")]
    names = ("a.der", "a.p12", "a.gpg", "a.oer", "a.jks", "a.kbx", "a")
    for number, data in enumerate(mutants(seeds, MUTANTS)):
        outputs = READER.read(names[number % len(names)], data, READER.matcher.scan(data))
        for output in outputs:
            assert isinstance(output, (Finding, Gap))
            assert not (isinstance(output, Gap) and output.cause is Cause.CRASHED), data.hex()


def test_ssh_keys_as_rfc_4716_writes_them(tmp_path: Path) -> None:
    run("ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", "id", cwd=tmp_path)
    written = run("ssh-keygen", "-e", "-f", "id.pub", cwd=tmp_path)
    for text in (written, written.replace(b"\n", b"\r\n"), b"x\n" + written * 2):
        found, gaps = read("key.pub", text)
        assert set(algorithms(found)) == {"rsa-3072"}
        assert not gaps
    assert [gap.cause for gap in read("key.pub", written[:200])[1]] == [Cause.UNREADABLE]


def test_static_keys_of_openvpn_and_keys_of_gpg_agent_are_not_passed_over(tmp_path: Path) -> None:
    secret = "0123456789abcdef" * 32
    begin, end = (f"-----{word} OpenVPN Static key V1-----" for word in ("BEGIN", "END"))
    found, gaps = read("ta.key", f"#\n# 2048 bit\n#\n{begin}\n{secret}\n{end}\n".encode())
    assert algorithms(found) == ["psk"]
    assert not gaps
    assert secret[:32] not in repr(found)
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    run("gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--quick-gen-key", "x",
        "ed25519", cwd=tmp_path)  # fmt: skip
    run("gpgconf", "--homedir", str(home), "--kill", "all", cwd=tmp_path)
    for file in (home / "private-keys-v1.d").iterdir():
        assert [gap.cause for gap in read(file.name, file.read_bytes())[1]] == [Cause.NOT_SUPPORTED]
