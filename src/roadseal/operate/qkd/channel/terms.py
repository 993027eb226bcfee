"""What the ends of a hybrid channel insist on, and why one closes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from roadseal.errors import RoadsealError


class QkdPolicy(StrEnum):
    """What a channel does without QKD keys; both ends have the same, bound into their keys."""

    REQUIRE = "require"  # nothing flows
    PREFER = "prefer"  # flows under post-quantum keys alone, for a limited time, with an alarm
    OFF = "off"  # QKD is not used


class Kind(IntEnum):
    """The first byte of a message."""

    OFFER = 1
    ACCEPT = 2
    CONFIRM = 3
    DATA = 4


class Refusal(StrEnum):
    """Why a channel was closed."""

    MALFORMED = "malformed"
    POLICY_MISMATCH = "policy_mismatch"
    IDENTITY_MISMATCH = "identity_mismatch"
    NO_QKD_KEY = "no_qkd_key"
    SIMULATED_KEY = "simulated_key"
    NOT_CONFIRMED = "not_confirmed"
    FORGED = "forged"
    REPLAYED = "replayed"
    OUT_OF_TURN = "out_of_turn"
    GRACE_OVER = "grace_over"


class ChannelRefusedError(RoadsealError):
    """The channel is closed; `refusal` says why."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        words = refusal.value.replace("_", " ")
        super().__init__(
            f"qkd-channel-{refusal.value.replace('_', '-')}",
            f"The hybrid channel was closed, {words}: {detail}.",
            advice="Compare policy, identities and key stores of both ends; open a new channel.",
        )
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class QkdKey:
    """A QKD key as a channel takes it."""

    key_id: str
    octets: bytes
    provenance: str

    def __repr__(self) -> str:
        return f"QkdKey({self.key_id!r}, {self.provenance!r})"


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What an end insists on.

    Args:
        own: SAE ID of this end.
        peer: SAE ID of the other, which the caller has seen in its certificate.
        policy: the same at both ends.
        rekey_s: a new epoch after this long.
        rekey_bytes: or after so many bytes one way.
        grace_s: with `QkdPolicy.PREFER`, how long data may flow without a QKD key.
        accept_simulated: whether keys of modelled optics count; only for tests and pilots.
    """

    own: str
    peer: str
    policy: QkdPolicy
    rekey_s: float = 30.0
    rekey_bytes: int = 1 << 30
    grace_s: float = 600.0
    accept_simulated: bool = False
