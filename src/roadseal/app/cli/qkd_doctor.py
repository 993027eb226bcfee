"""`roadseal qkd doctor`: a KME examined clause by clause."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.app.cli.qkd_kme import Profile, sae_context, split_url
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.qkd.doctor import Finding

_STYLES = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


def doctor(
    url: Annotated[str, typer.Argument(help="Of the master's KME: https://host:port")],
    as_master: Annotated[Path, typer.Option(help="PEM: certificate, chain, key of one SAE.")],
    as_slave: Annotated[Path, typer.Option(help="PEM of the other; may be the same.")],
    roots: Annotated[
        Path | None, typer.Option(help="PEM: whom both trust; default: the CAs in the SAE's PEM.")
    ] = None,
    slave_url: Annotated[str, typer.Option(help="Of the slave's KME; default: the same.")] = "",
    kme: Annotated[list[str] | None, typer.Option(help="KME IDs; default: the hosts.")] = None,
    profile: Profile = "hybrid-transition",
    as_json: AsJson = False,
) -> None:
    """Examine any server of ETSI GS QKD 014 with two identities. Consumes some keys.

    Exits with 1 if a check failed, with 3 if none failed but some could not be made.

    Example: [bold]roadseal qkd doctor https://127.0.0.1:8443 --as-master a.pem --as-slave b.pem
    --slave-url https://127.0.0.1:9443 --roots ca.pem --kme KME_A --kme KME_B[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.net import HttpClient
    from roadseal.net.pem import load_identity
    from roadseal.operate.qkd.doctor import Outcome, Patient, examine
    from roadseal.operate.qkd.etsi014 import sae_identity

    ends = []
    for address, cert in ((url, as_master), (slave_url or url, as_slave)):
        host, port = split_url(address)
        name = sae_identity(load_identity(cert).certificate)
        if name is None:
            raise RoadsealError(
                "qkd-sae-unnamed",
                f"{cert} names no single SAE.",
                advice="Give a certificate with one URI as its alternative name, or one CN.",
            )
        context = sae_context(cert, roots or cert, profile)
        names = kme or [host]
        ends.append((name, HttpClient(host, port, context, clock=SystemClock(), expect=names)))
    console = Console(stderr=True)

    async def run() -> list[Finding]:
        (master, first), (slave, second) = ends
        with console.status("examining"):
            try:
                return await examine(Patient(first, second, master, slave))
            finally:
                await first.close()
                await second.close()

    findings = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        table = Table("clause", "what must hold", "", "seen", caption="ETSI GS QKD 014 V1.1.1")
        for finding in findings:
            style = _STYLES[finding.outcome]
            table.add_row(
                finding.clause,
                finding.title,
                f"[{style}]{finding.outcome}[/]",
                escape(finding.detail),
            )
        Console().print(table)
    outcomes = {finding.outcome for finding in findings}
    raise typer.Exit(1 if Outcome.FAILED in outcomes else 3 if Outcome.SKIPPED in outcomes else 0)
