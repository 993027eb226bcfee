"""The authorisation authority of TS 102 941: it gives tickets, and does not learn to whom.

It asks the EA whether the station may have them; the EA confirms without seeing the ticket's keys.
`request` takes the octets of a station's request and gives what to send to the EA (or at once an
answer); `finish` takes the EA's answer. Sending is the caller's.

Source: ETSI TS 102 941 V2.2.1 clauses 6.2.3.3 and 6.2.3.4.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from roadseal.clock import Time64
from roadseal.events import Emit, Event
from roadseal.operate.pki.v2x.attributes import (
    contents_of,
    covers,
    ends_at,
    ends_of,
    permissions_of,
    read_encryption_key,
    read_verification_key,
)
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.dot2 import PUBLIC_ENCRYPTION_KEY, PUBLIC_VERIFICATION_KEY
from roadseal.operate.pki.v2x.ecies import (
    Opened,
    OpenFailure,
    Random,
    encrypt_to_certificate,
    encrypt_with_key,
    open_with_certificate,
    open_with_key,
)
from roadseal.operate.pki.v2x.etsi_types import ETSI_DATA, SHARED_AT_REQUEST
from roadseal.operate.pki.v2x.ledger import Ledger, Record
from roadseal.operate.pki.v2x.outcome import Outcome, RefusedError
from roadseal.operate.pki.v2x.secured import (
    Key,
    Signed,
    judge_chain,
    judge_key,
    read_signed,
    read_unsecured,
    sign_as,
    what_was_signed,
)
from roadseal.v2x import service
from roadseal.v2x.certificate import CertificateContents, Credential, Permission, issue
from roadseal.v2x.reason import Reason
from roadseal.v2x.verifier import Verifier

VALIDATION_RESPONSE_BIT: Final = b"\x01\x08"
WEEK_US: Final = 7 * 24 * 3_600 * 1_000_000

_SCR: Final = service.CERTIFICATE_REQUEST
_FAILURES: Final[Mapping[OpenFailure, str]] = {
    "malformed": "its-aa-cantparse",
    "not_encrypted": "its-aa-badcontenttype",
    "not_for_us": "its-aa-imnottherecipient",
    "unknown_cipher": "its-aa-unknownencryptionalgorithm",
    "not_authentic": "its-aa-decryptionfailed",
}
_FROM_EA: Final = {
    "ok": "ok",
    "cantparse": "ea-aa-cantparse",
    "badcontenttype": "ea-aa-badcontenttype",
    "imnottherecipient": "ea-aa-imnottherecipient",
    "unknownencryptionalgorithm": "ea-aa-unknownencryptionalgorithm",
    "decryptionfailed": "ea-aa-decryptionfailed",
    "deniedrequest": "deniedpermissions",  # the ticket's response codes have no other
}


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for its EA.

    Args:
        ea: HashedId8 of the EA to ask.
        message: what to send it.
    """

    ea: bytes
    message: bytes
    _request: bytes = field(repr=False)
    _opened: Opened = field(repr=False)
    _request_hash: bytes = field(repr=False)
    _key: tuple[str, bytes] = field(repr=False)
    _encryption_key: tuple[int, bytes] | None = field(repr=False)
    _contents: CertificateContents = field(repr=False)
    _validation_key: bytes = field(repr=False)


class AuthorizationAuthority:
    """An AA.

    Args:
        credential: its certificate and signing key.
        decrypting: the secret of its encryption key.
        ledger: its rows.
        enrolment_authorities: certificates of the EAs it knows.
        authorities: knows the roots and those EAs.
        random: the operating system's randomness.
        emit: hears of every ticket and every refusal.
        longest: validity of tickets at most, in microseconds (EU policy: a week).
        ahead: how far in the future a ticket may begin (EU policy: three months).
    """

    def __init__(
        self,
        credential: Credential,
        decrypting: bytes,
        ledger: Ledger,
        *,
        enrolment_authorities: Mapping[bytes, bytes],
        authorities: Verifier,
        random: Random,
        emit: Emit,
        longest: int = WEEK_US,
        ahead: int = 13 * WEEK_US,
    ) -> None:
        self.credential = credential
        self.ledger = ledger
        self._decrypting = decrypting
        self._eas = dict(enrolment_authorities)
        self._authorities = authorities
        self._random = random
        self._emit = emit
        self._longest = longest
        self._ahead = ahead

    def request(self, octets: bytes, now: Time64) -> Pending | Outcome:
        """Take a station's request: what to ask its EA, or the answer where that is not needed."""
        opened = open_with_certificate(octets, self.credential.digest, self._decrypting)
        if isinstance(opened, str):
            code = _FAILURES[opened]
            self._emit(Event(now, "unknown", "ticket.refused", self._facts(code)))
            return Outcome(code)
        request = what_was_signed(opened.plaintext)
        if earlier := self.ledger.answered(request):
            return Outcome("replayed", earlier)
        try:
            return self._pending(request, opened, now)
        except CoerError:
            return self._answer(request, opened, now, "its-aa-cantparse")
        except RefusedError as refused:
            return self._answer(request, opened, now, refused.code, reason=refused.reason)

    def finish(self, pending: Pending, answer: bytes | None, now: Time64) -> Outcome:
        """Give the ticket, if the EA's answer says so; `answer=None` if it could not be reached."""
        request, opened = pending._request, pending._opened
        if answer is None:
            return self._answer(request, opened, now, "aa-ea-cantreachea", remember=False)
        try:
            confirmed = self._confirmed(pending, answer, now)
            if not covers(confirmed, pending._contents.app_permissions):
                raise RefusedError("deniedpermissions")
            granted = replace(pending._contents, encryption_key=pending._encryption_key)
            certificate = issue(granted, *pending._key, self.credential)
        except RefusedError as refused:
            return self._answer(request, opened, now, refused.code, reason=refused.reason)
        except (ValueError, OverflowError):
            return self._answer(request, opened, now, "deniedpermissions")
        # The ledger has the ticket and nothing of the station: not even which EC asked.
        record = Record(certificate, b"", "at", ends_at(granted))
        return self._answer(request, opened, now, "ok", record=record)

    def _pending(self, request: bytes, opened: Opened, now: Time64) -> Pending:
        proof = read_signed(opened.plaintext)
        payload = proof.payload if proof else read_unsecured(opened.plaintext)
        if payload is None:
            raise RefusedError("its-aa-badcontenttype")
        kind, asked = ETSI_DATA.decode(payload)["content"]
        if kind != "authorizationRequest":
            raise RefusedError("its-aa-badcontenttype")
        keys, shared = asked["publicKeys"], SHARED_AT_REQUEST.decode(asked["sharedAtRequest"])
        key = read_verification_key(keys["verificationKey"])
        if key is None:
            raise RefusedError("its-aa-incompleterequest")
        self._demand_proof(proof, key, now)
        encryption = None
        if "encryptionKey" in keys:
            encryption = read_encryption_key(keys["encryptionKey"])
            if encryption is None:
                raise RefusedError("its-aa-invalidencryptionkey")
        if not hmac.compare_digest(key_tag(asked["hmacKey"], keys), shared["keyTag"]):
            raise RefusedError("its-aa-keysdontmatch")
        contents = self._contents(shared["requestedSubjectAttributes"], now)
        ea = shared["eaId"]
        if ea not in self._eas:
            raise RefusedError("its-aa-unknownea")
        content = {"sharedAtRequest": asked["sharedAtRequest"], "ecSignature": asked["ecSignature"]}
        payload = ETSI_DATA.encode(
            {"version": 1, "content": ("authorizationValidationRequest", content)}
        )
        signed = sign_as(payload, _SCR, now, self.credential)
        sealed = encrypt_to_certificate(signed, self._eas[ea], self._random)
        return Pending(
            ea=ea,
            message=sealed.octets,
            _request=request,
            _opened=opened,
            _request_hash=hashlib.sha256(signed).digest()[:16],
            _key=key,
            _encryption_key=encryption,
            _contents=contents,
            _validation_key=sealed.key,
        )

    def _demand_proof(self, proof: Signed | None, key: tuple[str, bytes], now: Time64) -> None:
        """Without the proof of possession the standard still gives tickets; Roadseal does not."""
        if proof is None:
            raise RefusedError("its-aa-badcontenttype")
        reason = judge_key(proof, Key(*key), _SCR, now)
        if reason in (Reason.STALE, Reason.FUTURE):
            raise RefusedError("its-aa-outofsyncrequest", reason)
        if reason is not Reason.OK:
            raise RefusedError("invalidsignature", reason)

    def _contents(self, attributes: Mapping[str, Any], now: Time64) -> CertificateContents:
        try:
            contents = contents_of(attributes)
        except CoerError:
            raise RefusedError("its-aa-deniedpermissions") from None
        end = ends_at(contents)
        too_early, too_late = end <= now, contents.start > now + self._ahead
        too_late = too_late or end > ends_of(self.credential.certificate)
        if too_early or too_late or end - contents.start > self._longest or contents.name:
            # A ticket is nobody's: TS 103 097 clause 7.2.1 wants no name in it.
            raise RefusedError("its-aa-deniedpermissions")
        return contents

    def _confirmed(self, pending: Pending, answer: bytes, now: Time64) -> tuple[Permission, ...]:
        opened = open_with_key(answer, pending._validation_key)
        if isinstance(opened, str):
            raise RefusedError("aa-ea-cantreachea")
        try:
            signed = read_signed(opened.plaintext)
            if signed is None or signed.payload is None or signed.signer != pending.ea:
                raise RefusedError("aa-ea-cantreachea")
            kind, value = ETSI_DATA.decode(signed.payload)["content"]
        except CoerError:
            raise RefusedError("aa-ea-cantreachea") from None
        reason = judge_chain(signed, self._authorities, _SCR, VALIDATION_RESPONSE_BIT, now)
        if reason is not Reason.OK:
            raise RefusedError("its-aa-invalidea", reason)
        if kind != "authorizationValidationResponse":
            raise RefusedError("aa-ea-cantreachea")
        if value["requestHash"] != pending._request_hash:
            raise RefusedError("aa-ea-cantreachea")
        code = value["responseCode"]
        if code != "ok":
            raise RefusedError(_FROM_EA.get(code, code if code[0] != "#" else "deniedpermissions"))
        if "confirmedSubjectAttributes" not in value:
            raise RefusedError("ea-aa-cantparse")
        try:
            return permissions_of(value["confirmedSubjectAttributes"].get("appPermissions", ()))
        except CoerError:
            raise RefusedError("deniedpermissions") from None

    def _answer(
        self,
        request: bytes,
        opened: Opened,
        now: Time64,
        code: str,
        *,
        record: Record | None = None,
        reason: Reason | None = None,
        remember: bool = True,
    ) -> Outcome:
        request_hash = hashlib.sha256(opened.plaintext).digest()[:16]
        value: dict[str, Any] = {"requestHash": request_hash, "responseCode": code}
        if record:
            value["certificate"] = record.certificate
        payload = ETSI_DATA.encode({"version": 1, "content": ("authorizationResponse", value)})
        signed = sign_as(payload, _SCR, now, self.credential)
        answer = encrypt_with_key(signed, opened.key, self._random)
        if remember:
            kept = self.ledger.answer(request, answer, now, [record] if record else [])
            if kept != answer:
                return Outcome("replayed", kept)  # another worker was first
        subject = record.hashed_id8.hex() if record else "unknown"
        kind = "ticket.issued" if record else "ticket.refused"
        self._emit(Event(now, subject, kind, self._facts(code)))
        return Outcome(code, answer, record.certificate if record else None, reason)

    def _facts(self, code: str) -> dict[str, str]:
        return {"authority": self.ledger.authority, "code": code}


def key_tag(hmac_key: bytes, public_keys: Mapping[str, Any]) -> bytes:
    """What binds a ticket's keys to the shared request without showing them to the EA."""
    octets = PUBLIC_VERIFICATION_KEY.encode(public_keys["verificationKey"])
    if "encryptionKey" in public_keys:
        octets += PUBLIC_ENCRYPTION_KEY.encode(public_keys["encryptionKey"])
    return hmac.digest(hmac_key, octets, "sha256")[:16]
