"""`roadseal cbom`: the inventory as CycloneDX, from and to other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.output import AsJson, counted, say
from roadseal.assess.cbom.spec import Spec
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.assess.cbom import Fault

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)

_INCOMPLETE = 3
_SHOWN = 20


@app.command()
def export(
    scan: Annotated[Path, typer.Argument(help="Result of roadseal scan --out.")],
    out: Annotated[Path, typer.Option("--out", help="Where the CBOM goes.")],
    spec: Annotated[Spec, typer.Option(help="Version of CycloneDX.")] = Spec.V1_7,
    name: Annotated[str, typer.Option(help="What was scanned.")] = "estate",
    as_json: AsJson = False,
) -> None:
    """Write what a scan found as a CBOM; the same scan gives the same bytes.

    Exits with 3 if the scan did not read everything: the CBOM says so in compositions.

    Example: [bold]roadseal cbom export scan.json --out cbom.json --spec 1.6[/]
    """
    from roadseal.assess.cbom import write_cbom
    from roadseal.assess.inventory.scan_file import load_scan
    from roadseal.assess.register.writing import write_whole

    findings, coverage = load_scan(scan)
    write_whole(out, write_cbom(findings, coverage, spec=spec, name=name))
    row = {
        "out": str(out),
        "spec": str(spec),
        "findings": len(findings),
        "gaps": len(coverage.gaps),
        "complete": coverage.complete,
    }
    what = f"{counted(len(findings), 'finding')}, {counted(len(coverage.gaps), 'gap')}"
    say(f"CycloneDX {spec} in {out}: {what}.", row, as_json=as_json)
    if not coverage.complete:
        raise typer.Exit(_INCOMPLETE)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="CycloneDX documents in JSON, 1.4 to 1.7.")],
    as_json: AsJson = False,
) -> None:
    """Check documents against the official schemas and their own references.

    Exits with 1 if one is not valid, with 3 if a valid one holds no cryptographic asset.

    Example: [bold]roadseal cbom validate cbom.json[/]
    """
    from roadseal.assess.cbom import crypto_assets, validate_cbom

    results: dict[str, tuple[Fault, ...]] = {}
    empty = False
    for file in files:
        encoded = _read(file)
        results[str(file)] = faults = validate_cbom(encoded)
        empty |= not faults and not crypto_assets(encoded)
    if as_json:
        rows = {
            name: [{"where": each.where, "what": each.what} for each in faults]
            for name, faults in results.items()
        }
        typer.echo(json.dumps(rows, indent=1))
    else:
        console = Console()
        for name, faults in results.items():
            verdict = (
                f"[bold red]{counted(len(faults), 'fault')}[/]" if faults else "[green]valid[/]"
            )
            console.print(f"{escape(name)}: {verdict}", highlight=False)
            table = Table("where", "what", box=None)
            for each in faults[:_SHOWN]:
                table.add_row(escape(each.where), escape(each.what))
            if faults:
                console.print(table)
    if any(results.values()):
        raise typer.Exit(1)
    if empty:
        raise typer.Exit(_INCOMPLETE)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="CycloneDX, SARIF, Zeek, nDPI, ssh-audit.")],
    out: Annotated[Path, typer.Option("--out", help="Where the findings go, JSON.")],
    as_json: AsJson = False,
) -> None:
    """Read other tools' CBOMs and reports as findings, repairing known dialects and saying so.

    The result is what roadseal register build --findings takes. Exits with 3 if something was
    not read, or nothing was found.

    Example: [bold]roadseal cbom import theirs.cdx.json --out findings.json[/]
    """
    from roadseal.assess.inventory.collector import Context
    from roadseal.assess.inventory.scan import scan
    from roadseal.assess.inventory.scan_file import write_scan
    from roadseal.assess.register.writing import write_whole
    from roadseal.clock import SystemClock

    for file in files:
        _read(file)
    result = scan(files, Context(), SystemClock(), workers=1)
    write_whole(out, [write_scan(result)])
    found, gaps = len(result.findings), result.coverage.gaps
    repaired = [(each, what) for each in result.findings if (what := each.facts.get("repaired"))]
    lines = [
        f"{counted(found, 'finding')}, {len(repaired)} of them repaired,"
        f" {counted(len(gaps), 'gap')}"
    ]
    lines += [f"  {each.location.uri}: repaired, {what}" for each, what in repaired[:_SHOWN]]
    lines += [f"  {gap.location.uri}: {gap.cause.value}, {gap.detail}" for gap in gaps[:_SHOWN]]
    if not found:
        lines.append("Nothing cryptographic in it: is the file complete, and of a kind in --help?")
    row = {
        "out": str(out),
        "findings": found,
        "repaired": len(repaired),
        "gaps": len(gaps),
        "complete": result.coverage.complete,
    }
    say("\n".join(lines), row, as_json=as_json)
    if not result.findings or not result.coverage.complete:
        raise typer.Exit(_INCOMPLETE)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RoadsealError(
            "cbom-file", f"{file} cannot be read: {error.strerror}.", advice="Check the path."
        ) from None
