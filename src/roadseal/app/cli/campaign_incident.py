"""`roadseal campaign incident`: whom a compromised key module concerns, and what to do at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roadseal.app.cli.campaign_common import Firmware, Module, Vendor, open_fleet
from roadseal.app.cli.campaign_view import show_incident
from roadseal.app.cli.database import FleetDatabase
from roadseal.app.cli.output import AsJson
from roadseal.app.cli.pki_common import passphrase
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.fleet import Device


def incident(
    vendor: Vendor = None,
    firmware: Firmware = None,
    module: Module = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke and block; else look.")] = False,
    authority: Annotated[str, typer.Option(help="Whose certificates.")] = "issuing-classical",
    profile: Annotated[str, typer.Option(help="Its crypto profile.")] = "classical-2016",
    db: FleetDatabase = "campaign.db",
    as_json: AsJson = False,
) -> None:
    """A key module is compromised: show whom it concerns; with --revoke, revoke and block.

    Afterwards plan a campaign of a new name for the same devices.

    Example: [bold]roadseal campaign incident --module hsm-b[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.crypto import load_profile
    from roadseal.events import unheard
    from roadseal.fleet import select
    from roadseal.operate.pki import Authority
    from roadseal.operate.pki.incident import affected, revoke_affected

    if (vendor, firmware, module) == (None, None, None):
        raise RoadsealError(
            "fleet-selection",
            "An incident without a selection would be the whole fleet.",
            advice="Give --module, --vendor or --firmware.",
        )
    store, clock = open_fleet(db), SystemClock()
    chosen: list[Device] = select(store, vendor=vendor, firmware=firmware, module=module)
    found = affected(store, authority, chosen, clock.now())
    if revoke and found:
        signer = Authority.open(
            store,
            authority,
            passphrase=passphrase(),
            profile=load_profile(profile),
            clock=clock,
            emit=unheard,
        )
        revoke_affected(signer, found)
    show_incident(len(chosen), found, revoked=revoke, as_json=as_json)
