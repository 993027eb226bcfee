"""Whether one certificate or CRL is signed by the key of another certificate."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import (
    dsa,
    ec,
    ed448,
    ed25519,
    mldsa,
    padding,
    rsa,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import SignatureAlgorithmOID
from OpenSSL import crypto

from roadseal.operate.pki.composite import COMPOSITES
from roadseal.operate.pki.der import OID, contents, elements, object_identifier
from roadseal.operate.pki.keys import algorithm_of
from roadseal.operate.pki.pss import may_sign

_SLH_DSA: Final = [
    f"slh-dsa-{family}-{size}{speed}"
    for family in ("sha2", "shake")
    for size in (128, 192, 256)
    for speed in "sf"
]
_NAMES: Final = {
    **{
        f"2.16.840.1.101.3.4.3.{17 + number}": name
        for number, name in enumerate(("ml-dsa-44", "ml-dsa-65", "ml-dsa-87"))
    },
    **{f"2.16.840.1.101.3.4.3.{20 + number}": name for number, name in enumerate(_SLH_DSA)},
    **{oid: one.registry_id for oid, one in COMPOSITES.items()},
}
_ECDSA: Final = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "ecdsa-p256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "ecdsa-p384",
}
_EC: Final = object_identifier("1.2.840.10045.2.1")
_RSA: Final = frozenset(map(object_identifier, ("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10")))
_LEAST_MODULUS: Final = 1 << 2047
_PARTIAL_CHAIN_NO_TIME_SELF: Final = 0x80000 | 0x200000 | 0x4000  # X509_V_FLAG_…, x509_vfy.h


def signature_name(signed: x509.Certificate) -> str:
    """Name of the signature algorithm; its object identifier where there is no name."""
    oid = signed.signature_algorithm_oid
    if oid.dotted_string in _NAMES:
        return _NAMES[oid.dotted_string]
    if oid in _ECDSA:
        return _ECDSA[oid]
    known = oid._name
    return oid.dotted_string if known == "Unknown OID" else known


def key_name(certificate: x509.Certificate) -> str:
    """Registry id of the subject's key; its object identifier where there is none."""
    oid = certificate.public_key_algorithm_oid.dotted_string
    if oid in _NAMES:
        return _NAMES[oid]
    try:
        return algorithm_of(certificate.public_key()) or oid
    except (UnsupportedAlgorithm, ValueError):
        return oid


def check_signature(
    signed: x509.Certificate | x509.CertificateRevocationList, issuer: x509.Certificate
) -> str | None:
    """Return None if the signature holds, else a reason of `PathReason`."""
    if not _signed_in_whole_octets(signed):
        return "bad-signature"
    oid = signed.signature_algorithm_oid.dotted_string
    message = (
        signed.tbs_certificate_bytes
        if isinstance(signed, x509.Certificate)
        else signed.tbs_certlist_bytes
    )
    if oid in COMPOSITES:
        if issuer.public_key_algorithm_oid.dotted_string != oid:
            return "bad-signature"
        key = subject_public_key(issuer)
        holds = COMPOSITES[oid].verify(key, signed.signature, message)
        return None if holds else "bad-signature"
    if _NAMES.get(oid, "").startswith("slh-dsa") and isinstance(signed, x509.Certificate):
        return _check_by_openssl(signed, issuer)
    try:
        return _check_by_library(signed, issuer, message)
    except InvalidSignature:
        return "bad-signature"
    except UnsupportedAlgorithm:
        return "unknown-algorithm"
    except (ValueError, TypeError):
        return "malformed-key"


def _signed_in_whole_octets(signed: x509.Certificate | x509.CertificateRevocationList) -> bool:
    """Whether the signature's BIT STRING has no unused bits: else one octet of it would be free.

    Every signature here is made of octets (RFC 5758 §3.2, RFC 9881 §3, RFC 9909 §4); the library
    takes unused bits as long as they are zero.
    """
    signature = elements(contents(signed.public_bytes(Encoding.DER)))[2]
    return contents(signature)[:1] == b"\0"


def key_defect(certificate: x509.Certificate) -> str | None:
    """What is wrong with a certificate's key whatever it is used for: a reason of `PathReason`.

    RSA of less than 2048 bits (NIST SP 800-131A), and a curve that is written out instead of named
    (RFC 5480 §2.1.1): nobody may say which curve it is but its name.
    """
    identifier, key = elements(contents(subject_key_info(certificate)))
    algorithm, *parameters = elements(contents(identifier))
    if algorithm == _EC and (not parameters or parameters[0][0] != OID):
        return "malformed-key"
    if algorithm in _RSA:
        modulus = elements(contents(contents(key)[1:]))[0]
        return "weak-algorithm" if int.from_bytes(contents(modulus)) < _LEAST_MODULUS else None
    return None


def subject_key_info(certificate: x509.Certificate) -> bytes:
    """The SubjectPublicKeyInfo of a certificate as it was received, whatever its algorithm.

    Raises:
        ValueError: the DER is not a certificate's.
    """
    fields = elements(contents(certificate.tbs_certificate_bytes))
    return fields[6 if fields[0][0] == 0xA0 else 5]  # explicit version


def subject_public_key(certificate: x509.Certificate) -> bytes:
    """The subjectPublicKey BIT STRING of a certificate, whatever its algorithm.

    Raises:
        ValueError: the DER is not a certificate's.
    """
    _, key = elements(contents(subject_key_info(certificate)))
    return contents(key)[1:]


def names_one_algorithm(certificate: x509.Certificate) -> bool:
    """Whether the signed and the unsigned AlgorithmIdentifier agree (RFC 5280 §4.1.1.2)."""
    outer = elements(contents(certificate.public_bytes(Encoding.DER)))[1]
    fields = elements(contents(certificate.tbs_certificate_bytes))
    return outer == fields[2 if fields[0][0] == 0xA0 else 1]


def _check_by_library(
    signed: x509.Certificate | x509.CertificateRevocationList,
    issuer: x509.Certificate,
    message: bytes,
) -> str | None:
    key = issuer.public_key()
    signature = signed.signature
    if not _same_family(key, signed):
        return "bad-signature"
    digest = signed.signature_hash_algorithm
    if isinstance(digest, hashes.MD5 | hashes.SHA1):
        return "weak-algorithm"
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            return "weak-algorithm"
        scheme = signed.signature_algorithm_parameters
        if not isinstance(scheme, padding.PSS | padding.PKCS1v15) or digest is None:
            return "unknown-algorithm"
        bound = elements(contents(subject_key_info(issuer)))[0]
        if not may_sign(bound, elements(contents(signed.public_bytes(Encoding.DER)))[1]):
            return "bad-signature"
        key.verify(signature, message, scheme, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if digest is None:
            return "unknown-algorithm"
        key.verify(signature, message, ec.ECDSA(digest))
    elif isinstance(key, dsa.DSAPublicKey):
        if digest is None:
            return "unknown-algorithm"
        key.verify(signature, message, digest)
    elif isinstance(
        key,
        ed25519.Ed25519PublicKey
        | ed448.Ed448PublicKey
        | mldsa.MLDSA44PublicKey
        | mldsa.MLDSA65PublicKey
        | mldsa.MLDSA87PublicKey,
    ):
        key.verify(signature, message)
    else:
        return "unknown-algorithm"
    return None


def _same_family(key: object, signed: x509.Certificate | x509.CertificateRevocationList) -> bool:
    """Whether the named signature algorithm is one of the key's: never verified as another."""
    oid = signed.signature_algorithm_oid.dotted_string
    match key:
        case rsa.RSAPublicKey():
            return oid.startswith("1.2.840.113549.1.1.")
        case ec.EllipticCurvePublicKey():
            return oid.startswith(
                ("1.2.840.10045.4.", "2.16.840.1.101.3.4.3.9", "2.16.840.1.101.3.4.3.1")
            )
        case dsa.DSAPublicKey():
            return oid.startswith(("1.2.840.10040.4.3", "2.16.840.1.101.3.4.3."))
        case ed25519.Ed25519PublicKey():
            return oid == "1.3.101.112"
        case ed448.Ed448PublicKey():
            return oid == "1.3.101.113"
        case mldsa.MLDSA44PublicKey():
            return _NAMES.get(oid) == "ml-dsa-44"
        case mldsa.MLDSA65PublicKey():
            return _NAMES.get(oid) == "ml-dsa-65"
        case mldsa.MLDSA87PublicKey():
            return _NAMES.get(oid) == "ml-dsa-87"
    return True


def _check_by_openssl(signed: x509.Certificate, issuer: x509.Certificate) -> str | None:
    """SLH-DSA, which only OpenSSL has: let it chain one certificate to the other."""
    store = crypto.X509Store()
    try:
        store.add_cert(crypto.X509.from_cryptography(issuer))
        store.set_flags(_PARTIAL_CHAIN_NO_TIME_SELF)
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(signed)).verify_certificate()
    except (crypto.X509StoreContextError, crypto.Error):
        return "bad-signature"
    return None
