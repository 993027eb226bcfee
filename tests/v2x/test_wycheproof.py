"""Wycheproof's vectors, which are made of the mistakes that implementations made."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from v2x_material import material

from roadseal._core import VerifyingKey

ECDSA = {
    "ecdsa-p256": ("ecdsa_secp256r1_sha256_test.json", "sha256", 32),
    "ecdsa-p384": ("ecdsa_secp384r1_sha384_test.json", "sha384", 48),
    "ecdsa-brainpoolp256r1": ("ecdsa_brainpoolP256r1_sha256_test.json", "sha256", 32),
    "ecdsa-brainpoolp384r1": ("ecdsa_brainpoolP384r1_sha384_test.json", "sha384", 48),
}
# Signatures that DER cannot be read from, or whose numbers do not fit r ‖ s: always invalid ones.
NOT_CONVERTIBLE = {
    "ecdsa-p256": 235,
    "ecdsa-p384": 235,
    "ecdsa-brainpoolp256r1": 231,
    "ecdsa-brainpoolp384r1": 230,
}


def groups(name: str) -> list[dict[str, Any]]:
    document = json.loads(material("pki", "wycheproof", name).read_bytes())
    found: list[dict[str, Any]] = document["testGroups"]
    return found


def raw_signature(der: bytes, size: int) -> bytes | None:
    """r ‖ s, as 1609.2 has it; `None` where DER or the width refuses."""
    try:
        r, s = decode_dss_signature(der)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except (ValueError, OverflowError):
        return None


@pytest.mark.parametrize("algorithm", ECDSA)
def test_ecdsa(algorithm: str) -> None:
    name, hash_name, size = ECDSA[algorithm]
    agreed = not_convertible = 0
    for group in groups(name):
        key = VerifyingKey(algorithm, bytes.fromhex(group["publicKey"]["uncompressed"]))
        for case in group["tests"]:
            raw = raw_signature(bytes.fromhex(case["sig"]), size)
            if raw is None:
                assert case["result"] == "invalid", case["tcId"]
                not_convertible += 1
                continue
            digest = hashlib.new(hash_name, bytes.fromhex(case["msg"])).digest()
            valid = key.count_valid([digest], [raw]) == 1
            assert valid is (case["result"] == "valid"), case
            agreed += 1
    assert not_convertible == NOT_CONVERTIBLE[algorithm]
    assert agreed > 200


@pytest.mark.parametrize("algorithm", ["ml-dsa-44", "ml-dsa-65"])
def test_ml_dsa(algorithm: str) -> None:
    agreed = with_context = 0
    for group in groups(f"{algorithm.replace('ml-dsa-', 'mldsa_')}_verify_test.json"):
        try:
            key = VerifyingKey(algorithm, bytes.fromhex(group["publicKey"]))
        except ValueError:
            assert {case["result"] for case in group["tests"]} == {"invalid"}
            agreed += len(group["tests"])
            continue
        for case in group["tests"]:
            if case.get("ctx"):
                with_context += 1  # 1609.2 messages are signed without a context
                continue
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            valid = key.count_valid([message], [signature]) == 1
            assert valid is (case["result"] == "valid"), case["tcId"]
            agreed += 1
    assert with_context == 7
    assert agreed > 170
