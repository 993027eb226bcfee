"""Templates: what a class of equipment is known to use before anybody has looked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from roadseal.assess.inventory.estate.asset import Asset, Exposure, Kind
from roadseal.assess.inventory.estate.lexicon import normal
from roadseal.assess.inventory.finding import Basis, Role
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TemplateUse(_Strict):
    """One use that a template declares.

    Args:
        role: what for.
        algorithm: canonical name, or ``unknown``.
        flow: what it protects.
        basis: ``declared`` or ``inferred``.
        says: one line for people.
        anchor: what it shares with other assets.
        source: who says so, where it is not the template's document.
        unless: the use does not arise where all exposures of the asset are among these.
    """

    role: Role
    algorithm: str
    flow: str
    basis: Basis
    says: str
    anchor: str | None = None
    source: str | None = None
    unless: tuple[Exposure, ...] = ()


class _Match(_Strict):
    kinds: tuple[Kind, ...] = ()
    vendors: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class _Row(_Strict):
    id: str
    match: _Match
    source: str
    use: tuple[TemplateUse, ...]


class _File(_Strict):
    template: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """What a class of equipment is known to use.

    Args:
        id: its name.
        kinds: for which kinds; none is all.
        vendors: for which makers, words of the file's own spelling; none is all.
        models: for which models, the same.
        source: the documents that say so.
        uses: what it uses.
    """

    id: str
    kinds: tuple[Kind, ...]
    vendors: tuple[str, ...]
    models: tuple[str, ...]
    source: str
    uses: tuple[TemplateUse, ...]

    def fits(self, asset: Asset) -> bool:
        """Whether it speaks of `asset`."""
        return (
            (not self.kinds or asset.kind in self.kinds)
            and _names(self.vendors, asset.vendor)
            and _names(self.models, asset.model)
        )

    def uses_of(self, asset: Asset) -> tuple[TemplateUse, ...]:
        """The uses that arise, as `asset` is connected."""
        exposure = set(asset.exposure)
        return tuple(
            use
            for use in self.uses
            if not (exposure and use.unless and exposure <= set(use.unless))
        )


@cache
def shipped_templates() -> tuple[Template, ...]:
    """The templates that Roadseal ships."""
    text = resources.files(__package__).joinpath("templates.toml").read_text("utf-8")
    return read_templates(TomlSource("templates.toml", text))


def load_templates(path: Path) -> tuple[Template, ...]:
    """One's own templates.

    Raises:
        RoadsealError: ``template-unreadable``, or what is wrong, with its line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        raise RoadsealError(
            "template-unreadable", f"{path} is no readable TOML file.", advice="Check the path."
        ) from None
    return read_templates(TomlSource(path.name, text))


def read_templates(source: TomlSource) -> tuple[Template, ...]:
    """Read and check templates.

    Raises:
        RoadsealError: ``template-malformed`` with its line.
    """
    file = source.validate(_File, source.parse(), (), "template-malformed")
    for number, row in enumerate(file.template):
        for use in row.use:
            if use.basis not in _CLAIMS:
                raise source.error(
                    "template-malformed",
                    ("template", number),
                    f"A template cannot say that something was {use.basis}.",
                    "Write declared or inferred.",
                )
    return tuple(
        Template(row.id, row.match.kinds, row.match.vendors, row.match.models, row.source, row.use)
        for row in file.template
    )


_CLAIMS: Final = (Basis.DECLARED, Basis.INFERRED)


def _names(words: tuple[str, ...], text: str | None) -> bool:
    return not words or (text is not None and any(normal(word) in normal(text) for word in words))
