"""JSON Web Keys, keys of age, minisign and signify, Bouncy Castle's keystore, bare base64.

The samples were made for these tests by age 1.1, minisign 0.11, OpenBSD's signify, and keytool with
Bouncy Castle 1.78.
"""

import base64
import json
import os
import plistlib
import time
from datetime import UTC, datetime

import pytest
from assess_scanning import READER, algorithms, mutants, read
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import Cause, Finding

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000"))

AGE_IDENTITY = b"""# created: 2026-11-26T21:52:55Z
# public key: age144l4wh4558a7tjsdnue2jsnx72hfyvxlwlwngfvhzesqzqxw0axqzcejr7
AGE-SECRET-KEY-1KUKWGKPYH3K8R28UQRJ7LQS6C62ENJAY88LJ4HUAPFKA8R9WHPXQT0FK7A
"""
AGE_FILE = b"""-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBXN3hLdHA1TU1FZmx2L3VZ
Qi93bzY1dWhRc2NnTDdSWGZLRnpXdi9nV0ZZCm5vQUVpNlk2Nk1FWnd5T3VxdUVm
RGp1OGJyMmRDcWpKeFhwWWw1a2wyZ0EKLS0tIDFLTUhHQTB1SWxNcFBERUtPK1hN
a0tqOVNkVjQwRlBpUHZ4UG9TMXVDYjAKg421EadunXkFsJnGMnjszucdDhRpNpS1
Ay0/rc3AULV/PbY=
-----END AGE ENCRYPTED FILE-----
"""
MINISIGN_KEY = b"""untrusted comment: minisign public key 202754FBE7678756
RWRWh2fn+1QnIAs+MDNvGEnege/P36ha9trCkQfTmE27yDLoSSD8Vxva
"""
MINISIGN_SIGNATURE = b"""untrusted comment: signature from minisign secret key
RURWh2fn+1QnIOeTbRQ6K3Wd2E32Dr6PR6ATG7iaQpNTgdZS7Df++DQOZy4g7cxvba49wybh1/sTSKqal+3KHCDF4eBADElFjws=
trusted comment: timestamp:1795729975\tfile:d\thashed
RKi678jrXumps+VHxp80+0ejH8JGgLc7xTFNiFy2Cezt3tI2Qn8v33xjmVpc0FvGO2f7TN6OzbMeuoY4Jsv/Bw==
"""
SIGNIFY_KEY = b"""untrusted comment: signify public key
RWQFNf5GsZ0Fa6/eDS/J3KDl1QPR2qfz/oDagJtQzdSBSoOFcDzgPjRt
"""
BKS = base64.b64decode(
    "AAAAAgAAABRFCYNpvM/qvrcweSikx0qaTrmNvQAABGQEAAFhAAABohnYwcsAAAABAAVYLjUwOQAAATEwggEtMIHVoAMC"
    "AQICCFgocAIiXJc6MAoGCCqGSM49BAMCMAwxCjAIBgNVBAMTAXgwHhcNMjYxMTI2MjE1MjQ1WhcNMjcwMjI0MjE1MjQ1"
    "WjAMMQowCAYDVQQDEwF4MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFrMJGYvJWgdyyIvrd8OSxwR1LsxA6Uy8YbX3"
    "EuEaXfOM09wSkYBeFd030DM8oVi8iomRkFRPDZvRaqrDzQSFGKMhMB8wHQYDVR0OBBYEFMTFchrEetl1/8P3vtDConRA"
    "fpSsMAoGCCqGSM49BAMCA0cAMEQCIHTR3k6AR/UJYiDs6IVfb38U3lXJaY2zML8XUsiiuGIxAiBGA09EsDNEVuh+NFN4"
    "xceztblI/zQM5hIJJq2owVjQwwAAAHQAAAAUUHjWAqU2AdAKnv8ccAAxVUYr+hcAAAcnir4wBKfKhKC1WcVAb/A9Ed8x"
    "vzcEjncGLv8o/scMLLSPLTHknDYWldNFJ8i9BP0WHQhmBGaqk5JRC0ZgiDGGzfZfqW7Jl2VSr9atRopEqIqnV/PiGDqW"
    "2QCLR9yCls+2LsXhwqyVi6jhAxNbdg=="
)


def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rsu-7")])
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def url64(number: int) -> str:
    octets = number.to_bytes((number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


# --- JSON Web Keys --------------------------------------------------------------------------------

RSA = rsa.generate_private_key(65537, 3072).private_numbers()
EC = ec.generate_private_key(ec.SECP384R1()).private_numbers()
EC_KEY = {
    "kty": "EC", "crv": "P-384",
    "x": url64(EC.public_numbers.x), "y": url64(EC.public_numbers.y),
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "name", "private"),
    [
        ({"kty": "RSA", "n": url64(RSA.public_numbers.n), "e": "AQAB"}, "rsa-3072", False),
        (
            {"kty": "RSA", "n": url64(RSA.public_numbers.n), "e": "AQAB", "d": url64(RSA.d)},
            "rsa-3072",
            True,
        ),
        (EC_KEY, "ec-p384", False),
        (EC_KEY | {"alg": "ES384"}, "ecdsa-p384", False),
        (EC_KEY | {"use": "enc", "d": url64(EC.private_value)}, "p384", True),
        ({"kty": "OKP", "crv": "X25519", "x": "AAAA"}, "x25519", False),
        ({"kty": "oct", "alg": "HS256", "k": "c2VjcmV0c2VjcmV0"}, "hmac-sha-256", True),
        ({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA"}, "ml-dsa-65", False),
        ({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA", "priv": "AAAA"}, "ml-dsa-65", True),
    ],
)
@pytest.mark.parametrize("text", ["{}", "const jwks = {};", "fetch('x', {{ body: {} }})"])
def test_a_web_key_is_named_wherever_it_stands(
    key: dict[str, str], name: str, private: bool, text: str
) -> None:
    keys = json.dumps({"keys": [key, {"use": "sig", **key}]}, indent=2)
    found, gaps = read("keys", text.format(keys).encode())
    assert not gaps
    assert len(found) == 2
    assert name in algorithms(found)
    assert ("not encrypted" in found[0].title) is private
    assert classify(name).bearing is not Bearing.UNKNOWN
    for secret in (url64(RSA.d), url64(EC.private_value), "c2VjcmV0c2VjcmV0"):
        assert secret not in repr(found)


def test_the_thumbprint_of_a_web_key_is_that_of_the_standard() -> None:
    key = {  # RFC 7638, section 3.1
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6t"
        "Soc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YG"
        "jQR0_FDW2Q"
        "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZ"
        "u0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    }  # fmt: skip
    (found,), _ = read("k.jwk", json.dumps(key).encode())
    digest = base64.urlsafe_b64decode("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs=")
    assert found.facts["thumbprint"] == digest.hex()


def test_a_word_in_a_program_is_no_web_key_and_a_broken_one_is_a_gap() -> None:
    assert read("a.py", b'if key["kty"] == "RSA": pass') == ([], [])
    found, gaps = read("k.jwks", b'{"keys": [{"kty": "RSA", "n": ')
    assert not found
    assert len(gaps) == 1


@pytest.mark.parametrize("text", ['{"kty":', '"kty" ', '{"a":[{"kty": "RSA", '])
def test_a_text_full_of_key_types_costs_little(text: str) -> None:
    began = time.process_time()
    found, gaps = read("a.js", text.encode() * 100_000)
    assert not found
    assert [gap.cause for gap in gaps] == [Cause.TRUNCATED]
    assert time.process_time() - began < 5


# --- age, minisign, signify, Bouncy Castle --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "title", "expected"),
    [
        ("key.txt", AGE_IDENTITY, "private key x25519, not encrypted", {"x25519"}),
        ("a.age", AGE_FILE, "file encrypted by age", {"x25519", "chacha20-poly1305"}),
        ("m.pub", MINISIGN_KEY, "public key ed25519", {"ed25519"}),
        ("fw.bin.minisig", MINISIGN_SIGNATURE, "signature ed25519", {"ed25519"}),
        ("s.pub", SIGNIFY_KEY, "public key ed25519", {"ed25519"}),
    ],
)
def test_keys_and_files_of_small_tools(
    name: str, data: bytes, title: str, expected: set[str]
) -> None:
    (found,), gaps = read(name, data)
    assert not gaps
    assert found.title == title
    assert set(algorithms([found])) == expected
    assert "KUKWGKPYH3K8R28U" not in repr(found)


def test_the_number_of_a_minisign_key_is_the_one_that_minisign_prints() -> None:
    for data in (MINISIGN_KEY, MINISIGN_SIGNATURE):
        (found,), _ = read("m", data)
        assert found.facts["key_number"] == "202754FBE7678756"


def test_a_keystore_of_bouncy_castle_gives_its_certificates() -> None:
    found, gaps = read("trust.bks", BKS)
    assert not gaps
    assert [each.title for each in found if each.collector == "certificate/jks"] == ["CN=x"]
    assert {"hmac-sha-1", "3des-cbc", "ecdsa-p256"} <= set(algorithms(found))
    cut, gaps = read("trust.bks", BKS[:-40])
    assert len(gaps) == 1
    assert cut


# --- base64 without a label -----------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_a_certificate_in_bare_base64_is_read(ending: str) -> None:
    encoded = certificate()
    text = base64.b64encode(encoded).decode()
    if ending:
        text = ending.join(text[at : at + 64] for at in range(0, len(text), 64)) + ending
    (found,), gaps = read("rsu.cer", text.encode())
    assert not gaps
    assert "rsu-7" in found.title


def test_a_certificate_in_a_property_list_is_read() -> None:
    profile = {"PayloadContent": [{"PayloadContent": certificate()}]}
    for kind in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        found, _ = read("a.mobileconfig", plistlib.dumps(profile, fmt=kind))
        assert ["rsu-7" in each.title for each in found] == [True]


def test_a_certificate_of_any_length_is_carved_out_of_an_image() -> None:
    encoded = certificate()
    assert encoded[4:6] == b"\x30\x81"  # a short body in a long whole
    image = os.urandom(500) + encoded + os.urandom(500)
    found, _ = read("flash.bin", b"\x7f" + image)
    assert [(each.collector, each.title) for each in found] == [("certificate/carved", "CN=rsu-7")]


def test_mutilated_small_keys_never_break_the_collector() -> None:
    samples = {
        "a.jwk": json.dumps({"keys": [EC_KEY | {"d": "AAAA"}]}).encode(),
        "key.txt": AGE_IDENTITY, "a.age": AGE_FILE, "m.pub": MINISIGN_KEY,
        "m.minisig": MINISIGN_SIGNATURE, "t.bks": BKS,
        "c.cer": base64.b64encode(certificate()),
    }  # fmt: skip
    for name, data in samples.items():
        for mutant in mutants([data], MUTANTS // len(samples)):
            hits = READER.matcher.scan(mutant)
            assert all(
                not isinstance(each, Finding) or each.title
                for each in READER.read(name, mutant, hits)
            )
