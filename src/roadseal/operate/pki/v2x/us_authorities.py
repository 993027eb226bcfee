"""The US authorities of IEEE 1609.2.1: ECA and ACA. The RA is in `us_registration`.

State machines: octets and time in, an `Outcome` out. What is issued is in the ledger before it
leaves; a repeated request gets the answer that it got.

Source: IEEE 1609.2.1-2022 clauses 7 and 9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.events import Emit, Event
from roadseal.operate.pki.scms import linkage_value
from roadseal.operate.pki.v2x.attributes import (
    contents_of,
    ends_at,
    ends_of,
    may_hold,
    read_encryption_key,
    read_verification_key,
)
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.ecies import Random, encrypt_to_key, open_with_key
from roadseal.operate.pki.v2x.enrolment import YEAR_US, Outcome, RefusedError
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.ledger import Ledger, Record
from roadseal.operate.pki.v2x.points import read_point
from roadseal.operate.pki.v2x.secured import sign_as, unsecured
from roadseal.operate.pki.v2x.us_certify import Certified, Kind, certify
from roadseal.operate.pki.v2x.us_requests import (
    SignedRequest,
    is_timely,
    pdu,
    read_request,
    request_hash,
)
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT, scms_ssp
from roadseal.v2x.certificate import (
    CertificateContents,
    Duration,
    GroupPermissions,
    Permission,
    PermissionRange,
)

BUTTERFLY_EXPLICIT: Final = 0x80
USE_CUBK: Final = 0x40

ENROLMENT_SERIES: Final = 4
PSEUDONYM_SERIES: Final = 1
APPLICATION_SERIES: Final = 3
"""CRL series of the CAMP proof of concept."""

ENROLMENT_LONGEST_US: Final = 3 * YEAR_US
APPLICATION_LONGEST_US: Final = YEAR_US
"""How long certificates may hold that devices ask for: our choice, the standard leaves it open."""

_VALUES: Final = "linkage-value"
_REQUEST: Final = "application-request"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a linkage value came from: a pre-linkage value of each LA, and the RA's request."""

    values: Mapping[bytes, bytes]
    request_hash: bytes


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
        device = asked.get("canonicalId", "").encode() if successor_of is None else successor_of
        station = self.ledger.station(device)
        if station is None or not station.active:
            raise RefusedError("unknown_device")
        if successor_of is None and (station.algorithm, station.public_key) != key:
            raise RefusedError("unknown_device")  # the factory told us which key it made
        if "appPermissions" in wanted or "certIssuePermissions" in wanted:
            raise RefusedError("not_permitted")
        if not _may_request(station.permissions, wanted.get("certRequestPermissions", ())):
            raise RefusedError("not_permitted")
        contents = _contents(wanted)
        _demand_own(contents, station.its_id)
        if not may_hold(contents, now, ENROLMENT_LONGEST_US, self.keys.certificate):
            raise RefusedError("bad_contents")
        contents = replace(
            contents,
            request_permissions=(
                GroupPermissions(
                    tuple(PermissionRange(one.psid, any_ssp=True) for one in station.permissions),
                    min_chain_length=0,
                ),
            ),
            app_permissions=(Permission(SECURITY_MANAGEMENT, scms_ssp("ee"), bitmap=False),),
            craca_id=self.craca_id,
            crl_series=ENROLMENT_SERIES,
        )
        made = _made(contents, *key, self.keys, asked["type"], self._random)
        value: dict[str, Any] = {
            "version": 2,
            "requestHash": request_hash(request),
            "ecaCertChain": list(self.chain),
            "certificate": made.certificate,
        }
        if made.contribution:
            value["privateKeyInfo"] = made.contribution
        answer = sign_as(
            pdu("eca-ee", "ecaEeCertResponse", value),
            SECURITY_MANAGEMENT,
            now,
            self.keys.credential,
        )
        record = Record(made.certificate, station.its_id, "enrolment", ends_at(contents))
        kept_answer = self.ledger.answer(signed.to_be_signed, answer, now, [record])
        if kept_answer != answer:
            return Outcome("replayed", kept_answer)  # another worker was first
        name = station.its_id.decode("ascii", "replace")
        self._emit(Event(now, name, "enrolment.issued", {"code": "ok"}))
        return Outcome("ok", answer, made.certificate)


class AuthorizingAuthority:
    """An ACA: it certifies what the RA asks for, and does not learn for which device.

    Args:
        keys: its certificate and secrets.
        ledger: its rows.
        registration: certificate, algorithm and key of the RA that may ask.
        shared_keys: by the name of each LA, the AES key that it shares with us.
        craca_id: of the CRACA that revokes what it issues, 3 bytes.
        random: the operating system's randomness.
        emit: hears of batches and refusals.
    """

    def __init__(
        self,
        keys: AuthorityKeys,
        ledger: Ledger,
        *,
        registration: tuple[bytes, str, bytes],
        shared_keys: Mapping[bytes, bytes],
        craca_id: bytes,
        random: Random,
        emit: Emit,
    ) -> None:
        self.keys = keys
        self.ledger = ledger
        self.craca_id = craca_id
        self._registration = registration
        self._shared_keys = dict(shared_keys)
        self._random = random
        self._emit = emit

    def handle(self, request: bytes, now: Time64) -> Outcome:
        """Answer a `RaAcaCertRequestSpdu`."""
        try:
            return self._issue(request, read_request(request), now)
        except CoerError:
            code = "malformed"
        except RefusedError as refused:
            code = refused.code
        self._emit(Event(now, "ra", "certificate.refused", {"code": code}))
        return Outcome(code)

    def reveal(self, value: bytes, i: int) -> Origin | None:
        """To the MA: what a linkage value came from."""
        kept = self.ledger.get(_VALUES, i.to_bytes(2) + value)
        if kept is None:
            return None
        return Origin({kept[:2]: kept[2:11], kept[11:13]: kept[13:22]}, kept[22:])

    def request_of(self, hashed_id8: bytes) -> bytes | None:
        """To the MA: the hash of the RA's request for an application certificate."""
        return self.ledger.get(_REQUEST, hashed_id8)

    def _issue(self, request: bytes, signed: SignedRequest, now: Time64) -> Outcome:
        if signed.kind != "raAcaCertRequest":
            raise RefusedError("wrong_request")
        certificate, algorithm, public_key = self._registration
        if signed.certificate != certificate:
            raise RefusedError("unknown_signer")
        if not signed.holds(algorithm, public_key):
            raise RefusedError("bad_signature")
        if earlier := self.ledger.answered(signed.to_be_signed):
            return Outcome("replayed", earlier)
        asked, wanted = signed.request, signed.request["tbsCert"]
        if not is_timely(asked["generationTime"], now):
            raise RefusedError("untimely")
        if asked["flags"] & USE_CUBK:
            raise RefusedError("unsupported_butterfly")
        holder = _holder(asked["type"], *wanted["verifyKeyIndicator"])
        response_key = None
        if "certEncKey" in asked:
            response_key = read_encryption_key(asked["certEncKey"])
            if response_key is None:
                raise RefusedError("bad_key")
        contents = replace(_contents(wanted), craca_id=self.craca_id)
        linked: list[tuple[bytes, bytes]] = []
        if ends_at(contents) > ends_of(self.keys.certificate):
            raise RefusedError("bad_contents")
        if "linkageInfo" in asked:
            i, value, pair = self._linkage(asked["linkageInfo"], wanted)
            contents = replace(contents, linkage=(i, value), crl_series=PSEUDONYM_SERIES)
            linked = [(i.to_bytes(2) + value, pair + request_hash(request))]
        else:
            if not may_hold(contents, now, APPLICATION_LONGEST_US, self.keys.certificate):
                raise RefusedError("bad_contents")
            contents = replace(contents, crl_series=APPLICATION_SERIES)
        butterfly = bool(asked["flags"] & BUTTERFLY_EXPLICIT)
        if butterfly and asked["type"] == "implicit":
            raise RefusedError("wrong_request")
        made = _made(contents, *holder, self.keys, asked["type"], self._random, butterfly)
        value_out: dict[str, Any] = {
            "version": 2,
            "generationTime": now // MICROSECONDS_PER_SECOND,
            "certificate": made.certificate,
        }
        if made.contribution:
            value_out["privateKeyInfo"] = made.contribution
        form, inner = "plain", unsecured(pdu("aca-ee", "acaEeCertResponse", value_out))
        if response_key:
            # Encrypted to the device and then signed: the RA sees who made it, and not what.
            curve, point = response_key
            hidden = encrypt_to_key(inner, point, self._random, curve)
            form = "private"
            inner = sign_as(hidden, SECURITY_MANAGEMENT, now, self.keys.credential)
        response = {
            "version": 2,
            "generationTime": now // MICROSECONDS_PER_SECOND,
            "requestHash": request_hash(request),
            "acaResponse": (form, inner),
        }
        answer = sign_as(
            pdu("aca-ra", "acaRaCertResponse", response),
            SECURITY_MANAGEMENT,
            now,
            self.keys.credential,
        )
        record = Record(made.certificate, b"", asked["type"], ends_at(contents))
        # Before the certificate leaves: what will lead from it to the device, when the MA asks.
        self.ledger.put(_VALUES, linked)
        if not linked:
            self.ledger.put(_REQUEST, [(record.hashed_id8, request_hash(request))])
        kept_answer = self.ledger.answer(signed.to_be_signed, answer, now, [record])
        if kept_answer != answer:
            return Outcome("replayed", kept_answer)  # another worker was first
        return Outcome("ok", answer, made.certificate)

    def _linkage(self, info: dict[str, Any], wanted: dict[str, Any]) -> tuple[int, bytes, bytes]:
        """The period, the linkage value, and what it came from."""
        values, names = [], b""
        for part in (info["encPlv1"], info["encPlv2"]):
            shared = self._shared_keys.get(part["laId"])
            if shared is None:
                raise RefusedError("bad_linkage")
            opened = open_with_key(part["encPlv"], shared)
            if isinstance(opened, str) or len(opened.plaintext) != 9:
                raise RefusedError("bad_linkage")
            values.append(opened.plaintext)
            names += part["laId"] + opened.plaintext
        if info["encPlv1"]["laId"] == info["encPlv2"]["laId"]:
            raise RefusedError("bad_linkage")  # one LA alone could link
        kind, identity = wanted["id"]
        if kind != "linkageData":
            raise RefusedError("bad_linkage")
        return identity["iCert"], linkage_value(*values), names


def _holder(kind: Kind, form: str, value: Any) -> tuple[str, bytes]:
    """The key to certify: implicit certificates are asked for with a reconstruction value."""
    if kind == "implicit" and form == "reconstructionValue":
        point = read_point(value)
        key = read_verification_key(("ecdsaNistP256", value)) if point else None
    else:
        key = read_verification_key(value) if form == "verificationKey" else None
    if key is None or (form == "reconstructionValue") is not (kind == "implicit"):
        raise RefusedError("bad_key")
    return key


def _made(
    contents: CertificateContents,
    algorithm: str,
    key: bytes,
    issuer: AuthorityKeys,
    kind: Kind,
    random: Random,
    butterfly: bool = False,
) -> Certified:
    try:
        return certify(contents, algorithm, key, issuer, kind, random, butterfly=butterfly)
    except (ValueError, OverflowError):
        raise RefusedError("bad_contents") from None


def _contents(wanted: dict[str, Any]) -> CertificateContents:
    """What a `ToBeSignedCertificate` asks for, but for its linkage value."""
    plain = {name: value for name, value in wanted.items() if name != "id"}
    kind, name = wanted["id"]
    if kind in ("name", "none"):
        plain["id"] = (kind, name)
    elif kind != "linkageData":
        raise RefusedError("bad_contents")
    try:
        contents = contents_of(plain)
    except CoerError:
        raise RefusedError("bad_contents") from None
    if "encryptionKey" in wanted:
        key = read_encryption_key(wanted["encryptionKey"])
        if key is None:
            raise RefusedError("bad_key")
        contents = replace(contents, encryption_key=key)
    return contents


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


def period_start(i: int) -> Time64:
    """When a period of a week begins: i × 10,080 minutes after 2004-01-01 TAI."""
    return Time64(i * 10_080 * 60 * MICROSECONDS_PER_SECOND)


def period_of(now: Time64) -> int:
    """The period of an instant."""
    return now // (10_080 * 60 * MICROSECONDS_PER_SECOND)


PERIOD_DURATION: Final = Duration(3, 10_140)
"""A week and an hour, in minutes: neighbouring periods overlap."""
