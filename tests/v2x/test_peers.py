"""Signatures made here hold in other libraries, and theirs here."""

from __future__ import annotations

import os
from typing import Any

import py_fn_dsa
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from roadseal._core import SigningKey, VerifyingKey

CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "ecdsa-p256": (ec.SECP256R1(), hashes.SHA256()),
    "ecdsa-p384": (ec.SECP384R1(), hashes.SHA384()),
    "ecdsa-brainpoolp256r1": (ec.BrainpoolP256R1(), hashes.SHA256()),
    "ecdsa-brainpoolp384r1": (ec.BrainpoolP384R1(), hashes.SHA384()),
}
ML_DSA: dict[str, tuple[Any, Any, int]] = {
    "ml-dsa-44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey, 32),
    "ml-dsa-65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey, 48),
}
FN_DSA = "fn-dsa-512/pre1"
ROUNDS = 20


@pytest.mark.parametrize("algorithm", CURVES)
def test_openssl_verifies_our_ecdsa(algorithm: str) -> None:
    curve, hash_algorithm = CURVES[algorithm]
    key = SigningKey.generate(algorithm)
    public = ec.EllipticCurvePublicKey.from_encoded_point(curve, key.public_key)
    for _ in range(ROUNDS):
        digest = os.urandom(hash_algorithm.digest_size)
        raw = key.sign(digest)
        r, s = (int.from_bytes(half, "big") for half in halves(raw))
        public.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hash_algorithm)))


@pytest.mark.parametrize("algorithm", CURVES)
def test_we_verify_openssls_ecdsa(algorithm: str) -> None:
    curve, hash_algorithm = CURVES[algorithm]
    private = ec.generate_private_key(curve)
    for form in (PublicFormat.CompressedPoint, PublicFormat.UncompressedPoint):
        point = private.public_key().public_bytes(Encoding.X962, form)
        key = VerifyingKey(algorithm, point)
        size = hash_algorithm.digest_size
        digests, signatures = [], []
        for _ in range(ROUNDS):
            digests.append(os.urandom(size))
            der = private.sign(digests[-1], ec.ECDSA(Prehashed(hash_algorithm)))
            signatures.append(b"".join(n.to_bytes(size, "big") for n in decode_dss_signature(der)))
        assert key.count_valid(digests, signatures) == ROUNDS
        assert key.count_valid(digests, signatures[1:] + signatures[:1]) == 0


@pytest.mark.parametrize("algorithm", CURVES)
def test_the_same_scalar_is_the_same_key(algorithm: str) -> None:
    curve, hash_algorithm = CURVES[algorithm]
    private = ec.generate_private_key(curve)
    scalar = private.private_numbers().private_value.to_bytes(hash_algorithm.digest_size, "big")
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert SigningKey.from_secret(algorithm, scalar).public_key == point


@pytest.mark.parametrize("algorithm", ML_DSA)
def test_openssl_and_we_agree_on_ml_dsa(algorithm: str) -> None:
    private_kind, public_kind, digest_bytes = ML_DSA[algorithm]
    seed, digest = os.urandom(32), os.urandom(digest_bytes)
    ours, theirs = SigningKey.from_secret(algorithm, seed), private_kind.from_seed_bytes(seed)
    assert ours.public_key == theirs.public_key().public_bytes_raw()
    public_kind.from_public_bytes(ours.public_key).verify(ours.sign(digest), digest)
    signature = theirs.sign(digest)
    assert VerifyingKey(algorithm, ours.public_key).count_valid([digest], [signature]) == 1
    wrong = signature[:-1] + bytes([signature[-1] ^ 1])
    assert VerifyingKey(algorithm, ours.public_key).count_valid([digest], [wrong]) == 0
    with pytest.raises(InvalidSignature):
        theirs.public_key().verify(wrong, digest)


def test_fn_dsa_agrees_with_c_fn_dsa_both_ways() -> None:
    """Both sign the digest as a raw message (hash id 0x00) with an empty context."""
    verify_key, signing_key = py_fn_dsa.keygen(py_fn_dsa.LOGN_512)
    assert len(verify_key.key_data) == 897
    ours = SigningKey.generate(FN_DSA)
    our_public = py_fn_dsa.VerifyKey.from_bytes(py_fn_dsa.LOGN_512, ours.public_key)
    for _ in range(ROUNDS):
        digest = os.urandom(32)
        theirs = py_fn_dsa.sign(signing_key, digest)
        assert len(theirs) == 666
        assert VerifyingKey(FN_DSA, verify_key.key_data).count_valid([digest], [theirs]) == 1
        signature = ours.sign(digest)
        assert py_fn_dsa.verify(our_public, signature, digest)
        assert not py_fn_dsa.verify(our_public, signature, os.urandom(32))


@pytest.mark.parametrize(
    ("context", "hash_id"), [(b"x", py_fn_dsa.HASH_ID_RAW), (b"", py_fn_dsa.HASH_ID_SHA256)]
)
def test_another_fn_dsa_convention_is_another_signature(context: bytes, hash_id: bytes) -> None:
    verify_key, signing_key = py_fn_dsa.keygen(py_fn_dsa.LOGN_512)
    digest = os.urandom(32)
    signature = py_fn_dsa.sign(signing_key, digest, context, hash_id)
    assert py_fn_dsa.verify(verify_key, signature, digest, context, hash_id)
    assert VerifyingKey(FN_DSA, verify_key.key_data).count_valid([digest], [signature]) == 0


def test_an_fn_dsa_key_of_theirs_signs_here() -> None:
    verify_key, signing_key = py_fn_dsa.keygen(py_fn_dsa.LOGN_512)
    key = SigningKey.from_secret(FN_DSA, signing_key.key_data)
    assert key.public_key == verify_key.key_data


@pytest.mark.parametrize("algorithm", [*CURVES, *ML_DSA, FN_DSA, "ecdsa-p256+fn-dsa-512/pre1"])
@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 96, 128, 193, 400, 666, 2420, 3309, 5000])
def test_a_signature_of_any_length_is_an_answer_not_an_exception(
    algorithm: str, length: int
) -> None:
    key = VerifyingKey(algorithm, SigningKey.generate(algorithm).public_key)
    for digest_bytes in (0, 32, 48, 64):
        assert key.count_valid([bytes(digest_bytes)], [b"\xff" * length]) == 0


def halves(raw: bytes) -> tuple[bytes, bytes]:
    return raw[: len(raw) // 2], raw[len(raw) // 2 :]
