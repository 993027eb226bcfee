"""What a judgement has to know of an algorithm, from its canonical name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Nature:
    """An algorithm as a judge sees it.

    Args:
        name: canonical.
        bearing: ``shor``, ``grover``, ``none``, ``broken-today`` or ``unknown``.
        bits: classical strength, if known.
        families: ``RSA``, ``ECDSA``, ``ML-KEM`` …; of a hybrid all of them.
        names: its canonical name and those of its parts.
        hybrid: whether it is a classical and a post-quantum algorithm together.
    """

    name: str
    bearing: str
    bits: int | None
    families: frozenset[str]
    names: frozenset[str]
    hybrid: bool = False


_SHOR: Final = (
    (r"rsa(?:-(?P<modulus>\d+))?(?:-.*)?", "RSA"),
    (r"ecdsa-(?P<curve>.+)", "ECDSA"),
    (r"ecies-(?P<curve>.+)", "ECIES"),
    (r"ecdh?-?(?P<curve>.*)|(?P<bare>p\d{3}|secp\d+r1|brainpoolp\d+\w\d)", "ECDH"),
    (r"dsa(?:-(?P<modulus>\d+))?", "DSA"),
    (r"dh(?:-(?P<modulus>\d+))?", "FFDH"),
    (r"x25519|x448", "ECDH"),
    (r"ed25519|ed448", "EdDSA"),
)
_SAFE: Final = (
    (r"ml-kem-\d+", "ML-KEM"),
    (r"ml-dsa-\d+", "ML-DSA"),
    (r"slh-dsa-.+", "SLH-DSA"),
    (r"fn-dsa-.+", "FN-DSA"),
    (r"lms.*", "LMS"),
    (r"xmss.*", "XMSS"),
    (r"sntrup761", "NTRU Prime"),
)
_BROKEN: Final = frozenset(
    ("md5", "sha-1", "des", "3des", "rc4", "plaintext", "default-credentials", "hmac-md5")
)
_MODULUS_BITS: Final = ((1024, 80), (2048, 112), (3072, 128), (7680, 192), (15360, 256))
_HYBRIDS: Final = {
    "x25519mlkem768": ("x25519", "ml-kem-768"),
    "secp256r1mlkem768": ("p256", "ml-kem-768"),
    "secp384r1mlkem1024": ("p384", "ml-kem-1024"),
    "mlkem768x25519-sha256": ("x25519", "ml-kem-768"),
    "mlkem768nistp256-sha256": ("p256", "ml-kem-768"),
    "mlkem1024nistp384-sha384": ("p384", "ml-kem-1024"),
    "sntrup761x25519-sha512": ("x25519", "sntrup761"),
}
_COMPOSITE: Final = re.compile(r"(?P<safe>ml-dsa-\d+)\+(?P<classical>[a-z0-9-]+)(?:/.+)?")


@lru_cache(maxsize=4_096)
def nature_of(name: str) -> Nature:
    """What is known of `name`; a name that is not known is ``unknown``, and never safe."""
    plain = name.strip().lower()
    parts = _HYBRIDS.get(plain)
    if composite := _COMPOSITE.fullmatch(plain):
        parts = (composite["classical"], composite["safe"])
    if parts:
        natures = [nature_of(part) for part in parts]
        return Nature(
            plain,
            "none",
            max((each.bits or 0 for each in natures), default=None),
            frozenset().union(*(each.families for each in natures)),
            frozenset({plain, *parts}),
            hybrid=True,
        )
    if plain in _BROKEN:
        return Nature(plain, "broken-today", 0, frozenset({plain.upper()}), frozenset({plain}))
    for pattern, family in _SAFE:
        if re.fullmatch(pattern, plain):
            return Nature(plain, "none", None, frozenset({family}), frozenset({plain}))
    for pattern, family in _SHOR:
        if found := re.fullmatch(pattern, plain):
            bits = _bits(plain, found.groupdict())
            return Nature(plain, "shor", bits, frozenset({family}), frozenset({plain}))
    if found := re.fullmatch(r"aes-(\d+)(?:-.*)?", plain):
        return Nature(plain, "grover", int(found[1]), frozenset({"AES"}), frozenset({plain}))
    if found := re.fullmatch(r"(?:hmac-)?sha3?-(\d+)(?:-\d+)?", plain):
        return Nature(plain, "grover", int(found[1]) // 2, frozenset({"SHA"}), frozenset({plain}))
    return Nature(plain, "unknown", None, frozenset(), frozenset({plain}))


def _bits(name: str, groups: dict[str, str | None]) -> int | None:
    if modulus := groups.get("modulus"):
        return next((bits for size, bits in _MODULUS_BITS if int(modulus) <= size), 256)
    if name in ("x25519", "ed25519"):
        return 128
    if name in ("x448", "ed448"):
        return 224
    curve = groups.get("curve") or groups.get("bare") or ""
    size = re.search(r"(\d{3})", curve)
    return int(size[1]) // 2 if size else None
