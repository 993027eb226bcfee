"""The shape of a register's document: what its readers may rely on without asking."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

TIERS: Final = ("T1", "T2", "T3", "T4", "unassessed")
"""Worst first; the last is no judgement."""

_TEXT, _MAYBE, _LIST = "text", "text or null", "list of texts"
_NUMBER, _PLACE, _COUNT = "number", "number or null", "whole number"

_ASSET: Final = dict.fromkeys(("id", "kind", "name"), _TEXT)
_ASSET.update(
    dict.fromkeys(
        (
            *("corridor", "owner", "vendor", "model", "firmware"),
            *("installed", "end_of_life", "update_path"),
        ),
        _MAYBE,
    )
)
_ASSET.update(latitude=_PLACE, longitude=_PLACE, exposure=_LIST, services=_LIST, unknown=_LIST)
_USE: Final = {
    **dict.fromkeys(("role", "algorithm", "flow", "basis", "source", "says"), _TEXT),
    "anchor": _MAYBE,
}
_CASE: Final = {
    **dict.fromkeys(("tier", "says", "headline", "exposure", "update_path", "basis"), _TEXT),
    "broken_today": _COUNT,
}
_PART: Final = {
    "lane": _TEXT,
    "use": _COUNT,
    **dict.fromkeys(("p10", "p50", "p90", "secrecy_years", "migration_years"), _NUMBER),
}
_MARGINS: Final = dict.fromkeys(("mosca_years_early", "mosca_years_late"), _NUMBER)
_FLOW: Final = dict.fromkeys(("says", "c", "i", "status", "source"), _TEXT)
_OBLIGATION: Final = {
    **dict.fromkeys(("policy", "standing", "scope", "role", "algorithm", "rule", "binding"), _TEXT),
    "assets": _COUNT,
    "on": _TEXT,
}
_ESTATE: Final = {"name": _TEXT, "source": _TEXT, "sha256": _TEXT, "rows": _COUNT, "assets": _COUNT}
_CERTIFICATE: Final = {
    **dict.fromkeys(("title", "where"), _TEXT),
    **dict.fromkeys(
        (
            *("asset", "algorithm", "issuer", "serial", "sha256"),
            *("not_after", "issued_under", "issued_under_source"),
        ),
        _MAYBE,
    ),
}
_COVERAGE: Final = dict.fromkeys(
    ("assets", "unassessed", "looked_at", "with_unknown_algorithm"), _COUNT
)
QUANTUM: Final = ("confidentiality", "forgery", "anchor")


def check_shape(document: Any) -> None:
    """Look at everything that readers use.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is not so.
    """
    date.fromisoformat(document["as_of"])
    _fields(document["score"], {"version": _TEXT, "sha256": _TEXT})
    _fields(document["crqc"], dict.fromkeys(("name", "title", "kind", "source"), _TEXT))
    for year, (low, high) in document["crqc"]["by_year"].items():
        _ = int(year), _number(low), _number(high)
    _fields(document["stability"], {"share": _NUMBER, "profiles": _LIST})
    _coverage(document["coverage"])
    for estate in document["estates"]:
        _fields(estate, _ESTATE)
    for flow in document["flows"].values():
        _fields(flow, _FLOW)
        _ = [_number(each) for each in flow["secrecy_years"]]
    for use in document["uses"]:
        _fields(use, _USE)
        _ = document["flows"][use["flow"]]
    for case in document["cases"]:
        _case(case, len(document["uses"]))
    for asset in document["assets"]:
        _fields(asset, _ASSET)
        _count(asset["case"], -1, len(document["cases"]))
        _require(asset["latitude"] is None or abs(asset["latitude"]) <= 90)
        _require((asset["latitude"] is None) == (asset["longitude"] is None))
        _require(asset["end_of_life"] is None or asset["end_of_life"][:4].isdecimal())
    for certificate in document.get("certificates", ()):  # registers of before have none
        _fields(certificate, _CERTIFICATE)
    for obligation in document["timeline"]:
        _fields(obligation, _OBLIGATION)
        date.fromisoformat(obligation["on"])
        _require(obligation["standing"] in ("deprecated", "disallowed"))


def _case(case: Mapping[str, Any], uses: int) -> None:
    _fields(case, _CASE)
    _require(case["tier"] in TIERS and case["headline"] in QUANTUM)
    for lane in QUANTUM:
        low, middle, high = map(_number, case["lanes"][lane])
        _require(0 <= low <= middle <= high <= 1)
    _require(bool(case["parts"]))
    for part in case["parts"]:
        _fields(part, _PART)
        _count(part["use"], 0, uses)
        _require(part["lane"] in (*QUANTUM, "broken-today", "none"))
        if part["lane"] in QUANTUM:
            _fields(part, _MARGINS)


def _coverage(coverage: Mapping[str, Any]) -> None:
    _fields(coverage, _COVERAGE)
    _require(isinstance(coverage["complete"], bool))
    for fact, count in coverage["unknown_facts"].items():
        _require(isinstance(fact, str))
        _count(count)
    for gap in coverage["scan_gaps"]:
        _fields(gap, dict.fromkeys(("where", "cause", "detail"), _TEXT))
    for finding in coverage["loose_findings"]:
        _fields(finding, dict.fromkeys(("where", "title", "collector"), _TEXT))


def _fields(row: Mapping[str, Any], shape: Mapping[str, str]) -> None:
    for name, kind in shape.items():
        value = row[name]
        if kind == _COUNT:
            _count(value)
        elif kind == _NUMBER or (kind == _PLACE and value is not None):
            _number(value)
        elif kind == _LIST:
            _require(isinstance(value, list) and all(isinstance(each, str) for each in value))
        elif kind == _TEXT or (kind == _MAYBE and value is not None):
            _require(isinstance(value, str))


def _count(value: Any, least: int = 0, end: int = 1 << 40) -> None:
    _require(isinstance(value, int) and not isinstance(value, bool) and least <= value < end)


def _number(value: Any) -> float:
    _require(isinstance(value, int | float) and not isinstance(value, bool))
    _require(math.isfinite(value))
    return float(value)


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError
