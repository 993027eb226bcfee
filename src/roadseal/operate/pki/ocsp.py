"""OCSP answers: `cryptography` reads the request and writes the response data, our signer signs.

The library signs with its own keys only. The response data does not name the signature's algorithm,
so it is taken from a response under a key made for nothing else, and signed again.

Source: RFC 6960 §4.2, RFC 9654 (nonce).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from roadseal.clock import Time64, to_datetime
from roadseal.operate.pki import der
from roadseal.operate.pki.public_key import SIGNATURE_IDENTIFIERS
from roadseal.operate.pki.signature import subject_public_key
from roadseal.operate.pki.signer import Signer

_BASIC: Final = der.object_identifier("1.3.6.1.5.5.7.48.1.1")
_MAX_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """What is known of a certificate that was issued; revoked if `revoked_at` is there."""

    revoked_at: Time64 | None = None
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


def answer_ocsp(
    request: bytes,
    issuer: x509.Certificate,
    signer: Signer,
    look_up: Callable[[int], OcspAnswer | None],
    now: Time64,
    life_s: int,
) -> bytes:
    """Answer a request (DER) about one certificate of `issuer` with a response (DER).

    A serial that was never issued is *unknown*; what cannot be read gets an error response.
    """
    failed = ocsp.OCSPResponseStatus
    try:
        if len(request) > _MAX_BYTES:
            raise ValueError
        asked = ocsp.load_der_ocsp_request(request)
        algorithm = asked.hash_algorithm
        names_us = (asked.issuer_name_hash, asked.issuer_key_hash) == _names(issuer, algorithm)
        nonce = _nonce(asked)
        if asked.serial_number < 0:
            raise ValueError
    except Exception:  # hostile requests get an answer, not an exception
        return _error(failed.MALFORMED_REQUEST)
    if not names_us:
        return _error(failed.UNAUTHORIZED)
    known = look_up(asked.serial_number)
    good, revoked, unknown = (
        ocsp.OCSPCertStatus.GOOD,
        ocsp.OCSPCertStatus.REVOKED,
        ocsp.OCSPCertStatus.UNKNOWN,
    )
    is_revoked = known is not None and known.revoked_at is not None
    reason = known.reason if known is not None and is_revoked else None
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        asked.issuer_name_hash,
        asked.issuer_key_hash,
        asked.serial_number,
        algorithm,
        unknown if known is None else revoked if is_revoked else good,
        to_datetime(now),
        to_datetime(now) + timedelta(seconds=life_s),
        to_datetime(known.revoked_at) if known and known.revoked_at is not None else None,
        None if reason is x509.ReasonFlags.unspecified else reason,
    )
    key, namesake = _throw_away(issuer.subject)
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, namesake)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    body = builder.sign(key, hashes.SHA256()).tbs_response_bytes
    basic = der.sequence(
        body,
        SIGNATURE_IDENTIFIERS[signer.public_key.algorithm],
        der.octet_bits(signer.sign(body)),
    )
    successful = der.tlv(der.ENUMERATED, b"\0")
    octets = der.tlv(der.OCTET_STRING, basic)
    return der.sequence(successful, der.tlv(0xA0, der.sequence(_BASIC, octets)))


def _names(issuer: x509.Certificate, algorithm: hashes.HashAlgorithm) -> tuple[bytes, bytes]:
    def digest(octets: bytes) -> bytes:
        return hashlib.new(algorithm.name, octets, usedforsecurity=False).digest()

    return digest(issuer.subject.public_bytes()), digest(subject_public_key(issuer))


def _nonce(asked: ocsp.OCSPRequest) -> bytes | None:
    try:
        nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
    return nonce if 1 <= len(nonce) <= 128 else None  # RFC 9654 §2.1


def _error(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


@lru_cache
def _throw_away(subject: x509.Name) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A key for nothing else, and a certificate that lends the response data the issuer's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, datetime(2026, 1, 1), datetime(2026, 1, 2)
    )
    return key, builder.sign(key, hashes.SHA256())
