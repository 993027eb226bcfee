"""Private keys of authorities: made here, kept as encrypted PKCS #8 (RFC 9881: the seed)."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from roadseal.errors import RoadsealError

SigningKey = (
    ec.EllipticCurvePrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
VerifyingKey = (
    ec.EllipticCurvePublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
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
        f"An authority cannot sign with {algorithm!r}.",
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


def sign(key: SigningKey, message: bytes) -> bytes:
    """Sign `message`: ECDSA as DER, ML-DSA pure with an empty context."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(signing_hash(key) or hashes.SHA256()))
    return key.sign(message)


def seal_key(key: SigningKey, passphrase: bytes) -> bytes:
    """Encrypt `key` for storage."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))


def open_key(sealed: bytes, passphrase: bytes) -> SigningKey:
    """Decrypt what `seal_key` made.

    Raises:
        RoadsealError: ``pki-passphrase``.
    """
    try:
        key = load_der_private_key(sealed, passphrase)
    except (ValueError, TypeError):
        raise RoadsealError(
            "pki-passphrase",
            "The authority's key does not open with this passphrase.",
            advice="Give the passphrase it was created with.",
        ) from None
    if not isinstance(key, SigningKey):
        raise RoadsealError(
            "pki-algorithm", "The stored key cannot sign.", advice="Restore the database."
        )
    return key


def key_hash(key: object) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo of a public key."""
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]  # every public key has it
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(encoded).digest()
