"""The ACA of IEEE 1609.2.1: it certifies what the RA asks for, and does not learn for whom.

A state machine: octets and time in, an `Outcome` out. What is issued is in the ledger before it
leaves; a repeated request gets the answer that it got.

Source: IEEE 1609.2.1-2022 clauses 7 and 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.events import Emit, Event
from roadseal.operate.pki.scms import linkage_value
from roadseal.operate.pki.v2x.attributes import ends_at, ends_of, may_hold, read_encryption_key
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.ecies import Random, encrypt_to_key, open_with_key
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.ledger import Ledger, Record
from roadseal.operate.pki.v2x.outcome import YEAR_US, Outcome, RefusedError
from roadseal.operate.pki.v2x.secured import sign_as, unsecured
from roadseal.operate.pki.v2x.us_certify import Certified
from roadseal.operate.pki.v2x.us_requests import (
    SignedRequest,
    is_timely,
    pdu,
    read_request,
    request_hash,
)
from roadseal.operate.pki.v2x.us_series import APPLICATION_SERIES, PSEUDONYM_SERIES
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT
from roadseal.operate.pki.v2x.us_wanted import certified, contents_wanted, key_wanted
from roadseal.v2x.certificate import CertificateContents

BUTTERFLY_EXPLICIT: Final = 0x80
USE_CUBK: Final = 0x40

APPLICATION_LONGEST_US: Final = YEAR_US
"""How long an application certificate may hold: our choice, the standard leaves it open."""

_VALUES: Final = "linkage-value"
_REQUEST: Final = "application-request"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a linkage value came from: a pre-linkage value of each LA, and the RA's request."""

    values: Mapping[bytes, bytes]
    request_hash: bytes


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
        self._judge_signer(signed)
        if earlier := self.ledger.answered(signed.to_be_signed):
            return Outcome("replayed", earlier)
        asked = signed.request
        if not is_timely(asked["generationTime"], now):
            raise RefusedError("untimely")
        if asked["flags"] & USE_CUBK:
            raise RefusedError("unsupported_butterfly")
        holder = key_wanted(asked["type"], *asked["tbsCert"]["verifyKeyIndicator"])
        response_key = None
        if "certEncKey" in asked:
            response_key = read_encryption_key(asked["certEncKey"])
            if response_key is None:
                raise RefusedError("bad_key")
        contents, origin = self._contents(asked, now)
        butterfly = bool(asked["flags"] & BUTTERFLY_EXPLICIT)
        if butterfly and asked["type"] == "implicit":
            raise RefusedError("wrong_request")
        made = certified(
            contents, *holder, self.keys, asked["type"], self._random, butterfly=butterfly
        )
        answer = self._answer(made, response_key, request_hash(request), now)
        record = Record(made.certificate, b"", asked["type"], ends_at(contents))
        # Before the certificate leaves: what will lead from it to the device, when the MA asks.
        if contents.linkage is not None:
            i, value = contents.linkage
            self.ledger.put(_VALUES, [(i.to_bytes(2) + value, origin + request_hash(request))])
        else:
            self.ledger.put(_REQUEST, [(record.hashed_id8, request_hash(request))])
        kept_answer = self.ledger.answer(signed.to_be_signed, answer, now, [record])
        if kept_answer != answer:
            return Outcome("replayed", kept_answer)  # another worker was first
        return Outcome("ok", answer, made.certificate)

    def _judge_signer(self, signed: SignedRequest) -> None:
        if signed.kind != "raAcaCertRequest":
            raise RefusedError("wrong_request")
        certificate, algorithm, public_key = self._registration
        if signed.certificate != certificate:
            raise RefusedError("unknown_signer")
        if not signed.holds(algorithm, public_key):
            raise RefusedError("bad_signature")

    def _contents(self, asked: dict[str, Any], now: Time64) -> tuple[CertificateContents, bytes]:
        """What the certificate will say; of a pseudonym also what its linkage value came from."""
        contents = replace(contents_wanted(asked["tbsCert"]), craca_id=self.craca_id)
        if ends_at(contents) > ends_of(self.keys.certificate):
            raise RefusedError("bad_contents")
        if "linkageInfo" in asked:
            i, value, origin = self._linkage(asked["linkageInfo"], asked["tbsCert"])
            return replace(contents, linkage=(i, value), crl_series=PSEUDONYM_SERIES), origin
        if not may_hold(contents, now, APPLICATION_LONGEST_US, self.keys.certificate):
            raise RefusedError("bad_contents")
        return replace(contents, crl_series=APPLICATION_SERIES), b""

    def _answer(
        self, made: Certified, response_key: tuple[int, bytes] | None, asked: bytes, now: Time64
    ) -> bytes:
        """The RA's answer, and in it the device's, which the RA cannot read if it is encrypted."""
        value: dict[str, Any] = {
            "version": 2,
            "generationTime": now // MICROSECONDS_PER_SECOND,
            "certificate": made.certificate,
        }
        if made.contribution:
            value["privateKeyInfo"] = made.contribution
        form, inner = "plain", unsecured(pdu("aca-ee", "acaEeCertResponse", value))
        if response_key:
            # Encrypted to the device and then signed: the RA sees who made it, and not what.
            curve, point = response_key
            hidden = encrypt_to_key(inner, point, self._random, curve)
            form = "private"
            inner = sign_as(hidden, SECURITY_MANAGEMENT, now, self.keys.credential)
        response = {
            "version": 2,
            "generationTime": now // MICROSECONDS_PER_SECOND,
            "requestHash": asked,
            "acaResponse": (form, inner),
        }
        octets = pdu("aca-ra", "acaRaCertResponse", response)
        return sign_as(octets, SECURITY_MANAGEMENT, now, self.keys.credential)

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
