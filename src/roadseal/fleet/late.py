"""Orders that outlive the worker that gave them: a unit that was away may still take its own.

An order holds while its task waits for exactly this claim: nobody has claimed it since, nobody
called it back, its stratum goes on and its campaign runs.
"""

from __future__ import annotations

import sqlalchemy as sa

from roadseal.clock import Time64
from roadseal.fleet.record import CampaignPhase
from roadseal.fleet.state import claimable, read_strata
from roadseal.fleet.tables import CAMPAIGN, TASK


def still_holds(connection: sa.Connection, campaign: str, device: str, fence: int) -> bool:
    """Whether an order may still be handed to its device."""
    phase = sa.select(CAMPAIGN.c.phase).where(CAMPAIGN.c.name == campaign)
    if connection.scalar(phase) != CampaignPhase.RUNNING:
        return False
    found = connection.scalar(
        sa.select(TASK.c.device).where(
            *_claim(campaign, device, fence), claimable(read_strata(connection, campaign))
        )
    )
    return found is not None


def came_back(
    connection: sa.Connection, campaign: str, device: str, fence: int, now: Time64
) -> None:
    """A device that was given up as offline has answered: its task is due at once."""
    connection.execute(
        TASK.update()
        .where(*_claim(campaign, device, fence), TASK.c.offline, TASK.c.due > now)
        .values(due=now)
    )


def _claim(campaign: str, device: str, fence: int) -> tuple[sa.ColumnElement[bool], ...]:
    return TASK.c.campaign == campaign, TASK.c.device == device, TASK.c.fence == fence
