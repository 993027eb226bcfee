"""Names are an exact grammar; what is unknown stays unknown; the tables agree with each other."""

import json
import random
import re
import shutil
import subprocess
from importlib import resources

import pytest

from roadseal.assess.inventory import cipher_suite, identifiers
from roadseal.assess.inventory.classifier import Bearing, classify, worst
from roadseal.crypto.algorithms import Kind, registry

EVERY_IDENTIFIER = [
    (table, row[1] if isinstance(row, list) else row)
    for table, rows in identifiers._tables().items()
    for row in rows.values()
]


@pytest.mark.parametrize("id_", registry())
def test_agrees_with_the_algorithms_of_crypto(id_: str) -> None:
    row, found = registry()[id_], classify(id_)
    assert found.bearing is not Bearing.UNKNOWN
    if row.kind in {Kind.SIGNATURE, Kind.KEM, Kind.KEY_AGREEMENT}:
        assert (found.bearing is Bearing.NONE) == row.quantum_safe
    if row.nist_category is not None:
        assert found.nist_level == row.nist_category
    assert found.components == row.components or not row.components
    if row.oid and row.kind is not Kind.SIGNATURE and id_ != "p256":
        assert identifiers.from_oid(row.oid) == id_


def test_every_identifier_leads_to_a_known_name() -> None:
    for table, name in EVERY_IDENTIFIER:
        assert classify(name.replace("{bits}", "256")).bearing is not Bearing.UNKNOWN, (table, name)


@pytest.mark.parametrize(
    ("name", "bearing", "bits", "level"),
    [
        ("rsa-2048", Bearing.SHOR, 112, 0),
        ("rsa-4096", Bearing.SHOR, 152, 0),
        ("rsa-768", Bearing.BROKEN_TODAY, None, 0),
        ("rsa-pkcs1-sha-256", Bearing.SHOR, None, 0),
        ("rsa-pkcs1-md5", Bearing.BROKEN_TODAY, None, 0),
        ("ecdsa-p256", Bearing.SHOR, 128, 0),
        ("p521", Bearing.SHOR, 256, 0),
        ("secp112r1", Bearing.BROKEN_TODAY, 56, 0),
        ("aes-128-gcm", Bearing.GROVER, 128, 1),
        ("aes-256-cbc", Bearing.GROVER, 256, 5),
        ("3des-cbc", Bearing.BROKEN_TODAY, 112, 0),
        ("sha-256", Bearing.GROVER, 128, 2),
        ("sha-1", Bearing.BROKEN_TODAY, 63, 0),
        ("hmac-sha-1", Bearing.GROVER, None, None),
        ("ml-kem-768", Bearing.NONE, None, 3),
        ("slh-dsa-shake-256f", Bearing.NONE, None, 5),
        ("composite-mldsa65-rsa4096-pss-sha512/draft-19", Bearing.NONE, 152, 3),
        ("hybrid(x25519+ml-kem-768)", Bearing.NONE, 128, 3),
        ("hybrid(p256+p384)", Bearing.SHOR, 192, 0),
        ("null", Bearing.BROKEN_TODAY, 0, 0),
    ],
)
def test_known(name: str, bearing: Bearing, bits: int | None, level: int | None) -> None:
    found = classify(name)
    assert (found.bearing, found.classical_bits, found.nist_level) == (bearing, bits, level)


@pytest.mark.parametrize(
    "name",
    ["", "description", "DES", "desert", "RSA-2048", "rsa-02048", "rsa-2048 ", "rsa", "ml-kem-767",
     "ml-dsa-65x", "aes-100-gcm", "aes-128-xyz", "sha-2560", "slh-dsa-md5-128s", "x" * 10_000,
     "hybrid(x25519)", "ecdsa-p2566", "shake", "composite-mldsa65-rsa1024-pss-sha512/draft-19"],
)  # fmt: skip
def test_a_neighbour_of_a_name_is_unknown(name: str) -> None:
    expected = Bearing.SHOR if name == "rsa" else Bearing.UNKNOWN
    assert classify(name).bearing is expected


def test_a_combination_with_an_unknown_part_is_not_called_broken() -> None:
    assert classify("hybrid(dh-512+frobnicate)").bearing is Bearing.UNKNOWN
    assert classify("hybrid(ml-kem-768+frobnicate)").bearing is Bearing.NONE


def test_every_mutated_name_gets_a_verdict() -> None:
    choice = random.Random(7)
    names = [name for _, name in EVERY_IDENTIFIER]
    for _ in range(3_000):
        name = list(choice.choice(names))
        name[choice.randrange(len(name))] = chr(choice.randrange(1, 0x3000))
        found = classify("".join(name))
        assert found.bearing in Bearing


def test_words_are_those_of_cyclonedx() -> None:
    schema = resources.files("cyclonedx.schema._res")
    crypto = json.loads(schema.joinpath("cryptography-defs.SNAPSHOT.schema.json").read_text())
    bom = json.loads(schema.joinpath("bom-1.7.SNAPSHOT.schema.json").read_text())
    words = bom["definitions"]["cryptoProperties"]["properties"]["algorithmProperties"][
        "properties"
    ]
    families = crypto["definitions"]["algorithmFamiliesEnum"]["enum"]
    curves = crypto["definitions"]["ellipticCurvesEnum"]["enum"]
    for _, name in EVERY_IDENTIFIER:
        found = classify(name.replace("{bits}", "256"))
        assert found.primitive in words["primitive"]["enum"]
        assert found.family is None or found.family in families, name
        assert found.curve is None or found.curve in curves, name
        assert found.mode is None or found.mode in words["mode"]["enum"]
        assert found.padding is None or found.padding in words["padding"]["enum"]
        assert set(found.functions) <= set(words["cryptoFunctions"]["items"]["enum"])


def test_cipher_suites_agree_with_openssl() -> None:
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not installed")
    listing = subprocess.run(
        [openssl, "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = re.findall(r"0x(..),0x(..) - (\S+)\s+- (\S+) .*Enc=(\S+)", listing)
    assert len(rows) > 100
    for high, low, registered, own, encryption in rows:
        by_code = cipher_suite.from_code(int(high + low, 16))
        assert by_code.name == registered
        assert by_code == cipher_suite.from_name(own) == cipher_suite.from_name(registered)
        assert by_code.encryption is not None
        family, _, bits = encryption.partition("(")
        assert bits.rstrip(")") in by_code.encryption or family in {"CHACHA20/POLY1305", "None"}


@pytest.mark.parametrize(
    ("name", "algorithms"),
    [
        ("TLS_AES_128_GCM_SHA256", ("aes-128-gcm",)),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", ("rsa-512", "rsa", "rc4-40", "hmac-md5")),
        ("TLS_ECDH_anon_WITH_NULL_SHA", ("ecdh", "anonymous", "null", "hmac-sha-1")),
        ("TLS_SHA256_SHA256", ("null", "hmac-sha-256")),
        ("DES-CBC3-SHA", ("rsa", "rsa", "3des-cbc", "hmac-sha-1")),
        ("TLS_RSA_WITH_NOTHING_SHA", ()),
        ("ECDHE-RSA-AES128-GCM-SHA256-ISH", ()),
    ],
)
def test_cipher_suites(name: str, algorithms: tuple[str, ...]) -> None:
    assert cipher_suite.from_name(name).algorithms == algorithms


def test_the_worst_part_decides_about_a_suite() -> None:
    suite = cipher_suite.from_name("TLS_RSA_WITH_RC4_128_SHA")
    assert worst(suite.algorithms) is Bearing.BROKEN_TODAY
    assert worst(["x25519", "aes-128-gcm"]) is Bearing.SHOR
