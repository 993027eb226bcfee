"""Registers that are kept in the database: list them, forget them, score one asset again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.database import EstateDatabase
from roadseal.app.cli.output import AsJson, say
from roadseal.app.cli.register_view import rank_of, standing_text

if TYPE_CHECKING:
    from roadseal.assess.inventory.template import Template
    from roadseal.store import Store


def list_registers(db: EstateDatabase = "assess.db", as_json: AsJson = False) -> None:
    """The registers that are kept in the database.

    Example: [bold]roadseal register list[/]
    """
    from roadseal.assess.register.kept import kept_registers

    kept = kept_registers(assess_store(db))
    if as_json:
        rows = [{"name": each.name, "as_of": each.document["as_of"]} for each in kept]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table("register", "as of", "estates", "assets", box=None)
    for each in kept:
        names = ", ".join(estate["name"] for estate in each.document["estates"])
        assets = f"{each.document['coverage']['assets']:,}"
        table.add_row(escape(each.name), each.document["as_of"], escape(names), assets)
    Console().print(table)


def forget(
    name: Annotated[str, typer.Argument(help="Name of a kept register.")],
    db: EstateDatabase = "assess.db",
    as_json: AsJson = False,
) -> None:
    """Delete a kept register, and the replaced estates that were kept for it.

    Example: [bold]roadseal register forget spring[/]
    """
    from roadseal.assess.register.keeping import drop_register
    from roadseal.assess.register.kept import open_kept

    store = assess_store(db)
    open_kept(store, name)
    with store.writing() as connection:
        drop_register(connection, name)
    say(f"{name} is forgotten.", {"register": name}, as_json=as_json)


def rescore(
    register: Annotated[str, typer.Argument(help="Name of a kept register.")],
    asset: Annotated[str, typer.Argument(help="Its id, or the part after the estate's name.")],
    findings: Annotated[
        list[Path] | None, typer.Option("--findings", help="What was found of it, by scan --out.")
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help="TOML of templates, or a folder of them; they go first.")
    ] = None,
    db: EstateDatabase = "assess.db",
    as_json: AsJson = False,
) -> None:
    """Score one asset of a kept register again; exits with 1 if it got worse.

    Without findings or templates it is scored on what it was known to use. All findings given
    are taken to be of this asset.

    Example: [bold]roadseal register rescore city rsu-1 --findings rsu-1.json[/]
    """
    from roadseal.assess.inventory.scan_file import load_scan
    from roadseal.assess.inventory.template import shipped_templates
    from roadseal.assess.register.kept import open_kept
    from roadseal.assess.register.rescore import rescore as score_again

    own = own_templates(templates)
    found = [finding for path in findings or () for finding in load_scan(path)[0]]
    anew = (*own, *shipped_templates()) if own or found else ()
    done = score_again(open_kept(assess_store(db), register), asset, templates=anew, findings=found)
    was, now = (
        (each["tier"], _median(each)) if each else ("unassessed", 0.0)
        for each in (done.before, done.after)
    )
    if as_json:
        typer.echo(json.dumps({"id": done.id, "before": was, "after": now}))
    else:
        console = Console()
        console.print(f"[bold]{escape(done.id)}[/] {standing_text(was)} → {standing_text(now)}")
    raise typer.Exit(1 if rank_of(now) > rank_of(was) else 0)


def assess_store(db: str) -> Store:
    """The database of estates and registers."""
    from roadseal.assess.inventory.tables import SCHEMA
    from roadseal.store import open_store

    return open_store(db, SCHEMA)


def own_templates(path: Path | None) -> tuple[Template, ...]:
    """The user's templates, if a path is given."""
    from roadseal.assess.inventory.template import load_templates

    return load_templates(path) if path else ()


def _median(case: Mapping[str, Any]) -> float:
    return float(case["lanes"][case["headline"]][1])
