"""The composite draft's own vectors, and what an attacker would change."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography import x509

from roadseal.operate.pki.composite import COMPOSITES
from roadseal.operate.pki.signature import check_signature

VECTORS = (
    Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data"))
    / "pki/composite-mldsa/testvectors.json"
)
pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason="ROADSEAL_TESTDATA has no vectors")


def test_every_vector_with_and_without_context_and_its_certificate() -> None:
    document = json.loads(VECTORS.read_text())
    message, context = b64decode(document["m"]), b64decode(document["ctx"])
    by_name = {f"id-{one.name}": one for one in COMPOSITES.values()}
    seen = 0
    for case in document["tests"]:
        certificate = x509.load_der_x509_certificate(b64decode(case["x5c"]))
        assert check_signature(certificate, certificate) is None, case["tcId"]
        if case["tcId"] not in by_name:
            key = certificate.public_key()
            key.verify(b64decode(case["s"]), message)  # type: ignore[union-attr, call-arg]  # ML-DSA
            key.verify(b64decode(case["sWithContext"]), message, context)  # type: ignore[union-attr, call-arg, arg-type]  # ML-DSA
            continue
        seen += 1
        one, key_bytes = by_name[case["tcId"]], b64decode(case["pk"])
        plain, bound = b64decode(case["s"]), b64decode(case["sWithContext"])
        assert one.verify(key_bytes, plain, message), case["tcId"]
        assert one.verify(key_bytes, bound, message, context), case["tcId"]
        assert not one.verify(key_bytes, bound, message)
        assert not one.verify(key_bytes, plain, message + b".")
        for at in (0, len(plain) - 1):  # either half alone is not enough
            broken = bytearray(plain)
            broken[at] ^= 1
            assert not one.verify(key_bytes, bytes(broken), message)
        assert not one.verify(key_bytes[:40], plain, message)
    assert seen == 18
