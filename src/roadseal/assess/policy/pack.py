"""Policy packs: what an authority asks, by when, in its words where we have read them.

A pack is data and may disagree with another. No pack of these binds a city directly; `binding` and
`applies_to` say whom it does bind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError


class State(StrEnum):
    """What a rule does to the algorithms that it selects, once its date has passed."""

    ADVICE = "advice"  # a step of the organisation; no algorithm falls
    NOT_RECOMMENDED = "not-recommended"
    DEPRECATED = "deprecated"
    DISALLOWED = "disallowed"
    REQUIRED = "required"  # the other way round: what is not selected is disallowed


class PolicyRole(StrEnum):
    """The uses that policies speak of."""

    KEY_ESTABLISHMENT = "key-establishment"
    SIGNATURE = "signature"
    FIRMWARE_SIGNATURE = "firmware-signature"
    HASH = "hash"
    CIPHER = "cipher"


class Scope(StrEnum):
    """Which systems a rule is for."""

    ALL = "all"
    HIGH_PRIORITY = "high-priority"  # high-value, high-risk, very high protection need
    ACQUISITION = "acquisition"  # what is bought anew


class Binding(StrEnum):
    """How firmly a pack speaks to those it applies to."""

    MANDATE = "mandate"
    GUIDANCE = "guidance"


class QuoteStatus(StrEnum):
    """How the words of a quotation came here."""

    VERBATIM = "verbatim"  # read in the authority's own publication
    REPRODUCED = "reproduced"  # read in somebody else's reproduction of it
    NONE = "none"  # not quoted: `says` is ours


class Checked(StrEnum):
    """Against what the pack was last compared."""

    PRIMARY = "primary"
    REPRODUCTION = "reproduction"
    SECONDARY = "secondary"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Select(_Strict):
    """Which algorithms; every condition that is given has to hold, `or_families` beside them."""

    bearing: str | None = None
    max_bits: int | None = None
    names: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    hybrid: bool | None = None
    or_families: tuple[str, ...] = ()


class Rule(_Strict):
    """One sentence of a policy.

    Args:
        id: unique in its pack.
        state: what it does.
        roles: for which uses.
        select: to which algorithms.
        scope: for which systems.
        after: the last day before it holds; without one it holds already.
        says: our words.
        quote: the authority's words, if we have them.
        quote_status: where we have them from.
        read_in: what the words were read in; of a reproduction, every one that agrees.
        where: clause or table.
    """

    id: str
    state: State
    roles: tuple[PolicyRole, ...]
    select: Select
    scope: Scope = Scope.ALL
    after: date | None = None
    says: str
    quote: str = ""
    quote_status: QuoteStatus = QuoteStatus.NONE
    read_in: str = ""
    where: str


class _File(_Strict):
    authority: str
    jurisdiction: str
    title: str
    edition: str
    url: str
    binding: Binding
    draft: bool
    applies_to: str
    verified_on: date
    review_by: date
    checked: Checked
    note: str = ""
    rule: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """What one authority asks.

    Args:
        id: its name here, such as ``nist-ir-8547``.
        authority: who speaks.
        jurisdiction: where, as a country code.
        title: of the publication.
        edition: which one.
        url: where it is.
        binding: how firmly.
        draft: whether it is one.
        applies_to: to whom.
        verified_on: when it was last compared with its source.
        review_by: when it has to be compared again.
        checked: with what it was compared.
        rules: what it asks.
        note: what is easily got wrong.
    """

    id: str
    authority: str
    jurisdiction: str
    title: str
    edition: str
    url: str
    binding: Binding
    draft: bool
    applies_to: str
    verified_on: date
    review_by: date
    checked: Checked
    rules: tuple[Rule, ...] = field(repr=False)
    note: str = ""

    def is_stale(self, today: date) -> bool:
        """Whether its review date has passed."""
        return today > self.review_by


def read_pack(pack_id: str, source: TomlSource) -> Pack:
    """Read and check one pack.

    Raises:
        RoadsealError: ``policy-malformed`` with its line.
    """
    row = source.validate(_File, source.parse(), (), "policy-malformed")
    for number, rule in enumerate(row.rule):
        if bool(rule.quote) != (rule.quote_status is not QuoteStatus.NONE):
            raise source.error(
                "policy-malformed",
                ("rule", number),
                f"The quotation of {rule.id} and its status do not agree.",
                "Give both, or neither.",
            )
        if rule.quote_status is QuoteStatus.VERBATIM and not rule.read_in:
            raise source.error(
                "policy-malformed",
                ("rule", number),
                f"The quotation of {rule.id} is called verbatim, and not where it was read.",
                "Name the authority's own publication and its edition in read_in.",
            )
    values = row.model_dump(exclude={"rule"})
    return Pack(id=pack_id, rules=row.rule, **values)


def load_pack(name_or_path: str) -> Pack:
    """Load a shipped pack by its name, or one's own TOML by its path.

    Raises:
        RoadsealError: ``policy-unknown``, ``policy-malformed``.
    """
    for pack in shipped_packs():
        if pack.id == name_or_path:
            return pack
    path = Path(name_or_path)
    try:
        return read_pack(path.stem, TomlSource(path.name, path.read_text("utf-8")))
    except (OSError, ValueError):
        raise RoadsealError(
            "policy-unknown",
            f"{name_or_path!r} is neither a policy nor a readable TOML file.",
            advice=f"Shipped: {', '.join(pack.id for pack in shipped_packs())}.",
        ) from None


@cache
def shipped_packs() -> tuple[Pack, ...]:
    """The packs that Roadseal ships, by name."""
    folder = resources.files(__package__).joinpath("packs")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return tuple(
        read_pack(file.name.removesuffix(".toml"), TomlSource(file.name, file.read_text("utf-8")))
        for file in files
    )
