"""Putting the register's page together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from roadseal.assess.register.document import AnyRegister
from roadseal.assess.register.overview import Group
from roadseal.assess.register.report.deadlines import draw_deadlines
from roadseal.assess.register.report.estate_map import draw_map
from roadseal.assess.register.report.exposures import Exposure, find_exposures
from roadseal.assess.register.report.tier_style import TIER_STYLES
from roadseal.assess.register.writing import write_whole

CERTIFICATES: Final = 200
"""Rows in the table of certificates, the soonest end first."""
BROKEN: Final = 100
"""Rows in the table of what is broken today, the most frequent first."""

LANES: Final = {
    "confidentiality": "recorded today, read later",
    "forgery": "forged once the machine is there",
    "anchor": "believes forgeries, not mended from afar",
    "broken-today": "needs no quantum computer",
    "none": "holds",
}


def write_report(register: AnyRegister, path: Path, called: str = "REGISTER") -> None:
    """Write the page.

    Args:
        register: of which; one in the store stays there.
        path: where to.
        called: how its reader would name the register to a command.

    Raises:
        RoadsealError: ``file-unwritable``.
    """
    write_whole(path, [render_report(register, called).encode()])


def render_report(register: AnyRegister, called: str = "REGISTER") -> str:
    """The page: the same register, the same text; its length has a bound."""
    document, groups = register.document, register.groups()
    top, total = find_exposures(register, groups), sum(group.assets for group in groups)
    broken = _broken(register, groups)
    names = ", ".join(each["name"] for each in document["estates"]) or "no estate"
    return (
        _environment()
        .get_template("register.html.j2")
        .render(
            document=document,
            names=names,
            styles=TIER_STYLES,
            counts=register.counts(),
            verdict=_verdict(register, total),
            coverage=_coverage(register),
            map=draw_map(register, total),
            deadlines=draw_deadlines(document["timeline"], document["as_of"]),
            kinds=sorted({group.kind for group in groups}),
            top=[_exposure(register, row) for row in top],
            total=total,
            shown=sum(row.count for row in top),
            called=called,
            flows=_flows(register, groups),
            broken=broken[:BROKEN],
            more_broken=max(0, len(broken) - BROKEN),
            certificates=document.get("certificates", []),
            most_certificates=CERTIFICATES,
            lanes=LANES,
            style=_asset("register.css"),
            script=_asset("register.js"),
        )
    )


def _verdict(register: AnyRegister, total: int) -> str:
    """One sentence that a council member takes home."""
    counts = register.counts()
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


def _coverage(register: AnyRegister) -> list[dict[str, Any]]:
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


def _exposure(register: AnyRegister, row: Exposure) -> dict[str, Any]:
    first = row.named[0]
    low, middle, high = register.headline(first)
    return {
        "count": row.count,
        "named": row.named,
        "kind": row.kind,
        "tier": register.tier(first),
        "lane": LANES[row.case["headline"]] if row.case else "",
        "low": low,
        "middle": middle,
        "high": high,
        "case": row.case,
        "parts": list(register.parts(first)),
    }


def _broken(register: AnyRegister, groups: Sequence[Group]) -> list[dict[str, Any]]:
    """What needs no quantum computer, by algorithm and what it carries."""
    standing: Counter[int] = Counter()
    for group in groups:
        standing[group.case] += group.assets
    counted: Counter[tuple[tuple[str, Any], ...]] = Counter()
    for case, assets in standing.items():
        broken = (
            tuple(sorted(use.items()))
            for part, use in register.parts({"case": case})
            if part["lane"] == "broken-today"
        )
        counted.update(dict.fromkeys(broken, assets))
    uses = [
        (dict(use), assets)
        for use, assets in sorted(counted.items(), key=lambda each: (-each[1], str(each[0])))
    ]
    flows = register.document["flows"]
    return [{"use": use, "flow": flows[use["flow"]], "assets": count} for use, count in uses]


def _flows(register: AnyRegister, groups: Sequence[Group]) -> list[dict[str, Any]]:
    """The ratings of what these assets carry, those that are assumed first."""
    used = {
        use["flow"]
        for case in {group.case for group in groups}
        for _, use in register.parts({"case": case})
    }
    flows = [register.document["flows"][name] for name in sorted(used)]
    return sorted(flows, key=lambda flow: str(flow["status"]))


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
