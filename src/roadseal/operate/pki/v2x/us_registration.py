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
from roadseal.operate.pki.v2x.enrolment import Outcome, RefusedError
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.ledger import Ledger, Record
from roadseal.operate.pki.v2x.linkage import LinkageAuthority
from roadseal.operate.pki.v2x.points import certificate_digest
from roadseal.operate.pki.v2x.secured import Key, judge_key, read_signed, sign_as
from roadseal.operate.pki.v2x.us_batch import archive, batch_filename
from roadseal.operate.pki.v2x.us_certification import Certification, Device, ToAca
from roadseal.operate.pki.v2x.us_periods import period_of
from roadseal.operate.pki.v2x.us_requests import (
    SignedRequest,
    holder_key,
    is_timely,
    pdu,
    read_pdu,
    read_request,
    request_hash,
)
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT
from roadseal.v2x.reason import Reason

_DEVICE: Final = "device"
_BATCH: Final = "batch"
_BLOCKED: Final = "blocked"
_ORIGIN: Final = "origin"
_SUCCESSOR: Final = "successor"
_APPLICATION: Final = "application"
_LIVE: Final = "live"  # by holder: its butterfly request that counts
_PERIOD: Final = "period"  # by holder and period: the request that its one batch is for
_EXPANSIONS: Final = ("signingExpansion", "encryptionExpansion")

ToEca = Callable[[bytes, Time64, bytes], Outcome]
"""Sends a request of a device that is enrolled, and its id, to the ECA and brings the outcome."""


class RegistrationAuthority:
    """An RA.

    Args:
        keys: its certificate and secrets.
        ledger: its rows.
        eca: the ECA's certificate, whose enrolment certificates are taken.
        permitted: what a device of this enrolment certificate may ask for; from the ECA's register.
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
        pool: list[tuple[bytes, int, bytes]] = []
        holders: dict[bytes, bytes] = {}
        for holder, name in self.ledger.items(_LIVE):
            if self.ledger.get(_BATCH, batch_filename(name, i).encode()):
                continue
            if self.ledger.get(_PERIOD, holder + i.to_bytes(2)) not in (None, name):
                continue  # an earlier request got the batch of this period
            kept = self.ledger.get(_DEVICE, name)
            if kept is None or not self._may_have_more(holder, kept[18:26], now):
                continue
            device = self._device(kept)
            if i >= device.first_i:
                holders[name] = holder
                pool += [
                    (name, j, one)
                    for j, one in enumerate(self._certification.butterfly(device, i, now))
                ]
        self._mix(pool)
        answers: dict[bytes, dict[int, bytes]] = {}
        origins: list[tuple[bytes, bytes]] = []
        refused: set[bytes] = set()
        for name, j, one in pool:
            try:
                answers.setdefault(name, {})[j] = self._certification.ask(one, now)
                origins.append((request_hash(one), name))
            except RefusedError as reason:
                # One device's batch is lost for now; the others' are not.
                refused.add(name)
                self._emit(Event(now, name.hex(), "batch.refused", {"code": reason.code}))
        for name in refused:
            answers.pop(name, None)
        self.ledger.put(_ORIGIN, origins)
        for name, holder in holders.items():
            # Where another worker was first for a newer request, this one gets nothing.
            if name in answers and self.ledger.keep(_PERIOD, holder + i.to_bytes(2), name) != name:
                del answers[name]
        batches = [
            (batch_filename(name, i).encode(), archive(parts)) for name, parts in answers.items()
        ]
        self.ledger.put(_BATCH, batches)
        made = sum(map(len, answers.values()))
        if made:
            facts = {"i": i, "certificates": made, "devices": len(batches)}
            self._emit(Event(now, "ra", "batch.made", facts))
        return made

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
            name = value["filename"].encode()
            if self._owner(name) != record.hashed_id8:
                raise RefusedError("not_found")
            batch = self.ledger.get(_BATCH, name)
            if batch is None:
                raise RefusedError("not_found")
            return Outcome("ok", batch)
        except CoerError:
            return self._refuse("malformed", now)
        except RefusedError as refused:
            return self._refuse(refused.code, now)

    def _owner(self, filename: bytes) -> bytes | None:
        """The enrolment certificate whose request a file answers."""
        try:
            name = bytes.fromhex(filename[:16].decode("ascii"))
        except ValueError:
            return None
        for kind in (_DEVICE, _APPLICATION, _SUCCESSOR):
            if kept := self.ledger.get(kind, name):
                return kept[18:26]
        return None

    def block(self, aca_request_hash: bytes) -> bool:
        """Give nothing more to the device that this request was for; whether it is ours.

        The device is blocked, not the request: it could ask again, or enrol again.
        """
        name = self.ledger.get(_ORIGIN, aca_request_hash)
        if name is None:
            return False
        kept = self.ledger.get(_DEVICE, name) or self.ledger.get(_APPLICATION, name)
        record = self._enrolled.record(kept[18:26]) if kept else None
        if record is None:
            return False
        self.ledger.put(_BLOCKED, [(record.holder, b"")])
        return True

    def _may_have_more(self, holder: bytes, enrolment: bytes, now: Time64) -> bool:
        if self.ledger.get(_BLOCKED, holder) is not None:
            return False
        record, station = self._enrolled.record(enrolment), self._enrolled.station(holder)
        if record is None or station is None:
            return False
        return station.active and record.revoked is None and record.ends > now

    def _take(self, plaintext: bytes, signed: SignedRequest, now: Time64) -> Outcome:
        if signed.kind == "eeRaSuccessorEnrollmentCertRequest":
            return self._succeed(plaintext, signed, now)
        if signed.kind != "eeRaCertRequest":
            raise RefusedError("wrong_request")
        asked = signed.request
        record = self._judge_signer(signed, now)
        if earlier := self.ledger.answered(signed.to_be_signed):
            return Outcome("replayed", earlier)
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
        name = request_hash(plaintext)
        kind, parameters = asked.get("additionalParams", ("none", None))
        if kind in ("unified", "compactUnified"):
            raise RefusedError("unsupported_butterfly")
        if kind not in ("none", "original", "encryptionKey"):
            raise RefusedError("wrong_request")
        if asked["type"] not in ("explicit", "implicit"):
            raise RefusedError("wrong_request")
        if asked["type"] == "implicit" and not self._certification.gives_implicit:
            raise RefusedError("bad_contents")
        first_i = period_of(now)
        chains = self._random(8) + self._random(8)
        if kind == "original":
            encryption = read_encryption_key(parameters["encryptionKey"])
            if key[0] != "ecdsa-p256" or encryption is None or encryption[0] != 0:
                raise RefusedError("bad_key")
            if any(parameters[name][0] != "aes128" for name in _EXPANSIONS):
                raise RefusedError("unsupported_butterfly")
            self._try_expansion(key[1], encryption[1], parameters)
            kept = first_i.to_bytes(2) + chains + record.hashed_id8 + plaintext
            self.ledger.put(_DEVICE, [(name, kept)])
            self.ledger.put(_LIVE, [(record.holder, name)])
        else:
            # One certificate, at once: how roadside units get theirs.
            encryption_key = parameters if kind == "encryptionKey" else None
            origin, made = self._certification.application(asked, encryption_key, now)
            kept = first_i.to_bytes(2) + chains + record.hashed_id8 + plaintext
            self.ledger.put(_APPLICATION, [(name, kept)])
            self.ledger.put(_ORIGIN, [(origin, name)])
            self.ledger.put(_BATCH, [(batch_filename(name, 0).encode(), archive({0: made}))])
        return self._acknowledge(signed, name, kind, now, first_i if kind == "original" else None)

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
        name = request_hash(plaintext)
        kept = bytes(18) + record.hashed_id8 + plaintext
        self.ledger.put(_SUCCESSOR, [(name, kept)])
        self.ledger.put(_BATCH, [(batch_filename(name, 0).encode(), archive({0: outcome.answer}))])
        return self._acknowledge(signed, name, "successor", now, None)

    def _acknowledge(
        self, signed: SignedRequest, name: bytes, kind: str, now: Time64, first_i: int | None
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
        if self.ledger.get(_BLOCKED, record.holder) is not None:
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

    def _device(self, octets: bytes) -> Device:
        request = read_request(octets[26:]).request
        first_i = int.from_bytes(octets[:2])
        return Device(request, first_i, (octets[2:10], octets[10:18]))

    def _mix(self, pool: list[tuple[bytes, int, bytes]]) -> None:
        """Fisher and Yates with the operating system's randomness: order tells the ACA nothing."""
        for last in range(len(pool) - 1, 0, -1):
            other = int.from_bytes(self._random(8)) % (last + 1)
            pool[last], pool[other] = pool[other], pool[last]

    def _refuse(self, code: str, now: Time64) -> Outcome:
        self._emit(Event(now, "unknown", "request.refused", {"code": code}))
        return Outcome(code)
