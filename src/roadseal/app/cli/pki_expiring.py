"""`roadseal pki expiring`: the screen an operator opens on Monday."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from roadseal.app.cli.database import PkiDatabase
from roadseal.app.cli.output import AsJson
from roadseal.app.cli.pki_common import open_database

if TYPE_CHECKING:
    from roadseal.operate.pki.expiry import Ending

_URGENT_DAYS, _SOON_DAYS = 3, 10
_BAR = 6
_SHOWN = 40


def expiring(
    within_days: Annotated[int, typer.Option(min=0, help="Show what ends within.")] = 30,
    db: PkiDatabase = "pki.db",
    as_json: AsJson = False,
) -> None:
    """Show what ends soon, soonest first: authorities, our certificates, imported ones.

    Renewed and revoked certificates are left out. Exits with 1 if anything has less than three
    days left.

    Example: [bold]roadseal pki expiring --within-days 14[/]
    """
    from roadseal.clock import SystemClock, to_datetime
    from roadseal.operate.pki.expiry import endings

    now = SystemClock().now()
    found = endings(open_database(db), now)
    due = [one for one in found if one.days_left <= within_days]
    if as_json:
        rows = [
            {
                "source": one.source,
                "identity": one.identity,
                "serial": one.serial,
                "not_after": to_datetime(one.not_after).isoformat(),
                "days_left": round(one.days_left, 2),
                "renewal_overdue": one.overdue,
                "key": one.key,
                "signature": one.signature,
                "quantum_safe": one.quantum_safe,
            }
            for one in due
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        Console().print(Group(_headline(found, due, within_days), _weeks(found), _soonest(due)))
    if any(one.days_left < _URGENT_DAYS for one in due):
        raise typer.Exit(1)


def _headline(found: list[Ending], due: list[Ending], within_days: int) -> Panel:
    over = sum(one.days_left < 0 for one in found)
    urgent = sum(0 <= one.days_left < _URGENT_DAYS for one in found)
    late = sum(one.overdue and one.days_left >= 0 for one in found)
    unsafe = sum(one.quantum_safe is not True for one in found)
    lines = [
        f"[bold]{len(due)}[/] of {len(found)} end within {within_days} days",
        _count(over, "expired", "red"),
        _count(urgent, f"end within {_URGENT_DAYS} days", "red"),
        _count(late, "should have been renewed", "yellow"),
        _count(unsafe, "not known to withstand a quantum computer", "yellow"),
    ]
    return Panel("\n".join(lines), title="Certificates in use", border_style="dim", expand=False)


def _count(number: int, what: str, colour: str) -> str:
    return f"[bold {colour}]{number}[/] {what}" if number else f"[green]0[/] {what}"


def _weeks(found: list[Ending]) -> Table:
    """How many end in each of the next eight weeks: herds show."""
    counts = [sum(7 * week <= one.days_left < 7 * week + 7 for one in found) for week in range(8)]
    tallest = max([*counts, 1])
    table = Table(
        "Week", "Ending", "", box=None, title="The next eight weeks", title_justify="left"
    )
    for week, count in enumerate(counts):
        bar = "█" * max(1 if count else 0, round(30 * count / tallest))
        table.add_row("this" if week == 0 else f"+{week}", f"{count:>6}", f"[cyan]{bar}[/]")
    return table


def _soonest(due: list[Ending]) -> Table:
    from roadseal.clock import to_datetime

    title = f"Soonest {min(_SHOWN, len(due))} of {len(due)}"
    table = Table(box=None, title=title, title_justify="left")
    for heading in ("Days", "Life", "Identity", "Issuer", "Key", "PQ", "Ends", "Serial"):
        table.add_column(heading, no_wrap=heading not in ("Identity", "Issuer"), overflow="fold")
    for one in due[:_SHOWN]:
        colour = "red" if one.days_left < _URGENT_DAYS else "green"
        if colour == "green" and (one.overdue or one.days_left < _SOON_DAYS):
            colour = "yellow"
        full = min(_BAR, max(0, round(_BAR * one.lived)))
        safe = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]?[/]"}
        table.add_row(
            f"[{colour}]{one.days_left:.1f}[/]",
            f"[{colour}]{'━' * full}[/][dim]{'─' * (_BAR - full)}[/]",
            escape(one.identity),
            escape(one.source),
            escape(one.key),
            safe[one.quantum_safe],
            f"{to_datetime(one.not_after):%Y-%m-%d}",
            f"[dim]{one.serial[:8]}[/]",
        )
    return table
