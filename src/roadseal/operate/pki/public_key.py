"""Public keys by their SubjectPublicKeyInfo: named, verified with, and known by their hashes.

`cryptography` has no composite keys, so what is common to all keys is written down here.

Source: RFC 5480, RFC 8410, RFC 9881 §4, RFC 9935 §4; draft-ietf-lamps-pq-composite-sigs-19 §5.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from roadseal._core import VerifyingKey
from roadseal.operate.pki.composite import COMPOSITES, MLDSA, Composite
from roadseal.operate.pki.der import contents, elements, object_identifier, octet_bits, sequence

_EC: Final = object_identifier("1.2.840.10045.2.1")
_CURVES: Final = {
    "ecdsa-p256": "1.2.840.10045.3.1.7",
    "ecdsa-p384": "1.3.132.0.34",
    "ecdsa-p521": "1.3.132.0.35",
    "ecdsa-brainpoolp256r1": "1.3.36.3.3.2.8.1.1.7",
    "ecdsa-brainpoolp384r1": "1.3.36.3.3.2.8.1.1.11",
}
_PLAIN: Final = {
    "ml-dsa-44": "2.16.840.1.101.3.4.3.17",
    "ml-dsa-65": "2.16.840.1.101.3.4.3.18",
    "ml-dsa-87": "2.16.840.1.101.3.4.3.19",
    "ml-kem-512": "2.16.840.1.101.3.4.4.1",
    "ml-kem-768": "2.16.840.1.101.3.4.4.2",
    "ml-kem-1024": "2.16.840.1.101.3.4.4.3",
    "ed25519": "1.3.101.112",
    **{one.registry_id: oid for oid, one in COMPOSITES.items()},
}
_ECDSA_SIGNATURES: Final = {
    "ecdsa-p256": "1.2.840.10045.4.3.2",
    "ecdsa-p384": "1.2.840.10045.4.3.3",
    "ecdsa-p521": "1.2.840.10045.4.3.4",
    "ecdsa-brainpoolp256r1": "1.2.840.10045.4.3.2",
    "ecdsa-brainpoolp384r1": "1.2.840.10045.4.3.3",
}
KEY_IDENTIFIERS: Final = {
    **{name: sequence(_EC, object_identifier(oid)) for name, oid in _CURVES.items()},
    **{name: sequence(object_identifier(oid)) for name, oid in _PLAIN.items()},
}
"""AlgorithmIdentifier of a key, by registry id."""
SIGNATURE_IDENTIFIERS: Final = {
    **{name: sequence(object_identifier(oid)) for name, oid in _ECDSA_SIGNATURES.items()},
    **{
        name: one
        for name, one in KEY_IDENTIFIERS.items()
        if not name.startswith(("ecdsa", "ml-kem"))
    },
}
"""AlgorithmIdentifier of a signature by that key."""
_NAMES: Final = {identifier: name for name, identifier in KEY_IDENTIFIERS.items()}
_HASHES: Final = {"ecdsa-p384": hashes.SHA384, "ecdsa-brainpoolp384r1": hashes.SHA384}
_IN_RUST: Final = frozenset({"ml-dsa-44", "ml-dsa-65"})


def composite_of(algorithm: str) -> Composite | None:
    """The composite algorithm with this registry id."""
    return COMPOSITES.get(_PLAIN.get(algorithm, ""))


def ecdsa_hash(algorithm: str) -> hashes.SHA256 | hashes.SHA384:
    """The hash that goes with an ECDSA key in X.509."""
    return _HASHES.get(algorithm, hashes.SHA256)()


@dataclass(frozen=True)
class PublicKey:
    """A key that certificates are made for.

    Args:
        algorithm: registry id.
        info: SubjectPublicKeyInfo, DER.
    """

    algorithm: str
    info: bytes

    @classmethod
    def read(cls, info: bytes) -> PublicKey:
        """Read a SubjectPublicKeyInfo; a key that does not load is refused.

        Raises:
            ValueError: malformed, or of an algorithm that is not ours.
        """
        (whole,) = elements(info)
        identifier, bits = elements(contents(whole))
        algorithm = _NAMES.get(identifier)
        if algorithm is None or contents(bits)[:1] != b"\0":
            raise ValueError
        key = cls(algorithm, info)
        if composite := composite_of(algorithm):
            for part in composite_parts(composite, key.raw):
                part._load_as_written()
        else:
            key._load_as_written()
        return key

    @classmethod
    def of(cls, algorithm: str, raw: bytes) -> PublicKey:
        """The key whose subjectPublicKey is `raw`; it is not loaded."""
        return cls(algorithm, sequence(KEY_IDENTIFIERS[algorithm], octet_bits(raw)))

    @cached_property
    def raw(self) -> bytes:
        """The subjectPublicKey: an encoded point, the encoded lattice key, or both halves."""
        return contents(elements(contents(self.info))[1])[1:]

    @property
    def identifier(self) -> bytes:
        """Subject key identifier: SHA-1 of the subjectPublicKey (RFC 5280 §4.2.1.2 method 1)."""
        return hashlib.sha1(self.raw, usedforsecurity=False).digest()

    @cached_property
    def hashes(self) -> tuple[bytes, ...]:
        """SHA-256 of the SubjectPublicKeyInfo, and of a composite's halves: what blocking names."""
        composite = composite_of(self.algorithm)
        parts = composite_parts(composite, self.raw) if composite else ()
        return tuple(hashlib.sha256(key.info).digest() for key in (self, *parts))

    def verify(self, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Whether `signature` is one by this key; `context` is of ML-DSA and composites."""
        if composite := composite_of(self.algorithm):
            return composite.verify(self.raw, signature, message, context)
        if self.algorithm in _IN_RUST and not context:
            return self._fast.count_valid([message], [signature]) == 1
        loaded = self._load()
        try:
            match loaded:
                case ec.EllipticCurvePublicKey():
                    loaded.verify(signature, message, ec.ECDSA(ecdsa_hash(self.algorithm)))
                case ed25519.Ed25519PublicKey():
                    loaded.verify(signature, message)
                case mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey():
                    loaded.verify(signature, message, context or None)
                case _:
                    return False
        except InvalidSignature:
            return False
        return True

    def _load_as_written(self) -> None:
        """Load it; of the encodings of a point only one is taken, so that a key has one hash."""
        loaded = self._fast if self.algorithm in _IN_RUST else self._load()
        if isinstance(loaded, ec.EllipticCurvePublicKey) and (
            len(self.raw) != 1 + 2 * ((loaded.key_size + 7) // 8) or self.raw[:1] != b"\x04"
        ):
            raise ValueError

    @cached_property
    def _fast(self) -> VerifyingKey:
        return VerifyingKey(self.algorithm, self.raw)

    def _load(self) -> object:
        try:
            return load_der_public_key(self.info)
        except UnsupportedAlgorithm:
            raise ValueError from None


def composite_parts(composite: Composite, raw: bytes) -> tuple[PublicKey, PublicKey]:
    """The halves of a composite key.

    Raises:
        ValueError: the traditional half is not one that we make (RSA, Ed448, P-521).
    """
    post_quantum, traditional = composite.halves
    if post_quantum not in KEY_IDENTIFIERS or traditional not in KEY_IDENTIFIERS:
        raise ValueError
    size = MLDSA[composite.name[:7]][1]
    return PublicKey.of(post_quantum, raw[:size]), PublicKey.of(traditional, raw[size:])
