"""`roadseal v2x sizes` and `roadseal v2x bench`: what profiles cost, in bytes and in time."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.app.cli.v2x_input import DOES_NOT_HOLD, HOLDS
from roadseal.app.cli.v2x_progress import LateProgress
from roadseal.clock import SystemClock
from roadseal.v2x import message_profiles
from roadseal.v2x.benchmark import FIGURES, Figure, benchmark
from roadseal.v2x.sizes import PAYLOAD_BYTES, MessageSizes, message_sizes

_STATUS_STYLE = {"standard": "green", "published-experimental": "yellow"}


def sizes(as_json: AsJson = False) -> None:
    """Bytes of a certificate and of messages with an 85-byte payload, for every profile.

    Each is made and measured: nothing is calculated.

    Example: [bold]roadseal v2x sizes[/]
    """
    with LateProgress(SystemClock()) as progress:
        total = len(message_profiles())
        rows = list(progress.track(message_sizes(), "making messages", total))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    console = Console()
    console.print(_sizes_table(rows))
    console.print(
        f"Bytes. Messages carry {PAYLOAD_BYTES} of payload and name their signer by digest, "
        "or bring the full certificate."
    )


def bench(as_json: AsJson = False) -> None:
    """What a full decision costs, as a ratio to the bare signature check of the same run.

    CPU time of one core; two cores by the wall clock. Cheapest of several rounds taking turns.

    Two threads of bare checks show what a second core gives on this machine: one that others
    use too gives less than twice.

    Exit codes: 0 every target is met · 1 one is not, perhaps because the machine is busy.

    Example: [bold]roadseal v2x bench[/]
    """
    clock = SystemClock()
    with LateProgress(clock) as progress:
        figures = list(progress.track(benchmark(clock), "measuring", FIGURES))
    if as_json:
        rows = [{**asdict(figure), "met": figure.met} for figure in figures]
        typer.echo(json.dumps(rows, indent=2))
    else:
        Console().print(bench_table(figures))
    raise typer.Exit(HOLDS if all(figure.met for figure in figures) else DOES_NOT_HOLD)


def bench_table(figures: list[Figure]) -> Table:
    """The figures beside what they should be."""
    table = _table("what", "profile", "ratio", "target", "", "raw", "engine")
    for figure in figures:
        met = "[green]met[/]" if figure.met else "[red]missed[/]"
        table.add_row(
            figure.what,
            figure.profile,
            f"{figure.ratio:.2f}",
            f"{figure.comparison} {figure.target}",
            met,
            f"{figure.raw_us:.1f}",
            f"{figure.engine_us:.1f}",
        )
    table.caption = (
        "Microseconds a message; two cores: one beside two, then two raw threads beside two."
    )
    return table


def _sizes_table(rows: list[MessageSizes]) -> Table:
    table = _table("profile", "status", "certificate", "digest", "full")
    for row in rows:
        style = _STATUS_STYLE.get(row.status, "magenta")
        table.add_row(
            row.profile,
            f"[{style}]{row.status}[/]",
            str(row.certificate),
            str(row.digest_spdu),
            str(row.full_certificate_spdu),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", box=box.HORIZONTALS, show_edge=False, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 else "right", overflow="fold")
    return table
