"""Wycheproof: what this room verifies, signs, opens and decrypts with."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from roadseal.errors import RoadsealError
from roadseal.operate.pki.private_key import read_mldsa_key
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.request import KemChallenge, answer_challenge
from roadseal.operate.pki.signer import SoftwareSigner

FOLDER = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "pki" / "wycheproof"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="ROADSEAL_TESTDATA has no wycheproof")
LEVELS = ("44", "65", "87")
SEEDED = {
    "44": mldsa.MLDSA44PrivateKey,
    "65": mldsa.MLDSA65PrivateKey,
    "87": mldsa.MLDSA87PrivateKey,
}
KEMS = {"768": mlkem.MLKEM768PrivateKey, "1024": mlkem.MLKEM1024PrivateKey}


def cases(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each test with its group."""
    for group in json.loads((FOLDER / f"{name}.json").read_text())["testGroups"]:
        for case in group["tests"]:
            yield group, case


@pytest.mark.parametrize("level", LEVELS)
def test_ml_dsa_signatures(level: str) -> None:
    count = 0
    for group, case in cases(f"mldsa_{level}_verify_test"):
        count += 1
        message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
        context = bytes.fromhex(case.get("ctx", ""))
        try:
            key = PublicKey.read(
                PublicKey.of(f"ml-dsa-{level}", bytes.fromhex(group["publicKey"])).info
            )
            holds = len(context) <= 255 and key.verify(message, signature, context)
        except ValueError:
            holds = False
        assert holds is (case["result"] == "valid"), case
    assert count > 50


@pytest.mark.parametrize("level", LEVELS)
def test_ml_dsa_seeds(level: str) -> None:
    count = 0
    for group, case in cases(f"mldsa_{level}_sign_seed_test"):
        if case["result"] != "valid" or "ctx" in case or "msg" not in case:
            continue
        count += 1
        key = SEEDED[level].from_seed_bytes(bytes.fromhex(group["privateSeed"]))
        assert key.public_key().public_bytes_raw() == bytes.fromhex(group["publicKey"])
        signer, message = SoftwareSigner(key), bytes.fromhex(case["msg"])
        assert signer.public_key.verify(message, signer.sign(message))
        assert signer.public_key.verify(message, bytes.fromhex(case["sig"]))
        if pkcs8 := group.get("privateKeyPkcs8"):
            read = read_mldsa_key(bytes.fromhex(pkcs8))
            assert read.public_key() == key.public_key()
    assert count > 10


@pytest.mark.parametrize(
    "name",
    [
        "ecdsa_secp256r1_sha256_test",
        "ecdsa_secp384r1_sha384_test",
        "ecdsa_brainpoolP256r1_sha256_test",
        "ecdsa_brainpoolP384r1_sha384_test",
    ],
)
def test_ecdsa_signatures(name: str) -> None:
    count = 0
    for group, case in cases(name):
        count += 1
        key = PublicKey.read(bytes.fromhex(group["publicKeyDer"]))
        holds = key.verify(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
        if case["result"] != "acceptable":
            assert holds is (case["result"] == "valid"), case
    assert count > 200


@pytest.mark.parametrize("size", KEMS)
def test_ml_kem_possession(size: str) -> None:
    """A challenge is answered with what the right key opens it to, and with nothing else."""
    count = 0
    for _, case in cases(f"mlkem_{size}_test"):
        seed, ciphertext = bytes.fromhex(case["seed"]), bytes.fromhex(case["c"])
        try:
            key = KEMS[size].from_seed_bytes(seed)
            answer = answer_challenge(key, ciphertext)
        except ValueError:
            assert case["result"] == "invalid"
            continue
        count += 1
        assert key.public_key().public_bytes_raw() == bytes.fromhex(case["ek"])
        context = b"roadseal ml-kem possession 1"
        expected = hmac.digest(bytes.fromhex(case["K"]), context + ciphertext, "sha256")
        assert hmac.compare_digest(answer, expected) is (case["result"] == "valid"), case
    assert count > 5


@pytest.mark.parametrize("size", KEMS)
def test_ml_kem_keys_that_overflow_are_not_certified(size: str) -> None:
    refused = 0
    for _, case in cases(f"mlkem_{size}_encaps_test"):
        info = PublicKey.of(f"ml-kem-{size}", bytes.fromhex(case["ek"])).info
        if case["result"] == "valid":
            KemChallenge(info)
            continue
        refused += 1
        with pytest.raises(RoadsealError) as caught:
            KemChallenge(info)
        assert caught.value.code == "pki-csr"
    assert refused > 0


def test_aes_ccm() -> None:
    """What ECIES of the V2X authorities encrypts with."""
    count = 0
    for group, case in cases("aes_ccm_test"):
        names = ("key", "iv", "aad", "msg", "ct", "tag")
        key, nonce, extra, message, body, tag = (bytes.fromhex(case[name]) for name in names)
        try:
            cipher = AESCCM(key, tag_length=group["tagSize"] // 8)
            found = cipher.decrypt(nonce, body + tag, extra)
        except (InvalidTag, ValueError):
            assert case["result"] == "invalid" or not 7 <= len(nonce) <= 13, case
            continue
        count += 1
        assert case["result"] == "valid", case
        assert found == message
    assert count > 200
