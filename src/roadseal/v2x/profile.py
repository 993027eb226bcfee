"""Message profiles: named combinations of what signs messages and what signs certificates."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal

from roadseal.errors import RoadsealError


@dataclass(frozen=True, slots=True)
class MessageProfile:
    """A combination that stations may use on the air.

    Args:
        name: stable; an experimental one carries its version.
        status: whether a standard defines it, somebody published it, or it is ours alone.
        message: what signs messages.
        certificate: what signs the sender's certificate.
        anchor: what signs the batch that vouches for the certificate, if one does.
        source: where it is defined.
    """

    name: str
    status: Literal["standard", "published-experimental", "roadseal-experimental"]
    message: str
    certificate: str
    source: str
    anchor: str | None = None


@cache
def message_profiles() -> Mapping[str, MessageProfile]:
    """Every message profile by its name."""
    text = resources.files(__package__).joinpath("profiles.toml").read_text("utf-8")
    rows = (MessageProfile(**row) for row in tomllib.loads(text)["profile"])
    return MappingProxyType({row.name: row for row in rows})


def message_profile(name: str) -> MessageProfile:
    """The message profile of this name.

    Raises:
        RoadsealError: there is none.
    """
    try:
        return message_profiles()[name]
    except KeyError:
        raise RoadsealError(
            "unknown-message-profile",
            f"There is no message profile {name!r}.",
            advice=f"Choose one of: {', '.join(message_profiles())}.",
        ) from None


def profile_of(
    message: str | None, certificate: str | None, *, anchored: bool = False
) -> str | None:
    """Name the profile of a received message.

    Args:
        message: what signed it, `None` if that is not known here.
        certificate: what signed the sender's certificate, `None` if that is not at hand.
        anchored: whether a post-quantum batch vouches for the certificate.

    Returns:
        The profile's name, or the algorithms where no profile has this combination.
    """
    if message is None:
        return None
    for profile in message_profiles().values():
        same_certificate = certificate in (None, profile.certificate)
        if profile.message == message and same_certificate and anchored is bool(profile.anchor):
            return profile.name
    return f"{message}, certificate {certificate}"
