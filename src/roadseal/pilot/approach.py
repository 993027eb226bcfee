"""Approaches: one of the ways to protect the corridor, as a TOML file anybody can add."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from roadseal.crypto import load_profile
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError
from roadseal.net import PROFILES, TlsProfile
from roadseal.v2x import MessageProfile, Policy, message_profile, service

FIVE = ("classical", "pqc", "qkd", "hybrid", "zero-trust")
"""The approaches of the article, in its order."""


ALL = "all"
"""Stands for the five where approaches are named."""


_NAME = re.compile(r"[\w.+-]{1,60}")


@dataclass(frozen=True, slots=True)
class Approach:
    """How the corridor is protected.

    Args:
        name: short and stable.
        title: for tables.
        summary: one sentence.
        profile: the cryptographic profile that receivers follow.
        commands: message profile of SPaT, MAP and priority: what is acted upon.
        awareness: message profile of the mass of CAMs or BSMs.
        backhaul: the TLS profile between roadside and centre.
        key_source: what else is mixed into backhaul keys on links marked so.
        controls: zero-trust controls in force.
    """

    name: str
    title: str
    summary: str
    profile: str
    commands: MessageProfile
    awareness: MessageProfile
    backhaul: TlsProfile
    key_source: Literal["none", "qkd"]
    controls: tuple[str, ...]

    @property
    def not_measured_yet(self) -> tuple[str, ...]:
        """Parts of the approach that this version does not have; the table says so."""
        return tuple(f"control {control}" for control in self.controls)

    @property
    def on_air(self) -> tuple[str, str, str]:
        """What decides everything on the air: approaches that share it share those figures."""
        return (self.profile, self.commands.name, self.awareness.name)

    def policy(self) -> Policy:
        """What its receivers ask of messages."""
        commands = (self.commands.message,)
        return Policy.accepting(
            load_profile(self.profile),
            messages_by_psid=dict.fromkeys(service.COMMANDS, commands),
            required_ssp={service.SREM: service.EMERGENCY_PRIORITY_SSP},
            max_age_us=2_000_000,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = Field(min_length=1, max_length=80)
    summary: str
    profile: str
    commands: str
    awareness: str
    backhaul: str
    key_source: Literal["none", "qkd"]
    controls: tuple[str, ...]


def shipped_approaches() -> tuple[str, ...]:
    """Names of the approaches that Roadseal ships: the five first, then their variants."""
    folder = resources.files(__package__) / "approaches"
    names = {Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".toml")}
    return (*FIVE, *sorted(names - set(FIVE)))


def named_approaches(names: Iterable[str]) -> tuple[str, ...]:
    """The names in their order, `all` as the five, each once."""
    return tuple(
        dict.fromkeys(name for each in names for name in (FIVE if each == ALL else (each,)))
    )


def load_approach(name_or_path: str) -> Approach:
    """Load a shipped approach by name, or somebody's own by path.

    Raises:
        RoadsealError: there is none, or the file is not one; the error names the line.
    """
    if name_or_path in shipped_approaches():
        file = resources.files(__package__) / "approaches" / f"{name_or_path}.toml"
        source = TomlSource(f"approach {name_or_path}", file.read_text("utf-8"))
    else:
        source = TomlSource(name_or_path, _read(Path(name_or_path)))
    row = source.validate(_File, source.parse(), (), "approach-invalid")
    if row.name == ALL or not _NAME.fullmatch(row.name):
        raise source.error(
            "approach-invalid",
            ("name",),
            f"{row.name!r} is no name of an approach.",
            f"Choose letters, digits and .+-_, 60 at most, and not {ALL!r}: it stands in tables.",
        )
    if row.backhaul not in PROFILES:
        raise source.error(
            "unknown-backhaul",
            ("backhaul",),
            f"There is no backhaul profile {row.backhaul!r}.",
            f"Choose one of: {', '.join(PROFILES)}.",
        )
    with source.at("profile"):
        load_profile(row.profile)
    with source.at("commands"):
        commands = message_profile(row.commands)
    with source.at("awareness"):
        awareness = message_profile(row.awareness)
    approach = Approach(
        name=row.name,
        title=row.title,
        summary=row.summary,
        profile=row.profile,
        commands=commands,
        awareness=awareness,
        backhaul=PROFILES[row.backhaul],
        key_source=row.key_source,
        controls=row.controls,
    )
    _check_heard(approach, source)
    return approach


def _check_heard(approach: Approach, source: TomlSource) -> None:
    """Refuse an approach whose stations would not believe each other."""
    policy = approach.policy()
    for key, sent in (("awareness", approach.awareness), ("commands", approach.commands)):
        refused = None
        if sent.message not in policy.messages:
            refused = f"messages signed with {sent.message}"
        elif sent.certificate not in policy.certificates:
            refused = f"certificates signed with {sent.certificate}"
            if sent.anchor:
                refused += " without a batch that vouches for them, and the pilot hands none out"
        if refused:
            raise source.error(
                "approach-unheard",
                (key,),
                f"{sent.name}: receivers under {approach.profile} refuse {refused}.",
                "Choose another message profile, or a crypto profile that accepts it.",
            )


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise RoadsealError(
            "approach-missing",
            f"There is no approach {str(path)!r} ({error.strerror}).",
            advice=f"Choose one of {', '.join(shipped_approaches())}, or the path of a TOML file.",
        ) from None
    except UnicodeDecodeError:
        raise RoadsealError(
            "approach-unreadable", f"{path} is not UTF-8 text.", advice="Save it as UTF-8."
        ) from None
