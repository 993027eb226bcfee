"""How registers and their assets are shown on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from roadseal.assess.register.document import AnyRegister

SOON_DAYS = 90
"""Certificates that end within so many days are counted apart."""

_COLOURS = {"T1": "bold red", "T2": "yellow", "T3": "cyan", "T4": "green", "unassessed": "magenta"}


def show_summary(console: Console, register: AnyRegister) -> None:
    """Tiers, what is broken today, what it was built with, what is missing."""
    document, counts = register.document, register.counts()
    line = "  ".join(f"[{_COLOURS[tier]}]{tier}[/] {count}" for tier, count in counts.items())
    console.print(f"{line}    [red]broken today[/] {register.broken()}", highlight=False)
    coverage, stability = document["coverage"], document["stability"]
    built = f"{document['as_of']}, {document['score']['version']}, {document['crqc']['name']}"
    console.print(
        f"[dim]{built}; order the same under {len(stability['profiles'])} profiles for"
        f" {stability['share']:.0%} of pairs[/]"
    )
    if not coverage["complete"]:
        console.print(
            f"[bold magenta]incomplete[/] {coverage['looked_at']} of {coverage['assets']}"
            " assets looked at,"
            f" {coverage['with_unknown_algorithm']} with cryptography nobody knows,"
            f" {coverage['unassessed']} unassessed, {len(coverage['scan_gaps'])} gaps in scans",
            highlight=False,
        )


def show_certificates(console: Console, register: AnyRegister) -> None:
    """How many certificates there are, when they end, and under which profiles they were issued."""
    rows = register.document.get("certificates", ())
    if not rows:
        return
    as_of = date.fromisoformat(register.document["as_of"])
    soon = (as_of + timedelta(days=SOON_DAYS)).isoformat()
    ends = [row["not_after"][:10] for row in rows if row["not_after"]]
    over = sum(end < as_of.isoformat() for end in ends)
    near = sum(as_of.isoformat() <= end <= soon for end in ends)
    profiles = Counter(row["issued_under"] or "profile unknown" for row in rows)
    named = ", ".join(f"{escape(name)} {count}" for name, count in sorted(profiles.items()))
    console.print(
        f"certificates {len(rows)}: [red]{over} ended[/], [yellow]{near} end within {SOON_DAYS}"
        f" days[/]; {named}",
        highlight=False,
    )


def show_list(
    console: Console, register: AnyRegister, assets: Sequence[Mapping[str, Any]], total: int
) -> None:
    """Assets as a table, and how many there are besides."""
    from roadseal.assess.register.export import row_of

    table = Table(
        "tier", "asset", "name", "worst lane", "P50", "P10–P90", "evidence", "reason", box=None
    )
    for asset in assets:
        row = row_of(register, asset)
        spread = f"{row['p10']:.0%}–{row['p90']:.0%}" if row["p50"] is not None else ""
        middle = f"{row['p50']:.0%}" if row["p50"] is not None else ""
        table.add_row(
            f"[{_COLOURS[row['tier']]}]{row['tier']}[/]",
            escape(row["id"]),
            escape(row["name"][:32]),
            row["worst_lane"],
            middle,
            spread,
            row["evidence"],
            escape(row["top_reason"]),
        )
    console.print(table)
    if total > len(assets):
        console.print(f"[dim]{len(assets)} of {total}; --limit shows more[/]")


def rank_of(standing: tuple[str, float] | None) -> float:
    """Higher is worse; what is not there is not bad, and what is not known worse than T4."""
    if standing is None:
        return -1.0
    order = ("T4", "unassessed", "T3", "T2", "T1")
    return order.index(standing[0]) + min(standing[1], 0.999)


def standing_text(standing: tuple[str, float] | None) -> str:
    """A tier and a median, for people."""
    if standing is None:
        return "–"
    return f"[{_COLOURS[standing[0]]}]{standing[0]}[/] {standing[1]:.0%}"
