"""The command line: `roadseal VERB …`.

Exit codes: 0 holds · 1 does not hold · 2 usage · 3 incomplete evidence.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from roadseal.errors import RoadsealError

_VERBS = {
    "assess": "From a file to a register and its report, in one command.",
    "cbom": "Cryptographic bills of materials: CycloneDX out, in, and checked.",
    "estate": "What stands at the roadside, from a city's own files.",
    "campaign": "Roll a change out over a fleet: waves, gates, halt, rollback.",
    "pilot": "Measure the five approaches on a corridor.",
    "pki": "Identities on the wire: issue, revoke, see what ends soon.",
    "policy": "What authorities ask of cryptography, by when, and where they disagree.",
    "profile": "Which cryptography is produced and accepted, and what comes next.",
    "qkd": "Keys from light: links, key stores, ETSI GS QKD 014.",
    "register": "What is exposed to a quantum computer, why, and what moves first.",
    "x509": "Certificates on the wire: chains, signatures, reasons.",
    "scan": "Which cryptography is in files, images and captures, and what was not read.",
    "scms": "V2X authorities: enrolment, tickets, pseudonyms, revocation lists.",
    "v2x": "Secured messages and certificates of IEEE 1609.2 / ETSI TS 103 097.",
}


class _LazyGroup(TyperGroup):
    """Imports a verb's module when it is called: `roadseal v2x` does not load the pilot."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(_VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(f"roadseal.app.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.help = _VERBS[cmd_name]
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=__doc__.splitlines()[0],
)


@app.callback()
def _root() -> None:
    pass


def main() -> None:
    """Run the command line; a mistake the user can mend is one sentence and one advice."""
    try:
        app()
    except RoadsealError as error:
        code, message, advice = (
            escape(part) for part in (f"[{error.code}]", error.message, error.advice)
        )
        Console(stderr=True).print(
            f"[bold red]error[/] {code} {message}\n[bold]→[/] {advice}",
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(2)
