"""`roadseal policy`: what authorities ask, by when, and where they contradict each other."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.assess.policy.pack import PolicyRole, Scope

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)

At = Annotated[datetime | None, typer.Option("--at", formats=["%Y-%m-%d"], help="Default: today.")]
Scopes = Annotated[
    list[Scope] | None, typer.Option("--scope", help="What the system is besides ordinary.")
]

_COLOURS = {
    "disallowed": "bold red",
    "deprecated": "yellow",
    "not-recommended": "yellow",
    "allowed": "green",
    "silent": "dim",
    "indeterminate": "magenta",
}


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The packs that Roadseal ships.

    Example: [bold]roadseal policy list[/]
    """
    from roadseal.assess.policy import shipped_packs

    if as_json:
        typer.echo(json.dumps([_pack_json(pack) for pack in shipped_packs()], indent=1))
        return
    table = Table("policy", "authority", "where", "edition", "binding", "verified", box=None)
    for pack in shipped_packs():
        binding = pack.binding.value + (" (draft)" if pack.draft else "")
        row = (pack.id, pack.authority, pack.jurisdiction, pack.edition, binding)
        table.add_row(*map(escape, row), str(pack.verified_on))
    Console().print(table)


@app.command()
def show(
    policy: Annotated[str, typer.Argument(help="Name of a shipped pack, or a TOML file.")],
    as_json: AsJson = False,
) -> None:
    """Every rule of a pack, with its words and where they come from.

    Example: [bold]roadseal policy show cnsa-2.0[/]
    """
    from roadseal.assess.policy import load_pack

    pack = load_pack(policy)
    if as_json:
        typer.echo(json.dumps(_pack_json(pack), indent=1))
        return
    console = Console(highlight=False)
    console.print(
        f"[bold]{escape(pack.title)}[/]\n{escape(pack.authority)}, {escape(pack.edition)}"
    )
    console.print(f"[dim]{escape(pack.url)}[/]", soft_wrap=True)
    console.print(
        f"{pack.binding.value}{', draft' if pack.draft else ''}: {escape(pack.applies_to)}"
    )
    console.print(f"compared with a {pack.checked.value} source on {pack.verified_on}")
    if pack.note:
        console.print(f"[yellow]note[/] {escape(pack.note)}")
    table = Table("rule", "from", "what", "says", "where", box=None)
    for rule in pack.rules:
        words = escape(rule.says)
        if rule.quote:
            words += f"\n[italic]“{escape(rule.quote)}”[/] [dim]({rule.quote_status.value})[/]"
        else:
            words += "\n[dim](no quotation: its own words were not read)[/]"
        after = f"after {rule.after}" if rule.after else "now"
        what = f"{rule.state.value}\n[dim]{', '.join(rule.roles)}; {rule.scope.value}[/]"
        table.add_row(rule.id, after, what, words, escape(rule.where))
    console.print(table)
    for source in dict.fromkeys(rule.read_in for rule in pack.rules if rule.read_in):
        rules = ", ".join(rule.id for rule in pack.rules if rule.read_in == source)
        console.print(f"[dim]words of {rules}: read in {escape(source)}[/]")


@app.command()
def verdict(
    algorithm: Annotated[str, typer.Argument(help="Canonical name, such as ecdsa-p256.")],
    role: Annotated[PolicyRole, typer.Option(help="What it is used for.")],
    at: At = None,
    scope: Scopes = None,
    as_json: AsJson = False,
) -> None:
    """What every pack says of an algorithm in a use, on a day, and what comes next.

    Exits with 1 if a pack disallows it, with 3 if the algorithm is not known.

    Example: [bold]roadseal policy verdict ecdsa-p256 --role signature --at 2033-01-01[/]
    """
    from roadseal.assess.policy import Standing, judge, shipped_packs

    day = _day(at)
    verdicts = [judge(pack, algorithm, role, day, scope or ()) for pack in shipped_packs()]
    if as_json:
        rows = [
            {
                "policy": each.pack.id,
                "standing": each.standing.value,
                "rule": each.rule.id if each.rule else None,
                "since": _iso(each.since),
                "next_on": _iso(each.next_on),
                "next": each.next_standing.value if each.next_standing else None,
            }
            for each in verdicts
        ]
        typer.echo(json.dumps(rows, indent=1))
    else:
        console = Console()
        console.print(f"[bold]{escape(algorithm)}[/] as {role.value} on {day}")
        table = Table("policy", "stands", "then", "because", box=None)
        for each in verdicts:
            stands = f"[{_COLOURS[each.standing.value]}]{each.standing.value}[/]"
            then = f"{each.next_standing.value} from {each.next_on}" if each.next_standing else ""
            table.add_row(each.pack.id, stands, then, escape(each.rule.says) if each.rule else "")
        console.print(table)
    standings = {each.standing for each in verdicts}
    if Standing.INDETERMINATE in standings:
        raise typer.Exit(3)
    raise typer.Exit(1 if Standing.DISALLOWED in standings else 0)


@app.command()
def conflicts(at: At = None, scope: Scopes = None, as_json: AsJson = False) -> None:
    """Where authorities take different choices; hard where no choice satisfies both.

    Example: [bold]roadseal policy conflicts --at 2032-06-01[/]
    """
    from roadseal.assess.policy import find_conflicts, shipped_packs

    found = find_conflicts(shipped_packs(), _day(at), scope or ())
    if as_json:
        rows = [
            {
                "role": each.role.value,
                "one": each.one.id,
                "other": each.other.id,
                "hard": each.hard,
                "only_one": each.only_one,
                "only_other": each.only_other,
                "both": each.both,
            }
            for each in found
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table("use", "one", "other", "only the one", "only the other", "both", box=None)
    for each in found:
        both = ", ".join(each.both) or "[bold red]nothing[/]"
        pair = (each.one.id, each.other.id)
        table.add_row(each.role.value, *pair, _names(each.only_one), _names(each.only_other), both)
    console = Console()
    hard = sum(each.hard for each in found)
    console.print(
        f"[bold]{len(found)}[/] differences on {_day(at)}, [bold]{hard}[/] without a way out"
    )
    console.print(table)


@app.command()
def stale(at: At = None, as_json: AsJson = False) -> None:
    """Which packs are past their review date; exits with 1 if one is.

    Example: [bold]roadseal policy stale[/]
    """
    from roadseal.assess.policy import shipped_packs

    day = _day(at)
    if as_json:
        rows = [
            {"policy": pack.id, "review_by": _iso(pack.review_by), "stale": pack.is_stale(day)}
            for pack in shipped_packs()
        ]
        typer.echo(json.dumps(rows, indent=1))
    else:
        table = Table("policy", "verified", "review by", "", box=None)
        for pack in shipped_packs():
            state = "[bold red]stale[/]" if pack.is_stale(day) else "[green]current[/]"
            table.add_row(pack.id, str(pack.verified_on), str(pack.review_by), state)
        Console().print(table)
    raise typer.Exit(1 if any(pack.is_stale(day) for pack in shipped_packs()) else 0)


def _day(at: datetime | None) -> date:
    from roadseal.clock import SystemClock, to_datetime

    return at.date() if at else to_datetime(SystemClock().now()).date()


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "–"


def _pack_json(pack: Any) -> dict[str, Any]:
    row = {
        name: getattr(pack, name)
        for name in ("id", "authority", "jurisdiction", "title", "edition", "url", "draft")
    }
    row |= {"binding": pack.binding.value, "applies_to": pack.applies_to, "note": pack.note}
    row |= {"verified_on": _iso(pack.verified_on), "review_by": _iso(pack.review_by)}
    row |= {"checked": pack.checked.value}
    row["rules"] = [rule.model_dump(mode="json", exclude_defaults=False) for rule in pack.rules]
    return row
