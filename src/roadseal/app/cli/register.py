"""`roadseal register`: build the quantum exposure register, and ask it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.database import Database, EstateDatabase
from roadseal.app.cli.output import AsJson, counted, say
from roadseal.app.cli.register_kept import (
    assess_store,
    forget,
    list_registers,
    own_templates,
    rescore,
)
from roadseal.app.cli.register_view import (
    rank_of,
    show_certificates,
    show_list,
    show_summary,
    standing_text,
)
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.assess.register.document import AnyRegister

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)

File = Annotated[
    str, typer.Argument(help="A register: a file of register build --out, or a name of --keep.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Rows to show.")]

_INCOMPLETE = 3


@app.command()
def build(
    estates: Annotated[list[str], typer.Argument(help="Names of imported estates.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the register goes, JSON.")
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="Keep it in the database under this name: for large estates."),
    ] = None,
    findings: Annotated[
        list[Path] | None, typer.Option("--findings", help="Result of roadseal scan --out.")
    ] = None,
    attach: Annotated[
        Path | None, typer.Option(help='TOML: [attach] "pattern/of/location*" = "estate/asset".')
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help="TOML of templates, or a folder of them; they go first.")
    ] = None,
    crqc: Annotated[
        str, typer.Option(help="When a quantum computer comes: a profile.")
    ] = "gri-2025",
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: today.")
    ] = None,
    db: EstateDatabase = "assess.db",
    as_json: AsJson = False,
) -> None:
    """Build a register of estates and findings; the same input gives the same bytes.

    Exits with 3 while something is unknown or was not looked at, else with 1 if an asset is in
    T1 or broken today.

    Example: [bold]roadseal register build sf --findings scan.json --out register.json[/]
    """
    from roadseal.app.cli.v2x_progress import LateProgress
    from roadseal.assess.inventory.scan_file import load_scan
    from roadseal.assess.inventory.template import shipped_templates
    from roadseal.assess.register import Inputs, build_register
    from roadseal.assess.register.document import Register
    from roadseal.assess.register.keeping import keep_register
    from roadseal.assess.register.writing import write_whole
    from roadseal.clock import SystemClock

    if not (out or keep):
        raise RoadsealError(
            "register-nowhere",
            "Where the register goes is not said.",
            advice="Give --out register.json, or --keep NAME for the database.",
        )
    scans = [load_scan(path) for path in findings or ()]
    inputs = Inputs(
        (),
        _day(as_of),
        [finding for found, _ in scans for finding in found],
        [coverage for _, coverage in scans],
        rules=_attach_rules(attach),
        templates=(*own_templates(templates), *shipped_templates()),
        crqc=crqc,
    )
    register: AnyRegister
    if keep:
        with LateProgress(SystemClock()) as progress:
            store = assess_store(db)
            register = keep_register(store, keep, estates, inputs, counter=progress.counter)
    else:
        assets, origins = _estates(db, estates)
        register = Register(build_register(replace(inputs, assets=assets, estates=origins)))
    if out:
        write_whole(out, register.pieces())
    if as_json:
        coverage = register.document["coverage"]
        typer.echo(json.dumps({"tiers": register.counts(), "coverage": coverage}))
    else:
        show_summary(Console(), register)
    raise typer.Exit(exit_code(register))


@app.command()
def show(
    register: File,
    limit: Limit = 20,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write all of it: .csv, .xlsx, .geojson, .json.")
    ] = None,
    db: Database = "assess.db",
    as_json: AsJson = False,
) -> None:
    """What moves first, and what was not looked at.

    Example: [bold]roadseal register show register.json --out register.xlsx[/]
    """
    from roadseal.assess.register.export import export

    loaded = _load(register, db)
    if out:
        export(loaded, out)
    if as_json:
        for piece in json_rows(loaded):
            typer.echo(piece, nl=False)
        return
    console = Console()
    show_summary(console, loaded)
    show_certificates(console, loaded)
    show_list(console, loaded, loaded.ranked(limit), loaded.document["coverage"]["assets"])


@app.command()
def explain(
    register: File,
    asset: Annotated[str, typer.Argument(help="Its id, or the part after the estate's name.")],
    db: Database = "assess.db",
    as_json: AsJson = False,
) -> None:
    """Why an asset stands where it stands: one screen, every input, every source.

    Example: [bold]roadseal register explain register.json sf/23384000[/]
    """
    from roadseal.app.cli.register_explain import explanation, show_explanation

    loaded = _load(register, db)
    told = explanation(loaded, loaded.find(asset))
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        show_explanation(Console(), told)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="The earlier register: a file, or a kept one.")],
    new: Annotated[str, typer.Argument(help="The later register.")],
    limit: Limit = 40,
    db: Database = "assess.db",
    as_json: AsJson = False,
) -> None:
    """What changed since last time, and why; exits with 1 if something got worse.

    Example: [bold]roadseal register diff spring.json autumn.json[/]
    """
    from roadseal.assess.register.difference import difference

    changes = list(difference(_load(old, db), _load(new, db)))
    worse = [each for each in changes if rank_of(each.after) > rank_of(each.before)]
    if as_json:
        rows = [
            {
                "id": each.id,
                "before": each.before,
                "after": each.after,
                "reasons": each.reasons,
            }
            for each in changes
        ]
        typer.echo(json.dumps(rows, indent=1))
    else:
        table = Table("asset", "before", "after", "because", box=None)
        for each in sorted(changes, key=lambda each: (-rank_of(each.after), each.id))[:limit]:
            table.add_row(
                escape(each.id),
                standing_text(each.before),
                standing_text(each.after),
                escape("; ".join(each.reasons)),
            )
        console = Console()
        changed = counted(len(changes), "asset")
        console.print(f"[bold]{changed}[/] changed, [bold]{len(worse)}[/] for the worse")
        console.print(table)
    raise typer.Exit(1 if worse else 0)


@app.command()
def query(
    register: File,
    tier: Annotated[list[str] | None, typer.Option(help="T1 to T4, or unassessed.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Such as rsu.")] = None,
    lane: Annotated[
        list[str] | None, typer.Option(help="confidentiality, forgery, anchor, broken-today.")
    ] = None,
    corridor: Annotated[str | None, typer.Option(help="Part of its name.")] = None,
    text: Annotated[str | None, typer.Option(help="Part of id, name, vendor or model.")] = None,
    algorithm: Annotated[str | None, typer.Option(help="Canonical name, or unknown.")] = None,
    basis: Annotated[
        str | None, typer.Option(help="observed, configured, declared, inferred.")
    ] = None,
    unknown: Annotated[
        str | None, typer.Option(help="A fact that is not known: place, model, update_path …")
    ] = None,
    limit: Limit = 50,
    db: Database = "assess.db",
    as_json: AsJson = False,
) -> None:
    """The assets that fit, worst first; exits with 1 if none does. All that is given has to hold.

    Example: [bold]roadseal register query register.json --tier T1 --corridor mission[/]

    What speaks in clear: [bold]roadseal register query city --lane broken-today --kind signal[/]

    What nobody knows: [bold]roadseal register query city --algorithm unknown[/]

    Whom to ask for places: [bold]roadseal register query city --unknown place --limit 500[/]
    """
    from roadseal.assess.register.export import row_of
    from roadseal.assess.register.kept import KeptRegister
    from roadseal.assess.register.query import Query, ask

    loaded = _load(register, db)
    wanted = Query(
        tuple(tier or ()),
        tuple(kind or ()),
        tuple(lane or ()),
        corridor,
        text,
        algorithm,
        basis,
        unknown,
    )
    if isinstance(loaded, KeptRegister):
        found = loaded.ask(wanted, None if as_json else limit)
        fitting = len(found) if len(found) < limit else loaded.count(wanted)
    else:
        found = list(ask(loaded.whole(), wanted))
        fitting = len(found)
    if as_json:
        typer.echo(json.dumps([row_of(loaded, asset) for asset in found], indent=1))
    else:
        show_list(Console(), loaded, found[:limit], fitting)
    raise typer.Exit(0 if found else 1)


@app.command()
def report(
    register: File,
    out: Annotated[Path, typer.Option("--out", help="Where the page goes, HTML.")],
    db: Database = "assess.db",
    as_json: AsJson = False,
) -> None:
    """One HTML file: map, gaps, what moves first and why, what falls when.

    Example: [bold]roadseal register report register.json --out register.html[/]
    """
    from roadseal.assess.register.report import write_report

    called = Path(register).name if Path(register).is_file() else register
    write_report(_load(register, db), out, shlex.quote(called))
    say(f"The report is in {out}.", {"register": called, "report": str(out)}, as_json=as_json)


app.command("list")(list_registers)
app.command()(rescore)
app.command()(forget)


def json_rows(register: AnyRegister) -> Iterator[str]:
    """Every row as JSON, worst first, as `json.dumps` writes a list of them."""
    from roadseal.assess.register.export import row_of

    start = "[\n "
    for asset in register.worst_first():
        yield start + json.dumps(row_of(register, asset), indent=1).replace("\n", "\n ")
        start = ",\n "
    yield "[]\n" if start[0] == "[" else "\n]\n"


def exit_code(register: AnyRegister) -> int:
    """3 while evidence is incomplete, 1 if something is in T1 or broken today, else 0."""
    if not register.document["coverage"]["complete"]:
        return _INCOMPLETE
    return 1 if register.counts()["T1"] or register.broken() else 0


def _load(name: str, db: str) -> AnyRegister:
    """A register from its file, or else from the database if there is one."""
    from roadseal.assess.register.document import load_register
    from roadseal.assess.register.kept import open_kept

    if not Path(name).is_file() and ("://" in db or Path(db).is_file()):
        return open_kept(assess_store(db), name)
    return load_register(Path(name))


def _estates(db: str, names: list[str]) -> tuple[list[Any], list[dict[str, Any]]]:
    from roadseal.assess.inventory.estate.shelf import load_estate

    store = assess_store(db)
    assets: list[Any] = []
    origins: list[dict[str, Any]] = []
    for name in names:
        estate, imported = load_estate(store, name)
        assets += imported.assets
        origins.append(
            {
                "name": estate.name,
                "source": estate.source,
                "sha256": estate.sha256,
                "rows": imported.rows,
                "assets": len(imported.assets),
            }
        )
    return assets, origins


def _attach_rules(path: Path | None) -> Mapping[str, str]:
    from roadseal.crypto.toml_source import TomlSource

    if path is None:
        return {}
    try:
        table = TomlSource(path.name, path.read_text("utf-8")).parse()["attach"]
        rules = {str(pattern): str(asset) for pattern, asset in table.items()}
    except (OSError, ValueError, KeyError, AttributeError):
        raise RoadsealError(
            "attach-malformed",
            f"{path} has no table [attach].",
            advice='Write lines such as "rsu-1/*" = "city/rsu-1" under [attach].',
        ) from None
    return rules


def _day(as_of: datetime | None) -> date:
    from roadseal.clock import SystemClock, to_datetime

    return as_of.date() if as_of else to_datetime(SystemClock().now()).date()
