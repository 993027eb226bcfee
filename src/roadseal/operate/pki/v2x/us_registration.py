"""The registration authority of IEEE 1609.2.1: it knows the devices, and not their certificates.

A device asks once, for batches without end: the RA expands its caterpillar keys to cocoon keys,
mixes the requests of many devices, has them certified by the ACA, and keeps what comes back,
encrypted to keys of the device, until it is fetched.

Source: IEEE 1609.2.1-2022 clauses 7.6 and 9.3; original butterfly only (ADR 11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.events import Emit, Event
from roadseal.operate.pki.scms import cocoons
from roadseal.operate.pki.v2x.attributes import (
    covers,
    permissions_of,
    read_encryption_key,
    read_verification_key,
)
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.ecies import Random, open_with_certificate
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.ledger import Ledger, Record
from roadseal.operate.pki.v2x.linkage import LinkageAuthority
from roadseal.operate.pki.v2x.outcome import Outcome, RefusedError
from roadseal.operate.pki.v2x.points import certificate_digest
from roadseal.operate.pki.v2x.secured import Key, judge_key, read_signed, sign_as
from roadseal.operate.pki.v2x.us_certification import Certification, ToAca
from roadseal.operate.pki.v2x.us_kept import Kept, Taken
from roadseal.operate.pki.v2x.us_periods import period_of
from roadseal.operate.pki.v2x.us_production import Production
from roadseal.operate.pki.v2x.us_requests import (
    SignedRequest,
    holder_key,
    is_timely,
    pdu,
    read_pdu,
    read_request,
)
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT
from roadseal.v2x.reason import Reason

_EXPANSIONS: Final = ("signingExpansion", "encryptionExpansion")

ToEca = Callable[[bytes, Time64, bytes], Outcome]
"""Sends a request of a device that is enrolled, and its id, to the ECA and brings the outcome."""


class RegistrationAuthority:
    """An RA.

    Args:
        keys: its certificate and secrets.
        ledger: its rows.
        eca: the ECA's certificate, whose enrolment certificates are taken.
        enrolled: the ECA's rows: its enrolment certificates, and what stations may ask for.
        linkage: LA1 and LA2.
        aca_certificate: of the ACA, which signs its answers.
        to_aca: brings requests there.
        to_eca: brings requests for successors of enrolment certificates there.
        random: the operating system's randomness; also mixes the requests.
        emit: hears of requests, batches and refusals.
        per_period: certificates a week and device (20 in the US deployment).
    """

    def __init__(
        self,
        keys: AuthorityKeys,
        ledger: Ledger,
        *,
        eca: bytes,
        enrolled: Ledger,
        linkage: tuple[LinkageAuthority, LinkageAuthority],
        aca_certificate: bytes,
        to_aca: ToAca,
        to_eca: ToEca,
        random: Random,
        emit: Emit,
        per_period: int = 20,
    ) -> None:
        self.keys = keys
        self.ledger = ledger
        self.per_period = per_period
        self._eca = eca
        self._enrolled = enrolled
        self._certification = Certification(
            keys,
            linkage=linkage,
            aca_certificate=aca_certificate,
            to_aca=to_aca,
            per_period=per_period,
        )
        self._kept = Kept(ledger, enrolled)
        self._production = Production(self._kept, self._certification, random=random, emit=emit)
        self._to_eca = to_eca
        self._random = random
        self._emit = emit

    def handle(self, request: bytes, now: Time64) -> Outcome:
        """Acknowledge an encrypted request for certificates, or for an enrolment's successor."""
        opened = open_with_certificate(request, self.keys.credential.digest, self.keys.decrypting)
        if isinstance(opened, str):
            return self._refuse(opened, now)
        try:
            return self._take(opened.plaintext, read_request(opened.plaintext), now)
        except CoerError:
            return self._refuse("malformed", now)
        except RefusedError as refused:
            return self._refuse(refused.code, now)

    def produce(self, i: int, now: Time64) -> int:
        """Have the certificates of a period made for every device that may have more.

        It may not when it is blocked, its station is suspended, or the enrolment certificate that
        asked is revoked or has expired. A device has one request that counts, its newest, and
        one batch of a period, whichever request that was for.

        The requests of all devices are mixed before they leave for the ACA. A period that was made
        before is not made again.

        A device with one refused request gets no batch, and is tried again at the next call.

        Returns:
            How many certificates were kept.
        """
        return self._production.produce(i, now)

    def download(self, request: bytes, now: Time64) -> Outcome:
        """Answer an encrypted and signed `EeRaDownloadRequest` with a batch.

        The batch is encrypted to the device as it is; who may fetch it is checked all the same.
        """
        opened = open_with_certificate(request, self.keys.credential.digest, self.keys.decrypting)
        if isinstance(opened, str):
            return self._refuse(opened, now)
        try:
            signed = read_signed(opened.plaintext)
            if signed is None or signed.payload is None:
                raise RefusedError("wrong_request")
            _, kind, value = read_pdu(signed.payload)
            if kind != "eeRaDownloadRequest":
                raise RefusedError("wrong_request")
            record, key = self._enrolled_key(signed.certificate, now)
            reason = judge_key(signed, Key(*key, record.certificate), SECURITY_MANAGEMENT, now)
            if reason is not Reason.OK:
                raise RefusedError("bad_signature")
            if not is_timely(value["generationTime"], now):
                raise RefusedError("untimely")
            filename = value["filename"]
            batch = self._kept.batch(filename)
            if batch is None or self._kept.owner(filename) != record.hashed_id8:
                raise RefusedError("not_found")
            return Outcome("ok", batch)
        except CoerError:
            return self._refuse("malformed", now)
        except RefusedError as refused:
            return self._refuse(refused.code, now)

    def block(self, aca_request_hash: bytes) -> bool:
        """Give nothing more to the device that this request was for; whether it is ours.

        The device is blocked, not the request: it could ask again, or enrol again.
        """
        return self._kept.block(aca_request_hash)

    def _take(self, plaintext: bytes, signed: SignedRequest, now: Time64) -> Outcome:
        if signed.kind == "eeRaSuccessorEnrollmentCertRequest":
            return self._succeed(plaintext, signed, now)
        if signed.kind != "eeRaCertRequest":
            raise RefusedError("wrong_request")
        record = self._judge_signer(signed, now)
        if earlier := self.ledger.answered(signed.to_be_signed):
            return Outcome("replayed", earlier)
        key = self._judge_request(signed.request, record, now)
        kind, parameters = signed.request.get("additionalParams", ("none", None))
        match kind:
            case "original":
                return self._take_butterfly(plaintext, signed, record, key, now)
            case "none" | "encryptionKey":
                return self._take_single(plaintext, signed, record, parameters, now)
            case "unified" | "compactUnified":
                raise RefusedError("unsupported_butterfly")
        raise RefusedError("wrong_request")

    def _judge_request(
        self, asked: Mapping[str, Any], record: Record, now: Time64
    ) -> tuple[str, bytes]:
        """What holds for every certificate that is asked for; returns the key in it."""
        if not is_timely(asked["generationTime"], now):
            raise RefusedError("untimely")
        wanted = asked["tbsCert"]
        key = read_verification_key(wanted["verifyKeyIndicator"][1])
        if wanted["verifyKeyIndicator"][0] != "verificationKey" or key is None:
            raise RefusedError("bad_key")
        station = self._enrolled.station(record.holder)
        if station is None or not station.active:
            raise RefusedError("unknown_device")
        try:
            asked_for = permissions_of(wanted.get("appPermissions", ()))
        except CoerError:
            raise RefusedError("not_permitted") from None
        if not asked_for or not covers(station.permissions, asked_for):
            raise RefusedError("not_permitted")
        if wanted["id"] not in (("none", None), ("name", record.holder.decode("utf-8", "replace"))):
            raise RefusedError("not_permitted")  # it would speak for another
        if "assuranceLevel" in wanted:
            raise RefusedError("not_permitted")
        if asked["type"] not in ("explicit", "implicit"):
            raise RefusedError("wrong_request")
        if asked["type"] == "implicit" and not self._certification.gives_implicit:
            raise RefusedError("bad_contents")
        return key

    def _take_butterfly(
        self,
        plaintext: bytes,
        signed: SignedRequest,
        record: Record,
        key: tuple[str, bytes],
        now: Time64,
    ) -> Outcome:
        """For batches without end, which `produce` makes."""
        parameters = signed.request["additionalParams"][1]
        encryption = read_encryption_key(parameters["encryptionKey"])
        if key[0] != "ecdsa-p256" or encryption is None or encryption[0] != 0:
            raise RefusedError("bad_key")
        if any(parameters[name][0] != "aes128" for name in _EXPANSIONS):
            raise RefusedError("unsupported_butterfly")
        self._try_expansion(key[1], encryption[1], parameters)
        chains = self._random(8), self._random(8)
        taken = Taken(plaintext, record.hashed_id8, period_of(now), chains)
        self._kept.take("device", taken, holder=record.holder)
        return self._acknowledge(signed, taken.name, "original", now, taken.first_i)

    def _take_single(
        self,
        plaintext: bytes,
        signed: SignedRequest,
        record: Record,
        encryption_key: Mapping[str, Any] | None,
        now: Time64,
    ) -> Outcome:
        """For one certificate, which is made at once: how roadside units get theirs."""
        origin, made = self._certification.application(signed.request, encryption_key, now)
        taken = Taken(plaintext, record.hashed_id8)
        self._kept.take("application", taken)
        self._kept.came_from([(origin, taken.name)])
        self._kept.put_batches({(taken.name, 0): {0: made}})
        kind = "encryptionKey" if encryption_key is not None else "none"
        return self._acknowledge(signed, taken.name, kind, now)

    def _try_expansion(
        self, signing: bytes, encryption: bytes, parameters: Mapping[str, Any]
    ) -> None:
        """A caterpillar that is no point would spoil its batch later: refuse it now."""
        pairs = ((signing, "signing"), (encryption, "encryption"))
        try:
            for point, purpose in pairs:
                key = parameters[f"{purpose}Expansion"][1]
                cocoons(point, key, [(0, 0)], "signing")
        except ValueError:
            raise RefusedError("bad_key") from None

    def _succeed(self, plaintext: bytes, signed: SignedRequest, now: Time64) -> Outcome:
        """A new enrolment certificate for a device that shows its present one."""
        record = self._judge_signer(signed, now)
        if earlier := self.ledger.answered(signed.to_be_signed):
            return Outcome("replayed", earlier)
        outcome = self._to_eca(signed.inner, now, record.holder)
        if outcome.answer is None:
            raise RefusedError(outcome.verdict)
        taken = Taken(plaintext, record.hashed_id8)
        self._kept.take("successor", taken)
        self._kept.put_batches({(taken.name, 0): {0: outcome.answer}})
        return self._acknowledge(signed, taken.name, "successor", now)

    def _acknowledge(
        self,
        signed: SignedRequest,
        name: bytes,
        kind: str,
        now: Time64,
        first_i: int | None = None,
    ) -> Outcome:
        ack = {
            "version": 2,
            "generationTime": now // MICROSECONDS_PER_SECOND,
            "requestHash": name,
            "nextDlTime": now // MICROSECONDS_PER_SECOND,
        }
        if first_i is not None:
            ack["firstI"] = first_i
        answer = sign_as(
            pdu("ee-ra", "raEeCertAck", ack), SECURITY_MANAGEMENT, now, self.keys.credential
        )
        self._emit(Event(now, name.hex(), "request.taken", {"kind": kind}))
        return Outcome("ok", self.ledger.answer(signed.to_be_signed, answer, now))

    def _judge_signer(self, signed: SignedRequest, now: Time64) -> Record:
        record, key = self._enrolled_key(signed.certificate, now)
        if not signed.holds(*key):
            raise RefusedError("bad_signature")
        if self._kept.is_blocked(record.holder):
            raise RefusedError("revoked")
        return record

    def _enrolled_key(
        self, certificate: bytes | None, now: Time64
    ) -> tuple[Record, tuple[str, bytes]]:
        """An enrolment certificate of ours that holds, and its key."""
        if certificate is None:
            raise RefusedError("unknown_signer")
        record = self._enrolled.record(certificate_digest(certificate)[-8:])
        if record is None or record.certificate != certificate:
            raise RefusedError("unknown_signer")
        if record.revoked is not None:
            raise RefusedError("revoked")
        if record.ends <= now:
            raise RefusedError("expired")
        key = holder_key(certificate, self._eca)
        if key is None:
            raise RefusedError("bad_key")
        return record, key

    def _refuse(self, code: str, now: Time64) -> Outcome:
        self._emit(Event(now, "unknown", "request.refused", {"code": code}))
        return Outcome(code)
