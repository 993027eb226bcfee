"""`roadseal scan`: which cryptography is in these files, and what was not looked at."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.app.cli.scan_probe import LiveOptions, joined, run_live
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.assess.inventory.scan import ScanResult

app = typer.Typer(rich_markup_mode="rich", add_completion=False)

_INCOMPLETE = 3
_COLOURS = {
    "broken-today": "bold red",
    "unknown": "magenta",
    "shor": "yellow",
    "grover": "cyan",
    "none": "green",
}
_KEY_BYTES = 32


@app.command()
def scan(
    targets: Annotated[
        list[Path] | None, typer.Argument(help="Folders, files, images, captures.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result here, as JSON.")] = None,
    as_json: AsJson = False,
    jobs: Annotated[
        int, typer.Option(min=1, max=64, help="Processes; default: one for each core.")
    ] = os.cpu_count() or 1,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds that one file may take.")
    ] = 20,
    memory_limit: Annotated[int, typer.Option(min=64, help="MiB that one file may take.")] = 1024,
    gaps: Annotated[int, typer.Option(min=0, help="How many gaps to list.")] = 20,
    probe: Annotated[
        list[str] | None, typer.Option(help="Live: ADDRESS:PORT, ssh://…, or @FILE of them.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Live: a network that may be asked.")
    ] = None,
    active: Annotated[bool, typer.Option("--active", help="Live: really send packets.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Live: only say what would be sent.")
    ] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Live: every group, scheme and version.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.01, help="Live: connections a second.")] = 10,
) -> None:
    """Find certificates, keys, configurations and cryptography in firmware and captures.

    No link out of a target is followed, and no key is stored: a keyed hash tells keys apart.
    Nothing is sent without --active, and then only to what --probe names inside what --allow
    names. Exits with 3 if something was not read, or nothing was there to read.

    Example: [bold]roadseal scan configs/ firmware.bin --out findings.json[/]
    """
    from roadseal.assess.inventory.collector import Context, Limits
    from roadseal.assess.inventory.scan import scan as run
    from roadseal.assess.inventory.scan_file import write_scan
    from roadseal.assess.register.writing import write_whole
    from roadseal.clock import SystemClock

    targets = targets or []
    if not targets and not probe:
        raise RoadsealError(
            "no-target",
            "Nothing is named.",
            advice="Name files or folders, or --probe ADDRESS:PORT.",
        )
    live = None
    if probe or active:
        options = LiveOptions(probe or [], allow or [], active, dry_run, thorough, rate)
        live = run_live(options)
        if live is None:
            return
    for target in targets:
        if not target.exists():
            raise RoadsealError(
                "no-target", f"{target} does not exist.", advice="Name a file or a folder."
            )
    context = Context(Limits(time_s=time_limit, memory_bytes=memory_limit << 20), _identity_key())
    with _Bar() as bar:
        result = run(
            targets,
            context,
            SystemClock(),
            workers=jobs,
            total=bar.total,
            progress=bar.advance,
        )
    if live:
        result = joined(result, *live)
    text = write_scan(result)
    if out:
        write_whole(out, [text])
    if as_json:
        typer.echo(text, nl=False)
    else:
        _show(Console(), result, gaps)
    if not result.coverage.complete:
        raise typer.Exit(_INCOMPLETE)


def _identity_key() -> bytes:
    """Return this installation's secret, made at the first scan: results stay comparable."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    path = state / "roadseal" / "scan-identity.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)  # whoever comes second takes the first one's
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        key = path.read_bytes()
    except OSError as error:
        raise RoadsealError(
            "scan-identity",
            f"The identity key {path} cannot be kept: {error.strerror}.",
            advice="Set XDG_STATE_HOME to a folder that can be written.",
        ) from None
    if len(key) != _KEY_BYTES:
        raise RoadsealError(
            "scan-identity",
            f"The identity key {path} has {len(key)} octets, not {_KEY_BYTES}.",
            advice="Remove it; the next scan makes one, and its key identities will differ.",
        )
    return key


class _Bar:
    """Files read, rate and time left, on a terminal's stderr after two seconds."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        from roadseal.clock import SystemClock

        console = Console(stderr=True)
        self._clock = SystemClock()
        self._start_s = self._clock.monotonic_s()
        self._octets = 0
        self._progress = Progress(
            TextColumn("scanning"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("files · {task.fields[rate]} · left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("scanning", total=None, rate="")
        self._shown = False

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.stop()

    def total(self, files: int) -> None:
        self._progress.update(self._task, total=files)

    def advance(self, files: int, octets: int) -> None:
        self._octets += octets
        elapsed_s = self._clock.monotonic_s() - self._start_s
        rate = f"{self._octets / 1e6 / max(elapsed_s, 1e-3):.0f} MB/s"
        self._progress.update(self._task, advance=files, rate=rate)
        if not self._shown and elapsed_s > 2:
            self._progress.start()
            self._shown = True


def _show(console: Console, result: ScanResult, gaps: int) -> None:
    from roadseal.assess.inventory.classifier import classify

    uses: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for finding in result.findings:
        for use in finding.algorithms:
            key = (use.name, use.role.value)
            uses[key] += 1
            place = finding.location
            line = f":{place.line}" if place.line else ""
            examples.setdefault(key, f"{place.uri}{line}")
    table = Table("Bearing", "Algorithm", "Role", "First seen at", box=None)
    table.add_column("Uses", justify="right")
    rows = sorted(uses.items(), key=lambda row: (-classify(row[0][0]).bearing.badness, -row[1]))
    for (name, role), count in rows:
        bearing = classify(name).bearing.value
        colour = _COLOURS[bearing]
        table.add_row(
            f"[{colour}]{bearing}[/]", escape(name), role, escape(examples[name, role]), str(count)
        )
    if rows:
        console.print(table)
    coverage = result.coverage
    console.print(
        f"[bold]{len(result.findings)}[/] findings in [bold]{coverage.read}[/] files, "
        f"{coverage.read_bytes / 1e6:.1f} MB.",
        highlight=False,
    )
    if coverage.gaps:
        console.print(f"[yellow]Not looked at[/]: {len(coverage.gaps)}", highlight=False)
        for gap in coverage.gaps[:gaps]:
            console.print(
                f"  {gap.cause.value}  {escape(gap.location.uri)}: {escape(gap.detail)}",
                highlight=False,
                soft_wrap=True,
            )
        if len(coverage.gaps) > gaps:
            console.print("  … all of them with --gaps or --json.")
    elif not coverage.read:
        console.print("[yellow]There was nothing to read: this proves nothing.[/]")
