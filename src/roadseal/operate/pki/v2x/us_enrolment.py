"""The ECA of IEEE 1609.2.1: it certifies a device's key once, for asking.

A state machine: octets and time in, an `Outcome` out. What is issued is in the ledger before it
leaves; a repeated request gets the answer that it got.

Source: IEEE 1609.2.1-2022 clauses 7 and 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from roadseal.clock import Time64
from roadseal.events import Emit, Event
from roadseal.operate.pki.v2x.attributes import ends_at, may_hold, read_verification_key
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.ecies import Random
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.ledger import Ledger, Record, Station
from roadseal.operate.pki.v2x.outcome import YEAR_US, Outcome, RefusedError
from roadseal.operate.pki.v2x.secured import sign_as
from roadseal.operate.pki.v2x.us_certify import Certified
from roadseal.operate.pki.v2x.us_requests import (
    SignedRequest,
    is_timely,
    pdu,
    read_request,
    request_hash,
)
from roadseal.operate.pki.v2x.us_series import ENROLMENT_SERIES
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT, scms_ssp
from roadseal.operate.pki.v2x.us_wanted import certified, contents_wanted
from roadseal.v2x.certificate import (
    CertificateContents,
    GroupPermissions,
    Permission,
    PermissionRange,
)

ENROLMENT_LONGEST_US: Final = 3 * YEAR_US
"""How long a device may be enrolled: our choice, the standard leaves it open."""


class EnrollmentAuthority:
    """An ECA: it certifies a device's key once, for asking.

    Args:
        keys: its certificate and secrets.
        chain: certificates from its own up to the root, its own first.
        ledger: its rows; the stations in it may enrol, their id is the request's `canonicalId`.
        craca_id: of the CRACA that revokes what it issues, 3 bytes.
        random: the operating system's randomness.
        emit: hears of every certificate and every refusal.
    """

    def __init__(
        self,
        keys: AuthorityKeys,
        chain: Sequence[bytes],
        ledger: Ledger,
        *,
        craca_id: bytes,
        random: Random,
        emit: Emit,
    ) -> None:
        self.keys = keys
        self.chain = tuple(chain)
        self.ledger = ledger
        self.craca_id = craca_id
        self._random = random
        self._emit = emit

    def handle(self, request: bytes, now: Time64, successor_of: bytes | None = None) -> Outcome:
        """Answer an `EeEcaCertRequestSpdu`; a refusal has no answer, as in the standard.

        Args:
            request: what arrived.
            now: when.
            successor_of: the device whose enrolment the RA has verified: it may change its key.
        """
        try:
            signed = read_request(request)
            return self._issue(request, signed, now, successor_of)
        except CoerError:
            code = "malformed"
        except RefusedError as refused:
            code = refused.code
        self._emit(Event(now, "unknown", "enrolment.refused", {"code": code}))
        return Outcome(code)

    def _issue(
        self, request: bytes, signed: SignedRequest, now: Time64, successor_of: bytes | None
    ) -> Outcome:
        if signed.kind != "eeEcaCertRequest":
            raise RefusedError("wrong_request")
        asked, wanted = signed.request, signed.request["tbsCert"]
        key = read_verification_key(wanted["verifyKeyIndicator"][1])
        if wanted["verifyKeyIndicator"][0] != "verificationKey" or key is None:
            raise RefusedError("bad_key")
        if not is_timely(asked["generationTime"], now):
            raise RefusedError("untimely")
        if signed.certificate is not None or not signed.holds(*key):
            raise RefusedError("bad_signature")  # the requested key proves its possession
        # By what was signed: a signature can be written in several ways.
        if earlier := self.ledger.answered(signed.to_be_signed):
            return Outcome("replayed", earlier)
        station = self._station(asked, key, successor_of)
        contents = self._contents(wanted, station, now)
        made = certified(contents, *key, self.keys, asked["type"], self._random)
        answer = self._answer(made, request_hash(request), now)
        record = Record(made.certificate, station.its_id, "enrolment", ends_at(contents))
        kept_answer = self.ledger.answer(signed.to_be_signed, answer, now, [record])
        if kept_answer != answer:
            return Outcome("replayed", kept_answer)  # another worker was first
        name = station.its_id.decode("ascii", "replace")
        self._emit(Event(now, name, "enrolment.issued", {"code": "ok"}))
        return Outcome("ok", answer, made.certificate)

    def _station(
        self, asked: dict[str, Any], key: tuple[str, bytes], successor_of: bytes | None
    ) -> Station:
        """Who asks: the device that the RA has verified, or the one whose first key this is."""
        device = asked.get("canonicalId", "").encode() if successor_of is None else successor_of
        station = self.ledger.station(device)
        if station is None or not station.active:
            raise RefusedError("unknown_device")
        if successor_of is None and (station.algorithm, station.public_key) != key:
            raise RefusedError("unknown_device")  # the factory told us which key it made
        return station

    def _contents(
        self, wanted: dict[str, Any], station: Station, now: Time64
    ) -> CertificateContents:
        """What the certificate will say: that the device may ask for what it may do."""
        if "appPermissions" in wanted or "certIssuePermissions" in wanted:
            raise RefusedError("not_permitted")
        if not _may_request(station.permissions, wanted.get("certRequestPermissions", ())):
            raise RefusedError("not_permitted")
        contents = contents_wanted(wanted)
        _demand_own(contents, station.its_id)
        if not may_hold(contents, now, ENROLMENT_LONGEST_US, self.keys.certificate):
            raise RefusedError("bad_contents")
        services = tuple(PermissionRange(one.psid, any_ssp=True) for one in station.permissions)
        return replace(
            contents,
            request_permissions=(GroupPermissions(services, min_chain_length=0),),
            app_permissions=(Permission(SECURITY_MANAGEMENT, scms_ssp("ee"), bitmap=False),),
            craca_id=self.craca_id,
            crl_series=ENROLMENT_SERIES,
        )

    def _answer(self, made: Certified, asked: bytes, now: Time64) -> bytes:
        value: dict[str, Any] = {
            "version": 2,
            "requestHash": asked,
            "ecaCertChain": list(self.chain),
            "certificate": made.certificate,
        }
        if made.contribution:
            value["privateKeyInfo"] = made.contribution
        octets = pdu("eca-ee", "ecaEeCertResponse", value)
        return sign_as(octets, SECURITY_MANAGEMENT, now, self.keys.credential)


def _demand_own(contents: CertificateContents, device: bytes) -> None:
    """A device is certified under its own name or none, and at no assurance level."""
    if contents.name not in (None, device.decode("utf-8", "replace")):
        raise RefusedError("not_permitted")
    if contents.assurance is not None:
        raise RefusedError("not_permitted")


def _may_request(permitted: Sequence[Any], groups: Sequence[dict[str, Any]]) -> bool:
    """Whether a device may ask for these services: what it may ask for is what it may do."""
    psids = {one.psid for one in permitted}
    for group in groups:
        kind, subjects = group["subjectPermissions"]
        if kind != "explicit" or any(one["psid"] not in psids for one in subjects):
            return False
    return bool(groups)
