"""`roadseal profile`: which cryptography is produced and accepted, and what comes next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.crypto import (
    Choice,
    Profile,
    Purpose,
    Status,
    Step,
    algorithm,
    load_profile,
    migration_steps,
    profile_names,
)

app = typer.Typer(
    no_args_is_help=True,
    help="Which cryptography is produced and accepted, and what comes next.",
    rich_markup_mode="rich",
    add_completion=False,
)

_WHOLE = frozenset({"", "status", "action", "step", "profile", "waiver", "PQ"})
_FOLDED = 10  # characters that a name keeps on a narrow terminal
_STATUS_STYLE = {Status.STANDARD: "green", Status.DRAFT: "yellow", Status.EXPERIMENTAL: "magenta"}

Named = Annotated[str, typer.Argument(help="A shipped profile, or the path of a TOML file.")]


@app.command("list")
def list_profiles(as_json: AsJson = False) -> None:
    """List the profiles that Roadseal ships.

    Example: [bold]roadseal profile list[/]
    """
    profiles = [load_profile(name) for name in profile_names()]
    if as_json:
        _write_json([_head(profile) for profile in profiles])
        return
    table = _table("profile", "status", "what it is")
    for profile in profiles:
        table.add_row(profile.label, _status(profile.status), escape(profile.summary))
    Console().print(table)


@app.command()
def show(profile: Named, as_json: AsJson = False) -> None:
    """Show what a profile produces and accepts, with sizes; checks a file of your own on the way.

    Example: [bold]roadseal profile show hybrid-2026[/]
    """
    shown = load_profile(profile)
    if as_json:
        choices = {purpose: _choice_json(shown, purpose) for purpose in Purpose}
        _write_json({**_head(shown), "purposes": choices})
        return
    table = _table("purpose", "", "accepts", "status", "PQ", "bytes")
    for purpose in Purpose:
        choice = shown[purpose]
        for number, id_ in enumerate(_by_preference(choice)):
            table.add_row(
                "" if number else purpose,
                _mark(choice, id_),
                id_,
                *_algorithm_cells(purpose, id_),
                end_section=number == len(choice.accept) - 1,
            )
    console = Console()
    console.print(f"[bold]{shown.label}[/]  {_status(shown.status)}  {escape(shown.summary)}")
    console.print(table)
    console.print("> also produced, first preferred · PQ withstands a quantum computer")
    console.print("bytes of public key + signature, ciphertext or tag")


@app.command()
def diff(
    first: Named,
    second: Named,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 unless the two can talk on every purpose.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where two profiles differ, and whether stations of the two can talk.

    Example: [bold]roadseal profile diff classical-2016 hybrid-2026[/]
    """
    a, b = load_profile(first), load_profile(second)
    differing = [purpose for purpose in Purpose if not a[purpose].same_as(b[purpose])]
    talking = all(a.talks_to(b, purpose) for purpose in Purpose)
    if as_json:
        purposes = {purpose: _difference_json(a, b, purpose) for purpose in differing}
        _write_json(
            {"first": a.label, "second": b.label, "can_talk": talking, "purposes": purposes}
        )
    elif not differing:
        Console().print(f"{a.label} and {b.label} choose the same.")
    else:
        Console().print(_difference_table(a, b, differing))
    if check and not talking:
        raise typer.Exit(1)


@app.command()
def steps(current: Named, target: Named, as_json: AsJson = False) -> None:
    """Show the steps from one profile to another; stations one step apart still talk.

    Example: [bold]roadseal profile steps classical-2016 hybrid-2026[/]
    """
    a, b = load_profile(current), load_profile(target)
    path = migration_steps(a, b)
    if as_json:
        _write_json({"from": a.label, "to": b.label, "steps": [_step_json(step) for step in path]})
        return
    if not path:
        Console().print(f"{a.label} and {b.label} choose the same: nothing to do.")
        return
    table = _table("step", "action", "purpose", "algorithms", "waiver")
    for number, step in enumerate(path, 1):
        last_of_action = number == len(path) or path[number].action is not step.action
        table.add_row(
            str(number),
            step.action,
            step.purpose,
            "\n".join(step.algorithms),
            "[yellow]needed[/]" if step.needs_waiver else "",
            end_section=last_of_action,
        )
    console = Console()
    console.print(table)
    console.print("Roll each step out to every station before the next begins.")
    if any(step.needs_waiver for step in path):
        console.print(
            "A step marked [yellow]needed[/] makes stations look weaker than before: "
            "issue a waiver for the campaign."
        )


def _head(profile: Profile) -> dict[str, str]:
    return {
        "name": profile.name,
        "version": profile.version,
        "status": profile.status,
        "summary": profile.summary,
    }


def _choice_json(profile: Profile, purpose: Purpose) -> dict[str, Any]:
    choice = profile[purpose]
    rows = {id_: asdict(algorithm(id_)) for id_ in choice.accept}
    return {"produce": choice.produce, "accept": choice.accept, "algorithms": rows}


def _difference_json(a: Profile, b: Profile, purpose: Purpose) -> dict[str, Any]:
    return {
        "first": {"produce": a[purpose].produce, "accept": a[purpose].accept},
        "second": {"produce": b[purpose].produce, "accept": b[purpose].accept},
        "first_to_second": a[purpose].agreed_with(b[purpose]),
        "second_to_first": b[purpose].agreed_with(a[purpose]),
    }


def _difference_table(a: Profile, b: Profile, purposes: Sequence[Purpose]) -> Table:
    table = _table("purpose", a.label, b.label, "talk")
    table.caption = "> also produced · → the second hears the first · ← the first hears the second"
    for purpose in purposes:
        heard = (
            "→" * (a[purpose].agreed_with(b[purpose]) is not None),
            "←" * (b[purpose].agreed_with(a[purpose]) is not None),
        )
        style = "green" if all(heard) else "red"
        table.add_row(
            purpose,
            _marked(a[purpose], b[purpose], "red"),
            _marked(b[purpose], a[purpose], "green"),
            f"[{style}]{' '.join(heard).strip() or 'no'}[/]",
            end_section=True,
        )
    return table


def _marked(choice: Choice, other: Choice, style: str) -> str:
    """List what is accepted, coloured where the other differs."""
    lines = []
    for id_ in _by_preference(choice):
        line = f"{_mark(choice, id_)} {id_}"
        same = id_ in other.accept and _mark(choice, id_) == _mark(other, id_)
        lines.append(line if same else f"[{style}]{line}[/]")
    return "\n".join(lines)


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "action": step.action,
        "purpose": step.purpose,
        "algorithms": step.algorithms,
        "needs_waiver": step.needs_waiver,
        "before": step.before.label,
        "after": step.after.label,
        "produce": step.after[step.purpose].produce,
        "accept": step.after[step.purpose].accept,
    }


def _by_preference(choice: Choice) -> list[str]:
    return [*choice.produce, *(id_ for id_ in choice.accept if id_ not in choice.produce)]


def _mark(choice: Choice, id_: str) -> str:
    return ">" if id_ in choice.produce else " "


def _algorithm_cells(purpose: Purpose, id_: str) -> tuple[str, str, str]:
    row = algorithm(id_)
    safe = "[green]yes[/]" if row.quantum_safe else "[red]no[/]"
    sizes = row.size_bytes
    sent = (sizes.public_key, sizes.signature, sizes.ciphertext, sizes.tag)
    sent_bytes = " + ".join(str(size) for size in sent if size is not None)
    return _status(purpose.status_of(row)), safe, sent_bytes or "-"


def _status(status: Status) -> str:
    return f"[{_STATUS_STYLE[status]}]{status}[/]"


def _table(*columns: str) -> Table:
    """Make a table that gives its width to the algorithms: they are folded first."""
    table = Table(header_style="bold", box=box.HORIZONTALS, show_edge=False, pad_edge=False)
    for column in columns:
        foldable = column not in _WHOLE
        table.add_column(
            column,
            no_wrap=not foldable,
            overflow="fold",
            min_width=_FOLDED if foldable else None,
        )
    return table


def _write_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
