"""`roadseal campaign`: roll a change out over a fleet, and stop it in time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from roadseal.app.cli.campaign_network import check_rotation, named_rotation, network_executor
from roadseal.app.cli.campaign_view import show_forecast, show_incident, show_rehearsal, show_report
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.fleet import Campaign, CampaignReport, Device, Executor
    from roadseal.pilot.fleet.site import Site
    from roadseal.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

Database = Annotated[str, typer.Option("--db", envvar="ROADSEAL_DB", help="Path or URL.")]
Name = Annotated[str, typer.Argument(help="The campaign's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]
Vendor = Annotated[str | None, typer.Option(help="Only devices of this vendor.")]
Firmware = Annotated[str | None, typer.Option(help="Only devices with this firmware.")]
Module = Annotated[str | None, typer.Option(help="Only devices with this key module.")]
Devices = Annotated[int, typer.Option("--devices", min=1, max=100_000, help="Simulated units.")]
Seed = Annotated[int, typer.Option("--seed", help="Of strata, order and faults.")]

_NETWORK_BATCH = 1000  # units answer side by side, and a batch waits for the slowest
_EPILOGUE = "Units reached from here are simulated; keys, certificates and authorities are real."


@app.command()
def enlist(
    file: Annotated[Path, typer.Argument(help="CSV: id, vendor, firmware, module.")],
    db: Database = "campaign.db",
    est_only: Annotated[
        bool, typer.Option("--est-only", help="They renew over EST and fetch no orders.")
    ] = False,
) -> None:
    """Record the devices that there are.

    Example: [bold]roadseal campaign enlist fleet.csv[/]
    """
    from roadseal.fleet import enlist as record
    from roadseal.fleet import read_inventory
    from roadseal.operate.pki.est_units import enlist_foreign

    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            "fleet-inventory", f"{file} cannot be read as UTF-8.", advice=f"Check it: {error}."
        ) from None
    devices = read_inventory(text, str(file))
    store = _store(db)
    typer.echo(f"{record(store, devices)} devices enlisted")
    if est_only:
        enlist_foreign(store, [one.id for one in devices])


@app.command(epilog=_EPILOGUE)
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
    from roadseal.events import EventLog
    from roadseal.pilot.fleet.provision import provision
    from roadseal.pilot.fleet.site import create_site
    from roadseal.pilot.fleet.units import FaultShares, defective

    site = create_site(db, _passphrase(), SystemClock(), EventLog())
    with _progress() as tell:
        shares = FaultShares() if faults else FaultShares(0, 0, 0)
        provision(site, devices, seed, shares, lambda share: tell("units", share))
    found = {"simulated": True, "devices": devices, "defective": len(defective(site.store))}
    typer.echo(
        json.dumps(found)
        if as_json
        else f"{devices} simulated units, {found['defective']} of them defective"
    )


@app.command()
def plan(
    name: Name,
    db: Database = "campaign.db",
    vendor: Vendor = None,
    firmware: Firmware = None,
    module: Module = None,
    waves: Annotated[
        str, typer.Option(help="Cumulative, in each stratum: counts or percent, up to 100%.")
    ] = "59,5%,25%,100%",
    soak: Annotated[float, typer.Option(help="Seconds that a passed wave is watched.")] = 3600,
    spread: Annotated[float, typer.Option(help="Seconds over which a wave starts.")] = 600,
    patience: Annotated[float, typer.Option(help="Seconds until too few reports halt.")] = 86_400,
    max_failures: Annotated[float, typer.Option(help="Percent of a wave's reports.")] = 0.5,
    min_reports: Annotated[float, typer.Option(help="Percent of a wave's devices.")] = 90,
    rollback: Annotated[bool, typer.Option(help="Take a halted stratum back by itself.")] = True,
    drop_root: Annotated[bool, typer.Option("--drop-root", help="A root rollover.")] = False,
    new: Annotated[
        str | None, typer.Option("--to", help="Authority to move units on the network to.")
    ] = None,
    old: Annotated[str, typer.Option("--from", help="Authority that they are with.")] = "issuing",
    profile: Annotated[str, typer.Option(help="What new certificates must hold under.")] = (
        "pqc-2030"
    ),
    old_profile: Annotated[str, typer.Option("--from-profile", help="Of the old authority.")] = (
        "classical-2016"
    ),
    algorithm: Annotated[
        str | None, typer.Option(help="Of the new keys; default: the profile's first.")
    ] = None,
    lease: Annotated[float, typer.Option(help="Seconds that a worker may hold a task.")] = 300,
    retry: Annotated[float, typer.Option(help="Seconds before a second attempt.")] = 60,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Lay down a rotation of certificates; nothing begins.

    With --to it is for units on the network, whose agents fetch their orders from `pki serve`;
    without, for the simulated units of this database.

    Example: [bold]roadseal campaign plan spring --waves 59,5%,25%,100% --soak 3600[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.events import EventLog
    from roadseal.fleet import Campaign, Gate, Plan, select
    from roadseal.operate.pki.rotation import rotation_change
    from roadseal.operate.pki.rotation_plan import record_rotation
    from roadseal.pilot.fleet.costs import measure_costs

    store = _store(db)
    wanted = Plan(
        waves=_waves(waves),
        gate=Gate(max_failures / 100, min_reports / 100, soak, patience),
        automatic_rollback=rollback,
        spread_s=spread,
        lease_s=lease,
        retry_s=retry,
        seed=seed,
    )
    rotation = named_rotation(old, old_profile, new, profile, algorithm) if new else None
    if rotation is not None:
        check_rotation(store, rotation)
    with _progress() as tell:
        tell("measuring costs", 0.0)
        change = rotation_change(drop_root=drop_root, costs=measure_costs())
        tell("measuring costs", 1.0)
    devices = select(store, vendor=vendor, firmware=firmware, module=module)
    Campaign.create(store, name, change, wanted, devices, clock=SystemClock(), emit=EventLog())
    if rotation is not None:
        record_rotation(store, name, rotation)
    dry_run(name, db, as_json)


@app.command("dry-run")
def dry_run(name: Name, db: Database = "campaign.db", as_json: AsJson = False) -> None:
    """Show what a campaign would take: bytes, CPU and calendar, wave by wave.

    Example: [bold]roadseal campaign dry-run spring[/]
    """
    from roadseal.fleet.state import campaign_row

    expected = campaign_row(_store(db), name).forecast
    if as_json:
        typer.echo(json.dumps(expected, indent=1))
    else:
        show_forecast(name, expected)


@app.command()
def start(name: Name, db: Database = "campaign.db") -> None:
    """Begin; workers do the rest.

    Example: [bold]roadseal campaign start spring[/]
    """
    _open(db, name).start()


@app.command()
def pause(name: Name, db: Database = "campaign.db") -> None:
    """Hand out nothing more until `resume`.

    Example: [bold]roadseal campaign pause spring[/]
    """
    _open(db, name).pause()


@app.command()
def resume(
    name: Name,
    stratum: Annotated[str | None, typer.Option(help="A halted one: vendor/firmware.")] = None,
    db: Database = "campaign.db",
) -> None:
    """Go on after a pause; or begin again with a stratum that was halted.

    Example: [bold]roadseal campaign resume spring --stratum boreal/7.0[/]
    """
    _open(db, name).resume(stratum)


@app.command()
def abort(name: Name, db: Database = "campaign.db") -> None:
    """Stop for good; what devices have done stays.

    Example: [bold]roadseal campaign abort spring[/]
    """
    _open(db, name).abort()


@app.command("leave-out")
def leave_out(
    name: Name,
    stratum: Annotated[str, typer.Argument(help="A halted one: vendor/firmware.")],
    db: Database = "campaign.db",
) -> None:
    """Go on without a halted stratum, for good.

    Example: [bold]roadseal campaign leave-out spring boreal/7.0[/]
    """
    _open(db, name).leave_out(stratum)


@app.command()
def rollback(name: Name, db: Database = "campaign.db") -> None:
    """Take back what can be; exits with 1 if a stratum has begun to retire the old.

    Example: [bold]roadseal campaign rollback spring[/]
    """
    kept = _open(db, name).rollback()
    for stratum in kept:
        typer.echo(f"{stratum} has begun to retire the old certificates and stays")
    if kept:
        raise typer.Exit(1)


@app.command()
def work(
    name: Name,
    db: Database = "campaign.db",
    until: Annotated[float, typer.Option(help="Stop after so many seconds.")] = 3600,
    answer: Annotated[
        float, typer.Option(help="Seconds to wait for units; longer than they poll.")
    ] = 75,
    as_json: AsJson = False,
) -> None:
    """Steer the campaign and do its work.

    If it was planned with --to, on units on the network: their agents fetch orders from
    `pki serve` on the same database. Otherwise on the simulated units of this database.
    Several may run at once. Exits with 1 if a stratum is halted, with 3 if there is more to do.

    Example: [bold]roadseal campaign work spring[/]
    """
    import time

    from roadseal.clock import SystemClock
    from roadseal.fleet import CampaignPhase
    from roadseal.fleet import work as perform
    from roadseal.fleet.work import BATCH

    campaign, clock = _open(db, name), SystemClock()
    executor: Executor = (
        _site(db).executor()
        if _simulated(campaign.store)
        else network_executor(campaign.store, name, answer_s=answer)
    )
    batch = BATCH if _simulated(campaign.store) else _NETWORK_BATCH
    ends_s = clock.monotonic_s() + until
    with _progress() as tell:
        while clock.monotonic_s() < ends_s:
            campaign.steer()
            if perform(campaign, executor, clock, batch=batch):
                tell("devices", _done(campaign))
                continue
            campaign.steer()
            if campaign.phase is not CampaignPhase.RUNNING or campaign.next_due() is None:
                break
            time.sleep(0.2)
    seen = _report(campaign.store, name)
    _show(seen, campaign.store, as_json)
    if any(str(one.phase) in ("halted", "rolled-back") for one in campaign.strata()):
        raise typer.Exit(1)
    if seen.phase != CampaignPhase.FINISHED:
        raise typer.Exit(3)


@app.command()
def status(name: Name, db: Database = "campaign.db", as_json: AsJson = False) -> None:
    """Show where the strata stand.

    Exits with 1 if one is halted.

    Example: [bold]roadseal campaign status spring[/]
    """
    from roadseal.app.cli.campaign_view import show_status

    campaign = _open(db, name)
    strata, tallies = campaign.strata(), campaign.tally()
    stages = [stage.name for stage in campaign.change.stages]
    simulated = _simulated(campaign.store)
    show_status(str(campaign.phase), strata, tallies, stages, simulated=simulated, as_json=as_json)
    if any(str(one.phase) in ("halted", "rolled-back") for one in strata):
        raise typer.Exit(1)


@app.command("report")
def report_(name: Name, db: Database = "campaign.db", as_json: AsJson = False) -> None:
    """Compare what happened with what the dry run expected.

    Exits with 1 if a device failed, with 3 if the campaign is not finished.

    Example: [bold]roadseal campaign report spring[/]
    """
    store = _store(db)
    seen = _report(store, name)
    _show(seen, store, as_json)
    if seen.states.get("failed"):
        raise typer.Exit(1)
    if seen.phase != "finished":
        raise typer.Exit(3)


@app.command()
def incident(
    vendor: Vendor = None,
    firmware: Firmware = None,
    module: Module = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke and block; else look.")] = False,
    authority: Annotated[str, typer.Option(help="Whose certificates.")] = "issuing-classical",
    profile: Annotated[str, typer.Option(help="Its crypto profile.")] = "classical-2016",
    db: Database = "campaign.db",
    as_json: AsJson = False,
) -> None:
    """A key module is compromised: show whom it concerns; with --revoke, revoke and block.

    Afterwards plan a campaign of a new name for the same devices.

    Example: [bold]roadseal campaign incident --module hsm-b[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.crypto import load_profile
    from roadseal.events import EventLog
    from roadseal.fleet import select
    from roadseal.operate.pki import SCHEMA, Authority
    from roadseal.operate.pki.incident import affected, revoke_affected
    from roadseal.store import open_store

    if (vendor, firmware, module) == (None, None, None):
        raise RoadsealError(
            "fleet-selection",
            "An incident without a selection would be the whole fleet.",
            advice="Give --module, --vendor or --firmware.",
        )
    store, clock = _store(db), SystemClock()
    open_store(db, SCHEMA).close()
    chosen: list[Device] = select(store, vendor=vendor, firmware=firmware, module=module)
    found = affected(store, authority, chosen, clock.now())
    if revoke and found:
        signer = Authority.open(
            store,
            authority,
            passphrase=_passphrase(),
            profile=load_profile(profile),
            clock=clock,
            emit=EventLog(),
        )
        revoke_affected(signer, found)
    show_incident(len(chosen), found, revoked=revoke, as_json=as_json)


@app.command(epilog="Units, faults and time are simulated; see `docs/campaigns.md`.")
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
    with TemporaryDirectory() as folder, _progress() as tell:
        found = play(db or str(Path(folder) / "rehearsal.db"), wanted, tell)
    show_rehearsal(found, as_json=as_json)
    if not found.holds:
        raise typer.Exit(1)


def _store(db: str) -> Store:
    from roadseal.fleet import SCHEMA
    from roadseal.operate.pki import SCHEMA as PKI
    from roadseal.store import open_store

    return open_store(db, SCHEMA, PKI)


def _open(db: str, name: str) -> Campaign:
    from roadseal.clock import SystemClock
    from roadseal.events import EventLog
    from roadseal.fleet import Campaign
    from roadseal.fleet.state import campaign_row
    from roadseal.operate.pki.rotation import ROOT_ROLLOVER, rotation_change

    store = _store(db)
    change = rotation_change(drop_root=campaign_row(store, name).change == ROOT_ROLLOVER)
    return Campaign.open(store, name, change, clock=SystemClock(), emit=EventLog())


def _site(db: str) -> Site:
    from roadseal.clock import SystemClock
    from roadseal.events import EventLog
    from roadseal.pilot.fleet.site import open_site

    return open_site(db, _passphrase(), SystemClock(), EventLog())


def _report(store: Store, name: str) -> CampaignReport:
    from roadseal.clock import SystemClock
    from roadseal.fleet import report

    return report(store, name, SystemClock().now())


def _show(seen: CampaignReport, store: Store, as_json: bool) -> None:
    simulated = _simulated(store)
    if as_json:
        typer.echo(json.dumps({**seen.to_json(), "simulated": simulated}, indent=1))
    else:
        show_report(seen, simulated=simulated)


def _simulated(store: Store) -> bool:
    """Whether the units of this database are simulated ones."""
    import sqlalchemy as sa

    return sa.inspect(store.engine).has_table("pilot_unit")


def _done(campaign: Campaign) -> float:
    states = _report(campaign.store, campaign.name).states
    return states.get("finished", 0) / max(sum(states.values()), 1)


def _waves(text: str) -> tuple[int | float, ...]:
    waves: list[int | float] = []
    for part in text.split(","):
        number = part.strip().removesuffix("%")
        try:
            waves.append(float(number) / 100 if part.strip().endswith("%") else int(number))
        except ValueError:
            raise RoadsealError(
                "campaign-plan",
                f"{part!r} is neither a count nor a percentage.",
                advice="Write waves like 59,5%,25%,100%.",
            ) from None
    return tuple(waves)


def _passphrase() -> bytes:
    if passphrase := os.environ.get("ROADSEAL_PKI_PASSPHRASE"):
        return passphrase.encode()
    raise RoadsealError(
        "pki-passphrase",
        "The authorities' keys need a passphrase.",
        advice="Set ROADSEAL_PKI_PASSPHRASE.",
    )


@contextmanager
def _progress() -> Iterator[Any]:
    """Progress bars on standard error, one for each thing that is told of."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, Any] = {}

        def tell(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=1.0)
            progress.update(tasks[what], completed=share)

        yield tell
