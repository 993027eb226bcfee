"""Waivers: a signed permission to accept less, for one subject and purpose, until an end date.

A waiver is a text of two lines: canonical JSON, and the base64 of an ML-DSA-65 signature (FIPS 204)
over the bytes of the first line, under the context string `CONTEXT`. There is one way to write a
given waiver, and an unknown field makes it malformed: it might be a restriction we do not know.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64, from_datetime, to_datetime
from roadseal.crypto.algorithms import registry
from roadseal.crypto.purpose import Purpose
from roadseal.errors import RoadsealError

CONTEXT = b"roadseal-waiver/1"
"""Context string of the signature (FIPS 204 §5.2): no other signature of that key is a waiver."""

EVERYONE = "*"
"""Subject of a waiver that covers every peer, as a migration campaign needs."""

MAX_WAIVER_BYTES = 8192
"""Longest waiver that is read; the signature alone takes 4412."""

MAX_WAIVER_S = 366 * 86_400
"""Longest time between the two dates: what lasts longer is no waiver but another profile."""

MAX_TEXT_CHARS = 200
"""Longest subject, issuer or reason."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """What is permitted, to whom, until when.

    Args:
        issuer: name of the authority, under which verifiers hold its key.
        subject: the peer, or `EVERYONE`.
        purpose: for which purpose.
        algorithm: id of the algorithm that may be accepted.
        not_before: first instant of validity, in whole seconds.
        not_after: end date: the first instant at which it is no longer valid, in whole seconds.
        reason: why, for whoever investigates.
    """

    issuer: str
    subject: str
    purpose: Purpose
    algorithm: str
    not_before: Time64
    not_after: Time64
    reason: str


class WaiverStatus(StrEnum):
    """Why a waiver holds or does not."""

    OK = "ok"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    UNKNOWN_ISSUER = "unknown-issuer"
    BAD_SIGNATURE = "bad-signature"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    WRONG_SUBJECT = "wrong-subject"
    WRONG_PURPOSE = "wrong-purpose"
    WRONG_ALGORITHM = "wrong-algorithm"


@dataclass(frozen=True, slots=True)
class WaiverVerdict:
    """The answer, with the waiver itself as soon as its signature holds.

    Args:
        status: `OK`, or the first reason against it.
        waiver: what was signed; None while nobody vouches for it.
    """

    status: WaiverStatus
    waiver: Waiver | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the waiver."""
        return self.status is WaiverStatus.OK


class WaiverSigner(Protocol):
    """Signs with ML-DSA-65; `MLDSA65PrivateKey` is one, a hardware key another."""

    def sign(self, data: bytes, context: bytes | None = None) -> bytes:
        """Return the signature over `data` under `context`."""
        ...


def sign_waiver(waiver: Waiver, signer: WaiverSigner) -> bytes:
    """Return the signed form of `waiver`.

    Raises:
        RoadsealError: ``waiver-malformed``: it breaks a limit, and no verifier would take it.
    """
    try:
        line = _encode(waiver)
        sound = _decode(line) == waiver
    except (ValueError, OverflowError):
        sound = False
    if not sound:
        raise RoadsealError(
            "waiver-malformed",
            "The waiver cannot be signed as it is.",
            advice="Use whole seconds, an end after the start and within 366 days, an algorithm "
            f"that fits the purpose, and printable texts of 1 to {MAX_TEXT_CHARS} characters.",
        )
    return line + b"\n" + base64.b64encode(signer.sign(line, CONTEXT)) + b"\n"


def open_waiver(data: bytes, issuers: Mapping[str, MLDSA65PublicKey]) -> WaiverVerdict:
    """Check form and signature, not the dates (see `check_waiver`). Never raises on `data`.

    Args:
        data: the signed form, from anywhere.
        issuers: keys of the authorities that may issue waivers, by name.
    """
    if len(data) > MAX_WAIVER_BYTES:
        return WaiverVerdict(WaiverStatus.TOO_LARGE)
    try:
        line, signature_line, rest = data.split(b"\n")
        signature = base64.b64decode(signature_line, validate=True)
        waiver = _decode(line)
    except (ValueError, OverflowError, RecursionError):
        return WaiverVerdict(WaiverStatus.MALFORMED)
    if rest or base64.b64encode(signature) != signature_line:
        return WaiverVerdict(WaiverStatus.MALFORMED)
    key = issuers.get(waiver.issuer)
    if key is None:
        return WaiverVerdict(WaiverStatus.UNKNOWN_ISSUER)
    try:
        key.verify(signature, line, CONTEXT)
    except InvalidSignature:
        return WaiverVerdict(WaiverStatus.BAD_SIGNATURE)
    return WaiverVerdict(WaiverStatus.OK, waiver)


def applies(
    waiver: Waiver, *, subject: str, purpose: Purpose, algorithm: str, now: Time64
) -> WaiverStatus:
    """Say whether a waiver whose signature was checked covers this case at this instant."""
    if waiver.subject not in (subject, EVERYONE):
        return WaiverStatus.WRONG_SUBJECT
    if waiver.purpose is not purpose:
        return WaiverStatus.WRONG_PURPOSE
    if waiver.algorithm != algorithm:
        return WaiverStatus.WRONG_ALGORITHM
    if now < waiver.not_before:
        return WaiverStatus.NOT_YET_VALID
    if now >= waiver.not_after:
        return WaiverStatus.EXPIRED
    return WaiverStatus.OK


def check_waiver(
    data: bytes,
    issuers: Mapping[str, MLDSA65PublicKey],
    *,
    subject: str,
    purpose: Purpose,
    algorithm: str,
    now: Time64,
) -> WaiverVerdict:
    """Check everything about a waiver for one case. Never raises on `data`."""
    opened = open_waiver(data, issuers)
    if opened.waiver is None:
        return opened
    status = applies(opened.waiver, subject=subject, purpose=purpose, algorithm=algorithm, now=now)
    return WaiverVerdict(status, opened.waiver)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    algorithm: str
    format: Literal["roadseal-waiver/1"]
    issuer: str
    not_after: str
    not_before: str
    purpose: str
    reason: str
    signature_algorithm: Literal["ml-dsa-65"]
    subject: str


def _encode(waiver: Waiver) -> bytes:
    form = {
        "algorithm": waiver.algorithm,
        "format": CONTEXT.decode(),
        "issuer": waiver.issuer,
        "not_after": _second(waiver.not_after),
        "not_before": _second(waiver.not_before),
        "purpose": str(waiver.purpose),
        "reason": waiver.reason,
        "signature_algorithm": "ml-dsa-65",
        "subject": waiver.subject,
    }
    return json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _decode(line: bytes) -> Waiver:
    """Read the one canonical form; anything else is a ValueError (or Overflow-, RecursionError)."""
    try:
        form = _Form.model_validate(json.loads(line))
    except ValidationError as error:
        raise ValueError("not the fields of a waiver") from error
    waiver = Waiver(
        issuer=form.issuer,
        subject=form.subject,
        purpose=Purpose(form.purpose),
        algorithm=form.algorithm,
        not_before=_instant(form.not_before),
        not_after=_instant(form.not_after),
        reason=form.reason,
    )
    texts = (waiver.issuer, waiver.subject, waiver.reason)
    if not all(text.isprintable() and 0 < len(text) <= MAX_TEXT_CHARS for text in texts):
        raise ValueError("a text is empty, too long or not printable")
    row = registry().get(waiver.algorithm)
    if row is None or not waiver.purpose.admits(row):
        raise ValueError("the algorithm does not serve the purpose")
    if not 0 < waiver.not_after - waiver.not_before <= MAX_WAIVER_S * MICROSECONDS_PER_SECOND:
        raise ValueError("no end date within the limit")
    if _encode(waiver) != line:  # also catches doubled keys, spaces and odd dates
        raise ValueError("not canonical")
    return waiver


_SECOND = "%Y-%m-%dT%H:%M:%SZ"


def _second(instant: Time64) -> str:
    return to_datetime(instant).strftime(_SECOND)


def _instant(text: str) -> Time64:
    return from_datetime(datetime.strptime(text, _SECOND).replace(tzinfo=UTC))
