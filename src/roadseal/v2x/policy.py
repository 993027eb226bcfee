"""What a receiver asks of messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from roadseal.crypto import Profile, Purpose, algorithm

VERIFIABLE = (
    "ecdsa-p256",
    "ecdsa-brainpoolp256r1",
    "ecdsa-brainpoolp384r1",
    "ecdsa-p384",
    "fn-dsa-512/pre1",
    "ml-dsa-44",
    "ml-dsa-65",
    "ecdsa-p256+fn-dsa-512/pre1",
)
"""Every signature algorithm that the engine can compute."""

CLASSICAL = VERIFIABLE[:4]
"""What a station without post-quantum software can compute."""

SspPattern = tuple[bytes, bytes]
"""Value and mask: an SSP must equal the value wherever the mask is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a receiver asks of messages: frozen, and handed to the verifier once.

    Args:
        supported: algorithms this receiver can compute; others are `unsupported_algorithm`.
        messages: algorithms that may sign messages.
        messages_by_psid: the same for particular services, instead of `messages`.
        certificates: algorithms that may sign certificates, unless a post-quantum batch vouches.
        max_age_us: largest age of a message that does not say when it ends.
        max_ahead_us: how far a message may be ahead of the receiver's clock.
        max_age_us_by_psid: the age for particular services.
        required_ssp: SSPs that services need, as value and mask.
        replay: refuse what was seen before.
        max_message_bytes: larger ones are `too_large`.
        max_depth: messages nested deeper are `too_deep`.
        learned_certificates: bound of the cache of certificates from messages.
        remembered_messages: bound of the replay cache.
        anchored_certificates: bound of the set of certificates that batches vouch for.
    """

    supported: Sequence[str] = VERIFIABLE
    messages: Sequence[str] = VERIFIABLE
    messages_by_psid: Mapping[int, Sequence[str]] = field(default_factory=dict)
    certificates: Sequence[str] = VERIFIABLE
    max_age_us: int = 10_000_000
    max_ahead_us: int = 1_000_000
    max_age_us_by_psid: Mapping[int, int] = field(default_factory=dict)
    required_ssp: Mapping[int, SspPattern] = field(default_factory=dict)
    replay: bool = True
    max_message_bytes: int = 65_536
    max_depth: int = 4
    learned_certificates: int = 8_192
    remembered_messages: int = 131_072
    anchored_certificates: int = 131_072

    @classmethod
    def accepting(cls, profile: Profile, **changes: object) -> Policy:
        """The policy of a station that follows a cryptographic profile.

        A composite is accepted where one of its components is: all of them must hold.

        Args:
            profile: what it accepts for messages and certificates.
            changes: any field of the policy that should differ from its default.
        """
        accepted = {
            "messages": _verifiable(profile[Purpose.MESSAGE].accept),
            "certificates": _verifiable(profile[Purpose.CERTIFICATE].accept),
        }
        return cls(**{**accepted, **changes})  # type: ignore[arg-type]  # checked by the dataclass


def _verifiable(accepted: Collection[str]) -> tuple[str, ...]:
    return tuple(
        name
        for name in VERIFIABLE
        if name in accepted or any(part in accepted for part in algorithm(name).components)
    )
