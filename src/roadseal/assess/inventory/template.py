"""Templates: what a class of equipment is known to use before anybody has looked.

A template speaks of kinds (a signal), of makers, or of models (a 2070); the one that says more
closely what it speaks of holds. One's own go before those that are shipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
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
    services: tuple[str, ...] = ()


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
        vendors: for which makers; none is all.
        models: for which models, as `names` reads them.
        services: for what speaks one of these; with `models` either is enough, neither is all.
        source: the documents that say so.
        uses: what it uses.
        own: whether it is the user's, which goes before those that are shipped.
    """

    id: str
    kinds: tuple[Kind, ...]
    vendors: tuple[str, ...]
    models: tuple[str, ...]
    services: tuple[str, ...]
    source: str
    uses: tuple[TemplateUse, ...]
    own: bool = False

    def fits(self, asset: Asset) -> bool:
        """Whether it speaks of `asset`; a maker may stand in the column of models."""
        return (
            (not self.kinds or asset.kind in self.kinds)
            and (
                not self.vendors or names(self.vendors, f"{asset.vendor or ''} {asset.model or ''}")
            )
            and (
                not (self.models or self.services)
                or names(self.models, asset.model or "")
                or bool(set(self.services) & set(asset.services))
            )
        )

    @property
    def closeness(self) -> tuple[bool, bool, bool, bool]:
        """How closely it says what it speaks of; the greater holds."""
        closest = bool(self.models or self.services)
        return self.own, closest, bool(self.vendors), bool(self.kinds)

    def uses_of(self, asset: Asset) -> tuple[TemplateUse, ...]:
        """The uses that arise, as `asset` is connected."""
        exposure = set(asset.exposure)
        return tuple(
            use
            for use in self.uses
            if not (exposure and use.unless and exposure <= set(use.unless))
        )


def declared_uses(
    asset: Asset, templates: Iterable[Template]
) -> Iterator[tuple[Template, TemplateUse]]:
    """What templates say of `asset`.

    Where several speak of one role and flow, the closest one holds: what is known of a model
    takes the place of what is said of its kind.
    """
    said: dict[tuple[Role, str], str] = {}
    fitting = [template for template in templates if template.fits(asset)]
    for template in sorted(fitting, key=lambda each: each.closeness, reverse=True):
        for use in template.uses_of(asset):
            if said.setdefault((use.role, use.flow), template.id) == template.id:
                yield template, use


@cache
def shipped_templates() -> tuple[Template, ...]:
    """The templates that Roadseal ships."""
    folder = resources.files(__package__).joinpath("templates")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return tuple(
        template
        for file in files
        for template in read_templates(TomlSource(file.name, file.read_text("utf-8")))
    )


def load_templates(path: Path) -> tuple[Template, ...]:
    """One's own templates, of a file or of every ``.toml`` in a folder, by name.

    Raises:
        RoadsealError: ``template-unreadable``, or what is wrong, with its line.
    """
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise RoadsealError(
            "template-unreadable",
            f"{path} holds no templates.",
            advice="Put files that end in .toml there; docs/register.md shows one.",
        )
    return tuple(template for file in files for template in read_templates(_source(file), own=True))


def read_templates(source: TomlSource, *, own: bool = False) -> tuple[Template, ...]:
    """Read and check templates.

    Args:
        source: their TOML.
        own: whether they are the user's.

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
        Template(
            row.id,
            row.match.kinds,
            row.match.vendors,
            row.match.models,
            row.match.services,
            row.source,
            row.use,
            own,
        )
        for row in file.template
    )


@lru_cache(maxsize=65_536)
def names(patterns: tuple[str, ...], text: str) -> bool:
    """Whether one of `patterns` stands in `text`, however it is cut and spelled.

    Case, accents and punctuation do not count, nor where letters and digits are parted; ``*``
    stands for the rest of a word.

    >>> names(("2070*",), "2070-TS2-1"), names(("ris 9260",), "Kapsch RIS9260 v2")
    (True, True)
    >>> names(("170",), "2170"), names(("atc",), "Patcher")
    (False, False)
    """
    words = _words(text)
    for pattern in map(_compact, patterns):
        for first in range(len(words)):
            for last in range(first + 1, min(first + 5, len(words)) + 1):
                if fnmatchcase("".join(words[first:last]), pattern):
                    return True
    return False


_CLAIMS: Final = (Basis.DECLARED, Basis.INFERRED)
_PARTS: Final = re.compile(r"[^\W\d]+|\d+")


def _source(file: Path) -> TomlSource:
    try:
        return TomlSource(file.name, file.read_text("utf-8"))
    except (OSError, ValueError):
        raise RoadsealError(
            "template-unreadable", f"{file} is no readable TOML file.", advice="Check the path."
        ) from None


def _words(text: str) -> list[str]:
    return _PARTS.findall(normal(text))


def _compact(pattern: str) -> str:
    stem = pattern.removesuffix("*")
    return "".join(_words(stem)) + ("*" if stem != pattern else "")
