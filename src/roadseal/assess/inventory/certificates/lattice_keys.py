"""The forms of a private key of ML-DSA and ML-KEM: a seed, the key made from it, or both.

Where both are there, or the key holds digests of itself, it is checked as far as hashing goes.

Source: RFC 9881 §6, RFC 9935 §6; FIPS 204 algorithms 6 and 24; FIPS 203
algorithms 13, 16 and §7.3.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from roadseal.assess.inventory.certificates import der


class _Sizes(NamedTuple):
    seed: int
    expanded: int
    ranks: bytes  # k and l of ML-DSA, k of ML-KEM


_SIZES: Final = {
    "ml-dsa-44": _Sizes(32, 2560, b"\4\4"),
    "ml-dsa-65": _Sizes(32, 4032, b"\6\5"),
    "ml-dsa-87": _Sizes(32, 4896, b"\x08\7"),
    "ml-kem-512": _Sizes(64, 1632, b"\2"),
    "ml-kem-768": _Sizes(64, 2400, b"\3"),
    "ml-kem-1024": _Sizes(64, 3168, b"\4"),
}


class Form(NamedTuple):
    """``seed``, ``expanded``, ``both`` or ``raw``, and what is wrong with it."""

    name: str
    defect: str | None


def form_of(algorithm: str, encoded: bytes, key: der.Element) -> Form | None:
    """Tell the form of the key in the octets of a PKCS #8 structure; None for another algorithm."""
    sizes = _SIZES.get(algorithm.removeprefix("hash-").removesuffix("-sha-512"))
    if sizes is None:
        return None
    inner = der.element(encoded, key.content, key.end)
    if inner is None or inner.end != key.end:
        return Form("raw", "it is in no form of its standard")
    content = encoded[inner.content : inner.end]
    match inner.tag:
        case 0x80:
            return Form("seed", _length(content, sizes.seed))
        case der.OCTET_STRING:
            wrong = _length(content, sizes.expanded)
            return Form("expanded", wrong or _mismatch(algorithm, sizes, None, content))
        case der.SEQUENCE:
            parts = [encoded[one.content : one.end] for one in der.shape(encoded, inner, 3)]
            if len(parts) != 2:
                return Form("both", "it is in no form of its standard")
            wrong = _length(parts[0], sizes.seed) or _length(parts[1], sizes.expanded)
            return Form("both", wrong or _mismatch(algorithm, sizes, parts[0], parts[1]))
    return Form("raw", "it is in no form of its standard")


def _length(content: bytes, expected: int) -> str | None:
    return None if len(content) == expected else "the key has the wrong length"


def _mismatch(algorithm: str, sizes: _Sizes, seed: bytes | None, key: bytes) -> str | None:
    if algorithm.startswith("ml-kem"):
        public = key[384 * sizes.ranks[0] : 768 * sizes.ranks[0] + 32]
        digest = key[len(key) - 64 : len(key) - 32]
        if hashlib.sha3_256(public).digest() != digest:
            return "the key is not the one of its digest"
        made = seed and hashlib.sha3_512(seed[:32] + sizes.ranks).digest()[:32] + seed[32:]
        here = public[-32:] + key[-32:]
    else:
        made = seed and hashlib.shake_256(seed + sizes.ranks).digest(128)
        made = made and made[:32] + made[96:]  # rho and K, between which rho' is not kept
        here = key[:64]
    return "its seed makes another key" if made and made != here else None
