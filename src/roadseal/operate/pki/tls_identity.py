"""Keys and certificates for one end of TLS, from an authority in this process."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.errors import RoadsealError
from roadseal.net import Identity
from roadseal.operate.pki.authority import Authority
from roadseal.operate.pki.keys import SigningKey, generate_key, signing_hash
from roadseal.operate.pki.request import DAY_S, IssueRequest

SCHEMES: Final = {"ml-dsa-65": "mldsa65", "ecdsa-p256": "ecdsa_secp256r1_sha256"}
"""TLS signature schemes of the algorithms that TLS identities are made with."""


def issue_identity(
    authority: Authority,
    name: str,
    *,
    algorithm: str,
    template: str = "device",
    life_s: int = 30 * DAY_S,
) -> Identity:
    """Make a key and get its certificate.

    Args:
        authority: who issues.
        name: DNS name or URI.
        algorithm: ``ml-dsa-65`` or ``ecdsa-p256``.
        template: kind of certificate.
        life_s: validity, seconds.

    Raises:
        RoadsealError: ``pki-algorithm``, and as `Authority.issue`.
    """
    key = generate_key(algorithm)
    request = IssueRequest(
        certification_request(key), name, secrets.token_hex(16), (name,), life_s, template
    )
    certificate = x509.load_der_x509_certificate(authority.issue(request).certificate)
    return tls_identity(key, certificate, authority.chain[:-1])


def tls_identity(
    key: SigningKey, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]
) -> Identity:
    """What `roadseal.net` needs of a key and its certificate; `chain` is without the root.

    Raises:
        RoadsealError: ``pki-algorithm``: not a key for TLS here.
    """
    if isinstance(key, mldsa.MLDSA65PrivateKey):
        return Identity(SCHEMES["ml-dsa-65"], certificate, key, chain)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return Identity(SCHEMES["ecdsa-p256"], certificate, key, chain)
    raise RoadsealError(
        "pki-algorithm",
        "This key is not one for TLS here.",
        advice=f"Use {' or '.join(SCHEMES)}.",
    )


def certification_request(key: SigningKey, name: str = "") -> bytes:
    """A PKCS #10 request, DER, signed by `key`; with `name` as its common name if given."""
    attributes = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    return builder.sign(key, signing_hash(key)).public_bytes(Encoding.DER)
