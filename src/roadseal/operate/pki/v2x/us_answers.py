"""What a device of the US system makes of answers: certificates, and the keys it works out.

Source: IEEE 1609.2.1-2022 clauses 7 and 9.3; CAMP SCP1; SEC 4 for implicit certificates.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.scms import (
    butterfly_private,
    cocoon_private,
    ecqv_hash_input,
    ecqv_reconstruct_private,
)
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.dot2 import CERTIFICATE, TO_BE_SIGNED_CERTIFICATE
from roadseal.operate.pki.v2x.ecies import open_with_scalar
from roadseal.operate.pki.v2x.secured import (
    Signed,
    judge_role,
    read_signed,
    read_unsecured,
)
from roadseal.operate.pki.v2x.us_batch import read_batch
from roadseal.operate.pki.v2x.us_device import Caterpillar, Sent
from roadseal.operate.pki.v2x.us_requests import (
    holder_key,
    read_pdu,
)
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT, scms_ssp
from roadseal.v2x.certificate import (
    Credential,
)
from roadseal.v2x.reason import Reason
from roadseal.v2x.signer import SigningKey
from roadseal.v2x.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Received:
    """What came of an answer: certificates with keys, or why it is not believed.

    `secrets` are those of the credentials, in order, for whoever keeps them.
    """

    verdict: str
    credentials: tuple[Credential, ...] = ()
    secrets: tuple[bytes, ...] = field(default=(), repr=False)


def read_enrollment(
    sent: Sent, answer: bytes, secret: bytes, algorithm: str, authorities: Verifier, now: Time64
) -> Received:
    """Check the ECA's answer and work out the enrolment key.

    Args:
        sent: the request.
        answer: what came back.
        secret: of the request's key.
        algorithm: of it.
        authorities: knows the roots and what is between.
        now: when.
    """
    try:
        signed = read_signed(answer)
        if signed is None or signed.payload is None:
            return Received("unreadable")
        _, kind, value = read_pdu(signed.payload)
    except CoerError:
        return Received("unreadable")
    for certificate in value.get("ecaCertChain", ()):
        authorities.learn(certificate)
    reason = judge_role(signed, authorities, SECURITY_MANAGEMENT, scms_ssp("eca"), now)
    if reason is not Reason.OK:
        return Received(reason)
    if kind != "ecaEeCertResponse" or value["requestHash"] != sent.request_hash:
        return Received("other_request")
    chain, certificate = value["ecaCertChain"], value["certificate"]
    issuer = chain[0] if chain else b""
    return _joined(certificate, issuer, secret, algorithm, value.get("privateKeyInfo"))


def read_pseudonyms(
    caterpillar: Caterpillar,
    i: int,
    batch: bytes,
    aca_certificate: bytes,
    authorities: Verifier,
    now: Time64,
) -> Received:
    """Open a batch: decrypt each answer, check who signed it, work out and check each key."""
    credentials: list[Credential] = []
    secrets: list[bytes] = []
    try:
        for j, octets in read_batch(batch).items():
            scalar = cocoon_private(
                int.from_bytes(caterpillar.encryption),
                caterpillar.encryption_expansion,
                i,
                j,
                "encryption",
            ).to_bytes(32)
            cocoon = cocoon_private(
                int.from_bytes(caterpillar.signing), caterpillar.signing_expansion, i, j, "signing"
            )
            secret = cocoon.to_bytes(32)
            one = _read_response(
                octets, scalar, aca_certificate, secret, "ecdsa-p256", authorities, now
            )
            if one.verdict != "ok":
                return one
            credentials += one.credentials
            secrets += one.secrets
    except CoerError:
        return Received("unreadable")
    return Received("ok", tuple(credentials), tuple(secrets))


def read_application(
    batch: bytes,
    secret: bytes,
    algorithm: str,
    response_scalar: bytes | None,
    aca_certificate: bytes,
    authorities: Verifier,
    now: Time64,
) -> Received:
    """Open the answer to `application_request`."""
    try:
        (octets,) = read_batch(batch).values()
    except (CoerError, ValueError):
        return Received("unreadable")
    return _read_response(
        octets, response_scalar, aca_certificate, secret, algorithm, authorities, now
    )


def _read_response(
    octets: bytes,
    scalar: bytes | None,
    aca_certificate: bytes,
    secret: bytes,
    algorithm: str,
    authorities: Verifier,
    now: Time64,
) -> Received:
    """An `AcaEeCertResponse`: plain, or encrypted to us and then signed by the ACA."""
    try:
        signed = read_signed(octets)
        if signed is not None:
            reason = _judge_aca(signed, aca_certificate, authorities, now)
            if reason is not Reason.OK:
                return Received(reason)
            opened = open_with_scalar(signed.payload or b"", scalar) if scalar else "not_for_us"
            if isinstance(opened, str):
                return Received("unreadable")
            octets = opened.plaintext
        payload = read_unsecured(octets)
        if payload is None:
            return Received("unreadable")
        _, kind, value = read_pdu(payload)
    except CoerError:
        return Received("unreadable")
    if kind != "acaEeCertResponse":
        return Received("other_request")
    contribution = value.get("privateKeyInfo")
    return _joined(value["certificate"], aca_certificate, secret, algorithm, contribution)


def _judge_aca(
    signed: Signed, aca_certificate: bytes, authorities: Verifier, now: Time64
) -> Reason:
    if signed.signer != _core.certificate_digest(aca_certificate)[0][-8:]:
        return Reason.UNKNOWN_SIGNER
    # The answer may have waited at the RA: its signature counts, not its age.
    at = signed.generation_time if signed.generation_time is not None else now
    return judge_role(signed, authorities, SECURITY_MANAGEMENT, scms_ssp("aca"), at)


def _joined(
    certificate: bytes, issuer: bytes, secret: bytes, algorithm: str, contribution: bytes | None
) -> Received:
    """The certificate with its private key, if they belong together."""
    try:
        if contribution is not None and "reconstructionValue" in _core.describe_certificate(
            certificate
        ):
            value = CERTIFICATE.decode(certificate)["toBeSigned"]
            digest = _core.certificate_digest(issuer)[0]
            hashed = ecqv_hash_input(TO_BE_SIGNED_CERTIFICATE.encode(value), digest)
            secret = ecqv_reconstruct_private(hashed, secret, contribution, "ieee1609.2")
        elif contribution is not None:
            secret = butterfly_private(int.from_bytes(secret), contribution).to_bytes(32)
        signer = SigningKey.from_secret(algorithm, secret)
        key = holder_key(certificate, issuer)
    except (ValueError, CoerError):
        return Received("wrong_key")
    if key is None or key[0] != algorithm:
        return Received("wrong_key")
    probe = bytes(32 if _core.hash_of(algorithm) == "sha-256" else 48)
    holds = _core.VerifyingKey(*key).count_valid([probe], [signer.sign(probe)]) == 1
    if not holds:
        return Received("wrong_key")
    return Received("ok", (Credential(certificate, signer),), (secret,))
