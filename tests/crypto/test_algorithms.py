"""The rows say what the libraries and the Rust engine do."""

import re
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import SignatureAlgorithmOID

from roadseal.crypto import Kind, Status, algorithm, at_least, registry, stronger_than
from roadseal.crypto.algorithms import read_algorithms
from roadseal.crypto.strength import made_of
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError

REPOSITORY = Path(__file__).parents[2]

REQUIRED = {
    "ecdsa-p256",
    "ecdsa-p384",
    "ecdsa-brainpoolp256r1",
    "ecdsa-brainpoolp384r1",
    "sm2",
    "fn-dsa-512/pre1",
    "ml-dsa-44",
    "ml-dsa-65",
    "ml-dsa-87",
    "slh-dsa-sha2-128s",
    "ecdsa-p256+fn-dsa-512/pre1",
    "ed25519",
    "x25519",
    "p256",
    "x25519mlkem768",
    "secp256r1mlkem768",
    "ml-kem-768",
    "ml-kem-1024",
    "sha-256",
    "sha-384",
    "aes-128-ccm",
    "aes-128-gcm",
    "aes-256-gcm",
    "chacha20-poly1305",
    "hkdf-sha-384/qkd-mix",
}


def test_every_required_id_has_a_row_with_a_source() -> None:
    assert set(registry()) >= REQUIRED
    assert all(re.search(r"\d", row.source) for row in registry().values()), "a source has a number"


def test_ieee1609dot2_indices() -> None:
    indices = {
        row.ieee1609dot2_index: (row.id, row.ieee1609dot2_status)
        for row in registry().values()
        if row.ieee1609dot2_index is not None
    }
    assert indices == {
        0: ("ecdsa-p256", Status.STANDARD),
        1: ("ecdsa-brainpoolp256r1", Status.STANDARD),
        2: ("ecdsa-brainpoolp384r1", Status.STANDARD),
        3: ("ecdsa-p384", Status.STANDARD),
        4: ("sm2", Status.STANDARD),
        5: ("fn-dsa-512/pre1", Status.EXPERIMENTAL),
        6: ("ml-dsa-44", Status.EXPERIMENTAL),
        7: ("ml-dsa-65", Status.EXPERIMENTAL),
        8: ("ecdsa-p256+fn-dsa-512/pre1", Status.EXPERIMENTAL),
    }


def test_the_rust_engine_uses_the_same_ids_and_indices() -> None:
    source = REPOSITORY / "crates/spdu/src/algorithm.rs"
    if not source.exists():
        pytest.skip("crates/spdu is not in this tree")
    text = source.read_text("utf-8")
    names = dict(re.findall(r'^\s*(\w+) => "([^"]+)",$', text, re.MULTILINE))
    in_order = re.search(r"pub const ALL: \[Self; \d+\] =\s*\[([^\]]+)\]", text)
    assert in_order, "algorithm.rs lists its algorithms in ALL"
    rust = [names[name.strip()] for name in in_order[1].split(",") if name.strip()]
    ours = {row.ieee1609dot2_index: row.id for row in registry().values()}
    assert rust == [ours[index] for index in range(len(rust))]


@pytest.mark.parametrize(
    ("id_", "key"),
    [
        ("ml-dsa-44", mldsa.MLDSA44PrivateKey),
        ("ml-dsa-65", mldsa.MLDSA65PrivateKey),
        ("ml-dsa-87", mldsa.MLDSA87PrivateKey),
        ("ed25519", ed25519.Ed25519PrivateKey),
    ],
)
def test_signature_sizes_are_the_librarys(id_: str, key: type[ed25519.Ed25519PrivateKey]) -> None:
    private = key.generate()
    sizes = algorithm(id_).size_bytes
    assert len(private.public_key().public_bytes_raw()) == sizes.public_key
    assert len(private.sign(b"message")) == sizes.signature


def test_fn_dsa_sizes_are_the_librarys() -> None:
    fn_dsa = pytest.importorskip("py_fn_dsa", reason="py-fn-dsa is not installed")
    verifying, signing = fn_dsa.keygen(9)
    sizes = algorithm("fn-dsa-512/pre1").size_bytes
    assert len(verifying.key_data) == sizes.public_key
    assert len(fn_dsa.sign(signing, b"message")) == sizes.signature


@pytest.mark.parametrize(
    ("id_", "curve"),
    [
        ("ecdsa-p256", ec.SECP256R1()),
        ("ecdsa-p384", ec.SECP384R1()),
        ("ecdsa-brainpoolp256r1", ec.BrainpoolP256R1()),
        ("ecdsa-brainpoolp384r1", ec.BrainpoolP384R1()),
    ],
)
def test_curve_sizes_are_those_of_ieee_1609dot2(id_: str, curve: ec.EllipticCurve) -> None:
    point = ec.generate_private_key(curve).public_key()
    compressed = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    sizes = algorithm(id_).size_bytes
    assert len(compressed) == sizes.public_key
    assert sizes.signature == 2 * curve.key_size // 8


@pytest.mark.parametrize(
    ("id_", "key"),
    [("ml-kem-768", mlkem.MLKEM768PrivateKey), ("ml-kem-1024", mlkem.MLKEM1024PrivateKey)],
)
def test_kem_sizes_are_the_librarys(id_: str, key: type[mlkem.MLKEM768PrivateKey]) -> None:
    public = key.generate().public_key()
    first, second = public.encapsulate()
    sizes = algorithm(id_).size_bytes
    assert len(public.public_bytes_raw()) == sizes.public_key
    assert {len(first), len(second)} == {sizes.ciphertext, sizes.shared_secret}


def test_key_agreement_sizes_are_the_librarys() -> None:
    a, b = x25519.X25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()
    assert len(a.public_key().public_bytes_raw()) == algorithm("x25519").size_bytes.public_key
    assert len(a.exchange(b.public_key())) == algorithm("x25519").size_bytes.shared_secret
    point = ec.generate_private_key(ec.SECP256R1())
    public = point.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert len(public) == algorithm("p256").size_bytes.public_key
    shared = point.exchange(ec.ECDH(), point.public_key())
    assert len(shared) == algorithm("p256").size_bytes.shared_secret


def test_aead_and_hash_sizes_are_the_librarys() -> None:
    for id_, cipher in [
        ("aes-128-gcm", AESGCM),
        ("aes-256-gcm", AESGCM),
        ("aes-128-ccm", AESCCM),
        ("chacha20-poly1305", ChaCha20Poly1305),
    ]:
        sizes = algorithm(id_).size_bytes
        assert sizes.key is not None
        assert sizes.nonce is not None
        sealed = cipher(bytes(sizes.key)).encrypt(bytes(sizes.nonce), b"text", None)
        assert len(sealed) - len(b"text") == sizes.tag
    assert algorithm("sha-256").size_bytes.digest == hashes.SHA256.digest_size
    assert algorithm("sha-384").size_bytes.digest == hashes.SHA384.digest_size


def test_hybrid_sizes_are_the_sum_of_their_parts() -> None:
    def sizes(id_: str, part: str) -> int:
        value = getattr(algorithm(id_).size_bytes, part)
        assert isinstance(value, int)
        return value

    for part in ("public_key", "signature"):
        whole = sizes("ecdsa-p256+fn-dsa-512/pre1", part)
        assert whole == sizes("ecdsa-p256", part) + sizes("fn-dsa-512/pre1", part)
    for group, curve in (("x25519mlkem768", "x25519"), ("secp256r1mlkem768", "p256")):
        share = sizes(curve, "public_key")
        assert sizes(group, "public_key") == sizes("ml-kem-768", "public_key") + share
        assert sizes(group, "ciphertext") == sizes("ml-kem-768", "ciphertext") + share
        assert sizes(group, "shared_secret") == 64


@pytest.mark.parametrize(
    ("composite", "lattice", "point_bytes", "classical_signature_bytes"),
    [
        ("composite-mldsa44-ed25519-sha512/draft-19", "ml-dsa-44", 32, 64),
        ("composite-mldsa44-ecdsa-p256-sha256/draft-19", "ml-dsa-44", 65, 72),
        ("composite-mldsa65-ecdsa-p256-sha512/draft-19", "ml-dsa-65", 65, 72),
        ("composite-mldsa87-ecdsa-p384-sha512/draft-19", "ml-dsa-87", 97, 104),
    ],
)
def test_composites_hold_an_uncompressed_point_and_the_longest_der_signature(
    composite: str, lattice: str, point_bytes: int, classical_signature_bytes: int
) -> None:
    sizes, part = algorithm(composite).size_bytes, algorithm(lattice).size_bytes
    assert part.public_key is not None
    assert part.signature is not None
    assert sizes.public_key == part.public_key + point_bytes
    assert sizes.signature == part.signature + classical_signature_bytes
    if classical_signature_bytes != 64:
        largest = 256 ** ((point_bytes - 1) // 2) - 1
        assert len(encode_dss_signature(largest, largest)) == classical_signature_bytes


def test_oids_are_the_librarys() -> None:
    assert algorithm("ecdsa-p256").oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256.dotted_string
    assert algorithm("ecdsa-p384").oid == SignatureAlgorithmOID.ECDSA_WITH_SHA384.dotted_string
    assert algorithm("ed25519").oid == SignatureAlgorithmOID.ED25519.dotted_string
    assert algorithm("ecdsa-p256").curve_oid == ec.EllipticCurveOID.SECP256R1.dotted_string
    assert algorithm("ecdsa-p384").curve_oid == ec.EllipticCurveOID.SECP384R1.dotted_string
    for id_, curve in (
        ("ecdsa-brainpoolp256r1", ec.EllipticCurveOID.BRAINPOOLP256R1),
        ("ecdsa-brainpoolp384r1", ec.EllipticCurveOID.BRAINPOOLP384R1),
    ):
        assert algorithm(id_).curve_oid == curve.dotted_string
    for id_, key in (
        ("ml-dsa-44", mldsa.MLDSA44PrivateKey),
        ("ml-dsa-65", mldsa.MLDSA65PrivateKey),
        ("ml-dsa-87", mldsa.MLDSA87PrivateKey),
        ("ml-kem-768", mlkem.MLKEM768PrivateKey),
        ("ml-kem-1024", mlkem.MLKEM1024PrivateKey),
        ("x25519", x25519.X25519PrivateKey),
    ):
        info = key.generate().public_key()
        der = info.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert _der_oid(algorithm(id_).oid or "") in der[:24]


def test_a_combination_is_as_safe_and_no_firmer_than_its_parts() -> None:
    combinations = [row for row in registry().values() if row.components]
    assert len(combinations) >= 8
    for row in combinations:
        parts = [algorithm(component) for component in row.components]
        assert row.quantum_safe == any(part.quantum_safe for part in parts)
        assert Status.least_firm([row.status, *(part.status for part in parts)]) is row.status
        categories = [part.nist_category for part in parts if part.nist_category]
        assert row.nist_category == max(categories, default=None)


def test_no_experimental_id_is_without_its_version() -> None:
    experimental = [row for row in registry().values() if row.status is Status.EXPERIMENTAL]
    assert experimental
    assert all(row.id.endswith(f"/{row.version}") for row in experimental)


def test_unknown_algorithm_names_the_nearest() -> None:
    with pytest.raises(RoadsealError, match="ml-dsa-66") as caught:
        algorithm("ml-dsa-66")
    assert caught.value.code == "unknown-algorithm"
    assert "ml-dsa-65" in caught.value.advice


GOOD = """
[small]
kind = "signature"
size_bytes = { public_key = 1, signature = 1 }
ieee1609dot2 = { index = 0, status = "standard" }
quantum_safe = false
status = "standard"
version = "1"
source = "test 1"

["safe/1"]
kind = "signature"
size_bytes = { public_key = 1, signature = 1 }
quantum_safe = true
status = "experimental"
version = "1"
source = "test 1"

["both/1"]
kind = "signature"
components = ["small", "safe/1"]
size_bytes = { public_key = 2, signature = 2 }
quantum_safe = true
# both
status = "experimental"
version = "1"
source = "test 1"
"""


END = 'source = "test 1"\n\n["both'


def test_the_sound_table_is_read() -> None:
    rows = read_algorithms(TomlSource("good.toml", GOOD))
    assert list(rows) == ["small", "safe/1", "both/1"]
    assert rows["both/1"].kind is Kind.SIGNATURE


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('source = "test 1"\n\n["safe', '\n\n["safe', 2, "source is missing"),
        ("signature = 1 }\nieee", "signature = 0 }\nieee", 4, "greater than 0"),
        ("signature = 1 }\nieee", 'signature = "1" }\nieee', 4, "valid integer"),
        ("public_key = 1, signature = 1 }\nieee", "digest = 1 }\nieee", 4, "public_key"),
        ("quantum_safe = false", "quantum_safe = 0", 6, "valid boolean"),
        ("quantum_safe = false", "quantum_save = false", 2, "quantum_safe is missing"),
        ('kind = "signature"\ncomp', 'kind = "signatur"\ncomp', 20, "'signature'"),
        (f'version = "1"\n{END}', f'version = "2"\n{END}', 16, "ends in its version"),
        ('["small", "safe/1"]', '["small", "absent"]', 21, "absent is not above"),
        ("quantum_safe = true\n# both", "quantum_safe = false\n# both", 23, "safest component"),
        ("[small]", "small = 1\n[other]", 2, "not a table"),
        ("[small]", "[small", 2, "at line 2"),
    ],
)
def test_a_bad_row_is_refused_with_file_line_and_remedy(
    old: str, new: str, line: int, says: str
) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(RoadsealError, match=re.escape(says)) as caught:
        read_algorithms(TomlSource("rows.toml", GOOD.replace(old, new)))
    assert caught.value.message.startswith("rows.toml")
    assert f":{line}:" in caught.value.message or f"line {line}" in caught.value.message
    assert caught.value.advice


def test_two_rows_cannot_share_an_index() -> None:
    twice = GOOD.replace(
        '["safe/1"]\n', '["safe/1"]\nieee1609dot2 = { index = 0, status = "experimental" }\n'
    )
    with pytest.raises(RoadsealError, match="index 0 belongs to small"):
        read_algorithms(TomlSource("rows.toml", twice))


def test_strength_is_a_partial_order() -> None:
    ids = list(registry())
    for a, b, c in product(ids, repeat=3):
        if at_least(a, b) and at_least(b, c):
            assert at_least(a, c), (a, b, c)
    for a, b in product(ids, repeat=2):
        if at_least(a, b) and at_least(b, a):
            assert made_of(a) == made_of(b), (a, b)
        assert not (stronger_than(a, b) and stronger_than(b, a))


def test_strength_says_what_the_design_says() -> None:
    dual = "ecdsa-p256+fn-dsa-512/pre1"
    assert stronger_than(dual, "ecdsa-p256")
    assert stronger_than(dual, "fn-dsa-512/pre1")
    assert stronger_than("fn-dsa-512/pre1", "ecdsa-p384")
    assert stronger_than("hkdf-sha-384/qkd-mix", "x25519mlkem768")
    assert stronger_than("x25519mlkem768", "x25519")
    assert not at_least("ml-dsa-44", "fn-dsa-512/pre1")
    assert not at_least("fn-dsa-512/pre1", "ml-dsa-44")
    assert not at_least("ecdsa-p384", "ecdsa-p256")


def _der_oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    body = bytearray([40 * first + second])
    for arc in rest:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | (arc & 0x7F))
        body += bytes(reversed(digits))
    return bytes([6, len(body)]) + bytes(body)
