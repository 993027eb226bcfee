"""`roadseal campaign simulate` and `rehearse`: campaigns on units that are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadseal.app.cli.campaign_common import Devices, Seed, progress
from roadseal.app.cli.campaign_view import show_rehearsal
from roadseal.app.cli.database import Database
from roadseal.app.cli.output import AsJson
from roadseal.app.cli.pki_common import passphrase

if TYPE_CHECKING:
    from roadseal.pilot.fleet.site import Site

EPILOGUE = "Units reached from here are simulated; keys, certificates and authorities are real."
REHEARSED = "Units, faults and time are simulated; see `docs/campaigns.md`."


def simulate(
    devices: Devices = 300,
    seed: Seed = 1,
    faults: Annotated[bool, typer.Option(help="Some are offline, defective, or late.")] = True,
    db: Database = "campaign.db",
    as_json: AsJson = False,
) -> None:
    """Make a simulated fleet with real classical certificates, to try a campaign on.

    The passphrase of its authorities is in ROADSEAL_PKI_PASSPHRASE.

    Example: [bold]roadseal campaign simulate --devices 300[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.events import unheard
    from roadseal.pilot.fleet.provision import provision
    from roadseal.pilot.fleet.site import create_site
    from roadseal.pilot.fleet.units import FaultShares, defective

    site = create_site(db, passphrase(), SystemClock(), unheard)
    with progress() as tell:
        shares = FaultShares() if faults else FaultShares(0, 0, 0)
        provision(site, devices, seed, shares, lambda share: tell("units", share))
    found = {"simulated": True, "devices": devices, "defective": len(defective(site.store))}
    typer.echo(
        json.dumps(found)
        if as_json
        else f"{devices} simulated units, {found['defective']} of them defective"
    )


def rehearse(
    devices: Devices = 300,
    seed: Seed = 1,
    est: Annotated[float, typer.Option(help="Percent of units that enrol over real EST.")] = 2,
    db: Annotated[
        str | None, typer.Option("--db", help="An empty database; a temporary one if absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play a whole campaign on a simulated fleet, with every fault at once.

    Exits with 1 if a promise was not kept: each unit migrated, none ever without a valid
    certificate, no serial twice, the defect halted in its first wave, revocation within 60 s.

    Example: [bold]roadseal campaign rehearse --devices 300 --seed 1[/]
    """
    from tempfile import TemporaryDirectory

    from roadseal.pilot.fleet import RehearsalPlan
    from roadseal.pilot.fleet import rehearse as play

    wanted = RehearsalPlan(devices=devices, seed=seed, est_share=est / 100)
    with TemporaryDirectory() as folder, progress() as tell:
        found = play(db or str(Path(folder) / "rehearsal.db"), wanted, tell)
    show_rehearsal(found, as_json=as_json)
    if not found.holds:
        raise typer.Exit(1)


def site_of(db: str) -> Site:
    """The centre of the simulated fleet in this database."""
    from roadseal.clock import SystemClock
    from roadseal.events import unheard
    from roadseal.pilot.fleet.site import open_site

    return open_site(db, passphrase(), SystemClock(), unheard)
