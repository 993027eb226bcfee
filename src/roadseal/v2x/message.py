"""Signing messages (IEEE 1609.2 clause 6.3; TS 103 097 clause 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from roadseal import _core
from roadseal.clock import Time64
from roadseal.v2x.certificate import Credential, Degrees


class Identification(Enum):
    """How a message names its signer."""

    DIGEST = "digest"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header that is signed along with the payload.

    Args:
        psid: the service.
        generation_time: when the message is made.
        expiry_time: when it ends.
        generation_location: where it is made.
        p2pcd_learning_request: HashedId3 of a certificate to learn (IEEE 1609.2).
        inline_p2pcd_request: HashedId3 of certificates asked for (TS 103 097).
        requested_certificate: a certificate that somebody asked for.
    """

    psid: int
    generation_time: Time64 | None = None
    expiry_time: Time64 | None = None
    generation_location: Degrees | None = None
    p2pcd_learning_request: bytes | None = None
    inline_p2pcd_request: Sequence[bytes] = ()
    requested_certificate: bytes | None = None


def sign(
    payload: bytes,
    header: Header,
    credential: Credential,
    identification: Identification = Identification.DIGEST,
    *,
    algorithm: str | None = None,
) -> bytes:
    """Sign a payload.

    Args:
        payload: the bytes of the facilities or application layer.
        header: what is signed along.
        credential: whose key signs.
        identification: whether the certificate travels along or only its digest.
        algorithm: for a dual key, the half that shall sign alone; receivers that follow the
            certificate refuse such a message.

    Returns:
        The whole `Ieee1609Dot2Data`.

    Raises:
        ValueError: the signer gave something that is no signature of its algorithm.
    """
    to_be_signed = _core.encode_to_be_signed_data(payload, header)
    chosen = algorithm or credential.signer.algorithm
    digest = _core.signing_digest(chosen, to_be_signed, credential.digest)
    signature = credential.signer.sign(digest, chosen)
    if identification is Identification.CERTIFICATE:
        return _core.encode_signed_data(
            to_be_signed, chosen, signature, certificate=credential.certificate
        )
    return _core.encode_signed_data(to_be_signed, chosen, signature, digest=credential.hashed_id8)
