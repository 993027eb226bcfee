"""Putting the register's page together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from roadseal.assess.register.document import Register
from roadseal.assess.register.report.deadlines import draw_deadlines
from roadseal.assess.register.report.estate_map import draw_map
from roadseal.assess.register.report.tier_style import TIER_STYLES
from roadseal.assess.register.writing import write_whole

TOP: Final = 40
"""Rows in the table of exposures: assets of one kind with the same uses and score share one."""
CERTIFICATES: Final = 200
"""Rows in the table of certificates, the soonest end first."""
NAMED: Final = 60
"""Assets that such a row names; the files that `register show --out` writes hold all."""

LANES: Final = {
    "confidentiality": "recorded today, read later",
    "forgery": "forged once the machine is there",
    "anchor": "believes forgeries, not mended from afar",
    "broken-today": "needs no quantum computer",
    "none": "holds",
}


def write_report(register: Register, path: Path) -> None:
    """Write the page.

    Raises:
        RoadsealError: ``file-unwritable``.
    """
    write_whole(path, [render_report(register).encode()])


def render_report(register: Register) -> str:
    """The page: the same register, the same text."""
    document = register.document
    names = ", ".join(each["name"] for each in document["estates"]) or "no estate"
    return (
        _environment()
        .get_template("register.html.j2")
        .render(
            document=document,
            names=names,
            styles=TIER_STYLES,
            counts=register.counts(),
            verdict=_verdict(register),
            coverage=_coverage(register),
            map=draw_map(register),
            deadlines=draw_deadlines(document["timeline"], document["as_of"]),
            kinds=sorted({asset["kind"] for asset in register.assets}),
            top=_exposures(register),
            total=len(register.assets),
            broken=_broken(register),
            certificates=document.get("certificates", []),
            most_certificates=CERTIFICATES,
            lanes=LANES,
            style=_asset("register.css"),
            script=_asset("register.js"),
        )
    )


def _verdict(register: Register) -> str:
    """One sentence that a council member takes home."""
    counts, total = register.counts(), len(register.assets)
    if not total:
        return "Nothing was imported, so nothing can be said."
    unknown = register.document["coverage"]["with_unknown_algorithm"]
    looked = register.document["coverage"]["looked_at"]
    first = counts["T1"]
    head = (
        f"Of {total:,} assets {first:,} should move first, and {counts['T2']:,} need a plan now."
        if first
        else f"None of {total:,} assets is in the first tier; {counts['T2']:,} need a plan now."
    )
    if not looked:
        head += " None was looked at yet: all are judged by their class."
    elif looked < total:
        head += f" {looked:,} were looked at: the rest is judged by its class."
    if unknown:
        head += (
            f" For {unknown:,} nobody knows some of the cryptography; unknown counts as exposed."
        )
    return head


def _coverage(register: Register) -> list[dict[str, Any]]:
    coverage = register.document["coverage"]
    total = max(coverage["assets"], 1)
    rows = [
        ("not looked at by any scan", coverage["assets"] - coverage["looked_at"]),
        ("with cryptography nobody knows", coverage["with_unknown_algorithm"]),
        ("without any known use", coverage["unassessed"]),
    ]
    rows += [
        (f"{fact.replace('_', ' ')} unknown", count)
        for fact, count in coverage["unknown_facts"].items()
    ]
    return [{"what": what, "count": count, "share": count / total} for what, count in rows]


def _exposures(register: Register) -> list[dict[str, Any]]:
    """The worst first; assets of one kind with the same score are one row."""
    groups: dict[Hashable, list[Any]] = {}
    looks: dict[int, Hashable] = {}
    for asset in register.ranked():
        if (case := asset["case"]) not in looks:
            looks[case] = _look(register, asset)
        groups.setdefault((asset["kind"], looks[case]), []).append(asset)
    return [_exposure(register, assets) for assets in list(groups.values())[:TOP]]


def _look(register: Register, asset: Any) -> Hashable:
    """What a reader can tell a case by: where a use was found is no difference in kind."""
    case = register.case(asset)
    if case is None:
        return None
    uses = {
        (use["algorithm"], use["role"], use["flow"], use["basis"], part["lane"])
        for part, use in register.parts(asset)
    }
    scores = [tuple(case["lanes"][lane]) for lane in sorted(case["lanes"])]
    return case["tier"], case["exposure"], case["update_path"], tuple(scores), frozenset(uses)


def _exposure(register: Register, assets: list[Any]) -> dict[str, Any]:
    first = assets[0]
    case = register.case(first)
    low, middle, high = register.headline(first)
    return {
        "assets": assets,
        "named": assets[:NAMED],
        "kind": first["kind"],
        "tier": register.tier(first),
        "lane": LANES[case["headline"]] if case else "",
        "low": low,
        "middle": middle,
        "high": high,
        "case": case,
        "parts": list(register.parts(first)),
    }


def _broken(register: Register) -> list[dict[str, Any]]:
    """What needs no quantum computer, by algorithm and what it carries."""
    per_case: list[set[int]] = [
        {part["use"] for part in case["parts"] if part["lane"] == "broken-today"}
        for case in register.document["cases"]
    ]
    counted: Counter[int] = Counter()
    for case, assets in Counter(asset["case"] for asset in register.assets).items():
        if case >= 0:
            counted.update(dict.fromkeys(per_case[case], assets))
    uses, flows = register.document["uses"], register.document["flows"]
    return [
        {"use": uses[number], "flow": flows[uses[number]["flow"]], "assets": count}
        for number, count in counted.most_common()
    ]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__ or "", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value: f"{100 * value:.0f} %"
    environment.filters["signed"] = lambda value: f"{value:+.0f}"
    return environment


def _asset(name: str) -> Markup:
    # Our own file, not anybody's text.
    return Markup(resources.files(__package__).joinpath(name).read_text("utf-8"))  # noqa: S704
