"""The enrolment authority of TS 102 941: it knows the stations, and vouches for them to others.

A state machine: `handle` takes the octets of a request and the time, and gives an answer. Whatever
arrives gets a verdict, one of the standard's own response codes; only what cannot be decrypted gets
no answer, since there is no key for one. A request that was answered before gets the same octets
again: no second certificate comes of a replay.

Source: ETSI TS 102 941 V2.2.1 clauses 6.2.3.2 and 6.4.1; TS 103 097 V2.1.1 clause 7.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from roadseal.clock import Time64
from roadseal.events import Emit, Event
from roadseal.operate.pki.v2x.attributes import (
    contents_of,
    covers,
    ends_at,
    may_hold,
    permissions_of,
    read_encryption_key,
    read_verification_key,
)
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.ecies import (
    Opened,
    OpenFailure,
    Random,
    encrypt_with_key,
    open_with_certificate,
)
from roadseal.operate.pki.v2x.etsi_types import (
    ETSI_DATA,
    INNER_EC_REQUEST,
    SHARED_AT_REQUEST,
)
from roadseal.operate.pki.v2x.ledger import Ledger, Record, Station
from roadseal.operate.pki.v2x.outcome import YEAR_US, Outcome, RefusedError
from roadseal.operate.pki.v2x.points import verification_key
from roadseal.operate.pki.v2x.secured import (
    Key,
    Signed,
    judge_chain,
    judge_key,
    read_signed,
    sign_as,
    what_was_signed,
)
from roadseal.v2x import service
from roadseal.v2x.certificate import Credential, Permission, issue
from roadseal.v2x.reason import Reason
from roadseal.v2x.verifier import Verifier

ENROLMENT_SSP: Final = b"\x01\xc0"
"""What a station may send with its enrolment credential: both kinds of requests."""

VALIDATION_REQUEST_BIT: Final = b"\x01\x20"

_PERMITTED: Final = (Permission(service.CERTIFICATE_REQUEST, ENROLMENT_SSP),)
_FAILURES: Final[Mapping[OpenFailure, str]] = {
    "malformed": "cantparse",
    "not_encrypted": "badcontenttype",
    "not_for_us": "imnottherecipient",
    "unknown_cipher": "unknownencryptionalgorithm",
    "not_authentic": "decryptionfailed",
}


class EnrolmentAuthority:
    """An EA.

    Args:
        credential: its certificate and signing key.
        decrypting: the secret of its encryption key.
        ledger: its rows.
        authorities: knows the roots and the AAs that may ask for validation.
        random: the operating system's randomness.
        emit: hears of every certificate and every refusal.
        longest: validity of enrolment credentials at most, in microseconds (EU policy: 3 years).
        parallel: how many tickets of a station may hold at once (EU policy: 100).
        parallel_fixed: how many of a station that stays where it is (EU policy: 2).
        assurance: the one assurance level and confidence that its stations may ask for.
    """

    def __init__(
        self,
        credential: Credential,
        decrypting: bytes,
        ledger: Ledger,
        *,
        authorities: Verifier,
        random: Random,
        emit: Emit,
        longest: int = 3 * YEAR_US,
        parallel: int = 100,
        parallel_fixed: int = 2,
        assurance: int = 0x60,
    ) -> None:
        self.credential = credential
        self.ledger = ledger
        self._decrypting = decrypting
        self._authorities = authorities
        self._random = random
        self._emit = emit
        self._longest = longest
        self._parallel = parallel
        self._parallel_fixed = parallel_fixed
        self._assurance = assurance

    def handle(self, octets: bytes, now: Time64) -> Outcome:
        """Answer an enrolment request or an AA's request to validate."""
        opened = open_with_certificate(octets, self.credential.digest, self._decrypting)
        if isinstance(opened, str):
            self._tell(now, "request.refused", "unknown", _FAILURES[opened])
            return Outcome(_FAILURES[opened])
        request = what_was_signed(opened.plaintext)
        if earlier := self.ledger.answered(request):
            return Outcome("replayed", earlier)
        try:
            signed = read_signed(opened.plaintext)
            if signed is None or signed.payload is None:
                raise RefusedError("badcontenttype")
            kind, content = ETSI_DATA.decode(signed.payload)["content"]
        except CoerError:
            return self._enrolment_answer(request, opened, now, "cantparse")
        except RefusedError as refused:
            return self._enrolment_answer(request, opened, now, refused.code)
        if kind == "enrolmentRequest":
            return self._enrol(request, opened, signed, content, now)
        if kind == "authorizationValidationRequest":
            return self._validate(request, opened, signed, content, now)
        return self._enrolment_answer(request, opened, now, "badcontenttype")

    def _enrol(
        self, request: bytes, opened: Opened, outer: Signed, inner: bytes, now: Time64
    ) -> Outcome:
        try:
            station, record = self._judge_enrolment(outer, inner, now)
        except RefusedError as refused:
            return self._enrolment_answer(request, opened, now, refused.code, reason=refused.reason)
        return self._enrolment_answer(
            request, opened, now, "ok", record=record, subject=station.its_id
        )

    def _judge_enrolment(self, outer: Signed, inner: bytes, now: Time64) -> tuple[Station, Record]:
        try:
            proof = read_signed(inner)
            if proof is None or proof.payload is None:
                raise RefusedError("badcontenttype")
            asked = INNER_EC_REQUEST.decode(proof.payload)
            contents = contents_of(asked["requestedSubjectAttributes"])
        except CoerError:
            raise RefusedError("cantparse") from None
        key = read_verification_key(asked["publicKeys"]["verificationKey"])
        if key is None:
            raise RefusedError("invalidkeys")
        station = self.ledger.station(self._who(outer, asked["itsId"]))
        if station is None:
            raise RefusedError("unknownits")
        if not station.active:
            raise RefusedError("baditsstatus")
        _demand(judge_key(outer, self._outer_key(outer, station), _SCR, now))
        _demand(judge_key(proof, Key(*key), _SCR, now))  # it holds the key that it asks for
        if not covers(_PERMITTED, contents.app_permissions):
            raise RefusedError("deniedpermissions")
        if not may_hold(contents, now, self._longest, self.credential.certificate):
            raise RefusedError("deniedrequest")
        if contents.name not in (None, station.its_id.decode("utf-8", "replace")):
            raise RefusedError("deniedrequest")  # it would speak for another
        if contents.assurance not in (None, self._assurance):
            raise RefusedError("deniedrequest")
        granted = replace(
            contents,
            app_permissions=contents.app_permissions or _PERMITTED,
            encryption_key=_encryption_key(asked["publicKeys"]),
        )
        try:
            certificate = issue(granted, *key, self.credential)
        except (ValueError, OverflowError):
            raise RefusedError("deniedrequest") from None
        return station, Record(certificate, station.its_id, "ec", ends_at(granted))

    def _who(self, outer: Signed, its_id: bytes) -> bytes:
        """Whose request it is: a first one says so itself, a later one by its signer."""
        if outer.signer is None:
            return its_id
        record = self.ledger.record(outer.signer)
        if record is None or record.kind != "ec":
            raise RefusedError("unknownits")
        return record.holder

    def _outer_key(self, outer: Signed, station: Station) -> Key:
        if outer.signer is None:
            return Key(station.algorithm, station.public_key)
        return self._enrolled_key(outer.signer)

    def _enrolled_key(self, signer: bytes) -> Key:
        record = self.ledger.record(signer)
        key = verification_key(record.certificate) if record else None
        if record is None or key is None:
            raise RefusedError("unknownits")
        if record.revoked is not None:
            raise RefusedError("baditsstatus")
        return Key(*key, record.certificate)

    def _validate(
        self, request: bytes, opened: Opened, outer: Signed, content: Mapping[str, Any], now: Time64
    ) -> Outcome:
        reason = judge_chain(outer, self._authorities, _SCR, VALIDATION_REQUEST_BIT, now)
        confirmed: dict[str, Any] = {}
        code = "ok"
        if reason is not Reason.OK:
            unknown = reason in (Reason.BAD_SIGNATURE, Reason.STALE, Reason.FUTURE)
            code = "invalidaasignature" if unknown else "invalidaa"
        else:
            try:
                confirmed = self._judge_validation(content, now)
            except RefusedError as refused:
                code, reason = refused.code, refused.reason or reason
        value: dict[str, Any] = {"requestHash": _hash(outer.octets), "responseCode": code}
        if code == "ok":
            value["confirmedSubjectAttributes"] = confirmed
        answer = self._sealed(("authorizationValidationResponse", value), opened.key, now)
        kind = "validation.confirmed" if code == "ok" else "validation.refused"
        self._tell(now, kind, _name(outer.signer), code)
        return Outcome(code, self.ledger.answer(request, answer, now), reason=reason)

    def _judge_validation(self, content: Mapping[str, Any], now: Time64) -> dict[str, Any]:
        shared_octets = content["sharedAtRequest"]
        shared = SHARED_AT_REQUEST.decode(shared_octets)
        if shared["eaId"] != self.credential.hashed_id8:
            raise RefusedError("wrongea")
        signed = self._ec_signature(*content["ecSignature"])
        if signed.signer is None:
            raise RefusedError("unknownits")
        record = self.ledger.record(signed.signer)
        station = self.ledger.station(record.holder) if record else None
        if record is None or station is None:
            raise RefusedError("unknownits")
        if record.ends <= now or not station.active:
            raise RefusedError("deniedrequest")
        try:
            key = self._enrolled_key(signed.signer)
        except RefusedError:
            raise RefusedError("deniedrequest") from None
        _demand(judge_key(signed, key, _SCR, now))
        if signed.external_hash != hashlib.sha256(shared_octets).digest():
            raise RefusedError("invalidsignature", Reason.HASH_MISMATCH)
        attributes: dict[str, Any] = shared["requestedSubjectAttributes"]
        try:
            asked = permissions_of(attributes.get("appPermissions", ()))
        except CoerError:
            raise RefusedError("deniedpermissions") from None
        if not asked or not covers(station.permissions, asked):
            raise RefusedError("deniedpermissions")
        self._count_ticket(station, attributes, hashlib.sha256(shared_octets).digest())
        return attributes

    def _count_ticket(self, station: Station, attributes: Mapping[str, Any], name: bytes) -> None:
        """Refuse a ticket that would be one too many at the same time."""
        try:
            contents = contents_of(attributes)
        except CoerError:
            raise RefusedError("deniedpermissions") from None
        if contents.assurance not in (None, self._assurance):
            raise RefusedError("deniedpermissions")
        start, end = contents.start, ends_at(contents)
        most = self._parallel_fixed if station.fixed else self._parallel

        def judge(taken: Mapping[bytes, bytes]) -> None:
            if name in taken:
                raise RefusedError("deniedrequest")  # one confirmation, one ticket
            spans = ((int.from_bytes(one[:8]), int.from_bytes(one[8:])) for one in taken.values())
            if sum(first < end and start < last for first, last in spans) >= most:
                raise RefusedError("deniedtoomanycerts")

        span = start.to_bytes(8) + end.to_bytes(8)
        self.ledger.keep_unless(f"ticket-{station.its_id.hex()}", name, span, judge)

    def _ec_signature(self, form: str, octets: bytes) -> Signed:
        if form == "encryptedEcSignature":
            opened = open_with_certificate(octets, self.credential.digest, self._decrypting)
            if isinstance(opened, str):
                raise RefusedError("wrongea" if opened == "not_for_us" else _FAILURES[opened])
            octets = opened.plaintext
        try:
            signed = read_signed(octets)
        except CoerError:
            raise RefusedError("cantparse") from None
        if signed is None:
            raise RefusedError("badcontenttype")
        return signed

    def _enrolment_answer(
        self,
        request: bytes,
        opened: Opened,
        now: Time64,
        code: str,
        *,
        record: Record | None = None,
        subject: bytes | None = None,
        reason: Reason | None = None,
    ) -> Outcome:
        value: dict[str, Any] = {"requestHash": _hash(opened.plaintext), "responseCode": code}
        if record:
            value["certificate"] = record.certificate
        answer = self._sealed(("enrolmentResponse", value), opened.key, now)
        kept = self.ledger.answer(request, answer, now, [record] if record else [])
        if kept != answer:
            return Outcome("replayed", kept)  # another worker was first
        kind = "enrolment.issued" if record else "enrolment.refused"
        self._tell(now, kind, _name(subject), code)
        return Outcome(code, answer, record.certificate if record else None, reason)

    def _sealed(self, content: tuple[str, Any], key: bytes, now: Time64) -> bytes:
        payload = ETSI_DATA.encode({"version": 1, "content": content})
        return encrypt_with_key(sign_as(payload, _SCR, now, self.credential), key, self._random)

    def _tell(self, now: Time64, kind: str, subject: str, code: str) -> None:
        self._emit(Event(now, subject, kind, {"authority": self.ledger.authority, "code": code}))


_SCR: Final = service.CERTIFICATE_REQUEST


def _encryption_key(keys: Mapping[str, Any]) -> tuple[int, bytes] | None:
    if "encryptionKey" not in keys:
        return None
    key = read_encryption_key(keys["encryptionKey"])
    if key is None:
        raise RefusedError("invalidencryptionkey")
    return key


def _demand(reason: Reason) -> None:
    if reason is not Reason.OK:
        raise RefusedError("invalidsignature", reason)


def _hash(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()[:16]


def _name(octets: bytes | None) -> str:
    return octets.hex() if octets else "unknown"
