"""Signed messages to and from authorities: made here, judged by the engine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.v2x.coer import CoerError, Kept, Reader, Record
from roadseal.operate.pki.v2x.dot2 import DATA, HASH_ALGORITHM, TO_BE_SIGNED_DATA
from roadseal.operate.pki.v2x.points import certificate_digest
from roadseal.v2x.certificate import Credential
from roadseal.v2x.message import Header, Identification, sign
from roadseal.v2x.policy import Policy
from roadseal.v2x.reason import Reason
from roadseal.v2x.signer import Signer
from roadseal.v2x.verifier import Verdict, Verifier

MAX_AGE_US: Final = 5 * 60 * 1_000_000
"""How long a request may be on its way (TS 102 941 leaves it to the authority's policy)."""

POLICY: Final = Policy(max_age_us=MAX_AGE_US, max_ahead_us=60 * 1_000_000, replay=False)
"""What authorities ask of signed messages; repeated requests are recognised in the ledger."""

_SIGNED_PART: Final = Record({"hashId": HASH_ALGORITHM, "tbsData": Kept(lambda: TO_BE_SIGNED_DATA)})


@dataclass(frozen=True, slots=True)
class Signed:
    """The parts of a signed message that a protocol looks at; nothing is verified yet."""

    octets: bytes
    payload: bytes | None
    external_hash: bytes | None
    psid: int
    generation_time: Time64 | None
    signer: bytes | None  # HashedId8; None is "self"
    certificate: bytes | None


@dataclass(frozen=True, slots=True)
class Key:
    """Whose key a message must be signed with: of this certificate, or of the signer "self"."""

    algorithm: str
    public_key: bytes
    certificate: bytes | None = None

    @property
    def signer(self) -> bytes | None:
        """How messages name it; `None` is "self"."""
        if self.certificate is None:
            return None
        return _core.certificate_digest(self.certificate)[0][-8:]


def trusting(roots: Iterable[bytes], certificates: Iterable[bytes] = ()) -> Verifier:
    """A verifier that trusts these roots, for messages of authorities."""
    verifier = Verifier(POLICY, 1)
    for root in roots:
        verifier.add_root(root)
    verifier.add_certificates(list(certificates))
    return verifier


def sign_self(payload: bytes, psid: int, now: Time64, signer: Signer) -> bytes:
    """Sign as the signer "self": the receiver knows the key from elsewhere."""
    header = Header(psid=psid, generation_time=now)
    to_be_signed = _core.encode_to_be_signed_data(payload, header)
    digest = _core.signing_digest(signer.algorithm, to_be_signed)
    signature = signer.sign(digest, signer.algorithm)
    return _core.encode_signed_data(to_be_signed, signer.algorithm, signature)


def sign_external(payload: bytes, psid: int, now: Time64, credential: Credential) -> bytes:
    """Sign the hash of octets that travel another way."""
    header = Header(psid=psid, generation_time=now)
    hashed = hashlib.sha256(payload).digest()
    to_be_signed = _core.encode_to_be_signed_data(hashed, header, external_sha256=True)
    algorithm = credential.signer.algorithm
    digest = _core.signing_digest(algorithm, to_be_signed, credential.digest)
    signature = credential.signer.sign(digest, algorithm)
    return _core.encode_signed_data(
        to_be_signed, algorithm, signature, digest=credential.hashed_id8
    )


def sign_as(
    payload: bytes,
    psid: int,
    now: Time64,
    credential: Credential,
    identification: Identification = Identification.DIGEST,
) -> bytes:
    """Sign with a certificate."""
    return sign(payload, Header(psid=psid, generation_time=now), credential, identification)


def unsecured(payload: bytes) -> bytes:
    """`Ieee1609Dot2Data` around octets that nobody signed."""
    return DATA.encode({"protocolVersion": 3, "content": ("unsecuredData", payload)})


def read_signed(octets: bytes) -> Signed | None:
    """Take a signed message apart; `None` if it is none.

    Raises:
        CoerError: the octets are no `Ieee1609Dot2Data`.
    """
    kind, value = DATA.decode(octets)["content"]
    if kind != "signedData":
        return None
    body, header = value["tbsData"]["payload"], value["tbsData"]["headerInfo"]
    form, signer = value["signer"]
    certificate = signer[0] if form == "certificate" and signer else None
    match form:
        case "digest":
            name: bytes | None = signer
        case "certificate" if certificate:
            name = certificate_digest(certificate)[-8:]
        case "self":
            name = None
        case _:
            raise CoerError("the signer is of a kind that is not known")
    return Signed(
        octets=octets,
        payload=_unsecured_payload(body.get("data")),
        external_hash=_external(body.get("extDataHash")),
        psid=header["psid"],
        generation_time=header.get("generationTime"),
        signer=name,
        certificate=certificate,
    )


def what_was_signed(octets: bytes) -> bytes:
    """What a decrypted request is recognised by when it comes again.

    That is its `tbsData`: a signature can be written in several ways, and in what was encrypted
    the list of recipients can be changed by anybody. What is not signed is recognised as it is.
    """
    try:
        if DATA.decode(octets)["content"][0] != "signedData":
            return octets
        # Version and choice take an octet each.
        part: bytes = _SIGNED_PART.read(Reader(octets[2:]))["tbsData"]
    except CoerError:
        return octets
    return part


def read_unsecured(octets: bytes) -> bytes | None:
    """The payload of unsigned data; `None` if the octets are something else."""
    try:
        kind, value = DATA.decode(octets)["content"]
    except CoerError:
        return None
    return value if kind == "unsecuredData" and isinstance(value, bytes) else None


def judge_key(signed: Signed, key: Key, psid: int, now: Time64) -> Reason:
    """Whether a message is fresh, of this service and signed with this key."""
    if signed.psid != psid:
        return Reason.PSID_NOT_PERMITTED
    if signed.signer != key.signer:
        return Reason.UNKNOWN_SIGNER
    verifier = Verifier(POLICY, 1)
    if key.certificate:
        verifier.add_certificates([key.certificate])
    verifier.pin(key.signer, key.algorithm, key.public_key)
    return _fresh(verifier.verify(signed.octets, at=now), signed)


def judge_chain(
    signed: Signed, verifier: Verifier, psid: int, bits: bytes | None, now: Time64
) -> Reason:
    """Whether a message is fresh, of this service, and its signer certified to send it.

    Args:
        signed: the message.
        verifier: with the roots and authorities that are trusted.
        psid: the service.
        bits: an SSP whose first octet must be equal and whose other bits must all be set.
        now: when.
    """
    if signed.psid != psid:
        return Reason.PSID_NOT_PERMITTED
    verdict = verifier.verify(signed.octets, at=now)
    reason = _fresh(verdict, signed)
    if reason is Reason.OK and bits is not None:
        ssp = verdict.ssp or b""
        if len(ssp) < len(bits) or ssp[0] != bits[0]:
            return Reason.SSP_MISMATCH
        if any(has & need != need for has, need in zip(ssp[1:], bits[1:], strict=False)):
            return Reason.SSP_MISMATCH
    return reason


def judge_role(signed: Signed, verifier: Verifier, psid: int, ssp: bytes, now: Time64) -> Reason:
    """Like `judge_chain`, for an SSP that must be equal."""
    if signed.psid != psid:
        return Reason.PSID_NOT_PERMITTED
    verdict = verifier.verify(signed.octets, at=now)
    reason = _fresh(verdict, signed)
    return Reason.SSP_MISMATCH if reason is Reason.OK and verdict.ssp != ssp else reason


def _fresh(verdict: Verdict, signed: Signed) -> Reason:
    if not verdict.ok:
        return Reason(verdict.overall)
    return Reason.OK if signed.generation_time is not None else Reason.STALE


def _unsecured_payload(data: dict[str, Any] | None) -> bytes | None:
    if data is None or data["content"][0] != "unsecuredData":
        return None
    payload: bytes = data["content"][1]
    return payload


def _external(value: tuple[str, Any] | None) -> bytes | None:
    return value[1] if value and value[0] == "sha256HashedData" else None
