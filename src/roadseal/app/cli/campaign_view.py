"""Campaigns as tables for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.clock import to_datetime

if TYPE_CHECKING:
    from roadseal.fleet import CampaignReport, Compared, Stratum, Tally
    from roadseal.operate.pki.incident import Affected
    from roadseal.pilot.fleet import Rehearsal

_COLOURS = {"finished": "green", "halted": "red", "rolled-back": "red", "rolling-back": "yellow"}
_SHOWN = 20
_SIMULATED = " [yellow](units are simulated)[/]"


def show_forecast(name: str, expected: Mapping[str, Any]) -> None:
    """The calendar of a campaign, and its sums."""
    table = Table("From", "To", "Stage", "Stratum", "Wave", "Devices", box=None)
    for wave in expected["calendar"]:
        table.add_row(
            duration(wave["begins_s"]),
            duration(wave["ends_s"]),
            wave["stage"],
            escape(wave["stratum"]),
            str(wave["wave"]),
            str(wave["devices"]),
        )
    console = Console()
    console.print(table)
    console.print(
        f"[bold]{escape(name)}[/]: {expected['devices']} devices, "
        f"{size(expected['bytes_sent'])} on their links, {expected['cpu_s']:.1f} s of CPU, "
        f"{duration(expected['duration_s'])} if nothing goes wrong",
        highlight=False,
    )


def show_status(
    phase: str,
    strata: Sequence[Stratum],
    tallies: Mapping[str, Tally],
    stages: Sequence[str],
    *,
    simulated: bool,
    as_json: bool,
) -> None:
    """Where each stratum stands."""
    if as_json:
        rows = [
            {**asdict(one), "stage": stages[one.stage], "tally": asdict(tallies[one.name])}
            for one in strata
        ]
        typer.echo(json.dumps({"phase": phase, "simulated": simulated, "strata": rows}, indent=1))
        return
    table = Table("Stratum", "Phase", "Stage", "Wave", "Done", "Failed", "Offline", "Why", box=None)
    for one in strata:
        tally = tallies[one.name]
        colour = _COLOURS.get(str(one.phase), "default")
        table.add_row(
            escape(one.name),
            f"[{colour}]{one.phase}[/]",
            stages[one.stage],
            f"{one.wave + 1}/{len(one.wave_sizes)}",
            f"{tally.succeeded}/{one.wave_sizes[one.wave]}",
            str(tally.failed),
            str(tally.deferred),
            escape(one.reason),
        )
    console = Console()
    console.print(f"The campaign is [bold]{phase}[/]{_SIMULATED if simulated else ''}")
    console.print(table)


def show_report(seen: CampaignReport, *, simulated: bool) -> None:
    """Expected beside measured, who is in trouble, and what was decided."""
    console = Console()
    states = ", ".join(f"{count} {state}" for state, count in seen.states.items())
    console.print(f"[bold]{escape(seen.name)}[/] ({seen.change}) is {seen.phase}: {states}")
    if simulated:
        console.print(_SIMULATED.strip())
    table = Table("", "expected", "measured", box=None)
    for one in seen.figures:
        table.add_row(one.name, _figure(one, one.expected), _figure(one, one.measured))
    console.print(table)
    for device, detail in list(seen.troubled.items())[:_SHOWN]:
        console.print(f"  {escape(device)}: {escape(detail)}", highlight=False)
    if len(seen.troubled) > _SHOWN:
        console.print(f"  and {len(seen.troubled) - _SHOWN} more; --json has them all")
    for event in seen.journal:
        if event.kind in ("campaign.halted", "campaign.rolled-back", "campaign.resumed"):
            reason = escape(str(event.facts.get("reason", "")))
            time = f"{to_datetime(event.time):%Y-%m-%d %H:%M}"
            kind = event.kind.removeprefix("campaign.")
            console.print(f"  {time} {escape(event.subject)} {kind} {reason}", highlight=False)


def show_incident(devices: int, found: Sequence[Affected], *, revoked: bool, as_json: bool) -> None:
    """Whom an incident concerns."""
    if as_json:
        rows = [asdict(one) for one in found]
        typer.echo(json.dumps({"devices": devices, "revoked": revoked, "affected": rows}, indent=1))
        return
    table = Table("Device", "Serial", "Ends (UTC)", box=None)
    for one in found[:_SHOWN]:
        ends = f"{to_datetime(one.not_after):%Y-%m-%d %H:%M}"
        table.add_row(escape(one.identity), f"[dim]{one.serial}[/]", ends)
    done = "revoked, their keys blocked" if revoked else "in force; nothing was done"
    console = Console()
    console.print(table)
    console.print(f"[bold]{len(found)}[/] certificates of {devices} devices are {done}")


def show_rehearsal(found: Rehearsal, *, as_json: bool) -> None:
    """What a rehearsal showed."""
    if as_json:
        typer.echo(json.dumps({**asdict(found), "holds": found.holds}, indent=1))
        return
    halts = ", ".join(f"{stratum} in wave {wave}" for stratum, _, wave in found.halts) or "none"
    rows = (
        ("units migrated", f"{found.migrated} of {found.devices}"),
        ("over real EST", str(found.over_est)),
        ("ever without a valid certificate", str(found.without_certificate)),
        ("serials issued twice", str(found.duplicate_serials)),
        ("units with two certificates at the end", str(found.doubled_units)),
        ("defective units", str(found.defective)),
        ("halts", escape(halts)),
        ("authority killed", f"{found.ca_kills} times"),
        ("worker killed", f"{found.worker_kills} times"),
        ("units offline at the start", str(found.offline_at_start)),
        ("wrong clocks", str(found.wrong_clocks)),
        ("this machine", f"{found.wall_s:.0f} s, {found.cpu_s:.0f} s of CPU"),
        ("simulated time, dry run", duration(found.forecast_s)),
        ("simulated time, with the faults", duration(found.simulated_s)),
        ("bytes, dry run", size(found.forecast_bytes)),
        ("bytes, with the faults", size(found.bytes_sent)),
        ("revocation reaches 99 %", f"after {found.reach.p99_s:.0f} s"),
        ("status list of all", size(found.reach.status_bytes)),
    )
    table = Table("Simulated fleet", "", box=None)
    for name, value in rows:
        table.add_row(name, value)
    console = Console()
    console.print(table)
    console.print("[green]every promise was kept[/]" if found.holds else "[red]not every one[/]")


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(93784)
    '1 d 02:03:04'
    """
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {clock}" if days else clock


def size(octets: float) -> str:
    """Octets as people say them.

    >>> size(12_400_000)
    '12.4 MB'
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if octets >= factor:
            return f"{octets / factor:.1f} {unit}"
    return f"{octets:.0f} B"


def _figure(one: Compared, value: float | None) -> str:
    if value is None:
        return "-"
    match one.unit:
        case "B":
            return size(value)
        case "s":
            return duration(value) if one.name == "duration" else f"{value:.1f} s"
    return f"{value:.0f}"
