"""Requests and answers of IEEE 1609.2.1: certificate requests that are signed, and signed PDUs.

A certificate request is signed as `SignedCertificateRequest`, not as a message: by the key that it
asks for, or with a certificate that travels along. The digest is that of messages,
H(H(request) ‖ H(certificate)).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from roadseal import _core
from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.operate.pki.scms import ecqv_hash_input, ecqv_reconstruct_public
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.dot2 import CERTIFICATE, DATA, TO_BE_SIGNED_CERTIFICATE
from roadseal.operate.pki.v2x.points import certificate_digest, read_point, verification_key
from roadseal.operate.pki.v2x.us_types import SCMS_PDU, SIGNED_REQUEST
from roadseal.v2x.certificate import CertificateContents, Credential
from roadseal.v2x.signer import Signer

MAX_SKEW_S: Final = 300
"""How far the time of a request may be from the authority's clock."""

_SIGNATURES: Final = {
    "ecdsa-p256": "ecdsaNistP256Signature",
    "ecdsa-brainpoolp256r1": "ecdsaBrainpoolP256r1Signature",
    "ecdsa-brainpoolp384r1": "ecdsaBrainpoolP384r1Signature",
    "ecdsa-p384": "ecdsaNistP384Signature",
    "fn-dsa-512/pre1": "fnDsa512Signature",
    "ml-dsa-44": "mlDsa44Signature",
    "ml-dsa-65": "mlDsa65Signature",
}
_PLACEHOLDER: Final = bytes([2]) + (1).to_bytes(32)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A certificate request, taken apart; nothing is verified yet."""

    interface: str
    kind: str
    request: dict[str, Any]
    inner: bytes  # of a request for a successor: the request to the ECA
    certificate: bytes | None  # the signer's; None is "self"
    to_be_signed: bytes
    hash_id: str
    signature: tuple[str, Any]

    def holds(self, algorithm: str, public_key: bytes) -> bool:
        """Whether this key signed it."""
        raw = _raw(self.signature, algorithm)
        if raw is None or self.hash_id != _hash_id(algorithm):
            return False
        digest = None
        if self.certificate is not None:
            digest = _core.certificate_digest(self.certificate)[0]
        signed = _core.signing_digest(algorithm, self.to_be_signed, digest)
        try:
            return _core.VerifyingKey(algorithm, public_key).count_valid([signed], [raw]) == 1
        except ValueError:
            return False


def pdu(interface: str, kind: str, value: dict[str, Any] | bytes) -> bytes:
    """`ScmsPdu` of a message."""
    return SCMS_PDU.encode({"version": 2, "content": (interface, (kind, value))})


def read_pdu(octets: bytes) -> tuple[str, str, dict[str, Any]]:
    """Interface, kind and value of a `ScmsPdu`.

    Raises:
        CoerError: it is none that is known.
    """
    interface, (kind, value) = _content(octets)
    if not isinstance(value, dict):
        raise CoerError("a message of this kind is not known")
    return interface, kind, value


def sign_request(octets: bytes, signer: Signer, credential: Credential | None = None) -> bytes:
    """Sign a certificate request: with a certificate, or as "self" with the requested key."""
    digest = credential.digest if credential else None
    signature = signer.sign(_core.signing_digest(signer.algorithm, octets, digest))
    value = {
        "hashId": _hash_id(signer.algorithm),
        "tbsRequest": octets,
        "signer": ("certificate", [credential.certificate]) if credential else ("self", None),
        "signature": _signature(signer.algorithm, signature),
    }
    content = ("signedCertificateRequest", SIGNED_REQUEST.encode(value))
    return DATA.encode({"protocolVersion": 3, "content": content})


def read_request(octets: bytes) -> SignedRequest:
    """Take a signed certificate request apart.

    Raises:
        CoerError: it is none.
    """
    kind, inner = DATA.decode(octets)["content"]
    if kind != "signedCertificateRequest":
        raise CoerError("it is no signed certificate request")
    value = SIGNED_REQUEST.decode(inner)
    form, signer = value["signer"]
    if form not in ("self", "certificate") or (form == "certificate" and len(signer) != 1):
        raise CoerError("the signer is neither the key itself nor one certificate")
    if form == "certificate":
        certificate_digest(signer[0])
    to_be_signed = value["tbsRequest"]
    interface, (what, request) = _content(to_be_signed)
    embedded = request if isinstance(request, bytes) else b""
    return SignedRequest(
        interface,
        what,
        {} if embedded else request,
        embedded,
        signer[0] if form == "certificate" else None,
        to_be_signed,
        value["hashId"],
        value["signature"],
    )


def request_hash(octets: bytes) -> bytes:
    """HashedId8 by which a request is named."""
    return hashlib.sha256(octets).digest()[-8:]


def to_be_signed_value(contents: CertificateContents, algorithm: str, key: bytes) -> dict[str, Any]:
    """`ToBeSignedCertificate` of a request."""
    octets = _core.encode_to_be_signed_certificate(contents, algorithm, key)
    value: dict[str, Any] = TO_BE_SIGNED_CERTIFICATE.decode(octets)
    return value


def holder_key(certificate: bytes, issuer: bytes) -> tuple[str, bytes] | None:
    """The key of an explicit certificate, or that of an implicit one with its issuer's key."""
    if key := verification_key(certificate):
        return key
    above = verification_key(issuer)
    if above is None or above[0] != "ecdsa-p256":
        return None
    try:
        value = CERTIFICATE.decode(certificate)["toBeSigned"]
        point = read_point(value["verifyKeyIndicator"][1])
        if point is None:
            return None
        digest = _core.certificate_digest(issuer)[0]
        hashed = ecqv_hash_input(TO_BE_SIGNED_CERTIFICATE.encode(value), digest)
        return "ecdsa-p256", ecqv_reconstruct_public(hashed, point, above[1], "ieee1609.2")
    except (CoerError, ValueError):
        return None


def is_timely(seconds: int, now: Time64) -> bool:
    """Whether a Time32 is near the authority's clock."""
    return abs(seconds - now // MICROSECONDS_PER_SECOND) <= MAX_SKEW_S


def _content(octets: bytes) -> tuple[str, tuple[str, Any]]:
    interface, inner = SCMS_PDU.decode(octets)["content"]
    if not isinstance(inner, tuple) or not isinstance(inner[1], dict | bytes):
        raise CoerError("a message of this kind is not known")
    return interface, inner


def _hash_id(algorithm: str) -> str:
    return _core.hash_of(algorithm).replace("-", "")


def _signature(algorithm: str, octets: bytes) -> tuple[str, Any]:
    name = _SIGNATURES[algorithm]
    if not algorithm.startswith("ecdsa"):
        return name, octets
    half = len(octets) // 2
    return name, {"rSig": ("x-only", octets[:half]), "sSig": octets[half:]}


def _raw(value: tuple[str, Any], algorithm: str) -> bytes | None:
    name, inner = value
    if name != _SIGNATURES.get(algorithm):
        return None
    if isinstance(inner, bytes):
        return inner
    form, r = inner["rSig"]
    if form != "x-only" and not form.startswith("compressed"):
        return None
    return bytes(r + inner["sSig"])
