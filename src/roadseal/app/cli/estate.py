"""`roadseal estate`: from a city's files to assets, with every rejected row."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from roadseal.app.cli.database import Database, EstateDatabase
from roadseal.app.cli.output import AsJson
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.assess.inventory.estate import Guess, Import, Mapping
    from roadseal.assess.inventory.estate import Table as Source
    from roadseal.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)

Name = Annotated[str, typer.Argument(help="Name of the estate.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Rows to show.")]

_DESCRIBES_ITSELF = ("osm", "cvmanager")
_NOTES_SHOWN = 12


@app.command("import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            help="CSV, spreadsheet, GeoJSON, KML, GML, GeoPackage, shapefile, Parquet, FlatGeobuf, "
            "OSM XML or PBF, jpo-cvmanager dump (in a zip too), or the URL of its database."
        ),
    ],
    name: Annotated[str | None, typer.Option("--as", help="Name of the estate.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="TOML that says what columns mean.")] = None,
    guess: Annotated[bool, typer.Option("--guess", help="Propose a mapping and use it.")] = False,
    epsg: Annotated[
        int | None, typer.Option(help="System of projected coordinates, such as 25832.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a CSV that is not in Unicode, such as cp1251.")
    ] = None,
    save_mapping: Annotated[Path | None, typer.Option(help="Write the mapping here.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Keep nothing.")] = False,
    db: Database = "assess.db",
    as_json: AsJson = False,
) -> None:
    """Import the equipment of a city; an estate of the same name is replaced.

    Example: [bold]roadseal estate import signals.csv --guess --as sf[/]
    """
    from roadseal.app.cli.v2x_progress import LateProgress
    from roadseal.assess.inventory.estate import import_table, load_mapping, read_source
    from roadseal.clock import SystemClock

    table = read_source(source, encoding)
    estate = _estate_name(name or _stem(source))
    proposal = None
    if mapping:
        chosen = load_mapping(mapping)
    else:
        proposal = _propose(table, asked=guess)
        chosen = proposal.mapping
    if epsg:
        chosen = _in_system(chosen, epsg)
    with LateProgress(SystemClock()) as progress:
        rows = progress.counter("reading rows")
        imported = import_table(table, chosen, estate, progress=rows)
    if not imported.assets:
        raise RoadsealError(
            "estate-empty",
            f"None of the {imported.rows} rows describes an asset.",
            advice="Look at the mapping with --guess --dry-run, and change it.",
        )
    if save_mapping:
        _write(save_mapping, chosen.to_toml())
    if not dry_run:
        _keep(db, estate, source, table, chosen, imported)
    if as_json:
        typer.echo(json.dumps(_as_json(estate, table, chosen, imported), indent=1))
        return
    console = Console()
    if proposal:
        _show_proposal(console, proposal)
    _show_import(console, estate, table, imported, kept=not dry_run)


@app.command("list")
def list_(db: EstateDatabase = "assess.db", as_json: AsJson = False) -> None:
    """The estates that were imported.

    Example: [bold]roadseal estate list[/]
    """
    from roadseal.assess.inventory.estate.shelf import list_estates

    estates = list_estates(_store(db))
    if as_json:
        rows = [
            {"name": each.name, "source": each.source, "sha256": each.sha256, "assets": count}
            for each, count in estates
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table("estate", "assets", "rows", "format", "source", box=None)
    for each, count in estates:
        table.add_row(
            escape(each.name), str(count), str(each.rows), each.format, escape(each.source)
        )
    Console().print(table)


@app.command()
def show(
    name: Name,
    notes: Annotated[bool, typer.Option("--notes", help="Every changed or rejected row.")] = False,
    limit: Limit = 20,
    db: EstateDatabase = "assess.db",
    as_json: AsJson = False,
) -> None:
    """The assets of an estate, or with --notes what cleaning did to its rows.

    Example: [bold]roadseal estate show sf --notes --limit 100[/]
    """
    from dataclasses import asdict

    from roadseal.assess.inventory.estate.shelf import load_estate

    _, imported = load_estate(_store(db), name)
    rows: list[dict[str, Any]] = [
        asdict(each) for each in (imported.notes if notes else imported.assets)
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    columns = (
        ("row", "action", "rule", "field", "before", "after")
        if notes
        else ("id", "kind", "name", "vendor", "model", "installed", "exposure")
    )
    table = Table(*columns, box=None)
    for row in rows[:limit]:
        table.add_row(*(escape(_cell(row[column])) for column in columns))
    console = Console()
    console.print(table)
    if len(rows) > limit:
        console.print(f"[dim]{limit} of {len(rows)}; --limit shows more, --json all[/]")


@app.command()
def lint(name: Name, db: EstateDatabase = "assess.db", as_json: AsJson = False) -> None:
    """What the estate does not say, and which rows deserve a look.

    Exits with 3 while a fact is unknown or a row is doubted.

    Example: [bold]roadseal estate lint sf[/]
    """
    from roadseal.assess.inventory.estate import FACTS, Action
    from roadseal.assess.inventory.estate.shelf import load_estate

    _, imported = load_estate(_store(db), name)
    unknown = Counter(fact for asset in imported.assets for fact in asset.gaps)
    doubts = Counter(each.rule for each in imported.notes if each.action is Action.DOUBTED)
    if as_json:
        typer.echo(
            json.dumps({"assets": len(imported.assets), "unknown": unknown, "doubted": doubts})
        )
    else:
        console, total = Console(), len(imported.assets)
        table = Table("fact", "unknown of", str(total), "", box=None)
        for fact in FACTS:
            bar = "█" * round(20 * unknown[fact] / max(total, 1))
            table.add_row(
                fact.replace("_", " "), str(unknown[fact]), f"{unknown[fact] / total:.0%}", bar
            )
        console.print(table)
        _show_rules(console, [each for each in imported.notes if each.action is Action.DOUBTED])
    raise typer.Exit(3 if unknown or doubts else 0)


def _propose(table: Source, *, asked: bool) -> Guess:
    from roadseal.assess.inventory.estate import guess_mapping

    if not asked and table.format not in _DESCRIBES_ITSELF:
        raise RoadsealError(
            "estate-mapping",
            "What its columns mean has to be said.",
            advice="Give --mapping FILE.toml, or --guess for a proposal that is shown and used.",
        )
    return guess_mapping(table)


def _in_system(mapping: Mapping, epsg: int) -> Mapping:
    from dataclasses import replace

    from roadseal.assess.inventory.estate.place import is_known_system

    if not is_known_system(epsg):
        raise RoadsealError(
            "estate-epsg",
            f"EPSG:{epsg} is no system that is known here.",
            advice="Ask the file's publisher; 4326 is degrees.",
        )
    return replace(mapping, epsg=epsg)


def _keep(
    db: str, name: str, source: str, table: Source, mapping: Mapping, imported: Import
) -> None:
    from roadseal.assess.inventory.estate.shelf import Estate, save_estate

    if "://" in source:
        shown, digest = f"{source.split('://')[0]} database", ""
    else:
        with Path(source).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        shown = Path(source).name
    estate = Estate(name, shown, digest, table.format, mapping.to_toml(), imported.rows)
    save_estate(_store(db), estate, imported)


def _store(db: str) -> Store:
    from roadseal.assess.inventory.tables import SCHEMA
    from roadseal.store import open_store

    return open_store(db, SCHEMA)


def _stem(source: str) -> str:
    return "cvmanager" if "://" in source else Path(source).name.split(".")[0]


def _estate_name(text: str) -> str:
    name = "".join(char if char.isalnum() or char in "._-" else "-" for char in text).strip("-")
    if not name:
        raise RoadsealError(
            "estate-name", "The estate has no name.", advice="Give one with --as, such as sf."
        )
    return name[:64]


def _show_proposal(console: Console, proposal: Guess) -> None:
    table = Table(
        "field", "columns", "why", box=None, title="Proposed mapping", title_justify="left"
    )
    for field, reason in proposal.reasons.items():
        columns = ", ".join(proposal.mapping.columns.get(field, ()))
        table.add_row(field, escape(columns), f"[dim]{escape(reason)}[/]")
    console.print(table)
    console.print(Syntax(proposal.mapping.to_toml(), "toml", background_color="default"))


def _show_import(
    console: Console, estate: str, table: Source, imported: Import, *, kept: bool
) -> None:
    from roadseal.assess.inventory.estate import Action

    verb = "imported" if kept else "read, nothing kept"
    console.print(
        f"[bold green]{len(imported.assets)}[/] of {imported.rows} rows {verb} as"
        f" [bold]{escape(estate)}[/] ({table.format}): "
        + ", ".join(f"{imported.count(action)} {action.value}" for action in Action)
    )
    _show_rules(console, list(imported.notes))
    if imported.notes and kept:
        console.print(f"[dim]every row: roadseal estate show {escape(estate)} --notes[/]")


def _show_rules(console: Console, notes: list[Any]) -> None:
    if not notes:
        return
    counted = Counter((each.action.value, each.rule, each.field) for each in notes)
    first = {(each.action.value, each.rule, each.field): each for each in reversed(notes)}
    table = Table("rows", "what", "rule", "field", "for example", box=None)
    for key, count in counted.most_common(_NOTES_SHOWN):
        one = first[key]
        example = f"row {one.row}: {one.before}" + (f" → {one.after}" if one.after else "")
        table.add_row(str(count), key[0], key[1], key[2], escape(example[:60]))
    console.print(table)


def _as_json(estate: str, table: Source, mapping: Mapping, imported: Import) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "estate": estate,
        "format": table.format,
        "rows": imported.rows,
        "assets": len(imported.assets),
        "mapping": mapping.to_toml(),
        "notes": [asdict(each) for each in imported.notes],
    }


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "–" if value is None else str(value)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise RoadsealError(
            "estate-file",
            f"{path} cannot be written: {error.strerror}.",
            advice="Check the folder.",
        ) from None
