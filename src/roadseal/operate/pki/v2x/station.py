"""The station's side of TS 102 941: it asks for a credential and for tickets, and checks answers.

Source: ETSI TS 102 941 V2.2.1 clauses 6.2.3.2 and 6.2.3.3.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.v2x.attributes import (
    attributes_of,
    encryption_key_value,
    verification_key_value,
)
from roadseal.operate.pki.v2x.authorization import key_tag
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.ecies import Random, encrypt_to_certificate, open_with_key
from roadseal.operate.pki.v2x.etsi_types import ETSI_DATA, INNER_EC_REQUEST, SHARED_AT_REQUEST
from roadseal.operate.pki.v2x.points import verification_key
from roadseal.operate.pki.v2x.secured import (
    judge_chain,
    read_signed,
    sign_as,
    sign_external,
    sign_self,
)
from roadseal.v2x import service
from roadseal.v2x.certificate import CertificateContents, Credential
from roadseal.v2x.reason import Reason
from roadseal.v2x.signer import Signer
from roadseal.v2x.verifier import Verifier

ENROLMENT_RESPONSE_BIT: Final = b"\x01\x04"
AUTHORIZATION_RESPONSE_BIT: Final = b"\x01\x10"

_SCR: Final = service.CERTIFICATE_REQUEST
_FORMAT: Final = 1  # ts103097v131, the only one


@dataclass(frozen=True, slots=True)
class Request:
    """What to send, and what the answer is opened and compared with."""

    octets: bytes
    kind: Literal["enrolmentResponse", "authorizationResponse"]
    key: bytes = field(repr=False)
    request_hash: bytes
    signer: Signer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What an answer says.

    Args:
        verdict: the authority's response code, or why the answer cannot be believed:
            ``unreadable``, ``other_request``, ``wrong_key``, or a reason of the engine.
        credential: the certificate and its key, if the verdict is ``ok``.
    """

    verdict: str
    credential: Credential | None = None


def enrolment_request(
    its_id: bytes,
    contents: CertificateContents,
    key: Signer,
    identity: Signer | Credential,
    ea_certificate: bytes,
    now: Time64,
    random: Random,
) -> Request:
    """Ask for an enrolment credential.

    Args:
        its_id: under which the EA knows the station.
        contents: what the credential shall hold; `encryption_key` is sent along.
        key: the key that it shall certify.
        identity: the canonical key the first time, the enrolment credential later.
        ea_certificate: of the EA.
        now: when.
        random: the operating system's randomness.

    Raises:
        ValueError: the EA's certificate holds no encryption key, or no request can carry the key.
    """
    inner = INNER_EC_REQUEST.encode(
        {
            "itsId": its_id,
            "certificateFormat": _FORMAT,
            "publicKeys": _public_keys(key, contents),
            "requestedSubjectAttributes": attributes_of(contents),
        }
    )
    proof = sign_self(inner, _SCR, now, key)
    payload = ETSI_DATA.encode({"version": 1, "content": ("enrolmentRequest", proof)})
    if isinstance(identity, Credential):
        signed = sign_as(payload, _SCR, now, identity)
    else:
        signed = sign_self(payload, _SCR, now, identity)
    sealed = encrypt_to_certificate(signed, ea_certificate, random)
    return Request(sealed.octets, "enrolmentResponse", sealed.key, _hash(signed), key)


def authorization_request(
    contents: CertificateContents,
    key: Signer,
    enrolment: Credential,
    ea_certificate: bytes,
    aa_certificate: bytes,
    now: Time64,
    random: Random,
) -> Request:
    """Ask for an authorisation ticket, with proof that its key is at hand.

    The signature with the enrolment credential is encrypted to the EA, so the AA does not see who
    asks.

    Raises:
        ValueError: a certificate holds no encryption key, or no request can carry the key.
    """
    public_keys, hmac_key = _public_keys(key, contents), random(32)
    shared = SHARED_AT_REQUEST.encode(
        {
            "eaId": _core.certificate_digest(ea_certificate)[0][-8:],
            "keyTag": key_tag(hmac_key, public_keys),
            "certificateFormat": _FORMAT,
            "requestedSubjectAttributes": attributes_of(contents),
        }
    )
    signature = sign_external(shared, _SCR, now, enrolment)
    hidden = encrypt_to_certificate(signature, ea_certificate, random).octets
    inner = {
        "publicKeys": public_keys,
        "hmacKey": hmac_key,
        "sharedAtRequest": shared,
        "ecSignature": ("encryptedEcSignature", hidden),
    }
    payload = ETSI_DATA.encode({"version": 1, "content": ("authorizationRequest", inner)})
    signed = sign_self(payload, _SCR, now, key)
    sealed = encrypt_to_certificate(signed, aa_certificate, random)
    return Request(sealed.octets, "authorizationResponse", sealed.key, _hash(signed), key)


def read_response(request: Request, answer: bytes, authorities: Verifier, now: Time64) -> Response:
    """Open an authority's answer, and believe it only if its chain and its content hold.

    Args:
        request: what was sent.
        answer: what came back.
        authorities: knows the roots and the authority.
        now: when.
    """
    opened = open_with_key(answer, request.key)
    if isinstance(opened, str):
        return Response("unreadable")
    try:
        signed = read_signed(opened.plaintext)
        if signed is None or signed.payload is None:
            return Response("unreadable")
        kind, value = ETSI_DATA.decode(signed.payload)["content"]
    except CoerError:
        return Response("unreadable")
    enrolment = request.kind == "enrolmentResponse"
    bits = ENROLMENT_RESPONSE_BIT if enrolment else AUTHORIZATION_RESPONSE_BIT
    reason = judge_chain(signed, authorities, _SCR, bits, now)
    if reason is not Reason.OK:
        return Response(reason)
    if kind != request.kind or value["requestHash"] != request.request_hash:
        return Response("other_request")
    if value["responseCode"] != "ok":
        return Response(value["responseCode"])
    certificate = value.get("certificate", b"")
    if verification_key(certificate) != (request.signer.algorithm, request.signer.public_key):
        return Response("wrong_key")
    return Response("ok", Credential(certificate, request.signer))


def _public_keys(key: Signer, contents: CertificateContents) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "verificationKey": verification_key_value(key.algorithm, key.public_key)
    }
    if contents.encryption_key:
        keys["encryptionKey"] = encryption_key_value(*contents.encryption_key)
    return keys


def _hash(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()[:16]
