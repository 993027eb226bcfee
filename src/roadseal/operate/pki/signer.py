"""What an authority signs with: software, a PKCS #11 module, or two of them for a composite.

A signer signs messages and shows its public key; the private key stays where it was made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from roadseal._core import SigningKey as FastKey
from roadseal.errors import RoadsealError
from roadseal.operate.pki.composite import MLDSA, Composite
from roadseal.operate.pki.public_key import PublicKey, ecdsa_hash

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)

_MAKERS: Final[dict[str, Callable[[], PrivateKey]]] = {
    "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ml-dsa-44": mldsa.MLDSA44PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
    "ml-dsa-87": mldsa.MLDSA87PrivateKey.generate,
}
_IN_RUST: Final = frozenset({"ml-dsa-44", "ml-dsa-65"})


class Signer(Protocol):
    """A private key, wherever it is."""

    @property
    def public_key(self) -> PublicKey:
        """Its public key."""
        ...

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """Sign as X.509 wants it: ECDSA as DER; `context` is of ML-DSA and composites.

        Raises:
            RoadsealError: ``pki-module``: the module that holds the key does not sign.
        """
        ...


class SoftwareSigner:
    """A key in this process; of ML-DSA only its seed is ever written."""

    def __init__(self, key: PrivateKey) -> None:
        info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = PublicKey.read(info)
        self._key = key
        self._fast: FastKey | None = None
        if self.public_key.algorithm in _IN_RUST and not isinstance(
            key, ec.EllipticCurvePrivateKey
        ):
            self._fast = FastKey.from_secret(self.public_key.algorithm, key.private_bytes_raw())

    @classmethod
    def generate(cls, algorithm: str) -> SoftwareSigner:
        """Make a key in this process.

        Raises:
            RoadsealError: ``pki-algorithm``.
        """
        if algorithm not in _MAKERS:
            raise RoadsealError(
                "pki-algorithm",
                f"An authority cannot sign with {algorithm!r}.",
                advice=f"Use {', '.join(_MAKERS)}, or a composite of two of them.",
            )
        return cls(_MAKERS[algorithm]())

    @classmethod
    def unseal(cls, sealed: bytes, passphrase: bytes) -> SoftwareSigner:
        """Decrypt what `seal` made.

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
        if not isinstance(key, PrivateKey):
            raise RoadsealError(
                "pki-algorithm", "The stored key cannot sign.", advice="Restore the database."
            )
        return cls(key)

    def seal(self, passphrase: bytes) -> bytes:
        """Encrypted PKCS #8, for storage."""
        return self._key.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase)
        )

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """See `Signer`."""
        match self._key:
            case ec.EllipticCurvePrivateKey():
                return self._key.sign(message, ec.ECDSA(ecdsa_hash(self.public_key.algorithm)))
            case ed25519.Ed25519PrivateKey():
                return self._key.sign(message)
        if self._fast is not None and not context:
            return self._fast.sign_message(message)
        return self._key.sign(message, context or None)

    def __repr__(self) -> str:
        return f"SoftwareSigner({self.public_key.algorithm!r})"


class CompositeSigner:
    """Two signers as one; each half may be in a module of its own.

    Source: draft-ietf-lamps-pq-composite-sigs-19 §3.2.
    """

    def __init__(self, composite: Composite, post_quantum: Signer, traditional: Signer) -> None:
        halves = (post_quantum.public_key.algorithm, traditional.public_key.algorithm)
        if halves != composite.halves:
            raise RoadsealError(
                "pki-algorithm",
                f"{composite.name} is not made of {' and '.join(halves)}.",
                advice=f"Give {' and '.join(composite.halves)}.",
            )
        self._composite = composite
        self._halves = post_quantum, traditional
        raw = post_quantum.public_key.raw + traditional.public_key.raw
        self.public_key = PublicKey.of(composite.registry_id, raw)

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """See `Signer`."""
        post_quantum, traditional = self._halves
        bound = self._composite.bound(message, context)
        return post_quantum.sign(bound, self._composite.label) + traditional.sign(bound)


class ExternalMuSigner:
    """An ML-DSA key in a module that signs mu, so that no message goes to the module.

    Args:
        public_key: its ML-DSA key.
        sign_mu: signs the 64 bytes of mu.

    Source: FIPS 204, algorithm 7 step 6; RFC 9881 appendix D.
    """

    def __init__(self, public_key: PublicKey, sign_mu: Callable[[bytes], bytes]) -> None:
        self.public_key = public_key
        self._sign_mu = sign_mu

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """See `Signer`."""
        tr = hashlib.shake_256(self.public_key.raw).digest(64)
        formatted = bytes((0, len(context))) + context + message
        signature = self._sign_mu(hashlib.shake_256(tr + formatted).digest(64))
        if len(signature) != MLDSA["MLDSA" + self.public_key.algorithm[-2:]][2]:
            raise module_failed("gave a signature of the wrong length")
        return signature


def module_failed(what: str) -> RoadsealError:
    """The error for a module that holds a key and does not do its work."""
    return RoadsealError(
        "pki-module",
        f"The module that holds the key {what}.",
        advice="Check that it is plugged in, unlocked, and has this key.",
    )
