"""What a block of raw bits comes to: a key with what it rests on, or an abort with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from roadseal.operate.qkd.finitekey import Counts, Intensities, KeyBound, Security
from roadseal.operate.qkd.secret import Secret


class AbortReason(StrEnum):
    """Why a block gave no key."""

    TOO_FEW = "too_few"
    ERROR_RATE = "error_rate"
    NO_KEY = "no_key"
    VERIFICATION = "verification"
    AUTHENTICATION = "authentication"
    AUTHENTICATION_EXHAUSTED = "authentication_exhausted"
    PROTOCOL = "protocol"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Abort:
    """A block without a key.

    Args:
        reason: why.
        detail: in words, without secrets.
        test: what the test basis showed, as far as it got.
    """

    reason: AbortReason
    detail: str
    test: Counts | None = None


@dataclass(frozen=True, slots=True)
class Distilled:
    """A block's key.

    Args:
        secret: the key, whole bytes, without what paid for authentication.
        key: counts of the key basis.
        test: counts of the test basis.
        bound: what they prove.
        leaked_bits: said in public about the key.
        efficiency: f: parities told ÷ Shannon's limit at the real error rate.
        security: of the key.
    """

    secret: Secret
    key: Counts
    test: Counts
    bound: KeyBound
    leaked_bits: int
    efficiency: float
    security: Security


@dataclass(frozen=True, slots=True)
class Settings:
    """What both ends agreed on beforehand.

    Args:
        sent: Alice's intensities and basis choice.
        security: of the keys.
        variant: of Cascade: ``original``, ``yanetal`` or ``option3``.
        highest_error_rate: above it a block is thrown away unread.
    """

    sent: Intensities
    security: Security = field(default_factory=Security)
    variant: str = "yanetal"
    highest_error_rate: float = 0.11
