"""`roadseal assess`: the whole way from a file to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from roadseal.app.cli.output import AsJson, write_json_line
from roadseal.errors import RoadsealError

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)


@app.callback()
def _root() -> None:
    pass


@app.command()
def demo(
    city: Annotated[
        Path | None, typer.Argument(help="A city's file; without one the embedded corridor.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for everything that is written.")
    ] = Path("out/assess"),
    as_json: AsJson = False,
) -> None:
    """Import, scan, register, report: on the embedded corridor or on any city's file.

    Exits as `roadseal register build` does: 3 while something is unknown or was not looked at.

    Example: [bold]roadseal assess demo signals.csv --out out/city[/]
    """
    from roadseal.app.cli.register import exit_code
    from roadseal.app.demo.assess import assess_city, assess_corridor
    from roadseal.clock import SystemClock

    console, clock = Console(stderr=as_json), SystemClock()

    def say(what: str) -> None:
        console.print(
            f"[dim]{clock.monotonic_s() - start_s:5.1f} s[/] {escape(what)}", highlight=False
        )

    start_s = clock.monotonic_s()
    try:
        out.mkdir(parents=True, exist_ok=True)
        done = assess_city(city, out, clock, say) if city else assess_corridor(out, clock, say)
    except OSError as error:
        raise RoadsealError(
            "assess-file", f"{out} cannot be written: {error.strerror}.", advice="Check the folder."
        ) from None
    counts = ", ".join(f"{tier} {count:,}" for tier, count in done.register.counts().items())
    observed = len({each.location.uri for each in done.findings})
    say(f"{counts}; {len(done.findings)} findings in {observed} places")
    if as_json:
        row = {
            "report": str(out / "register.html"),
            "register": str(out / "register.json"),
            "tiers": done.register.counts(),
            "findings": len(done.findings),
            "places": observed,
            "complete": done.register.document["coverage"]["complete"],
        }
        write_json_line(row)
    else:
        console.print(f"[bold]{escape(str(out / 'register.html'))}[/]", soft_wrap=True)
    raise typer.Exit(exit_code(done.register))
