"""Building a register: a document of plain values, the same bytes for the same input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import orjson

from roadseal.assess.inventory.estate import FACTS, Asset
from roadseal.assess.inventory.finding import Basis, Coverage, Finding
from roadseal.assess.inventory.template import Template, shipped_templates
from roadseal.assess.policy import shipped_packs
from roadseal.assess.register.attach import Attachment, attach, uses_of
from roadseal.assess.register.columns import Columns, columns_of
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
        assets: of one estate or several.
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
    crqc: str = "gri-2023"


def build_register(inputs: Inputs) -> dict[str, Any]:
    """Build a register.

    Returns:
        The document: ``format``, ``as_of``, ``score``, ``crqc``, ``estates``, ``coverage``,
        ``stability``, ``uses``, ``cases``, ``assets``, ``timeline``.

    Raises:
        RoadsealError: ``crqc-unknown``.
    """
    model, profile = score_model(), crqc_profile(inputs.crqc)
    attachment = attach(inputs.assets, inputs.findings, inputs.rules)
    columns = columns_of(
        inputs.assets,
        (
            uses_of(asset, inputs.templates, attachment.by_asset.get(asset.id, ()))
            for asset in inputs.assets
        ),
    )
    as_of = decimal_year(inputs.as_of)
    scores = score(columns, model, profile, as_of)
    packs = shipped_packs()
    return {
        "format": FORMAT,
        "as_of": inputs.as_of.isoformat(),
        "score": {"version": model.version, "sha256": model.sha256},
        "crqc": _crqc(profile),
        "estates": [dict(each) for each in inputs.estates],
        "coverage": _coverage(inputs, columns, scores, attachment),
        "stability": _stability(columns, model, as_of, scores),
        "policies": [
            {"id": pack.id, "edition": pack.edition, "verified_on": pack.verified_on.isoformat()}
            for pack in packs
        ],
        "flows": {
            name: asdict(model.flow(name)) for name in sorted({use.flow for use in columns.uses})
        },
        "uses": [_use(use) for use in columns.uses],
        "cases": [
            _case(number, columns, scores, profile, as_of) for number in range(len(scores.tiers))
        ],
        "assets": [
            _asset(asset, int(case)) for asset, case in zip(inputs.assets, scores.case, strict=True)
        ],
        "timeline": [
            {**asdict(each), "on": each.on.isoformat(), "assets": count}
            for each, count in _counted(timeline(columns.uses, packs, inputs.as_of), columns)
        ],
    }


def register_bytes(register: Mapping[str, Any]) -> bytes:
    """The register as JSON: the same register, the same bytes."""
    return orjson.dumps(register, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def decimal_year(day: date) -> float:
    """A day as a year with its fraction."""
    start = date(day.year, 1, 1)
    return day.year + (day - start).days / (date(day.year + 1, 1, 1) - start).days


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
    inputs: Inputs, columns: Columns, scores: Scores, attachment: Attachment
) -> dict[str, Any]:
    total = len(inputs.assets)
    looked_at = len(attachment.by_asset)
    unknown_algorithm = {
        number for number, use in enumerate(columns.uses) if use.algorithm == "unknown"
    }
    with_unknown = len(np.unique(columns.asset[np.isin(columns.use, list(unknown_algorithm))]))
    gaps = [
        {"where": gap.location.uri, "cause": gap.cause.value, "detail": gap.detail}
        for coverage in inputs.coverages
        for gap in coverage.gaps
    ]
    facts = Counter(fact for asset in inputs.assets for fact in asset.gaps)
    return {
        "assets": total,
        "unassessed": int((scores.case < 0).sum()),
        "looked_at": looked_at,
        "with_unknown_algorithm": with_unknown,
        "unknown_facts": {fact: facts[fact] for fact in FACTS},
        "loose_findings": [
            {"where": each.location.uri, "title": each.title, "collector": each.collector}
            for each in attachment.loose
        ],
        "scans": [
            {"scope": list(each.scope), "read": each.read, "read_bytes": each.read_bytes}
            for each in inputs.coverages
        ],
        "scan_gaps": gaps,
        "complete": bool(
            total
            and looked_at == total
            and not with_unknown
            and not facts
            and not gaps
            and not attachment.loose
            and all(each.complete for each in inputs.coverages)
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


def _use(use: Use) -> dict[str, Any]:
    return {
        "role": use.role.value,
        "algorithm": use.algorithm,
        "flow": use.flow,
        "basis": use.basis.value,
        "source": use.source,
        "says": use.says,
        "anchor": use.anchor,
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
        key=lambda part: (part["lane"] == Lane.BROKEN, -part["p50"], part["use"]),
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


def _asset(asset: Asset, case: int) -> dict[str, Any]:
    return {
        "id": asset.id,
        "kind": asset.kind.value,
        "name": asset.name,
        "latitude": asset.latitude,
        "longitude": asset.longitude,
        "corridor": asset.corridor,
        "owner": asset.owner,
        "vendor": asset.vendor,
        "model": asset.model,
        "firmware": asset.firmware,
        "installed": asset.installed,
        "end_of_life": asset.end_of_life,
        "update_path": asset.update_path.value if asset.update_path else None,
        "exposure": [each.value for each in asset.exposure],
        "services": list(asset.services),
        "unknown": list(asset.gaps),
        "case": case,
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
