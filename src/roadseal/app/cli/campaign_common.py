"""What every `roadseal campaign` command needs: options, the database, progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from roadseal.fleet import Campaign
    from roadseal.store import Store

Name = Annotated[str, typer.Argument(help="The campaign's name.")]
Vendor = Annotated[str | None, typer.Option(help="Only devices of this vendor.")]
Firmware = Annotated[str | None, typer.Option(help="Only devices with this firmware.")]
Module = Annotated[str | None, typer.Option(help="Only devices with this key module.")]
Devices = Annotated[int, typer.Option("--devices", min=1, max=100_000, help="Simulated units.")]
Seed = Annotated[int, typer.Option("--seed", help="Of strata, order and faults.")]


def open_fleet(db: str) -> Store:
    """The database of campaigns, and of the authorities that they rotate."""
    from roadseal.fleet import SCHEMA
    from roadseal.operate.pki import SCHEMA as PKI
    from roadseal.store import open_store

    return open_store(db, SCHEMA, PKI)


def open_campaign(db: str, name: str) -> Campaign:
    """A campaign that `plan` laid down."""
    from roadseal.clock import SystemClock
    from roadseal.events import unheard
    from roadseal.fleet import Campaign
    from roadseal.fleet.state import campaign_row
    from roadseal.operate.pki.rotation import ROOT_ROLLOVER, rotation_change

    store = open_fleet(db)
    change = rotation_change(drop_root=campaign_row(store, name).change == ROOT_ROLLOVER)
    return Campaign.open(store, name, change, clock=SystemClock(), emit=unheard)


def is_simulated(store: Store) -> bool:
    """Whether the units of this database are simulated ones."""
    import sqlalchemy as sa

    return sa.inspect(store.engine).has_table("pilot_unit")


@contextmanager
def progress() -> Iterator[Any]:
    """Progress bars on standard error, one for each thing that is told of."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, Any] = {}

        def tell(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=1.0)
            shown.update(tasks[what], completed=share)

        yield tell
