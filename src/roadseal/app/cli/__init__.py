"""The command line: `roadseal VERB …`.

Exit codes: 0 holds · 1 does not hold · 2 usage · 3 incomplete evidence; 70 is a fault of Roadseal.
"""

from __future__ import annotations

import importlib
import os
import sys
from difflib import get_close_matches
from typing import Annotated, Any, NoReturn, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from roadseal import __version__
from roadseal.app.cli.faults import BROKEN_PIPE, described

_PANELS = {
    "Assess": {
        "assess": "From a file to a register and its report, in one command.",
        "estate": "What stands at the roadside, from a city's own files.",
        "scan": "Which cryptography is in files, images and captures, and what was not read.",
        "register": "What is exposed to a quantum computer, why, and what moves first.",
        "policy": "What authorities ask of cryptography, by when, and where they disagree.",
        "cbom": "Cryptographic bills of materials: CycloneDX out, in, and checked.",
    },
    "Pilot": {
        "pilot": "Measure the five approaches on a corridor.",
    },
    "Operate": {
        "pki": "Identities on the wire: issue, revoke, see what ends soon.",
        "campaign": "Roll a change out over a fleet: waves, gates, halt, rollback.",
        "scms": "V2X authorities: enrolment, tickets, pseudonyms, revocation lists.",
        "qkd": "Keys from light: links, key stores, ETSI GS QKD 014.",
    },
    "Look at one thing": {
        "v2x": "Secured messages and certificates of IEEE 1609.2 / ETSI TS 103 097.",
        "x509": "Certificates on the wire: chains, signatures, reasons.",
        "profile": "Which cryptography is produced and accepted, and what comes next.",
    },
}
_VERBS = {verb: (panel, says) for panel, verbs in _PANELS.items() for verb, says in verbs.items()}


class _LazyGroup(TyperGroup):
    """Imports a verb's module when it is called: `roadseal v2x` does not load the pilot."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_VERBS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in _VERBS and (near := get_close_matches(args[0], _VERBS)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {' or '.join(map(repr, near))}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(f"roadseal.app.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        panel, says = _VERBS[cmd_name]
        if isinstance(command, TyperGroup | TyperCommand):
            command.rich_help_panel = panel
        command.short_help = says
        if isinstance(command, TyperGroup):  # a verb that is one command has more to say
            command.help = says
        command.name = cmd_name
        return command


_HELP = """Quantum-safe communication between vehicles and the road: assess, pilot, operate.

Exits with 0 if it holds, 1 if not, 2 for a mistake in the call or on the machine, 3 for incomplete
evidence, 70 for a fault of Roadseal itself. `--json` writes JSON to standard output, and nothing
else.

Example: [bold]roadseal assess demo signals.csv --out out/city[/]
"""

app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=_HELP,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"roadseal {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Which one.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; what goes wrong is one sentence and one advice on standard error."""
    for stream in (sys.stdout, sys.stderr):
        _take_any_character(stream)
    try:
        app()
    except SystemExit as stop:
        _leave(stop)
    except Exception as fault:
        if os.environ.get("ROADSEAL_TRACEBACK"):
            raise
        _fail(fault)


def _take_any_character(stream: TextIO) -> None:
    """A file's name or an old locale is no reason to stop in the middle of an output.

    A terminal shows what it can; files and programs get UTF-8 (for JSON: RFC 8259 clause 8.1).
    """
    if not (reconfigure := getattr(stream, "reconfigure", None)):
        return
    if stream.isatty() and not stream.encoding.lower().startswith("utf"):
        reconfigure(errors="replace")
    else:
        reconfigure(encoding="utf-8", errors="backslashreplace")


def _leave(stop: SystemExit) -> NoReturn:
    """End as the command wants, unless its output did not get where it should."""
    if isinstance(stop.__context__, BrokenPipeError):
        sys.exit(BROKEN_PIPE)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _fall_silent()
        sys.exit(BROKEN_PIPE)
    except OSError as fault:
        _fall_silent()
        _fail(fault)
    raise stop


def _fall_silent() -> None:
    """The interpreter flushes once more at its end, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(fault: Exception) -> NoReturn:
    error, status = described(fault)
    console = Console(stderr=True)
    for one in error.each:
        code, message, advice = (
            escape(part) for part in (f"[{one.code}]", one.message, one.advice)
        )
        console.print(
            f"[bold red]error[/] {code} {message}\n[bold]→[/] {advice}",
            highlight=False,
            soft_wrap=True,
        )
    sys.exit(status)
