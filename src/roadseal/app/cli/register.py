"""`roadseal register`: build the quantum exposure register, and ask it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.assess.register.document import Register

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

Database = Annotated[str, typer.Option("--db", envvar="ROADSEAL_DB", help="Path or URL.")]
File = Annotated[Path, typer.Argument(help="A register, as register build wrote it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Rows to show.")]

_COLOURS = {"T1": "bold red", "T2": "yellow", "T3": "cyan", "T4": "green", "unassessed": "magenta"}
_INCOMPLETE = 3


@app.command()
def build(
    estates: Annotated[list[str], typer.Argument(help="Names of imported estates.")],
    out: Annotated[Path, typer.Option("--out", help="Where the register goes, JSON.")],
    findings: Annotated[
        list[Path] | None, typer.Option("--findings", help="Result of roadseal scan --out.")
    ] = None,
    attach: Annotated[
        Path | None, typer.Option(help='TOML: [attach] "pattern/of/location*" = "estate/asset".')
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help="TOML of templates, beside the shipped ones.")
    ] = None,
    crqc: Annotated[
        str, typer.Option(help="When a quantum computer comes: a profile.")
    ] = "gri-2023",
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: today.")
    ] = None,
    db: Database = "assess.db",
    as_json: AsJson = False,
) -> None:
    """Build a register of estates and findings; the same input gives the same bytes.

    Exits with 3 while something is unknown or was not looked at, else with 1 if an asset is in
    T1 or broken today.

    Example: [bold]roadseal register build sf --findings scan.json --out register.json[/]
    """
    from roadseal.assess.inventory.scan_file import load_scan
    from roadseal.assess.inventory.template import load_templates, shipped_templates
    from roadseal.assess.register import Inputs, build_register, register_bytes
    from roadseal.assess.register.document import Register
    from roadseal.assess.register.writing import write_whole

    assets, origins = _estates(db, estates)
    scans = [load_scan(path) for path in findings or ()]
    own = load_templates(templates) if templates else ()
    document = build_register(
        Inputs(
            assets,
            _day(as_of),
            [finding for found, _ in scans for finding in found],
            [coverage for _, coverage in scans],
            origins,
            _attach_rules(attach),
            (*own, *shipped_templates()),
            crqc,
        )
    )
    write_whole(out, [register_bytes(document)])
    register = Register(document)
    if as_json:
        typer.echo(json.dumps({"tiers": register.counts(), "coverage": document["coverage"]}))
    else:
        _summary(Console(), register)
    raise typer.Exit(exit_code(register))


@app.command()
def show(
    register: File,
    limit: Limit = 20,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write all of it: .csv, .xlsx, .geojson, .json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What moves first, and what was not looked at.

    Example: [bold]roadseal register show register.json --out register.xlsx[/]
    """
    from roadseal.assess.register.export import export, row_of

    loaded = _load(register)
    if out:
        export(loaded, out)
    ranked = loaded.ranked()
    if as_json:
        typer.echo(json.dumps([row_of(loaded, asset) for asset in ranked], indent=1))
        return
    console = Console()
    _summary(console, loaded)
    _list(console, loaded, ranked, limit)


@app.command()
def explain(
    register: File,
    asset: Annotated[str, typer.Argument(help="Its id, or the part after the estate's name.")],
    as_json: AsJson = False,
) -> None:
    """Why an asset stands where it stands: one screen, every input, every source.

    Example: [bold]roadseal register explain register.json sf/23384000[/]
    """
    from roadseal.app.cli.register_explain import explanation, show_explanation

    loaded = _load(register)
    told = explanation(loaded, loaded.find(asset))
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        show_explanation(Console(), told)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The earlier register.")],
    new: Annotated[Path, typer.Argument(help="The later register.")],
    limit: Limit = 40,
    as_json: AsJson = False,
) -> None:
    """What changed since last time, and why; exits with 1 if something got worse.

    Example: [bold]roadseal register diff spring.json autumn.json[/]
    """
    from roadseal.assess.register.difference import difference

    changes = difference(_load(old), _load(new))
    worse = [each for each in changes if _rank(each.after) > _rank(each.before)]
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
        for each in sorted(changes, key=lambda each: (-_rank(each.after), each.id))[:limit]:
            table.add_row(
                escape(each.id),
                _standing(each.before),
                _standing(each.after),
                escape("; ".join(each.reasons)),
            )
        console = Console()
        console.print(
            f"[bold]{len(changes)}[/] assets changed, [bold]{len(worse)}[/] for the worse"
        )
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
    unknown: Annotated[str | None, typer.Option(help="A fact that is not known.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """The assets that fit, worst first; exits with 1 if none does.

    Example: [bold]roadseal register query register.json --tier T1 --corridor mission[/]
    """
    from roadseal.assess.register.export import row_of
    from roadseal.assess.register.query import Query, ask

    loaded = _load(register)
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
    found = list(ask(loaded, wanted))
    if as_json:
        typer.echo(json.dumps([row_of(loaded, asset) for asset in found], indent=1))
    else:
        _list(Console(), loaded, found, limit)
    raise typer.Exit(0 if found else 1)


@app.command()
def report(
    register: File,
    out: Annotated[Path, typer.Option("--out", help="Where the page goes, HTML.")],
) -> None:
    """One HTML file: map, gaps, what moves first and why, what falls when.

    Example: [bold]roadseal register report register.json --out register.html[/]
    """
    from roadseal.assess.register.report import write_report

    write_report(_load(register), out)


def exit_code(register: Register) -> int:
    """3 while evidence is incomplete, 1 if something is in T1 or broken today, else 0."""
    if not register.document["coverage"]["complete"]:
        return _INCOMPLETE
    bad = register.counts()["T1"] or any(
        case["broken_today"] for case in register.document["cases"]
    )
    return 1 if bad else 0


def _load(path: Path) -> Register:
    from roadseal.assess.register.document import load_register

    return load_register(path)


def _estates(db: str, names: list[str]) -> tuple[list[Any], list[dict[str, Any]]]:
    from roadseal.assess.inventory.estate.shelf import load_estate
    from roadseal.assess.inventory.tables import SCHEMA
    from roadseal.store import open_store

    store = open_store(db, SCHEMA)
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


def _summary(console: Console, register: Register) -> None:
    document, counts = register.document, register.counts()
    line = "  ".join(f"[{_COLOURS[tier]}]{tier}[/] {count}" for tier, count in counts.items())
    broken = sum(
        1
        for asset in register.assets
        if (register.case(asset) or {"broken_today": 0})["broken_today"]
    )
    console.print(f"{line}    [red]broken today[/] {broken}", highlight=False)
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


def _list(
    console: Console, register: Register, assets: list[Mapping[str, Any]], limit: int
) -> None:
    from roadseal.assess.register.export import row_of

    table = Table(
        "tier", "asset", "name", "worst lane", "P50", "P10–P90", "evidence", "reason", box=None
    )
    for asset in assets[:limit]:
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
    if len(assets) > limit:
        console.print(f"[dim]{limit} of {len(assets)}; --limit shows more[/]")


def _rank(standing: tuple[str, float] | None) -> float:
    """Higher is worse; what is not there is not bad, and what is not known worse than T4."""
    if standing is None:
        return -1.0
    order = ("T4", "unassessed", "T3", "T2", "T1")
    return order.index(standing[0]) + min(standing[1], 0.999)


def _standing(standing: tuple[str, float] | None) -> str:
    if standing is None:
        return "–"
    return f"[{_COLOURS[standing[0]]}]{standing[0]}[/] {standing[1]:.0%}"
