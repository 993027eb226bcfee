"""Which keys an authority certifies: what its profile accepts for each kind of certificate."""

from __future__ import annotations

from roadseal.crypto import Profile
from roadseal.crypto.algorithms import algorithm as registered
from roadseal.errors import RoadsealError
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.template import template_of


def refuse_key(profile: Profile, key: PublicKey, template: str) -> None:
    """Refuse a key that `profile` does not accept for certificates of this kind.

    Raises:
        RoadsealError: ``pki-template``, ``pki-key-profile``.
    """
    accepted = profile[template_of(template).purpose].accept
    if not any(_serves(key.algorithm, name) for name in accepted):
        raise RoadsealError(
            "pki-key-profile",
            f"{profile.label} does not accept a key of {key.algorithm}.",
            advice=f"Make a key of {' or '.join(accepted)}.",
        )


def _serves(algorithm: str, accepted: str) -> bool:
    """Whether a profile that accepts `accepted` takes a key of `algorithm`: a KEM may be a part."""
    parts = registered(accepted).components
    return algorithm == accepted or (algorithm.startswith("ml-kem") and algorithm in parts)
