"""The decisions of a campaign: pure functions from state, reports and time to what comes next.

Strata go through the waves of a stage on their own; a stage may ask that every stratum has done
the one before. Nothing here reads a clock or a database.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.events import Fact
from roadseal.fleet.change import Change, Outcome, Report
from roadseal.fleet.plan import Plan, draw

_DAY_S: Final = 86_400.0
_NEVER: Final = Time64(0)


class Phase(StrEnum):
    """Where a stratum stands."""

    WAITING = "waiting"  # for other strata, or for the start
    RUNNING = "running"
    SOAKING = "soaking"
    HALTED = "halted"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    FINISHED = "finished"
    LEFT_OUT = "left-out"  # by an operator, for good


@dataclass(frozen=True, slots=True)
class Stratum:
    """The position of one stratum.

    Args:
        name: vendor and firmware.
        wave_sizes: devices in each wave.
        stage: index of the stage it is in.
        wave: index of the newest open wave of that stage.
        phase: what it is doing.
        since: when the phase began.
        round: raised with each new beginning after a halt; part of the idempotency keys.
        reason: why it halted.
    """

    name: str
    wave_sizes: tuple[int, ...]
    stage: int = 0
    wave: int = 0
    phase: Phase = Phase.WAITING
    since: Time64 = _NEVER
    round: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the newest wave of a stratum has reported in its stage.

    Args:
        succeeded: devices that have done the stage.
        failed: devices that failed in it.
        deferred: devices that are offline.
        failed_before: devices of its earlier waves that failed in the same stage.
        failing: devices of open waves that have failed and are tried again.
        pending: devices of which nothing is known yet, failing ones included.
        undoing: devices of the whole stratum that are still to be taken back and not offline.
    """

    succeeded: int = 0
    failed: int = 0
    failed_before: int = 0
    failing: int = 0
    deferred: int = 0
    pending: int = 0
    undoing: int = 0

    @property
    def reported(self) -> int:
        """Devices of which it is known."""
        return self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class Move:
    """A decision: a stratum's new position, and what to call it in the journal."""

    to: Stratum
    kind: str
    facts: Mapping[str, Fact]


def decide(
    plan: Plan, change: Change, strata: Sequence[Stratum], tallies: Mapping[str, Tally], now: Time64
) -> list[Move]:
    """Return the next move of each stratum that has one; call again until there is none."""
    going = [one.stage for one in strata if one.phase is not Phase.LEFT_OUT]
    slowest = min(going, default=0)
    moves = []
    for stratum in strata:
        move = _next(plan, change, stratum, tallies.get(stratum.name, Tally()), slowest, now)
        if move is not None:
            moves.append(move)
    return moves


def halt(plan: Plan, change: Change, stratum: Stratum, why: str, now: Time64) -> Move:
    """Stop a stratum; failures are also taken back if the plan says so and the stage can."""
    undo = plan.automatic_rollback and bool(change.stages[stratum.stage].undo)
    phase = Phase.ROLLING_BACK if undo else Phase.HALTED
    return Move(
        replace(stratum, phase=phase, since=now, reason=why), "campaign.halted", {"reason": why}
    )


def _next(
    plan: Plan, change: Change, stratum: Stratum, tally: Tally, slowest: int, now: Time64
) -> Move | None:
    match stratum.phase:
        case Phase.WAITING:
            must_wait = change.stages[stratum.stage].after_all and slowest < stratum.stage
            return None if must_wait else _open(change, stratum, stratum.stage, 0, now)
        case Phase.RUNNING | Phase.SOAKING:
            return _gate(plan, change, stratum, tally, now)
        case Phase.ROLLING_BACK if tally.undoing == 0:
            to = replace(stratum, phase=Phase.ROLLED_BACK, since=now)
            return Move(to, "campaign.rolled-back", {})
    return None


def _gate(plan: Plan, change: Change, stratum: Stratum, tally: Tally, now: Time64) -> Move | None:
    gate, size = plan.gate, stratum.wave_sizes[stratum.wave]
    elapsed_s = (now - stratum.since) / MICROSECONDS_PER_SECOND
    opened = sum(stratum.wave_sizes[: stratum.wave + 1])
    failed = tally.failed + tally.failed_before
    if failed > gate.max_failure_share * opened:  # whatever the rest will say
        why = f"{failed} of {opened} devices failed by wave {stratum.wave + 1}"
        return halt(plan, change, stratum, why, now)
    is_last = stratum.wave + 1 == len(stratum.wave_sizes)
    needed = max(1, math.floor(gate.min_report_share * size))  # one of five may be offline
    enough = tally.reported >= needed and not tally.failing and not (is_last and tally.pending)
    if stratum.phase is Phase.RUNNING:
        if enough:
            to = replace(stratum, phase=Phase.SOAKING, since=now)
            return Move(to, "campaign.wave-passed", _facts(change, stratum))
        if elapsed_s > gate.patience_s:
            why = f"{tally.reported} of {size} devices of wave {stratum.wave + 1} have reported"
            to = replace(stratum, phase=Phase.HALTED, since=now, reason=why)
            return Move(to, "campaign.halted", {"reason": why})
        return None
    if elapsed_s < gate.soak_s or tally.failing:
        return None
    if not is_last:
        return _open(change, stratum, stratum.stage, stratum.wave + 1, now)
    if stratum.stage + 1 == len(change.stages):
        to = replace(stratum, phase=Phase.FINISHED, since=now)
        return Move(to, "campaign.stratum-finished", {})
    to = replace(stratum, phase=Phase.WAITING, since=now, stage=stratum.stage + 1, wave=0)
    return Move(to, "campaign.stage-finished", _facts(change, stratum))


def _open(change: Change, stratum: Stratum, stage: int, wave: int, now: Time64) -> Move:
    to = replace(stratum, phase=Phase.RUNNING, since=now, stage=stage, wave=wave)
    return Move(to, "campaign.wave-opened", _facts(change, to))


def _facts(change: Change, stratum: Stratum) -> dict[str, Fact]:
    return {
        "stage": change.stages[stratum.stage].name,
        "wave": stratum.wave + 1,
        "devices": stratum.wave_sizes[stratum.wave],
    }


class TaskState(StrEnum):
    """Where one device stands."""

    WAITING = "waiting"  # for its wave
    READY = "ready"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Task:
    """One device in a campaign.

    Args:
        device: which.
        stage: index of its stage.
        step: index of its next step in that stage, or of its undo steps.
        state: what may happen to it.
        offline: whether it was not reached when it was last tried.
        attempts: of this step, in vain.
        due: not to be tried before.
        detail: what was last reported.
    """

    device: str
    stage: int
    step: int
    state: TaskState
    offline: bool
    attempts: int
    due: Time64
    detail: str


def advance(plan: Plan, change: Change, task: Task, report: Report, now: Time64) -> Task:
    """Return where a device stands after a report on its step."""
    stage = change.stages[task.stage]
    undoing = task.state is TaskState.UNDOING
    match report.outcome:
        case Outcome.DONE:
            steps = stage.undo if undoing else stage.steps
            on = replace(task, step=task.step + 1, offline=False, attempts=0, due=now, detail="")
            if on.step < len(steps):
                return on
            if undoing:
                return replace(on, step=0, state=TaskState.UNDONE)
            if task.stage + 1 == len(change.stages):
                return replace(on, state=TaskState.FINISHED)
            return replace(on, stage=task.stage + 1, step=0, state=TaskState.WAITING)
        case Outcome.OFFLINE:
            attempts = task.attempts + 1 if task.offline else 1
            wait_s = min(plan.offline_retry_s * 2 ** min(attempts - 1, 20), _DAY_S)
            return _later(task, report, attempts, wait_s, now, offline=True)
        case Outcome.UNAVAILABLE:
            return _later(task, report, task.attempts, plan.retry_s, now)
        case Outcome.FAILED if not undoing:
            return replace(task, state=TaskState.FAILED, offline=False, detail=report.detail)
    attempts = 1 if task.offline else task.attempts + 1
    if attempts >= plan.max_attempts and not undoing:  # taking back is never given up
        return replace(
            task, state=TaskState.FAILED, offline=False, attempts=attempts, detail=report.detail
        )
    wait_s = min(plan.retry_s * 2 ** min(attempts - 1, 20), _DAY_S)
    return _later(task, report, attempts, wait_s, now)


def _later(
    task: Task, report: Report, attempts: int, wait_s: float, now: Time64, *, offline: bool = False
) -> Task:
    spread = 0.75 + draw(task.device, f"retry/{attempts}") / 2  # the herd does not return as one
    due = Time64(now + round(wait_s * spread * MICROSECONDS_PER_SECOND))
    return replace(task, offline=offline, attempts=attempts, due=due, detail=report.detail)
