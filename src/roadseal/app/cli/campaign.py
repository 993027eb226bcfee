"""`roadseal campaign`: roll a change out over a fleet, and stop it in time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadseal.app.cli.campaign_common import (
    Firmware,
    Module,
    Name,
    Seed,
    Vendor,
    is_simulated,
    open_campaign,
    open_fleet,
    progress,
)
from roadseal.app.cli.campaign_incident import incident
from roadseal.app.cli.campaign_network import check_rotation, named_rotation, network_executor
from roadseal.app.cli.campaign_simulated import EPILOGUE, REHEARSED, rehearse, simulate, site_of
from roadseal.app.cli.campaign_view import show_forecast, show_report
from roadseal.app.cli.database import Database, FleetDatabase
from roadseal.app.cli.output import AsJson, counted, say
from roadseal.errors import RoadsealError, why_unreadable

if TYPE_CHECKING:
    from roadseal.fleet import Campaign, CampaignReport, Executor
    from roadseal.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)

_NETWORK_BATCH = 1000  # units answer side by side, and a batch waits for the slowest


@app.command()
def enlist(
    file: Annotated[Path, typer.Argument(help="CSV: id, vendor, firmware, module.")],
    db: Database = "campaign.db",
    est_only: Annotated[
        bool, typer.Option("--est-only", help="They renew over EST and fetch no orders.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Record the devices that there are.

    Example: [bold]roadseal campaign enlist fleet.csv[/]
    """
    from roadseal.fleet import enlist as record
    from roadseal.fleet import read_inventory
    from roadseal.operate.pki.est.units import enlist_foreign

    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            "fleet-inventory",
            f"{file} cannot be read: {why_unreadable(error)}.",
            advice="Give a CSV file in UTF-8 with the columns id, vendor and firmware.",
        ) from None
    devices = read_inventory(text, str(file))
    store = open_fleet(db)
    count = record(store, devices)
    if est_only:
        enlist_foreign(store, [one.id for one in devices])
    row = {"devices": count, "est_only": est_only}
    say(f"{counted(count, 'device')} enlisted", row, as_json=as_json)


@app.command()
def plan(
    name: Name,
    db: FleetDatabase = "campaign.db",
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
    from roadseal.events import unheard
    from roadseal.fleet import Campaign, Gate, Plan, select
    from roadseal.operate.pki.rotation import rotation_change
    from roadseal.operate.pki.rotation_plan import record_rotation
    from roadseal.pilot.fleet.costs import measure_costs

    store = open_fleet(db)
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
    with progress() as tell:
        tell("measuring costs", 0.0)
        change = rotation_change(drop_root=drop_root, costs=measure_costs())
        tell("measuring costs", 1.0)
    devices = select(store, vendor=vendor, firmware=firmware, module=module)
    Campaign.create(store, name, change, wanted, devices, clock=SystemClock(), emit=unheard)
    if rotation is not None:
        record_rotation(store, name, rotation)
    dry_run(name, db, as_json)


@app.command("dry-run")
def dry_run(name: Name, db: FleetDatabase = "campaign.db", as_json: AsJson = False) -> None:
    """Show what a campaign would take: bytes, CPU and calendar, wave by wave.

    Example: [bold]roadseal campaign dry-run spring[/]
    """
    from roadseal.fleet.state import campaign_row

    expected = campaign_row(open_fleet(db), name).forecast
    if as_json:
        typer.echo(json.dumps(expected, indent=1))
    else:
        show_forecast(name, expected)


@app.command()
def start(name: Name, db: FleetDatabase = "campaign.db", as_json: AsJson = False) -> None:
    """Begin; workers do the rest.

    Example: [bold]roadseal campaign start spring[/]
    """
    campaign = open_campaign(db, name)
    campaign.start()
    text = f"{name} has started: `roadseal campaign work {name}` does its work."
    say(text, _phase(campaign), as_json=as_json)


@app.command()
def pause(name: Name, db: FleetDatabase = "campaign.db", as_json: AsJson = False) -> None:
    """Hand out nothing more until `resume`.

    Example: [bold]roadseal campaign pause spring[/]
    """
    campaign = open_campaign(db, name)
    campaign.pause()
    text = f"{name} is paused: `roadseal campaign resume {name}` goes on."
    say(text, _phase(campaign), as_json=as_json)


@app.command()
def resume(
    name: Name,
    stratum: Annotated[str | None, typer.Option(help="A halted one: vendor/firmware.")] = None,
    db: FleetDatabase = "campaign.db",
    as_json: AsJson = False,
) -> None:
    """Go on after a pause; or begin again with a stratum that was halted.

    Example: [bold]roadseal campaign resume spring --stratum boreal/7.0[/]
    """
    campaign = open_campaign(db, name)
    campaign.resume(stratum)
    say(f"{stratum or name} goes on.", _phase(campaign), as_json=as_json)


@app.command()
def abort(name: Name, db: FleetDatabase = "campaign.db", as_json: AsJson = False) -> None:
    """Stop for good; what devices have done stays.

    Example: [bold]roadseal campaign abort spring[/]
    """
    campaign = open_campaign(db, name)
    campaign.abort()
    say(f"{name} is aborted, for good.", _phase(campaign), as_json=as_json)


@app.command("leave-out")
def leave_out(
    name: Name,
    stratum: Annotated[str, typer.Argument(help="A halted one: vendor/firmware.")],
    db: FleetDatabase = "campaign.db",
    as_json: AsJson = False,
) -> None:
    """Go on without a halted stratum, for good.

    Example: [bold]roadseal campaign leave-out spring boreal/7.0[/]
    """
    campaign = open_campaign(db, name)
    campaign.leave_out(stratum)
    say(f"{name} goes on without {stratum}.", _phase(campaign), as_json=as_json)


@app.command()
def rollback(name: Name, db: FleetDatabase = "campaign.db", as_json: AsJson = False) -> None:
    """Take back what can be; exits with 1 if a stratum has begun to retire the old.

    Example: [bold]roadseal campaign rollback spring[/]
    """
    campaign = open_campaign(db, name)
    kept = campaign.rollback()
    stays = [f"{stratum} has begun to retire the old certificates and stays" for stratum in kept]
    text = "\n".join(stays) or f"{name} goes back: `roadseal campaign work {name}` does it."
    say(text, {**_phase(campaign), "kept": kept}, as_json=as_json)
    if kept:
        raise typer.Exit(1)


@app.command()
def work(
    name: Name,
    db: FleetDatabase = "campaign.db",
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

    campaign, clock = open_campaign(db, name), SystemClock()
    executor: Executor = (
        site_of(db).executor()
        if is_simulated(campaign.store)
        else network_executor(campaign.store, name, answer_s=answer, lease_s=campaign.plan.lease_s)
    )
    batch = BATCH if is_simulated(campaign.store) else _NETWORK_BATCH
    ends_s = clock.monotonic_s() + until
    with progress() as tell:
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
def status(name: Name, db: FleetDatabase = "campaign.db", as_json: AsJson = False) -> None:
    """Show where the strata stand.

    Exits with 1 if one is halted.

    Example: [bold]roadseal campaign status spring[/]
    """
    from roadseal.app.cli.campaign_view import show_status

    campaign = open_campaign(db, name)
    strata, tallies = campaign.strata(), campaign.tally()
    stages = [stage.name for stage in campaign.change.stages]
    simulated = is_simulated(campaign.store)
    show_status(str(campaign.phase), strata, tallies, stages, simulated=simulated, as_json=as_json)
    if any(str(one.phase) in ("halted", "rolled-back") for one in strata):
        raise typer.Exit(1)


@app.command("report")
def report_(name: Name, db: FleetDatabase = "campaign.db", as_json: AsJson = False) -> None:
    """Compare what happened with what the dry run expected.

    Exits with 1 if a device failed, with 3 if the campaign is not finished.

    Example: [bold]roadseal campaign report spring[/]
    """
    store = open_fleet(db)
    seen = _report(store, name)
    _show(seen, store, as_json)
    if seen.states.get("failed"):
        raise typer.Exit(1)
    if seen.phase != "finished":
        raise typer.Exit(3)


app.command()(incident)
app.command(epilog=EPILOGUE)(simulate)
app.command(epilog=REHEARSED)(rehearse)


def _phase(campaign: Campaign) -> dict[str, object]:
    return {"campaign": campaign.name, "phase": str(campaign.phase)}


def _report(store: Store, name: str) -> CampaignReport:
    from roadseal.clock import SystemClock
    from roadseal.fleet import report

    return report(store, name, SystemClock().now())


def _show(seen: CampaignReport, store: Store, as_json: bool) -> None:
    simulated = is_simulated(store)
    if as_json:
        typer.echo(json.dumps({**seen.to_json(), "simulated": simulated}, indent=1))
    else:
        show_report(seen, simulated=simulated)


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
