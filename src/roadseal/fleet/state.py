"""The rows of a campaign as values: positions, tallies, what may be claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.fleet.decide import Phase, Stratum, Tally, TaskState
from roadseal.fleet.plan import Device, draw
from roadseal.fleet.tables import CAMPAIGN, STRATUM, TASK
from roadseal.store import Store


def campaign_row(store: Store, name: str) -> Any:
    """Return what the database has on a campaign.

    Raises:
        RoadsealError: ``campaign-unknown``.
    """
    with store.reading() as connection:
        row = connection.execute(CAMPAIGN.select().where(CAMPAIGN.c.name == name)).first()
    if row is None:
        raise RoadsealError(
            "campaign-unknown",
            f"There is no campaign called {name!r}.",
            advice="Make one with `roadseal campaign plan`.",
        )
    return row


def read_strata(connection: sa.Connection, campaign: str) -> list[Stratum]:
    """Where the strata of a campaign stand, by name."""
    rows = connection.execute(
        STRATUM.select().where(STRATUM.c.campaign == campaign).order_by(STRATUM.c.name)
    )
    return [
        Stratum(
            row.name,
            tuple(row.wave_sizes),
            row.stage,
            row.wave,
            Phase(row.phase),
            Time64(row.since),
            row.round,
            row.reason,
        )
        for row in rows
    ]


def tallies(
    connection: sa.Connection, campaign: str, strata: Sequence[Stratum]
) -> dict[str, Tally]:
    """What the newest wave of each stratum has reported: one pass over the tasks."""
    failing = sa.and_(TASK.c.attempts > 0, sa.not_(TASK.c.offline))
    by = (TASK.c.stratum, TASK.c.wave, TASK.c.stage, TASK.c.state, TASK.c.offline, failing)
    rows = connection.execute(
        sa.select(*by, sa.func.count()).where(TASK.c.campaign == campaign).group_by(*by)
    ).all()
    positions = {one.name: one for one in strata}
    counts: dict[str, dict[str, int]] = {one.name: {} for one in strata}
    for stratum, wave, stage, state, offline, is_failing, number in rows:
        at = positions[stratum]
        task = _Alike(wave, stage, TaskState(state), bool(offline), bool(is_failing))
        for kind in _kinds(at, task):
            counts[stratum][kind] = counts[stratum].get(kind, 0) + number
    return {name: Tally(**count) for name, count in counts.items()}


def claimable(strata: Sequence[Stratum]) -> sa.ColumnElement[bool]:
    """Which tasks may be worked on, seeing where their strata stand."""
    forward = (Phase.RUNNING, Phase.SOAKING, Phase.FINISHED, Phase.WAITING)
    back = (
        Phase.ROLLING_BACK,
        Phase.ROLLED_BACK,
        Phase.LEFT_OUT,
    )  # offline devices are taken back when they come
    return sa.or_(
        sa.and_(
            TASK.c.state == TaskState.READY,
            TASK.c.stratum.in_([one.name for one in strata if one.phase in forward]),
        ),
        sa.and_(
            TASK.c.state == TaskState.UNDOING,
            TASK.c.stratum.in_([one.name for one in strata if one.phase in back]),
        ),
    )


def stratum_row(campaign: str, stratum: Stratum) -> dict[str, Any]:
    """The row of a stratum."""
    return {**asdict(stratum), "campaign": campaign, "wave_sizes": list(stratum.wave_sizes)}


def new_tasks(
    campaign: str, groups: Mapping[str, Sequence[Device]], strata: Sequence[Stratum]
) -> list[dict[str, Any]]:
    """The rows of every device, waiting for its wave."""
    tasks = []
    for stratum in strata:
        waves = [wave for wave, size in enumerate(stratum.wave_sizes) for _ in range(size)]
        for device, wave in zip(groups[stratum.name], waves, strict=True):
            tasks.append(
                {
                    "campaign": campaign,
                    "device": device.id,
                    "stratum": stratum.name,
                    "wave": wave,
                    "jitter": draw(device.id, f"jitter/{campaign}"),
                    "stage": 0,
                    "step": 0,
                    "state": TaskState.WAITING,
                    "offline": False,
                    "attempts": 0,
                    "due": 0,
                    "fence": 0,
                    "lease_until": 0,
                    "detail": "",
                    "bytes_sent": 0,
                    "cpu_us": 0,
                }
            )
    return tasks


@dataclass(frozen=True, slots=True)
class _Alike:
    """Where the tasks stand that one row of the tally counts."""

    wave: int
    stage: int
    state: TaskState
    is_offline: bool
    is_failing: bool


def _kinds(at: Stratum, task: _Alike) -> list[str]:
    """How such tasks count in the tally of their stratum."""
    if at.phase is Phase.ROLLING_BACK:
        return ["undoing"] if task.state is TaskState.UNDOING and not task.is_offline else []
    if task.state is TaskState.FAILED:  # it has counted in its own stage
        kind = "failed" if task.wave == at.wave else "failed_before"
        return [kind] if task.stage == at.stage else []
    open_failing = task.is_failing and task.wave <= at.wave and task.state is TaskState.READY
    kinds = ["failing"] if open_failing else []
    if task.wave != at.wave:
        return kinds
    if task.stage > at.stage or task.state is TaskState.FINISHED:
        return ["succeeded"]
    return [*kinds, "deferred" if task.is_offline else "pending"]
