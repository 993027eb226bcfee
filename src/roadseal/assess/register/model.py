"""The score's numbers: what ``score.toml`` and ``flows.toml`` say, checked."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

Three = tuple[float, float, float]
"""Least, likeliest, most: a triangular distribution."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What is carried, and what follows where it is read or forged.

    Args:
        name: its name.
        says: for people.
        c: rating of confidentiality.
        i: rating of integrity.
        secrecy_years: how long it has to stay secret.
        status: ``published`` or ``assumed``.
        source: of the ratings.
    """

    name: str
    says: str
    c: str
    i: str
    secrecy_years: Three
    status: str
    source: str


@dataclass(frozen=True, slots=True)
class TierRule:
    """One row of the decision table; the first that holds decides.

    Args:
        tier: ``T1`` to ``T4``.
        says: what it asks for.
        any_p50: holds if the median of a quantum lane reaches it.
        any_p90: the same for the ninth decile.
        anchor_p50: the same for the median of the anchor lane alone.
        update_path: holds for assets with it only.
    """

    tier: str
    says: str
    any_p50: float | None = None
    any_p90: float | None = None
    anchor_p50: float | None = None
    update_path: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """The numbers of one version of the score.

    Args:
        version: such as ``score/2``.
        sha256: of the files that it was read from and of the CRQC profiles, hexadecimal.
        draws_log2: how many draws, as a power of two.
        seed: of the Sobol sequence's scrambling.
        impact: rating → share of the worst harm.
        reach: exposure → how likely it is that an adversary gets at it.
        migration_years: update path → how long until the last old use is gone.
        lifetime_years: of a device whose end of life is not known.
        left_at_least_years: what is assumed to be left to one that is overdue.
        unknown_left_years: what is left to one of unknown age.
        anchor_reach_floor: reach of an anchor at least.
        tiers: the decision table.
        flows: by name.
    """

    version: str
    sha256: str
    draws_log2: int
    seed: int
    impact: Mapping[str, float]
    reach: Mapping[str, Three]
    migration_years: Mapping[str, Three]
    lifetime_years: Three
    left_at_least_years: float
    unknown_left_years: Three
    anchor_reach_floor: float
    tiers: tuple[TierRule, ...]
    flows: Mapping[str, Flow]

    def flow(self, name: str) -> Flow:
        """A flow by its name; a name that is not known is the flow ``unknown``."""
        return self.flows.get(name, self.flows["unknown"])


@cache
def score_model() -> ScoreModel:
    """The shipped numbers."""
    texts = [_text(name) for name in ("score.toml", "flows.toml", "crqc.toml")]
    score, flows = map(tomllib.loads, texts[:2])
    return ScoreModel(
        score["version"],
        hashlib.sha256("".join(texts).encode()).hexdigest(),
        score["draws_log2"],
        score["seed"],
        score["impact"],
        _threes(score["reach"]),
        _threes(score["migration_years"]),
        _three(score["lifetime"]["years"]),
        score["lifetime"]["left_at_least_years"],
        _three(score["lifetime"]["unknown_left_years"]),
        score["anchor"]["reach_floor"],
        tuple(TierRule(**row) for row in score["tier"]),
        {
            name: Flow(name, **{**row, "secrecy_years": _three(row["secrecy_years"])})
            for name, row in flows.items()
        },
    )


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _threes(table: Mapping[str, Any]) -> Mapping[str, Three]:
    return {name: _three(row) for name, row in table.items() if name not in _WORDS}


def _three(row: list[float]) -> Three:
    least, likeliest, most = map(float, row)
    return least, likeliest, most


_WORDS: Final = ("source",)
