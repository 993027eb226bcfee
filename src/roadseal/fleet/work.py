"""Workers: claim tasks, have them performed, write down what came of it.

On PostgreSQL workers run side by side and skip what another has locked; on SQLite they queue for
the single writer. A claim is a lease: the tasks of a worker that was killed come back when it ends.
A report counts only for the claim it was made under.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock, Time64
from roadseal.fleet.campaign import Campaign
from roadseal.fleet.change import Executor, Order, Report
from roadseal.fleet.decide import Stratum, Task, TaskState, advance
from roadseal.fleet.record import CampaignPhase
from roadseal.fleet.state import claimable, read_strata
from roadseal.fleet.tables import CAMPAIGN, TASK

BATCH: Final = 100
_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that this worker holds, and what is to be done."""

    task: Task
    order: Order


def work(campaign: Campaign, executor: Executor, clock: Clock, *, batch: int = BATCH) -> int:
    """Claim, perform and settle one batch; returns how many orders were performed."""
    claims = claim(campaign, clock.now(), batch)
    steps: dict[str, list[Claim]] = {}
    for one in claims:
        steps.setdefault(one.order.step, []).append(one)
    for some in steps.values():
        reports = executor.perform([one.order for one in some])
        settle(campaign, some, reports, clock.now())
    return len(claims)


def claim(campaign: Campaign, now: Time64, limit: int = BATCH) -> list[Claim]:
    """Take up to `limit` tasks that are due; those of offline devices come last."""
    lease = Time64(now + round(campaign.plan.lease_s * MICROSECONDS_PER_SECOND))
    with campaign.store.writing() as connection:
        if _phase(connection, campaign) != CampaignPhase.RUNNING:
            return []
        strata = {one.name: one for one in read_strata(connection, campaign.name)}
        rows = connection.execute(
            TASK.select()
            .where(
                TASK.c.campaign == campaign.name,
                TASK.c.due <= now,
                TASK.c.lease_until <= now,
                claimable([*strata.values()]),
            )
            .order_by(TASK.c.offline, TASK.c.due)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if rows:
            devices = [row.device for row in rows]
            connection.execute(
                TASK.update()
                .where(TASK.c.campaign == campaign.name, TASK.c.device.in_(devices))
                .values(lease_until=lease, fence=TASK.c.fence + 1)
            )
    return [_claim(campaign, row, strata[row.stratum], lease) for row in rows]


def settle(
    campaign: Campaign, claims: Sequence[Claim], reports: Sequence[Report], now: Time64
) -> None:
    """Write down what came of the orders, for the claims that still hold."""
    rows = []
    for one, report in zip(claims, reports, strict=True):
        task = advance(campaign.plan, campaign.change, one.task, report, now)
        rows.append(
            {
                "of_device": task.device,
                "of_fence": one.order.fence,
                "to_stage": task.stage,
                "to_step": task.step,
                "to_state": task.state,
                "to_offline": task.offline,
                "to_attempts": task.attempts,
                "to_due": task.due,
                "to_detail": task.detail[:500],
                "more_bytes": report.bytes_sent,
                "more_cpu_us": round(report.cpu_s * _MICRO),
            }
        )
    if not rows:
        return
    update = (
        TASK.update()
        .where(
            TASK.c.campaign == campaign.name,
            TASK.c.device == sa.bindparam("of_device"),
            TASK.c.fence == sa.bindparam("of_fence"),
        )
        .values(
            stage=sa.bindparam("to_stage"),
            step=sa.bindparam("to_step"),
            state=sa.bindparam("to_state"),
            offline=sa.bindparam("to_offline"),
            attempts=sa.bindparam("to_attempts"),
            due=sa.bindparam("to_due"),
            detail=sa.bindparam("to_detail"),
            bytes_sent=TASK.c.bytes_sent + sa.bindparam("more_bytes"),
            cpu_us=TASK.c.cpu_us + sa.bindparam("more_cpu_us"),
            lease_until=0,
        )
    )
    with campaign.store.writing() as connection:
        _phase(connection, campaign)
        connection.execute(update, sorted(rows, key=lambda row: str(row["of_device"])))


def _phase(connection: sa.Connection, campaign: Campaign) -> str | None:
    """The campaign's phase, kept as it is until the transaction ends.

    Workers share the lock and whoever steers holds it alone: two that update many rows in different
    orders would wait for each other.
    """
    return connection.scalar(
        sa.select(CAMPAIGN.c.phase)
        .where(CAMPAIGN.c.name == campaign.name)
        .with_for_update(read=True)
    )


def _claim(campaign: Campaign, row: Any, stratum: Stratum, lease: Time64) -> Claim:
    task = Task(
        row.device,
        row.stage,
        row.step,
        TaskState(row.state),
        row.offline,
        row.attempts,
        Time64(row.due),
        row.detail,
    )
    stage = campaign.change.stages[task.stage]
    undoing = task.state is TaskState.UNDOING
    step = (stage.undo if undoing else stage.steps)[task.step].name
    key = f"{campaign.name}/{stratum.round}/{task.device}/{step}"
    return Claim(task, Order(task.device, step, key, row.fence + 1, lease))
