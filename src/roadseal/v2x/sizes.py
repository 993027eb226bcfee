"""How large messages and certificates are, profile by profile: made, then measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from roadseal.clock import Time64
from roadseal.v2x import service
from roadseal.v2x.message import Header, Identification, sign
from roadseal.v2x.profile import MessageProfile, message_profiles
from roadseal.v2x.testing import Authority

PAYLOAD_BYTES: Final = 85
"""A CAM with its GeoNetworking and BTP headers, as recorded from a vehicle."""

_NOW = Time64(700_000_000_000_000)  # sizes do not depend on it


@dataclass(frozen=True, slots=True)
class MessageSizes:
    """Bytes of what a station sends.

    Args:
        profile: the message profile.
        status: how far it is from a standard.
        certificate: the authorisation ticket of a vehicle with four services, no encryption key.
        digest_spdu: a message that names its signer by digest.
        full_certificate_spdu: the same message with the certificate.
    """

    profile: str
    status: str
    certificate: int
    digest_spdu: int
    full_certificate_spdu: int


def message_sizes(payload_bytes: int = PAYLOAD_BYTES) -> Iterator[MessageSizes]:
    """Make a certificate and two messages of every profile, and measure them.

    Args:
        payload_bytes: what a message carries.
    """
    return (_measure(profile, bytes(payload_bytes)) for profile in message_profiles().values())


def _measure(profile: MessageProfile, payload: bytes) -> MessageSizes:
    vehicle = Authority(profile.name, now=_NOW).vehicle()
    header = Header(psid=service.CAM, generation_time=_NOW)
    return MessageSizes(
        profile.name,
        profile.status,
        len(vehicle.certificate),
        len(sign(payload, header, vehicle, Identification.DIGEST)),
        len(sign(payload, header, vehicle, Identification.CERTIFICATE)),
    )
