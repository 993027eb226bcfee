"""Composite ML-DSA signatures: both halves must hold.

``M' = Prefix ‖ Label ‖ len(ctx) ‖ ctx ‖ PH(M)``; ML-DSA signs M' with the label as its context.
Key and signature are the ML-DSA part, of fixed length, followed by the traditional one.

Source: draft-ietf-lamps-pq-composite-sigs-19, §§ 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

VERSION: Final = "draft-19"
_ARC: Final = "1.3.6.1.5.5.7.6."
_FIRST: Final = 37
_NAMES: Final = (  # in the order of their object identifiers, from .37
    "MLDSA44-RSA2048-PSS-SHA256",
    "MLDSA44-RSA2048-PKCS15-SHA256",
    "MLDSA44-Ed25519-SHA512",
    "MLDSA44-ECDSA-P256-SHA256",
    "MLDSA65-RSA3072-PSS-SHA512",
    "MLDSA65-RSA3072-PKCS15-SHA512",
    "MLDSA65-RSA4096-PSS-SHA512",
    "MLDSA65-RSA4096-PKCS15-SHA512",
    "MLDSA65-ECDSA-P256-SHA512",
    "MLDSA65-ECDSA-P384-SHA512",
    "MLDSA65-ECDSA-brainpoolP256r1-SHA512",
    "MLDSA65-Ed25519-SHA512",
    "MLDSA87-ECDSA-P384-SHA512",
    "MLDSA87-ECDSA-brainpoolP384r1-SHA512",
    "MLDSA87-Ed448-SHAKE256",
    "MLDSA87-RSA3072-PSS-SHA512",
    "MLDSA87-RSA4096-PSS-SHA512",
    "MLDSA87-ECDSA-P521-SHA512",
)
_MldsaKey = type[mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey]
MLDSA: Final[dict[str, tuple[_MldsaKey, int, int]]] = {
    "MLDSA44": (mldsa.MLDSA44PublicKey, 1312, 2420),
    "MLDSA65": (mldsa.MLDSA65PublicKey, 1952, 3309),
    "MLDSA87": (mldsa.MLDSA87PublicKey, 2592, 4627),
}
"""By its name in the draft: key, its length, length of its signature (FIPS 204 table 2)."""
_CURVES: Final[dict[str, tuple[type[ec.EllipticCurve], type[hashes.HashAlgorithm]]]] = {
    "P256": (ec.SECP256R1, hashes.SHA256),
    "P384": (ec.SECP384R1, hashes.SHA384),
    "P521": (ec.SECP521R1, hashes.SHA512),
    "brainpoolP256r1": (ec.BrainpoolP256R1, hashes.SHA256),
    "brainpoolP384r1": (ec.BrainpoolP384R1, hashes.SHA384),
}


@dataclass(frozen=True, slots=True)
class Composite:
    """One composite algorithm.

    Args:
        name: as in the draft, without ``id-``.
        oid: object identifier.
    """

    name: str
    oid: str

    @property
    def registry_id(self) -> str:
        """Its id in the crypto registry."""
        return f"composite-{self.name.lower()}/{VERSION}"

    @property
    def label(self) -> bytes:
        """Domain separator, also the context of the ML-DSA half."""
        return (
            b"COMPSIG-"
            + self.name.replace("brainpoolP256r1", "BP256")
            .replace("brainpoolP384r1", "BP384")
            .encode()
        )

    @property
    def halves(self) -> tuple[str, str]:
        """Registry ids of both halves, the post-quantum one first."""
        _, family, *rest = self.name.lower().split("-")
        traditional = f"{family}-{rest[0]}" if family == "ecdsa" else family
        return f"ml-dsa-{self.name[5:7]}", traditional

    def bound(self, message: bytes, context: bytes = b"") -> bytes:
        """M', what both halves sign."""
        digest = hashes.Hash(_pre_hash(self.name))
        digest.update(message)
        prefix = b"CompositeAlgorithmSignatures2025"
        return prefix + self.label + bytes([len(context)]) + context + digest.finalize()

    def verify(self, key: bytes, signature: bytes, message: bytes, context: bytes = b"") -> bool:
        """Whether both halves of `signature` hold; False for bytes that are no key or signature."""
        kind, key_bytes, signature_bytes = MLDSA[self.name[:7]]
        if len(context) > 255:
            return False
        bound = self.bound(message, context)
        try:
            kind.from_public_bytes(key[:key_bytes]).verify(
                signature[:signature_bytes], bound, self.label
            )
            self._verify_traditional(key[key_bytes:], signature[signature_bytes:], bound)
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            return False
        return True

    def _verify_traditional(self, key: bytes, signature: bytes, bound: bytes) -> None:
        _, family, *rest = self.name.split("-")
        if family == "ECDSA":
            curve, digest = _CURVES[rest[0]]
            point = ec.EllipticCurvePublicKey.from_encoded_point(curve(), key)
            if key[:1] != b"\x04":
                raise ValueError
            point.verify(signature, bound, ec.ECDSA(digest()))
        elif family == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, bound)
        elif family == "Ed448":
            ed448.Ed448PublicKey.from_public_bytes(key).verify(signature, bound)
        else:
            public = load_der_public_key(key)
            if not isinstance(public, rsa.RSAPublicKey) or public.key_size != int(family[3:]):
                raise ValueError
            hashed = hashes.SHA384() if public.key_size == 4096 else hashes.SHA256()
            pss = padding.PSS(padding.MGF1(hashed), hashed.digest_size)
            public.verify(signature, bound, pss if rest[0] == "PSS" else padding.PKCS1v15(), hashed)


COMPOSITES: Final = {
    composite.oid: composite
    for composite in (
        Composite(name, f"{_ARC}{number}") for number, name in enumerate(_NAMES, _FIRST)
    )
}
"""Every composite algorithm by its object identifier."""


def _pre_hash(name: str) -> hashes.HashAlgorithm:
    match name.rsplit("-", 1)[1]:
        case "SHA256":
            return hashes.SHA256()
        case "SHA512":
            return hashes.SHA512()
    return hashes.SHAKE256(64)
