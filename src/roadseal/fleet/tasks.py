"""Moving many tasks at once: started, released, called back, begun again, left.

Each raises the fence of what it takes out of a worker's hands, so that no report on it counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.fleet.change import Change
from roadseal.fleet.decide import Phase, Stratum, TaskState
from roadseal.fleet.tables import CAMPAIGN, TASK


def lock_all(connection: sa.Connection) -> None:
    """Hold every campaign as it is until the transaction ends."""
    connection.execute(sa.select(CAMPAIGN.c.name).order_by(CAMPAIGN.c.name).with_for_update()).all()


def overlapping(connection: sa.Connection, campaign: str, phases: Sequence[str]) -> str | None:
    """Another campaign in one of `phases` that has a device of this one."""
    mine = sa.select(TASK.c.device).where(TASK.c.campaign == campaign)
    return connection.scalar(
        sa.select(CAMPAIGN.c.name)
        .join(TASK, TASK.c.campaign == CAMPAIGN.c.name)
        .where(CAMPAIGN.c.name != campaign, CAMPAIGN.c.phase.in_(phases), TASK.c.device.in_(mine))
        .limit(1)
    )


def raise_fences(connection: sa.Connection, campaign: str, now: Time64) -> None:
    """Begin above every fence that devices may have seen.

    The time in seconds goes in too: a database restored from an older copy has forgotten fences,
    and a device is claimed less than once a second.
    """
    highest = connection.scalar(sa.select(sa.func.max(TASK.c.fence))) or 0
    connection.execute(
        TASK.update()
        .where(TASK.c.campaign == campaign)
        .values(fence=max(highest + 1, now // MICROSECONDS_PER_SECOND))
    )


def release(
    connection: sa.Connection,
    campaign: str,
    strata: Sequence[Stratum],
    now: Time64,
    spread_s: float,
) -> None:
    """Make ready whoever waits in an open wave; also who comes late to an earlier one."""
    is_open = [
        sa.and_(
            TASK.c.stratum == one.name,
            sa.or_(
                TASK.c.stage < one.stage,
                sa.and_(TASK.c.stage == one.stage, TASK.c.wave <= one.wave),
            ),
        )
        for one in strata
        if one.phase in (Phase.RUNNING, Phase.SOAKING, Phase.FINISHED)
    ]
    spread_us = round(spread_s * MICROSECONDS_PER_SECOND)
    connection.execute(
        TASK.update()
        .where(
            TASK.c.campaign == campaign,
            TASK.c.state == TaskState.WAITING,
            sa.or_(sa.false(), *is_open),
        )
        .values(
            state=TaskState.READY,
            due=sa.cast(now + TASK.c.jitter * spread_us, sa.BigInteger),
        )
    )


def call_back(
    connection: sa.Connection, campaign: str, at: Stratum, change: Change, now: Time64
) -> None:
    """Mark for undoing whoever has begun the stage, after the lease of who is at it."""
    to = TaskState.UNDOING if change.stages[at.stage].undo else TaskState.UNDONE
    states = (TaskState.READY, TaskState.FAILED, TaskState.UNDOING, TaskState.FINISHED)
    begun = sa.or_(
        sa.and_(TASK.c.stage == at.stage, TASK.c.state.in_(states)),
        sa.and_(TASK.c.stage == at.stage + 1, TASK.c.state == TaskState.WAITING),
    )
    connection.execute(
        TASK.update()
        .where(*_of(campaign, at.name), begun)
        .values(
            state=to,
            stage=at.stage,
            step=0,
            attempts=0,
            due=sa.case((TASK.c.lease_until > now, TASK.c.lease_until), else_=now),
            fence=TASK.c.fence + 1,
        )
    )


def leave_early(connection: sa.Connection, campaign: str, at: Stratum) -> None:
    """Leave who has not come to the stage yet where it is."""
    connection.execute(
        TASK.update()
        .where(*_of(campaign, at.name), TASK.c.stage < at.stage, TASK.c.state == TaskState.READY)
        .values(state=TaskState.UNDONE, offline=False, fence=TASK.c.fence + 1)
    )


def begin_again(connection: sa.Connection, campaign: str, at: Stratum) -> None:
    """Let everybody who has not done the stage wait for its first wave."""
    states = (TaskState.FAILED, TaskState.UNDONE, TaskState.UNDOING, TaskState.READY)
    connection.execute(
        TASK.update()
        .where(*_of(campaign, at.name), TASK.c.stage <= at.stage, TASK.c.state.in_(states))
        .values(state=TaskState.WAITING, step=0, attempts=0, offline=False, fence=TASK.c.fence + 1)
    )


def leave(connection: sa.Connection, campaign: str, stratum: str) -> None:
    """Leave everybody where it is; who is being taken back still is."""
    connection.execute(
        TASK.update()
        .where(*_of(campaign, stratum), TASK.c.state.in_((TaskState.READY, TaskState.WAITING)))
        .values(state=TaskState.UNDONE, offline=False, fence=TASK.c.fence + 1)
    )


def _of(campaign: str, stratum: str) -> tuple[sa.ColumnElement[bool], ...]:
    return TASK.c.campaign == campaign, TASK.c.stratum == stratum
