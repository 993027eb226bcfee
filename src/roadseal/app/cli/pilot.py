"""`roadseal pilot`: measure the approaches on a corridor."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from roadseal.app.cli.faults import USAGE
from roadseal.app.cli.output import AsJson
from roadseal.app.cli.pilot_radio import radio
from roadseal.crypto.toml_source import TomlError
from roadseal.errors import RoadsealError

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)
scenario_app = typer.Typer(no_args_is_help=True, help="Look at scenario files.")
app.add_typer(scenario_app, name="scenario")
app.command()(radio)


@app.command()
def run(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A TOML scenario or a SUMO *.sumocfg; the embedded corridor if absent."
        ),
    ] = None,
    approach: Annotated[
        list[str] | None,
        typer.Option(help="An approach by name or path, again for more; `all` is the five."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Of everything random.")
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(min=10, max=86_400, help="Simulated seconds.", show_default=False),
    ] = None,
    impair: Annotated[
        Literal["relay", "netem"] | None,
        typer.Option(
            help="What makes backhaul links: a relay that models them, for anyone, or the "
            "kernel's netem, for root.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where results go.")] = Path("out/pilot"),
    cache: Annotated[
        Path | None, typer.Option(help="Where traces and this machine's costs are kept.")
    ] = None,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="Measure this machine's costs again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run every approach on the same traffic and compare.

    Writes report.html, results.json and raw/*.parquet. Vehicles, radio and link media are simulated
    and labelled so; messages, certificates, decisions and TLS sessions are real.

    Example: [bold]roadseal pilot run --approach all --seed 1 --duration 600 --out out/demo[/]
    """
    from roadseal.pilot.approach import named_approaches
    from roadseal.pilot.raw import write_raw
    from roadseal.pilot.report import write_report
    from roadseal.pilot.run import run_pilot
    from roadseal.pilot.scenario_file import load_scenario
    from roadseal.pilot.table import comparison_table

    setup = load_scenario(scenario)
    if approach:
        setup = replace(setup, approaches=named_approaches(approach))
    if seed is not None:
        setup = replace(setup, seed=seed)
    if duration is not None:
        setup = replace(setup, duration_s=duration)
    if impair is not None:
        setup = replace(setup, impairment=impair)
    cache = cache or _cache()
    for directory in (out, cache):
        _make_writable(directory)
    errors = Console(stderr=True)
    with _progress(errors) as progress:
        tasks: dict[str, Any] = {}

        def tell(what: str, share: float) -> None:
            kind = what.partition(":")[0]
            if kind not in tasks:
                tasks[kind] = progress.add_task(what, total=1.0)
            progress.update(tasks[kind], description=what, completed=share)

        done = run_pilot(setup, cache_dir=cache, recalibrate=recalibrate, tell=tell)
        results = out / "results.json"
        results.write_text(done.results.to_json(), "utf-8")
        write_raw(done.on_air, out / "raw")
        shutil.copyfile(done.calibration, out / "calibration.json")
        tell("drawing the report", 0.0)
        report = out / "report.html"
        write_report(done.results, done.corridor, setup.links, report)
        tell("drawing the report", 1.0)
    if as_json:
        typer.echo(done.results.to_json())
        return
    console = Console()
    console.print(comparison_table(done.results))
    console.print(
        f"\nreport   {report}\nresults  {results}\nraw      {out / 'raw'}", highlight=False
    )


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A results.json, or the directory of a run.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """Show what differs between two runs, measure by measure.

    Exits with 0 if nothing differs and with 1 if something does.

    Example: [bold]roadseal pilot compare out/monday out/tuesday[/]
    """
    from roadseal.pilot.difference import differences, settings

    first, second = _results(a), _results(b)
    found = differences(first, second)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], indent=1))
    elif not found:
        Console().print("The two runs have the same figures.")
    else:
        table = Table("measure", "approach", str(a), str(b), "difference")
        for row in found:
            table.add_row(row.label, row.approach, *row.texts)
        Console().print(table)
        for setting in settings(first, second):
            Console(soft_wrap=True).print(f"The runs differ in {setting}", markup=False)
    raise typer.Exit(1 if found else 0)


@scenario_app.command()
def check(
    file: Annotated[str, typer.Argument(help="A TOML scenario.")], as_json: AsJson = False
) -> None:
    """Check a scenario and show what it would run, and which of its settings are defaults.

    Every mistake is told at once, with its line and the remedy; --json writes them to standard
    error, too.

    Exit codes: 0 it is a scenario · 2 it is none.

    Example: [bold]roadseal pilot scenario check corridor.toml[/]
    """
    try:
        setup, written = _checked(file)
    except RoadsealError as error:
        if not as_json:
            raise
        typer.echo(
            json.dumps({"errors": [_mistake(one) for one in error.each]}, indent=1), err=True
        )
        raise typer.Exit(USAGE) from None
    defaults = [name for name in setup if name not in written]
    if as_json:
        typer.echo(json.dumps({**setup, "defaults": defaults}, indent=1))
        return
    table = Table("setting", "value", "from", title=f"{file} is a scenario")
    for name, value in setup.items():
        table.add_row(name, str(value), "default" if name in defaults else "")
    Console().print(table)


def _checked(file: str) -> tuple[dict[str, Any], frozenset[str]]:
    """The settings of a scenario that can run, and the names of those that do not come of defaults.

    Raises:
        RoadsealError: it cannot run; every mistake of the file is in it.
    """
    from roadseal.pilot.scenario_check import check_scenario
    from roadseal.pilot.scenario_file import written_settings

    scenario, corridor = check_scenario(file)
    setup = {**asdict(scenario), "signals": len(corridor.signals)}
    return setup, written_settings(file) | {"signals"}


def _mistake(error: RoadsealError) -> dict[str, Any]:
    line = error.line if isinstance(error, TomlError) else None
    return {"code": error.code, "line": line, "message": error.message, "advice": error.advice}


def _make_writable(directory: Path) -> None:
    """Make it if need be: a run takes minutes, and shall not fail when they are over."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise RoadsealError(
            "directory-unwritable",
            f"Nothing can be written into {str(directory)!r}: {error.strerror}.",
            advice="Choose another place with --out or --cache, or ask for the right to write.",
        ) from None


def _results(path: Path) -> Any:
    from roadseal.pilot.measures import Results

    file = path / "results.json" if path.is_dir() else path
    try:
        return Results.from_json(file.read_text("utf-8"))
    except OSError as error:
        raise RoadsealError(
            "results-missing",
            f"{file} cannot be read: {error.strerror}.",
            advice="Give the directory of a run, or its results.json.",
        ) from None
    except (KeyError, TypeError, ValueError):
        raise RoadsealError(
            "results-unreadable",
            f"{file} is not a results.json of this version.",
            advice="Run the pilot again with this version.",
        ) from None


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "roadseal"


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
