"""`roadseal pki agent`: the agent of a unit on the network."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadseal.app.cli.output import AsJson, tell

if TYPE_CHECKING:
    from roadseal.operate.pki.unit.device import Credential
    from roadseal.operate.pki.unit.runner import Unit

agent_app = typer.Typer(no_args_is_help=True, help="The agent of a unit on the network.")

Config = Annotated[Path, typer.Option("--config", help="The unit's TOML file.")]


@agent_app.command()
def run(
    config: Config,
    once: Annotated[bool, typer.Option("--once", help="Do what is due, and end.")] = False,
) -> None:
    """Keep a unit's certificate alive, and perform the orders of campaigns.

    ROADSEAL_UNIT_PASSPHRASE, if there is one, seals the unit's keys. With --once, exits with 1 if
    the unit is without a certificate then.

    Example: [bold]roadseal pki agent run --config unit.toml[/]
    """
    unit = _unit(config)

    async def go() -> None:
        work = asyncio.ensure_future(_once(unit) if once else unit.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        await asyncio.wait([work])
        if not work.cancelled():
            work.result()

    asyncio.run(go())
    if once and unit.state.preferred is None:
        raise typer.Exit(1)


@agent_app.command()
def show(config: Config, as_json: AsJson = False) -> None:
    """Show what a stopped unit has on its disk; exits with 1 if it has no certificate.

    Example: [bold]roadseal pki agent show --config unit.toml[/]
    """
    unit = _unit(config)
    state = unit.state
    found = {
        "identity": state.identity,
        "preferred": _credential(state.preferred),
        "beside": _credential(state.beside),
        "roots": len(state.trust),
        "fence": state.fence,
    }
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        for name, value in found.items():
            shown = value or "none"
            if isinstance(value, dict):
                shown = f"{value['algorithm']} by {value['issuer']} until {value['until']}"
            typer.echo(f"{name:10} {shown}")
    if state.preferred is None:
        raise typer.Exit(1)


async def _once(unit: Unit) -> None:
    await unit.wake()


def _unit(config: Path) -> Unit:
    from roadseal.clock import SystemClock
    from roadseal.operate.pki.unit.config import read_unit_config
    from roadseal.operate.pki.unit.files import UnitFiles
    from roadseal.operate.pki.unit.runner import Unit

    found = read_unit_config(config)
    passphrase = os.environ.get("ROADSEAL_UNIT_PASSPHRASE", "").encode() or None
    return Unit(found, UnitFiles(found.folder, passphrase), SystemClock(), tell)


def _credential(credential: Credential | None) -> dict[str, str] | None:
    from roadseal.operate.pki.keys import algorithm_of

    if credential is None:
        return None
    leaf = credential.loaded
    return {
        "serial": credential.serial,
        "algorithm": algorithm_of(leaf.public_key()) or "unknown",
        "issuer": ", ".join(str(one.value) for one in leaf.issuer),
        "until": leaf.not_valid_after_utc.isoformat(),
    }
