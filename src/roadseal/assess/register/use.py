"""A use: one piece of cryptography that an asset depends on, and the lane its risk runs in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from roadseal.assess.inventory.classifier import classify
from roadseal.assess.inventory.finding import Basis, Role
from roadseal.assess.policy import PolicyRole, nature_of


class Lane(StrEnum):
    """Risks of different kinds; they are never added up."""

    CONFIDENTIALITY = "confidentiality"  # harvest now, decrypt later
    FORGERY = "forgery"  # live, once a quantum computer is there
    ANCHOR = "anchor"  # what verifies and can only be changed by hand, or not at all
    BROKEN = "broken-today"  # needs no quantum computer; stands apart
    NONE = "none"  # nothing a quantum computer would change


QUANTUM_LANES = (Lane.CONFIDENTIALITY, Lane.FORGERY, Lane.ANCHOR)


@dataclass(frozen=True, slots=True)
class Use:
    """One piece of cryptography in one role.

    Args:
        role: what for.
        algorithm: canonical name; ``unknown`` where nobody knows, which is scored as vulnerable.
        flow: what it protects, a row of ``flows.toml``.
        basis: how this is known.
        source: who says so: a template with its document, or a collector with its location.
        says: one line for people.
        anchor: what it shares with other assets, if it is an anchor.
    """

    role: Role
    algorithm: str
    flow: str
    basis: Basis
    source: str
    says: str = ""
    anchor: str | None = None


_SECRET = (Role.KEY_EXCHANGE, Role.ENCRYPTION, Role.STORAGE)
_VERIFIED = (Role.LIVE_AUTHENTICATION, Role.MESSAGE_SIGNATURE)
_ANCHORED = (Role.FIRMWARE_SIGNATURE, Role.TRUST_ANCHOR)
_SYMMETRIC = ("ae", "block-cipher", "stream-cipher", "mac", "key-wrap")
_REMOTE = ("remote", "ota")


def lane_of(role: Role, algorithm: str, update_path: str) -> Lane:
    """In which lane a use runs.

    Args:
        role: what for.
        algorithm: canonical name.
        update_path: of the asset; ``unknown`` counts as one that cannot be changed from afar.
    """
    bearing = nature_of(algorithm).bearing
    if role is Role.PLAINTEXT or bearing == "broken-today":
        return Lane.BROKEN
    if bearing not in ("shor", "unknown"):
        return Lane.NONE
    if role in _SECRET:
        return Lane.CONFIDENTIALITY
    if role in _VERIFIED:
        return Lane.FORGERY
    if role in _ANCHORED:
        return Lane.FORGERY if update_path in _REMOTE else Lane.ANCHOR
    if role is Role.UNKNOWN:
        return Lane.CONFIDENTIALITY if bearing == "shor" else Lane.FORGERY
    return Lane.NONE  # integrity by a MAC or hash: Grover's margin at most


def is_symmetric(algorithm: str) -> bool:
    """Whether it is known to be a cipher or MAC: no public key is in it, and no key exchange."""
    return classify(algorithm).primitive in _SYMMETRIC


def policy_role(role: Role, algorithm: str) -> PolicyRole | None:
    """The use that policies speak of, for an algorithm in a role."""
    if is_symmetric(algorithm):
        return PolicyRole.CIPHER if role in _SECRET else None
    match role:
        case Role.KEY_EXCHANGE | Role.ENCRYPTION:
            return PolicyRole.KEY_ESTABLISHMENT
        case Role.LIVE_AUTHENTICATION | Role.MESSAGE_SIGNATURE | Role.TRUST_ANCHOR:
            return PolicyRole.SIGNATURE
        case Role.FIRMWARE_SIGNATURE:
            return PolicyRole.FIRMWARE_SIGNATURE
        case _:
            return None
