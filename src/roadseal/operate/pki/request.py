"""What is asked of an authority, and the proof that the asker has the key.

A signing key signs its own request (PKCS #10). An ML-KEM key cannot: it opens a challenge instead,
and is then a `ProvenKey`.

Source: RFC 2986 (PKCS #10); RFC 9810 §5.2.8 (possession of a key that does not sign).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from roadseal.errors import RoadsealError
from roadseal.operate.pki.der import contents, elements
from roadseal.operate.pki.public_key import SIGNATURE_IDENTIFIERS, PublicKey

DAY_S: Final = 86_400
_MAX_CSR_BYTES: Final = 64 << 10
_DER: Final = Encoding.DER
_CONTEXT: Final = b"roadseal ml-kem possession 1"
_MlKemPrivateKey = mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey


@dataclass(frozen=True, slots=True)
class ProvenKey:
    """An ML-KEM key whose possession was shown; made by `KemChallenge.prove`."""

    key: PublicKey


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """What is asked of an authority.

    Args:
        csr: PKCS #10 request, PEM or DER, of which only the key is taken; or a proven ML-KEM key.
        identity: whom the certificate is for: common name, and DNS name unless `names` are given.
        idempotency_key: names this request; repeating it gives the same certificate.
        names: DNS names, URIs and IP addresses of the subjectAltName.
        life_s: validity, seconds.
        template: what the certificate may be used for; see `roadseal.operate.pki.template`.
    """

    csr: bytes | ProvenKey
    identity: str
    idempotency_key: str
    names: tuple[str, ...] = ()
    life_s: int = 30 * DAY_S
    template: str = "device"

    def digest(self, key: PublicKey) -> bytes:
        """What must stay the same when the request is repeated."""
        facts = [key.hashes[0].hex(), self.identity, self.names, self.life_s, self.template]
        return hashlib.sha256(json.dumps(facts).encode()).digest()


def requested_key(csr: bytes | ProvenKey) -> PublicKey:
    """The key that is to be certified, once its possession is shown.

    Raises:
        RoadsealError: ``pki-csr``, ``pki-possession``, ``pki-key-profile``.
    """
    if isinstance(csr, ProvenKey):
        return csr.key
    return read_request(csr)[0]


def read_request(encoded: bytes) -> tuple[PublicKey, x509.CertificateSigningRequest]:
    """Read a PKCS #10 request and check that it is signed by its own key.

    Raises:
        RoadsealError: ``pki-csr``, ``pki-possession``, ``pki-key-profile``: no key of ours.
    """
    pem = encoded.lstrip().startswith(b"-----")
    load = x509.load_pem_x509_csr if pem else x509.load_der_x509_csr
    try:
        if len(encoded) > _MAX_CSR_BYTES:
            raise ValueError
        csr = load(encoded)
        info = elements(contents(csr.tbs_certrequest_bytes))[2]
    except Exception:  # whatever the library stumbles on, the request is at fault
        raise RoadsealError(
            "pki-csr",
            "The certification request cannot be read.",
            advice="Send a PKCS #10 request, PEM or DER.",
        ) from None
    try:
        key = PublicKey.read(info)
    except ValueError:
        raise RoadsealError(
            "pki-key-profile",
            "The request has a key of an algorithm that is not certified here, or a malformed one.",
            advice="Make a key of ML-DSA, ECDSA on P-256 or P-384, or a composite of both.",
        ) from None
    if not _possessed(key, csr):
        raise RoadsealError(
            "pki-possession",
            "The request is not signed by the key it asks to certify.",
            advice="Sign the request with its own key.",
        )
    return key, csr


class KemChallenge:
    """Asks the holder of an ML-KEM key to show it: encapsulated to the key, answered with a tag.

    Args:
        info: SubjectPublicKeyInfo of the key, DER.

    Raises:
        RoadsealError: ``pki-csr``: no ML-KEM-768 or ML-KEM-1024 key.
    """

    def __init__(self, info: bytes) -> None:
        try:
            key = load_der_public_key(info)
            if not isinstance(key, mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey):
                raise ValueError
            self._key = PublicKey.read(info)
        except Exception:  # as above
            raise RoadsealError(
                "pki-csr",
                "This is no ML-KEM key.",
                advice="Send the SubjectPublicKeyInfo of an ML-KEM-768 or ML-KEM-1024 key, DER.",
            ) from None
        secret, self.ciphertext = key.encapsulate()
        self._expected = _tag(secret, self.ciphertext)

    def prove(self, answer: bytes) -> ProvenKey:
        """Check the answer.

        Raises:
            RoadsealError: ``pki-possession``.
        """
        if not hmac.compare_digest(answer, self._expected):
            raise RoadsealError(
                "pki-possession",
                "The challenge was not opened with the key that is to be certified.",
                advice="Answer it on the device that has the key.",
            )
        return ProvenKey(self._key)


def answer_challenge(key: _MlKemPrivateKey, ciphertext: bytes) -> bytes:
    """What the device answers.

    Raises:
        ValueError: the ciphertext has the wrong length.
    """
    return _tag(key.decapsulate(ciphertext), ciphertext)


def _tag(secret: bytes, ciphertext: bytes) -> bytes:
    return hmac.digest(secret, _CONTEXT + ciphertext, "sha256")


def _possessed(key: PublicKey, csr: x509.CertificateSigningRequest) -> bool:
    if key.algorithm.startswith("ecdsa"):  # the hash is the asker's choice
        try:
            return csr.is_signature_valid
        except Exception:  # an algorithm that the library does not have
            return False
    named = elements(contents(csr.public_bytes(_DER)))[1]
    return named == SIGNATURE_IDENTIFIERS.get(key.algorithm) and key.verify(
        csr.tbs_certrequest_bytes, csr.signature
    )
