"""What the RA has the ACA certify: cocoon keys of a period, or one application certificate.

Source: IEEE 1609.2.1-2022 clause 9.3; the messages are in `us_types`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.operate.pki.scms import cocoons, compressed
from roadseal.operate.pki.v2x.attributes import (
    encryption_key_value,
    read_encryption_key,
    read_verification_key,
    verification_key_value,
)
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.linkage import LinkageAuthority
from roadseal.operate.pki.v2x.outcome import Outcome, RefusedError
from roadseal.operate.pki.v2x.points import verification_key
from roadseal.operate.pki.v2x.secured import Key, judge_key, read_signed
from roadseal.operate.pki.v2x.us_authorization import BUTTERFLY_EXPLICIT
from roadseal.operate.pki.v2x.us_kept import Taken
from roadseal.operate.pki.v2x.us_periods import PERIOD_DURATION, period_start
from roadseal.operate.pki.v2x.us_requests import pdu, read_pdu, request_hash, sign_request
from roadseal.operate.pki.v2x.us_types import SECURITY_MANAGEMENT
from roadseal.v2x.reason import Reason

ToAca = Callable[[bytes, Time64], Outcome]
"""Sends a request to the ACA and brings its outcome."""


class Certification:
    """The RA's side towards the ACA.

    Args:
        keys: the RA's certificate and secrets.
        linkage: LA1 and LA2.
        aca_certificate: of the ACA, which signs its answers.
        to_aca: brings requests there.
        per_period: certificates a period and device.
    """

    def __init__(
        self,
        keys: AuthorityKeys,
        *,
        linkage: tuple[LinkageAuthority, LinkageAuthority],
        aca_certificate: bytes,
        to_aca: ToAca,
        per_period: int,
    ) -> None:
        self.keys = keys
        self.per_period = per_period
        self._linkage = linkage
        self._aca_certificate = aca_certificate
        self._to_aca = to_aca

    @property
    def gives_implicit(self) -> bool:
        """ECQV needs an ACA with a key on P-256."""
        key = verification_key(self._aca_certificate)
        return key is not None and key[0] == "ecdsa-p256"

    def butterfly(self, taken: Taken, i: int, now: Time64) -> list[bytes]:
        """The requests for a device's certificates of a period, in the order of j."""
        asked = taken.request()
        wanted, parameters, kind = asked["tbsCert"], asked["additionalParams"][1], asked["type"]
        key = read_verification_key(wanted["verifyKeyIndicator"][1])
        encryption = read_encryption_key(parameters["encryptionKey"])
        if key is None or encryption is None:
            return []  # it was checked when it was taken
        indices = [(i, j) for j in range(self.per_period)]
        signing = cocoons(key[1], parameters["signingExpansion"][1], indices, "signing")
        hidden = cocoons(encryption[1], parameters["encryptionExpansion"][1], indices, "encryption")
        values = [
            la.prelinkage_values(chain, taken.first_i, i, self.per_period)
            for la, chain in zip(self._linkage, taken.chains, strict=True)
        ]
        requests = []
        for j in range(self.per_period):
            tbs = dict(wanted)
            tbs["id"] = ("linkageData", {"iCert": i, "linkage-value": bytes(9)})
            tbs["validityPeriod"] = {
                "start": period_start(i) // MICROSECONDS_PER_SECOND,
                "duration": ("minutes", PERIOD_DURATION.count),
            }
            point = verification_key_value("ecdsa-p256", compressed(signing[j]))
            tbs["verifyKeyIndicator"] = ("verificationKey", point)
            if kind == "implicit":
                tbs["verifyKeyIndicator"] = _reconstruction(tbs["verifyKeyIndicator"])
            value = self._aca_request(tbs, kind, now)
            if kind == "explicit":
                value["flags"] = BUTTERFLY_EXPLICIT
            value["certEncKey"] = encryption_key_value(0, compressed(hidden[j]))
            value["linkageInfo"] = {"encPlv1": values[0][j], "encPlv2": values[1][j]}
            requests.append(self._signed(value))
        return requests

    def application(
        self, asked: Mapping[str, Any], encryption: Mapping[str, Any] | None, now: Time64
    ) -> tuple[bytes, bytes]:
        """Have one certificate made, at once.

        Args:
            asked: the device's `EeRaCertRequest`.
            encryption: the `PublicEncryptionKey` that the answer is encrypted to, if any.
            now: when.

        Returns:
            The hash of what the ACA was asked, and what its answer holds for the device.

        Raises:
            RefusedError: the ACA refuses, or gives no answer to this request.
        """
        tbs = dict(asked["tbsCert"])
        if asked["type"] == "implicit":
            tbs["verifyKeyIndicator"] = _reconstruction(tbs["verifyKeyIndicator"])
        value = self._aca_request(tbs, asked["type"], now)
        if encryption is not None:
            value["certEncKey"] = encryption
        request = self._signed(value)
        return request_hash(request), self.ask(request, now)

    def ask(self, request: bytes, now: Time64) -> bytes:
        """Send a request to the ACA; what its answer holds for the device.

        Raises:
            RefusedError: it refuses, or gives no answer to this request.
        """
        outcome = self._to_aca(request, now)
        if outcome.answer is None:
            raise RefusedError(outcome.verdict)
        return self._from_aca(request, outcome.answer, now)

    def _from_aca(self, request: bytes, answer: bytes, now: Time64) -> bytes:
        """What the ACA's answer holds for the device.

        Raises:
            RefusedError: it is not the ACA's answer to this request.
        """
        key = verification_key(self._aca_certificate)
        try:
            signed = read_signed(answer)
            if signed is None or signed.payload is None or key is None:
                raise RefusedError("bad_answer")
            at = signed.generation_time if signed.generation_time is not None else now
            reason = judge_key(signed, Key(*key, self._aca_certificate), SECURITY_MANAGEMENT, at)
            _, kind, value = read_pdu(signed.payload)
        except CoerError:
            raise RefusedError("bad_answer") from None
        if reason is not Reason.OK or kind != "acaRaCertResponse":
            raise RefusedError("bad_answer")
        if value["requestHash"] != request_hash(request):
            raise RefusedError("bad_answer")
        octets: bytes = value["acaResponse"][1]
        return octets

    def _aca_request(self, tbs: Mapping[str, Any], kind: str, now: Time64) -> dict[str, Any]:
        return {
            "version": 2,
            "generationTime": now // MICROSECONDS_PER_SECOND,
            "type": kind,
            "flags": 0,
            "tbsCert": tbs,
        }

    def _signed(self, value: dict[str, Any]) -> bytes:
        octets = pdu("aca-ra", "raAcaCertRequest", value)
        return sign_request(octets, self.keys.credential.signer, self.keys.credential)


def _reconstruction(indicator: tuple[str, Any]) -> tuple[str, Any]:
    """The ACA is asked for implicit certificates with a reconstruction value."""
    name, point = indicator[1]
    if name != "ecdsaNistP256":
        raise RefusedError("bad_key")
    return "reconstructionValue", point
