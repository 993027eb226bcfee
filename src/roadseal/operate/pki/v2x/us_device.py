"""What a device of the US system asks: to enrol, for certificates, and for what was made of them.

What comes back is read by `us_answers`.

Source: IEEE 1609.2.1-2022 clauses 7 and 9.3; CAMP SCP1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.operate.pki.v2x.attributes import encryption_key_value
from roadseal.operate.pki.v2x.ecies import Random, encrypt_to_certificate
from roadseal.operate.pki.v2x.points import generate_scalar, public_point
from roadseal.operate.pki.v2x.secured import (
    sign_as,
)
from roadseal.operate.pki.v2x.us_batch import batch_filename
from roadseal.operate.pki.v2x.us_certify import Kind
from roadseal.operate.pki.v2x.us_periods import PERIOD_DURATION, period_of, period_start
from roadseal.operate.pki.v2x.us_requests import (
    pdu,
    request_hash,
    sign_request,
    to_be_signed_value,
)
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT
from roadseal.v2x.certificate import (
    CertificateContents,
    Credential,
    GroupPermissions,
    Permission,
    PermissionRange,
)
from roadseal.v2x.message import Identification
from roadseal.v2x.signer import Signer, SigningKey


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
