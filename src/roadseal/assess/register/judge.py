"""What a register says besides its assets: its head, its uses, and the cases of the score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np

from roadseal.assess.inventory.estate import FACTS, Asset
from roadseal.assess.inventory.finding import Basis, Coverage, Finding
from roadseal.assess.inventory.template import Template, shipped_templates
from roadseal.assess.policy import shipped_packs
from roadseal.assess.register.columns import Columns
from roadseal.assess.register.crqc import CrqcProfile, crqc_profile, crqc_profiles
from roadseal.assess.register.model import ScoreModel, score_model
from roadseal.assess.register.score import Scores, rank_stability, score
from roadseal.assess.register.timeline import timeline
from roadseal.assess.register.use import QUANTUM_LANES, Lane, Use, policy_role

FORMAT: Final = "roadseal-register/1"

_MAX_STABILITY_CASES: Final = 4_000


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a register is built from.

    Args:
        assets: of one estate or several; not read where they are in the store.
        as_of: the day it is built for.
        findings: of any number of scans.
        coverages: of the same scans.
        estates: name, source and hash of each, for the record.
        rules: patterns of locations → asset id.
        templates: what classes of equipment are known to use.
        crqc: name of the profile.
    """

    assets: Sequence[Asset]
    as_of: date
    findings: Sequence[Finding] = ()
    coverages: Sequence[Coverage] = ()
    estates: Sequence[Mapping[str, Any]] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    templates: Sequence[Template] = field(default_factory=shipped_templates)
    crqc: str = "gri-2025"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at.

    Args:
        assets: how many there are.
        unknown_facts: fact → how many of them do not say it.
        looked_at: how many have a finding.
        loose: findings of none.
        certificates: what was found of them, as `certificate_rows` has it.
    """

    assets: int
    unknown_facts: Mapping[str, int]
    looked_at: int
    loose: Sequence[Finding]
    certificates: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The score of an estate, and what is said of it as a whole.

    Args:
        columns: the estate.
        scores: its score.
        head: a register's document without its uses, cases and assets.
    """

    columns: Columns
    scores: Scores
    head: dict[str, Any]
    _profile: CrqcProfile
    _as_of: float

    def cases(self) -> Iterator[dict[str, Any]]:
        """The cases, in the order of the scores."""
        for number in range(len(self.scores.tiers)):
            yield _case(number, self.columns, self.scores, self._profile, self._as_of)


def judge(columns: Columns, inputs: Inputs, looked: Looked) -> Judgement:
    """Score an estate.

    Raises:
        RoadsealError: ``crqc-unknown``.
    """
    model, profile = score_model(), crqc_profile(inputs.crqc)
    as_of = decimal_year(inputs.as_of)
    scores = score(columns, model, profile, as_of)
    packs = shipped_packs()
    head = {
        "format": FORMAT,
        "as_of": inputs.as_of.isoformat(),
        "score": {"version": model.version, "sha256": model.sha256},
        "crqc": _crqc(profile),
        "estates": [dict(each) for each in inputs.estates],
        "coverage": _coverage(inputs.coverages, columns, scores, looked),
        "certificates": [dict(each) for each in looked.certificates],
        "stability": _stability(columns, model, as_of, scores),
        "policies": [
            {"id": pack.id, "edition": pack.edition, "verified_on": pack.verified_on.isoformat()}
            for pack in packs
        ],
        "flows": {
            name: asdict(model.flow(name)) for name in sorted({use.flow for use in columns.uses})
        },
        "timeline": [
            {**asdict(each), "on": each.on.isoformat(), "assets": count}
            for each, count in _counted(timeline(columns.uses, packs, inputs.as_of), columns)
        ],
    }
    return Judgement(columns, scores, head, profile, as_of)


def only_case(
    columns: Columns, scores: Scores, profile: CrqcProfile, as_of: float
) -> dict[str, Any] | None:
    """The case of a single asset, or ``None`` if nothing is known of its cryptography."""
    return _case(0, columns, scores, profile, as_of) if scores.tiers else None


def decimal_year(day: date) -> float:
    """A day as a year with its fraction."""
    start = date(day.year, 1, 1)
    return day.year + (day - start).days / (date(day.year + 1, 1, 1) - start).days


def use_row(use: Use) -> dict[str, Any]:
    """A use as the document has it."""
    return {
        "role": use.role.value,
        "algorithm": use.algorithm,
        "flow": use.flow,
        "basis": use.basis.value,
        "source": use.source,
        "says": use.says,
        "anchor": use.anchor,
    }


def _crqc(profile: CrqcProfile) -> dict[str, Any]:
    years = {
        f"{year}": [round(profile.probability(year, high=high), 4) for high in (False, True)]
        for year in range(2027, 2061, 3)
    }
    return {
        "name": profile.name,
        "title": profile.title,
        "kind": profile.kind,
        "source": profile.source,
        "by_year": years,
    }


def _coverage(
    coverages: Sequence[Coverage], columns: Columns, scores: Scores, looked: Looked
) -> dict[str, Any]:
    total, facts = looked.assets, looked.unknown_facts
    unknown_algorithm = {
        number for number, use in enumerate(columns.uses) if use.algorithm == "unknown"
    }
    with_unknown = len(np.unique(columns.asset[np.isin(columns.use, list(unknown_algorithm))]))
    gaps = [
        {"where": gap.location.uri, "cause": gap.cause.value, "detail": gap.detail}
        for coverage in coverages
        for gap in coverage.gaps
    ]
    return {
        "assets": total,
        "unassessed": int((scores.case < 0).sum()),
        "looked_at": looked.looked_at,
        "with_unknown_algorithm": with_unknown,
        "unknown_facts": {fact: facts.get(fact, 0) for fact in FACTS},
        "loose_findings": [
            {"where": each.location.uri, "title": each.title, "collector": each.collector}
            for each in looked.loose
        ],
        "scans": [
            {"scope": list(each.scope), "read": each.read, "read_bytes": each.read_bytes}
            for each in coverages
        ],
        "scan_gaps": gaps,
        "complete": bool(
            total
            and looked.looked_at == total
            and not with_unknown
            and not any(facts.values())
            and not gaps
            and not looked.loose
            and all(each.complete for each in coverages)
        ),
    }


def _stability(columns: Columns, model: ScoreModel, as_of: float, scores: Scores) -> dict[str, Any]:
    """Whether the order of the assets hangs on who is right about the quantum computer."""
    assessed = scores.case[scores.case >= 0]
    weights = np.bincount(assessed, minlength=len(scores.tiers))
    headlines = [score(columns, model, each, as_of).headline for each in crqc_profiles()]
    largest = np.sort(np.argsort(-weights, kind="stable")[:_MAX_STABILITY_CASES])
    share = rank_stability([each[largest] for each in headlines], weights[largest])
    return {
        "share": round(share, 4),
        "profiles": [each.name for each in crqc_profiles()],
        "cases_compared": len(largest),
    }


def _case(
    number: int, columns: Columns, scores: Scores, profile: CrqcProfile, as_of: float
) -> dict[str, Any]:
    classes = [scores.classes[index] for index in scores.members[number]]
    parts = sorted(
        (
            {
                "use": each.use,
                "lane": each.lane.value,
                "p10": _round(each.quantiles[0]),
                "p50": _round(each.quantiles[1]),
                "p90": _round(each.quantiles[2]),
                "secrecy_years": each.secrecy_years,
                "migration_years": round(each.migration_years, 2),
                **_margins(each.lane, each.secrecy_years, each.migration_years, profile, as_of),
            }
            for each in classes
        ),
        key=lambda part: (
            part["lane"] == Lane.BROKEN,
            -part["p50"],
            str(columns.uses[part["use"]]),  # not by its number, which hangs on the other assets
        ),
    )
    first = classes[0]
    lanes = {
        lane.value: [_round(value) for value in scores.lanes[number, at]]
        for at, lane in enumerate(QUANTUM_LANES)
    }
    return {
        "tier": scores.tiers[number][0],
        "says": scores.tiers[number][1],
        "lanes": lanes,
        "headline": max(QUANTUM_LANES, key=lambda lane: lanes[lane.value][1]).value,
        "broken_today": sum(each.lane is Lane.BROKEN for each in classes),
        "exposure": first.exposure,
        "update_path": first.update_path,
        "basis": max(
            (columns.uses[each.use].basis for each in classes), key=tuple(Basis).index
        ).value,
        "parts": parts,
    }


def _margins(
    lane: Lane, secrecy: float, migration: float, profile: CrqcProfile, as_of: float
) -> dict[str, Any]:
    """Mosca's margin Z - (X + Y) in years: negative where secrecy and migration outlast safety."""
    if lane not in QUANTUM_LANES:
        return {}
    shelf = secrecy if lane is Lane.CONFIDENTIALITY else 0.0
    return {
        f"mosca_years_{name}": round(profile.median_year(high=high) - as_of - shelf - migration, 1)
        for name, high in (("early", True), ("late", False))
    }


def _counted(obligations: Sequence[Any], columns: Columns) -> list[tuple[Any, int]]:
    by_key: dict[tuple[str, str], set[int]] = {}
    for number, use in enumerate(columns.uses):
        role = policy_role(use.role, use.algorithm)
        if role:
            by_key.setdefault((use.algorithm, role.value), set()).add(number)
    counted: dict[tuple[str, str], int] = {}
    for key, numbers in by_key.items():
        counted[key] = len(np.unique(columns.asset[np.isin(columns.use, list(numbers))]))
    return [(each, counted[each.algorithm, each.role]) for each in obligations]


def _round(value: float) -> float:
    return round(float(value), 5)
