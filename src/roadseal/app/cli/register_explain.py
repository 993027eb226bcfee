"""Why an asset stands where it stands, for somebody who has to decide and is no cryptographer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Column, Table

from roadseal.assess.register.build import decimal_year

if TYPE_CHECKING:
    from rich.console import Console

    from roadseal.assess.register.document import AnyRegister

_CARAF_THREAT_YEAR = 2035
_SOURCE_CHARACTERS = 110  # of the source of a rating; --json has all of it
_LANES = {
    "confidentiality": "recorded today, read later",
    "forgery": "forged once a quantum computer is there",
    "anchor": "believes forged software or certificates, and cannot be told otherwise from afar",
    "broken-today": "needs no quantum computer",
    "none": "holds against a quantum computer",
}


def explanation(register: AnyRegister, asset: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the score of an asset was made of, with where each input is from."""
    document, case = register.document, register.case(asset)
    flows = document["flows"]
    told: dict[str, Any] = {
        "id": asset["id"],
        "name": asset["name"],
        "kind": asset["kind"],
        "tier": register.tier(asset),
        "says": case["says"]
        if case
        else "nothing is known of its cryptography: somebody has to look",
        "unknown": list(asset["unknown"]),
        "certificates": [
            each for each in document.get("certificates", ()) if each["asset"] == asset["id"]
        ],
        "inputs": [],
        "parts": [],
        "obligations": [],
    }
    if case is None:
        return told
    told["lanes"], told["headline"] = case["lanes"], case["headline"]
    told["inputs"] = _inputs(document, asset, case)
    algorithms = set()
    for part, use in register.parts(asset):
        flow = flows[use["flow"]]
        algorithms.add(use["algorithm"])
        told["parts"].append(
            {
                "what": flow["says"],
                "why": _LANES[part["lane"]],
                "says": use["says"],
                "role": use["role"],
                "algorithm": use["algorithm"],
                "known": use["basis"],
                "source": use["source"],
                "harm": {
                    "confidentiality": flow["c"],
                    "integrity": flow["i"],
                    "status": flow["status"],
                    "source": flow["source"],
                },
                **{key: value for key, value in part.items() if key != "use"},
            }
        )
    told["obligations"] = [
        each
        for each in document["timeline"]
        if each["algorithm"] in algorithms and each["standing"] == "disallowed"
    ][:6]
    return told


def _inputs(
    document: Mapping[str, Any], asset: Mapping[str, Any], case: Mapping[str, Any]
) -> list[dict[str, str]]:
    crqc, version = document["crqc"], document["score"]["version"]
    chances = ", ".join(
        f"{year}: {low:.0%}–{high:.0%}"
        for year, (low, high) in list(crqc["by_year"].items())[1:6:2]
    )
    leaves = asset["end_of_life"] or (asset["installed"] and f"stands since {asset['installed']}")
    rows = (
        ("who can reach it", case["exposure"], f"estate; reach after {version}"),
        ("how it is changed", case["update_path"], f"estate; years after {version}"),
        ("when it leaves", leaves or "unknown", "estate"),
        ("quantum computer by", chances, f"{crqc['name']}: {crqc['source']}"),
        (
            "CARAF, time to exposure",
            _caraf(document["as_of"], asset["end_of_life"], case),
            "Comcast CARAF, phase 2: Z - (X + Y), Z to 2035, X the asset's life, Y to migrate",
        ),
    )
    return [{"input": name, "value": value, "source": source} for name, value, source in rows]


def _caraf(as_of: str, end_of_life: str | None, case: Mapping[str, Any]) -> str:
    """Years between 2035 and the end of life and migration together; negative is exposed."""
    if end_of_life is None:
        return "not known without an end of life"
    now = decimal_year(date.fromisoformat(as_of))
    life = max(int(end_of_life[:4]) + 1 - now, 0.0)
    migration = max(part["migration_years"] for part in case["parts"])
    return f"{_CARAF_THREAT_YEAR - now - (life + migration):+.1f} years"


def show_explanation(console: Console, told: Mapping[str, Any]) -> None:
    """Print it on one screen."""
    console.print(
        f"[bold]{escape(told['name'])}[/] [dim]{escape(told['id'])}, {told['kind']}[/]\n"
        f"[bold]{told['tier']}[/]: {escape(told['says'])}",
        highlight=False,
    )
    if told["parts"]:
        low, middle, high = told["lanes"][told["headline"]]
        console.print(
            f"Worst: {_LANES[told['headline']]}. Risk [bold]{100 * middle:.0f}[/] of 100,"
            f" likely between {100 * low:.0f} and {100 * high:.0f}; 100 is the worst for sure.",
            highlight=False,
        )
    known = ("what", "cryptography", "so", "risk", "spare years", "known by")
    table = Table(*_whole(*known), box=None)
    for part in told["parts"]:
        risk = f"{part['p50']:.0%} ({part['p10']:.0%}–{part['p90']:.0%})" if part["p50"] else "–"
        table.add_row(
            escape(part["what"]),
            escape(part["algorithm"]),
            escape(part["why"]),
            risk,
            _margin(part),
            part["known"],
        )
    console.print(table)
    columns = _whole("input", "value", "from")
    inputs = Table(*columns, box=None, title="Computed from", title_justify="left")
    for row in told["inputs"]:
        inputs.add_row(row["input"], escape(row["value"]), f"[dim]{escape(row['source'])}[/]")
    for part in told["parts"]:
        inputs.add_row(
            escape(part["role"]), escape(part["says"]), f"[dim]{escape(part['source'])}[/]"
        )
    for row in _harms(told):
        inputs.add_row(*row)
    if told["inputs"]:
        console.print(inputs)
    for each in told["certificates"]:
        ends = f"ends {each['not_after'][:10]}" if each["not_after"] else "end unknown"
        under = (
            f"issued under {each['issued_under']} ({each['issued_under_source'] or 'declared'})"
            if each["issued_under"]
            else "profile not known"
        )
        console.print(
            f"[cyan]certificate[/] {escape(each['title'])}: {ends}, {escape(under)}"
            f" [dim]{escape(each['where'])}[/]",
            highlight=False,
        )
    for each in told["obligations"]:
        console.print(
            f"[yellow]{each['on']}[/] {escape(each['algorithm'])} falls for"
            f" {escape(each['policy'])} [dim]({each['scope']}, {each['binding']})[/]",
            highlight=False,
        )
    if told["unknown"]:
        names = ", ".join(fact.replace("_", " ") for fact in told["unknown"])
        console.print(f"[magenta]not known[/]: {names}", highlight=False)


def _harms(told: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is carried, how it is rated, and whether anybody published that rating."""
    rows = {}
    for part in told["parts"]:
        harm = part["harm"]
        rating = f"confidentiality {harm['confidentiality']}, integrity {harm['integrity']}"
        source = escape(shorten(harm["source"], _SOURCE_CHARACTERS, placeholder=" …"))
        status = "[magenta]assumed[/]" if harm["status"] == "assumed" else harm["status"]
        rows[part["what"]] = ("harm", f"{escape(part['what'])}: {rating}", f"{status}: {source}")
    return list(rows.values())


def _margin(part: Mapping[str, Any]) -> str:
    """Mosca's margin under the two readings; negative: too late already."""
    if "mosca_years_early" not in part:
        return "–"
    return f"{part['mosca_years_early']:+.0f} to {part['mosca_years_late']:+.0f}"


def _whole(*heads: str) -> list[Column]:
    """Columns that cut no word short, however narrow the terminal is."""
    return [Column(head, overflow="fold") for head in heads]
