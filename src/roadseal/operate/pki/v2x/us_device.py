"""A device of the US system: it enrols, asks once, fetches certificates, and works out their keys.

Source: IEEE 1609.2.1-2022 clauses 7 and 9.3; CAMP SCP1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from roadseal import _core
from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.operate.pki.scms import (
    butterfly_private,
    cocoon_private,
    ecqv_hash_input,
    ecqv_reconstruct_private,
)
from roadseal.operate.pki.v2x.attributes import encryption_key_value
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.dot2 import CERTIFICATE, TO_BE_SIGNED_CERTIFICATE
from roadseal.operate.pki.v2x.ecies import Random, encrypt_to_certificate, open_with_scalar
from roadseal.operate.pki.v2x.points import generate_scalar, public_point
from roadseal.operate.pki.v2x.secured import (
    Signed,
    judge_role,
    read_signed,
    read_unsecured,
    sign_as,
)
from roadseal.operate.pki.v2x.us_batch import batch_filename, read_batch
from roadseal.operate.pki.v2x.us_certify import Kind
from roadseal.operate.pki.v2x.us_periods import PERIOD_DURATION, period_of, period_start
from roadseal.operate.pki.v2x.us_requests import (
    holder_key,
    pdu,
    read_pdu,
    request_hash,
    sign_request,
    to_be_signed_value,
)
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT, scms_ssp
from roadseal.v2x.certificate import (
    CertificateContents,
    Credential,
    GroupPermissions,
    Permission,
    PermissionRange,
)
from roadseal.v2x.message import Identification
from roadseal.v2x.reason import Reason
from roadseal.v2x.signer import Signer, SigningKey
from roadseal.v2x.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Caterpillar:
    """The secrets from which every pseudonym's key follows."""

    signing: bytes = field(repr=False)
    encryption: bytes = field(repr=False)
    signing_expansion: bytes = field(repr=False)
    encryption_expansion: bytes = field(repr=False)

    @classmethod
    def generate(cls, random: Random) -> Caterpillar:
        """Fresh ones."""
        return cls(generate_scalar(0), generate_scalar(0), random(16), random(16))

    @classmethod
    def of(cls, octets: bytes) -> Caterpillar:
        """From the 96 octets of `octets`.

        Raises:
            ValueError: there are not so many.
        """
        if len(octets) != 96:
            raise ValueError("a caterpillar has 96 octets")
        return cls(octets[:32], octets[32:64], octets[64:80], octets[80:])

    @property
    def octets(self) -> bytes:
        """All four secrets, for whoever keeps them."""
        return self.signing + self.encryption + self.signing_expansion + self.encryption_expansion


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, and the hash by which answers name it."""

    octets: bytes
    request_hash: bytes

    def filename(self, i: int = 0) -> str:
        """Of the batch of a period; of a single certificate with i = 0."""
        return batch_filename(self.request_hash, i)


@dataclass(frozen=True, slots=True)
class Received:
    """What came of an answer: certificates with keys, or why it is not believed.

    `secrets` are those of the credentials, in order, for whoever keeps them.
    """

    verdict: str
    credentials: tuple[Credential, ...] = ()
    secrets: tuple[bytes, ...] = field(default=(), repr=False)


def enrollment_request(
    device_id: str,
    contents: CertificateContents,
    key: SigningKey,
    kind: Kind,
    now: Time64,
) -> Sent:
    """Ask the ECA for an enrolment certificate.

    Args:
        device_id: the `canonicalId` under which the factory registered the key.
        contents: validity and region; `app_permissions` are what the device will ask for.
        key: registered at the factory.
        kind: explicit or implicit.
        now: when.
    """
    wanted = to_be_signed_value(
        CertificateContents(
            start=contents.start,
            duration=contents.duration,
            name=contents.name,
            region=contents.region,
            request_permissions=_asking(contents.app_permissions),
        ),
        key.algorithm,
        key.public_key,
    )
    value: dict[str, Any] = {
        "version": 2,
        "generationTime": now // MICROSECONDS_PER_SECOND,
        "type": kind,
        "tbsCert": wanted,
        "canonicalId": device_id,
    }
    octets = sign_request(pdu("eca-ee", "eeEcaCertRequest", value), key)
    return Sent(octets, request_hash(octets))


def successor_request(
    inner: Sent, enrolment: Credential, ra_certificate: bytes, random: Random
) -> Sent:
    """Ask the RA for a successor of an enrolment certificate.

    Args:
        inner: from `enrollment_request`, for the new key.
        enrolment: the present certificate.
        ra_certificate: of the RA.
        random: the operating system's randomness.
    """
    octets = inner.octets
    kind = "eeRaSuccessorEnrollmentCertRequest"
    return _to_ra(kind, octets, enrolment, ra_certificate, random)


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


def pseudonym_request(
    caterpillar: Caterpillar,
    permissions: Sequence[Permission],
    enrolment: Credential,
    ra_certificate: bytes,
    kind: Kind,
    now: Time64,
    random: Random,
) -> Sent:
    """Ask the RA for batches of pseudonyms, by original butterfly expansion."""
    contents = CertificateContents(
        start=period_start(period_of(now)),
        duration=PERIOD_DURATION,
        app_permissions=permissions,
    )
    wanted = to_be_signed_value(contents, "ecdsa-p256", public_point(0, caterpillar.signing))
    parameters = {
        "signingExpansion": ("aes128", caterpillar.signing_expansion),
        "encryptionKey": encryption_key_value(0, public_point(0, caterpillar.encryption)),
        "encryptionExpansion": ("aes128", caterpillar.encryption_expansion),
    }
    value: dict[str, Any] = {
        "version": 2,
        "generationTime": now // MICROSECONDS_PER_SECOND,
        "type": kind,
        "tbsCert": wanted,
        "additionalParams": ("original", parameters),
    }
    return _to_ra("eeRaCertRequest", value, enrolment, ra_certificate, random)


def application_request(
    contents: CertificateContents,
    key: Signer,
    response_key: bytes | None,
    enrolment: Credential,
    ra_certificate: bytes,
    kind: Kind,
    now: Time64,
    random: Random,
) -> Sent:
    """Ask the RA for one certificate, as roadside units do.

    Args:
        contents: what it shall hold.
        key: the key to certify.
        response_key: a point on P-256 to encrypt the answer to; `None` for a plain answer.
        enrolment: who asks.
        ra_certificate: of the RA.
        kind: explicit or implicit.
        now: when.
        random: the operating system's randomness.
    """
    value: dict[str, Any] = {
        "version": 2,
        "generationTime": now // MICROSECONDS_PER_SECOND,
        "type": kind,
        "tbsCert": to_be_signed_value(contents, key.algorithm, key.public_key),
    }
    if response_key:
        value["additionalParams"] = ("encryptionKey", encryption_key_value(0, response_key))
    return _to_ra("eeRaCertRequest", value, enrolment, ra_certificate, random)


def download_request(
    filename: str, enrolment: Credential, ra_certificate: bytes, now: Time64, random: Random
) -> bytes:
    """Ask the RA for a batch."""
    value: dict[str, Any] = {"generationTime": now // MICROSECONDS_PER_SECOND, "filename": filename}
    payload = pdu("ee-ra", "eeRaDownloadRequest", value)
    signed = sign_as(payload, SECURITY_MANAGEMENT, now, enrolment, Identification.CERTIFICATE)
    return encrypt_to_certificate(signed, ra_certificate, random).octets


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


def _to_ra(
    kind: str,
    value: dict[str, Any] | bytes,
    enrolment: Credential,
    ra_certificate: bytes,
    random: Random,
) -> Sent:
    signed = sign_request(pdu("ee-ra", kind, value), enrolment.signer, enrolment)
    sealed = encrypt_to_certificate(signed, ra_certificate, random)
    return Sent(sealed.octets, request_hash(signed))


def _asking(permissions: Sequence[Permission]) -> tuple[GroupPermissions, ...]:
    subjects = tuple(PermissionRange(one.psid, any_ssp=True) for one in permissions)
    return (GroupPermissions(subjects, min_chain_length=0),)
