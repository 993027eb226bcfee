"""Certificates as strict parsers refuse them: read as far as they go, their defects named."""

import base64
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from assess_scanning import algorithms, read
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import Cause


def tlv(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    octets = (len(body).bit_length() + 7) // 8
    return bytes((tag, 0x80 | octets)) + len(body).to_bytes(octets) + body


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.insert(0, arc & 0x7F | 0x80)
        content += bytes(groups)
    return tlv(0x06, content)


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def integer(octets: bytes) -> bytes:
    return tlv(0x02, octets)


def utc(text: bytes) -> bytes:
    return tlv(0x17, text)


def name(text: str) -> bytes:
    return sequence(tlv(0x31, sequence(oid("2.5.4.3"), tlv(0x0C, text.encode()))))


def extension(dotted: str, value: bytes) -> bytes:
    return sequence(oid(dotted), tlv(0x04, value))


def key(algorithm: bytes, public: bytes) -> bytes:
    return sequence(algorithm, tlv(0x03, b"\0" + public))


EC, RSA = "1.2.840.10045.2.1", oid("1.2.840.113549.1.1.1") + tlv(0x05)
POINT = b"\x04" + bytes(range(64))
P_256 = key(sequence(oid(EC), oid("1.2.840.10045.3.1.7")), POINT)
ECDSA = sequence(oid("1.2.840.10045.4.3.2"))
PSS = oid("1.2.840.113549.1.1.10")
SHA_512 = sequence(oid("2.16.840.1.101.3.4.2.3"))
CA = extension("2.5.29.19", sequence(tlv(0x01, b"\xff")))
NO_CA = extension("2.5.29.19", sequence())
FROM, UNTIL = utc(b"200101000000Z"), utc(b"300101000000Z")


def certificate(
    version: bytes = tlv(0xA0, integer(b"\2")),
    serial: bytes = integer(b"\5"),
    algorithm: bytes = ECDSA,
    issuer: bytes = name("CA"),
    times: bytes = FROM + UNTIL,
    subject: bytes = name("Sub"),
    spki: bytes = P_256,
    extensions: tuple[bytes, ...] = (CA,),
    outer: bytes | None = None,
    more: bytes = b"",
) -> bytes:
    last = tlv(0xA3, sequence(*extensions)) if extensions else b""
    parts = (version, serial, algorithm, issuer, sequence(times), subject, spki, more, last)
    signature = tlv(0x03, b"\0signature")
    return sequence(sequence(*parts), algorithm if outer is None else outer, signature)


WHOLE = certificate()
HEAD = 2 + (WHOLE[1] & 0x7F)
REST = WHOLE[HEAD:]
LENGTH = len(REST).to_bytes(2)
# what is made; what its defect says, or None; names of the key and the signature
CASES: dict[str, tuple[bytes, str | None, str, str]] = {
    "whole": (WHOLE, None, "ecdsa-p256", "ecdsa-sha-256"),
    "serial negative": (certificate(serial=integer(b"\xfb")), "not positive", "", ""),
    "serial zero": (certificate(serial=integer(b"\0")), "not positive", "", ""),
    "serial empty": (certificate(serial=integer(b"")), "not positive", "", ""),
    "serial long": (certificate(serial=integer(b"\1" * 40)), "longer than 20", "", ""),
    "serial missing": (certificate(serial=b""), "no serial", "", ""),
    "version 1": (certificate(version=b"", extensions=()), None, "", ""),
    "version 1 extended": (certificate(version=b""), "version does not fit", "", ""),
    "version 4": (certificate(version=tlv(0xA0, integer(b"\3"))), "version does not fit", "", ""),
    "version -1": (certificate(version=tlv(0xA0, integer(b"\xff"))), "version does", "", ""),
    "unique identifiers": (certificate(more=tlv(0x81, b"\0x") + tlv(0x82, b"\0y")), None, "", ""),
    "more inside": (certificate(more=tlv(0x04, b"junk")), "holds more", "", ""),
    "no issuer": (certificate(issuer=sequence()), "no issuer", "", ""),
    "no subject": (certificate(subject=sequence()), None, "", ""),
    "a bad name": (certificate(subject=sequence(tlv(0x04, b"x"))), "name cannot be read", "", ""),
    "no seconds": (certificate(times=utc(b"2001010000Z") + UNTIL), None, "", ""),
    "an offset": (certificate(times=utc(b"200101000000+0100") + UNTIL), None, "", ""),
    "year 9999": (certificate(times=FROM + tlv(0x18, b"99991231235959Z")), None, "", ""),
    "year 0": (certificate(times=FROM + tlv(0x18, b"00000101000000Z")), "time cannot", "", ""),
    "30 February": (certificate(times=FROM + utc(b"300230000000Z")), "time cannot", "", ""),
    "29 February": (certificate(times=FROM + utc(b"280229000000Z")), None, "", ""),
    "24 o'clock": (certificate(times=FROM + utc(b"300101240000Z")), "time cannot", "", ""),
    "no time": (certificate(times=FROM + utc(b"")), "time cannot", "", ""),
    "one time": (certificate(times=FROM), "time cannot", "", ""),
    "times of text": (certificate(times=tlv(0x0C, b"200101000000Z") * 2), "time cannot", "", ""),
    "ends first": (certificate(times=UNTIL + FROM), "ends before it begins", "", ""),
    "twice the same": (certificate(extensions=(CA, CA)), "stands in it twice", "", ""),
    "two minds": (certificate(extensions=(CA, NO_CA)), "stands in it twice", "", ""),
    "a bad extension": (certificate(extensions=(tlv(4, b"x"), CA)), "an extension cannot", "", ""),
    "curve unknown": (
        certificate(spki=key(sequence(oid(EC), oid("1.2.3.4")), POINT)), None, "ecdsa", ""),
    "curve of the issuer": (
        certificate(spki=key(sequence(oid(EC), tlv(0x05)), POINT)), None, "ecdsa", ""),
    "curve not said": (certificate(spki=key(sequence(oid(EC)), POINT)), None, "ecdsa", ""),
    "Ed448": (
        certificate(spki=key(sequence(oid("1.3.101.113")), b"\1" * 57),
                    algorithm=sequence(oid("1.3.101.113"))), None, "ed448", "ed448"),
    "Ed25519 too long": (
        certificate(spki=key(sequence(oid("1.3.101.112")), b"\1" * 33)),
        "wrong length", "ed25519", ""),
    "GOST": (
        certificate(
            spki=key(sequence(oid("1.2.643.7.1.1.1.1"), sequence(oid("1.2.643.7.1.2.1.1.1"))),
                     tlv(0x04, b"\1" * 64)),
            algorithm=sequence(oid("1.2.643.7.1.1.3.2"))),
        None, "gost-r3410-2012-256", "gost-r3410-2012-256"),
    "SM2": (
        certificate(spki=key(sequence(oid(EC), oid("1.2.156.10197.1.301")), POINT),
                    algorithm=sequence(oid("1.2.156.10197.1.501"))), None, "ecdsa-curvesm2", "sm2"),
    "ML-DSA": (
        certificate(spki=key(sequence(oid("2.16.840.1.101.3.4.3.18")), b"\1" * 1952),
                    algorithm=sequence(oid("2.16.840.1.101.3.4.3.18"))),
        None, "ml-dsa-65", "ml-dsa-65"),
    "ML-DSA too short": (
        certificate(spki=key(sequence(oid("2.16.840.1.101.3.4.3.18")), b"\1" * 1312)),
        "wrong length", "ml-dsa-65", ""),
    "ML-KEM": (
        certificate(spki=key(sequence(oid("2.16.840.1.101.3.4.4.2")), b"\1" * 1184)),
        None, "ml-kem-768", ""),
    "SLH-DSA": (
        certificate(spki=key(sequence(oid("2.16.840.1.101.3.4.3.24")), b"\1" * 64)),
        None, "slh-dsa-sha2-256s", ""),
    "composite": (
        certificate(spki=key(sequence(oid("1.3.6.1.5.5.7.6.45")), b"\1" * 2017)),
        None, "composite-mldsa65-ecdsa-p256-sha512/draft-19", ""),
    "composite KEM": (
        certificate(spki=key(sequence(oid("1.3.6.1.5.5.7.6.59")), b"\1" * 1249)),
        None, "composite-mlkem768-ecdh-p256-sha3-256/draft-12", ""),
    "RSA key unreadable": (
        certificate(spki=key(sequence(RSA), b"junk")), "key cannot be read", "rsa", ""),
    "RSA modulus negative": (
        certificate(spki=key(sequence(RSA), sequence(integer(b"\xff" * 256), integer(b"\3")))),
        "modulus is negative", "rsa-2048", ""),
    "PSS by default": (
        certificate(algorithm=sequence(PSS, sequence())), None, "", "rsa-pss-sha-1"),
    "PSS of nothing": (certificate(algorithm=sequence(PSS)), None, "", "rsa-pss"),
    "PSS of junk": (certificate(algorithm=sequence(PSS, tlv(4, b"x"))), None, "", "rsa-pss"),
    "PSS with SHA-512": (
        certificate(algorithm=sequence(PSS, sequence(tlv(0xA0, SHA_512)))),
        None, "", "rsa-pss-sha-512"),
    "signature unknown": (
        certificate(algorithm=sequence(oid("1.2.3.4"))), None, "", "oid:1.2.3.4"),
    "a UUID for a signature": (
        certificate(algorithm=sequence(oid(f"2.25.{2**127}"))), None, "", f"oid:2.25.{2**127}"),
    "two signatures": (
        certificate(outer=sequence(oid("1.2.840.113549.1.1.5"))), "two signature", "", ""),
    "signature only outside": (
        certificate(algorithm=sequence(), outer=ECDSA), "signature algorithm cannot", "", ""),
    "signature missing inside": (
        certificate(algorithm=b"", outer=ECDSA), "signature algorithm cannot", "", ""),
    "signature nowhere": (
        certificate(algorithm=sequence()), "cannot be read", "", "unreadable-signature"),
    "length in four octets": (b"\x30\x84\0\0" + LENGTH + REST, "length is wrong", "", ""),
    "length in five octets": (b"\x30\x85\0\0\0" + LENGTH + REST, "length is wrong", "", ""),
    "length too long": (b"\x30\x82\x7f\xff" + REST, "length is wrong", "", ""),
    "length of four gigabytes": (b"\x30\x84\xff\xff\xff\xff" + REST, "length is wrong", "", ""),
    "length indefinite": (b"\x30\x80" + REST + b"\0\0", "length is wrong", "", ""),
    "length indefinite, no end": (b"\x30\x80" + REST, "length is wrong", "", ""),
    "cut at the end": (WHOLE[:-3], "length is wrong", "", ""),
    "cut in the middle": (WHOLE[: len(WHOLE) * 2 // 3], "no signature", "", ""),
    "cut in the key": (WHOLE[: WHOLE.index(POINT) + 9], "length is wrong", "", ""),
    "cut in the times": (
        WHOLE[: WHOLE.index(FROM) + 20], "ends before the subject", "unreadable-key", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_one_is_found_with_its_defect(case: str) -> None:
    encoded, defect, public, signature = CASES[case]
    found, gaps = read("a.der", encoded)
    assert not gaps
    one = found[0]
    assert one.collector == "certificate/x509"
    assert algorithms([one])[:2] == [public or "ecdsa-p256", signature or "ecdsa-sha-256"]
    said = str(one.facts.get("defects", ""))
    assert defect in said if defect else not said
    assert (one.confidence < 1) is bool(defect)


def pem(label: bytes, encoded: bytes) -> bytes:
    lines = base64.encodebytes(encoded)
    return b"-----BEGIN " + label + b"-----\n" + lines + b"-----END " + label + b"-----\n"


REQUEST = sequence(sequence(integer(b"\0"), name("x"), P_256, tlv(0xA0)), ECDSA, tlv(3, b"\0" * 70))
RSA_KEY = sequence(integer(b"\0"), integer(b"\x7f" + b"\xff" * 255), integer(b"\1\0\1"))
CUT = {
    "certificate": (WHOLE, ["ecdsa-p256", "ecdsa-sha-256"]),
    "request": (REQUEST, ["ecdsa-p256", "ecdsa-sha-256"]),
    "public key": (P_256, ["ec-p256"]),
    "private key": (
        sequence(integer(b"\0"), sequence(RSA), tlv(0x04, RSA_KEY + b"\0" * 400)), ["rsa-2047"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CUT)
def test_what_is_cut_off_is_read_to_where_it_ends_and_said(kind: str) -> None:
    whole, expected = CUT[kind]
    (first,), gaps = read("a.bin", whole)
    assert algorithms([first]) == expected
    assert not gaps
    (found,), gaps = read("a.bin", whole[:-20])
    assert algorithms([found]) == expected
    assert found.confidence < 1
    assert not {"key_id", "spki_sha256"} & found.facts.keys() or kind == "certificate"
    assert kind == "certificate" or [gap.location.offset for gap in gaps] == [len(whole) - 20]
    text = pem(b"CERTIFICATE", whole)
    for cut in (text[:-40], text[:-60] + text):
        found, gaps = read("a.pem", cut)
        assert algorithms(found)[: len(expected)] == expected
        assert [gap.cause for gap in gaps] == [Cause.UNREADABLE]


def test_a_keystore_that_is_cut_off_is_not_called_unprotected() -> None:
    content = sequence(oid("1.2.840.113549.1.7.1"), tlv(0xA0, tlv(0x04, b"x" * 300)))
    (found,), gaps = read("a.p12", sequence(integer(b"\3"), content)[:100])
    assert algorithms([found]) == ["unreadable-encryption"]
    assert len(gaps) == 1


def test_pem_in_programs_pages_and_under_other_labels_is_read() -> None:
    text = pem(b"CERTIFICATE", WHOLE)
    lines = text.splitlines()
    texts = {
        "a.c": b"".join(b'  "%s\\r\\n"\n' % line for line in lines),
        "a.ino": b"".join(b'"%s\\n" \\\n' % line for line in lines),
        "a.js": b" +\n".join(b"'%s\\n'" % line for line in lines),
        "a.html": text.replace(b"\n", b"<br>\n"),
        "a.xml": text.replace(b"\n", b"&#10;"),
        "header": text.replace(b"+", b"%2B").replace(b"=", b"%3D").replace(b"\n", b"%0A"),
        "x": pem(b"X.509 CERTIFICATE", WHOLE),
        "y": pem(b"A-LABEL/OF_ITS.OWN", WHOLE),
    }
    for file, data in texts.items():
        found, gaps = read(file, data)
        assert [one.facts["sha256"] for one in found] == [hashlib.sha256(WHOLE).hexdigest()], file
        assert not gaps, file
    found, gaps = read("a", pem(b"ML-DSA-65 PRIVATE KEY", b"\1" * 32))
    assert not found
    assert [gap.cause for gap in gaps] == [Cause.NOT_SUPPORTED]
    found, gaps = read("a", text.replace(b"M", b"!"))
    assert not found
    assert [gap.cause for gap in gaps] == [Cause.UNREADABLE]


def test_of_two_constraints_the_worse_is_believed() -> None:
    for extensions in ((CA, NO_CA), (NO_CA, CA)):
        found, _ = read("a.der", certificate(extensions=extensions))
        assert found[0].facts["is_ca"] is True


def test_a_key_on_an_unknown_curve_falls_to_a_quantum_computer_all_the_same() -> None:
    (found,), _ = read("a.der", CASES["curve unknown"][0])
    assert classify(found.algorithms[0].name).bearing is Bearing.SHOR
    assert found.facts["curve"] == "1.2.3.4"


def test_what_follows_a_certificate_is_read_or_said() -> None:
    assert len(read("a.der", WHOLE + WHOLE)[0]) == 2
    assert read("a.der", WHOLE + b"\0\0\r\n")[1] == []
    found, gaps = read("a.der", WHOLE + b"more")
    assert len(found) == 1
    assert [(gap.cause, gap.location.offset) for gap in gaps] == [(Cause.UNREADABLE, len(WHOLE))]


NOT_READ = {  # of pyca's vectors: each is said
    "req-": "asks and is not signed", "resp-unauthorized": "says nothing",
    "ocsp-army.": "asks", "resp-successful-no": "says nothing", "resp-unknown": "says nothing",
    "resp-response-type": "of a type nobody knows", "cryptography-scts-tbs": "a part of one",
}  # fmt: skip


def test_every_certificate_and_key_of_pyca_is_read_or_said() -> None:
    vectors = pytest.importorskip("cryptography_vectors")
    root = Path(vectors.__file__).parent
    folders = ("x509", "pkcs7", "pkcs12", "asymmetric")
    kinds = {".pem", ".der", ".crt", ".p12", ".p7b", ".key", ".pub"}
    paths = [path for each in folders for path in (root / each).rglob("*") if path.suffix in kinds]
    assert len(paths) > 900
    silent, gaps_of, wrong = [], [], []
    for path in paths:
        encoded = path.read_bytes()
        found, gaps = read(path.name, encoded)
        if not found:
            (gaps_of if gaps else silent).append(path.name)
        if path.suffix == ".pem" and len(found) == 1 and b"BEGIN CERTIFICATE-" in encoded:
            peer = loaded(encoded)
            if peer is not None and found[0].algorithms[1].name != peer:
                wrong.append((path.name, found[0].algorithms[1].name, peer))
    assert not silent
    assert not wrong
    unread = [name for name in gaps_of if not name.startswith(tuple(NOT_READ))]
    assert set(unread) <= {
        "bad-encryption-oid.pem", "enc-unknown-algorithm.pem", "dsa.pub.pem",
    }, unread  # fmt: skip


def loaded(encoded: bytes) -> str | None:
    """The signature that `cryptography` names, where it takes the certificate and names one."""
    try:
        one = x509.load_pem_x509_certificate(encoded)
        number = one.signature_algorithm_oid.dotted_string
        hash_ = one.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    if number == "1.2.840.113549.1.1.10" and hash_:  # its name says nothing of the hash
        return f"rsa-pss-{identifiers_of_hash(hash_.name)}"
    return identifiers.from_oid(number)


def identifiers_of_hash(name: str) -> str:
    return name.replace("sha", "sha-") if "3-" not in name else name


def openssl(*command: str, cwd: Path) -> bytes:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    return subprocess.run(["openssl", *command], cwd=cwd, capture_output=True, check=True).stdout


def test_every_curve_of_openssl_is_known_by_its_parameters(tmp_path: Path) -> None:
    listed = openssl("ecparam", "-list_curves", cwd=tmp_path).decode()
    known: set[str] = set()
    for curve in re.findall(r"^\s*(\S+)\s*:", listed, re.MULTILINE):
        named = openssl("ecparam", "-name", curve, cwd=tmp_path)
        (one,), gaps = read("named.pem", named)
        assert not gaps
        for form in ("compressed", "uncompressed", "hybrid"):
            full = openssl("ecparam", "-name", curve, "-param_enc", "explicit", "-conv_form", form,
                           cwd=tmp_path)  # fmt: skip
            (other,), gaps = read("full.pem", full)
            assert not gaps
            known.update(algorithms([other]))
            # some have a second identifier, of WAP, that nobody uses
            assert algorithms([one]) in (["ec"], algorithms([other])), curve
    curves = {identifiers.curve_from_oid(number) for number in identifiers._table("curve_oids")}
    assert known - {"ec"} == {f"ec-{curve}" for curve in curves - {"frp256v1"}}


def test_another_generator_is_another_curve(tmp_path: Path) -> None:
    full = openssl("ecparam", "-name", "prime256v1", "-param_enc", "explicit", "-outform", "DER",
                   cwd=tmp_path)  # fmt: skip
    generator = bytes.fromhex("6b17d1f2e12c4247")
    assert generator in full
    spki = key(sequence(oid(EC), full.replace(generator, b"\1" * 8)), POINT)
    (found, *_), _ = read("a.der", certificate(spki=spki))
    assert found.algorithms[0].name == "ecdsa"
    assert found.facts["curve"] == "written out in full"


def test_ocsp_time_stamps_and_parameters_of_openssl(tmp_path: Path) -> None:
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-addext",
            "extendedKeyUsage=critical,timeStamping", "-keyout", "k", "-out", "c",
            cwd=tmp_path)  # fmt: skip
    (tmp_path / "index").write_text("V\t400101000000Z\t\t05\tunknown\t/CN=y\n")
    openssl("ocsp", "-index", "index", "-CA", "c", "-rsigner", "c", "-rkey", "k", "-issuer", "c",
            "-serial", "5", "-respout", "o.der", "-noverify", cwd=tmp_path)  # fmt: skip
    found, gaps = read("o.der", (tmp_path / "o.der").read_bytes())
    assert not gaps
    assert [one.collector for one in found] == ["certificate/ocsp", "certificate/ocsp"]
    assert algorithms(found) == ["rsa-pkcs1-sha-256", "rsa-2048", "rsa-pkcs1-sha-256"]
    (tmp_path / "cnf").write_text(
        "[tsa]\ndefault_tsa = t\n[t]\nserial = n\ndefault_policy = 1.2.3\ndigests = sha256\n"
        "signer_digest = sha256\n"
    )
    openssl("ts", "-query", "-data", "cnf", "-sha256", "-cert", "-out", "q", cwd=tmp_path)
    openssl("ts", "-reply", "-config", "cnf", "-queryfile", "q", "-signer", "c", "-inkey", "k",
            "-out", "r.tsr", cwd=tmp_path)  # fmt: skip
    found, gaps = read("r.tsr", (tmp_path / "r.tsr").read_bytes())
    assert not gaps
    assert {"rsa-2048", "rsa-pkcs1-sha-256", "sha-256"} <= set(algorithms(found))
    openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024",
            "-out", "p", cwd=tmp_path)  # fmt: skip
    found, gaps = read("p.pem", (tmp_path / "p").read_bytes())
    assert not gaps
    assert algorithms(found) == ["dsa-1024"]


def test_an_attribute_certificate_is_said() -> None:
    holder, issuer = sequence(tlv(0xA0, name("x"))), tlv(0xA0, sequence(tlv(0xA4, name("y"))))
    times = sequence(tlv(0x18, b"20200101000000Z"), tlv(0x18, b"20300101000000Z"))
    info = sequence(integer(b"\1"), holder, issuer, ECDSA, integer(b"\1"), times, sequence())
    (found,), gaps = read("a.der", sequence(info, ECDSA, tlv(0x03, b"\0s")))
    assert not gaps
    assert (found.collector, algorithms([found])) == ("certificate/attribute", ["ecdsa-sha-256"])
