"""Private keys of devices and servers, as `cryptography` has them."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa

from roadseal.errors import RoadsealError

SigningKey = (
    ec.EllipticCurvePrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
_MLDSA: Final[dict[type, str]] = {
    mldsa.MLDSA44PublicKey: "ml-dsa-44",
    mldsa.MLDSA65PublicKey: "ml-dsa-65",
    mldsa.MLDSA87PublicKey: "ml-dsa-87",
}
_CURVES: Final = {
    "secp256r1": "ecdsa-p256",
    "secp384r1": "ecdsa-p384",
    "brainpoolP256r1": "ecdsa-brainpoolp256r1",
    "brainpoolP384r1": "ecdsa-brainpoolp384r1",
}


def generate_key(algorithm: str) -> SigningKey:
    """Make a key in this process.

    Raises:
        RoadsealError: ``pki-algorithm``.
    """
    match algorithm:
        case "ecdsa-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ecdsa-p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ml-dsa-44":
            return mldsa.MLDSA44PrivateKey.generate()
        case "ml-dsa-65":
            return mldsa.MLDSA65PrivateKey.generate()
        case "ml-dsa-87":
            return mldsa.MLDSA87PrivateKey.generate()
    raise RoadsealError(
        "pki-algorithm",
        f"No key of {algorithm!r} is made here.",
        advice="Use ecdsa-p256, ecdsa-p384, ml-dsa-44, ml-dsa-65 or ml-dsa-87.",
    )


def algorithm_of(key: object) -> str | None:
    """The registry id of a public key; None for one that has none."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name)
    return next((name for kind, name in _MLDSA.items() if isinstance(key, kind)), None)


def signing_hash(key: SigningKey) -> hashes.SHA256 | hashes.SHA384 | None:
    """The hash that goes with `key` in X.509; None for ML-DSA, which hashes by itself."""
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()
