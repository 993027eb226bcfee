"""Profiles as TOML: the ones that Roadseal ships, and one's own by path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from roadseal.crypto.algorithms import Status
from roadseal.crypto.profile import Choice, Profile, broken_rules
from roadseal.crypto.purpose import Purpose
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError


def profile_names() -> tuple[str, ...]:
    """Return the names of the profiles that Roadseal ships, sorted."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _shipped().iterdir()))


def load_profile(name_or_path: str | Path) -> Profile:
    """Load a shipped profile by its name, or one's own TOML file by its path.

    Raises:
        RoadsealError: ``unknown-profile``, or what is wrong in the file, with its line.
    """
    if str(name_or_path) in profile_names():
        file = _shipped().joinpath(f"{name_or_path}.toml")
        return read_profile(TomlSource(file.name, file.read_text("utf-8")))
    path = Path(name_or_path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):  # ValueError: not UTF-8, or a NUL in the name
        raise RoadsealError(
            "unknown-profile",
            f"{str(name_or_path)!r} is neither a profile nor a readable TOML file.",
            advice=f"Shipped: {', '.join(profile_names())}.",
        ) from None
    return read_profile(TomlSource(str(path), text))


def read_profile(source: TomlSource) -> Profile:
    """Read and check one profile.

    Raises:
        RoadsealError: with file, line and remedy.
    """
    row = source.validate(_Row, source.parse(), (), "profile-malformed")
    choices = {purpose: getattr(row, _field(purpose)).freeze() for purpose in Purpose}
    for broken in broken_rules(row.status, choices):
        line = source.line_of(broken.at, broken.id)
        raise RoadsealError(
            broken.code, f"{source.name}:{line}: {broken.message}", advice=broken.advice
        )
    return Profile(row.name, row.version, row.status, row.summary, choices)


def _shipped() -> resources.abc.Traversable:
    return resources.files(__package__).joinpath("profiles")


def _field(purpose: Purpose) -> str:
    return purpose.replace("-", "_")


class _Edge(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=lambda field: field.replace("_", "-")
    )


class _ChoiceTable(_Edge):
    produce: Annotated[list[str], Field(min_length=1)]
    accept: Annotated[list[str], Field(min_length=1)]

    def freeze(self) -> Choice:
        """Return the value that the rest of Roadseal sees."""
        return Choice(tuple(self.produce), tuple(self.accept))


class _Row(_Edge):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=80)]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$", max_length=40)]
    status: Status
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    message: _ChoiceTable
    certificate: _ChoiceTable
    tls_key_exchange: _ChoiceTable
    tls_authentication: _ChoiceTable
    firmware: _ChoiceTable
    backhaul: _ChoiceTable
    storage: _ChoiceTable
