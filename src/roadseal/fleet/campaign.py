"""A campaign: made, started, steered, stopped. Every decision is on the disk first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock, Time64
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.fleet.change import Change
from roadseal.fleet.decide import Move, Phase, Stratum, Tally, TaskState, decide
from roadseal.fleet.forecast import forecast, new_stratum, strata_of
from roadseal.fleet.plan import MAX_NAME, NAME_RULE, Device, Plan, is_name
from roadseal.fleet.record import CampaignPhase, Entry, Record
from roadseal.fleet.state import campaign_row, claimable, new_tasks, stratum_row, tallies
from roadseal.fleet.tables import CAMPAIGN, STRATUM, TASK
from roadseal.fleet.tasks import (
    begin_again,
    call_back,
    leave,
    leave_early,
    lock_all,
    overlapping,
    raise_fences,
    release,
)
from roadseal.store import Store

_MAX_MOVES: Final = 1000
_AT_WORK: Final = (CampaignPhase.RUNNING, CampaignPhase.PAUSED)


class Campaign:
    """A change on its way through the fleet; made by `create` or `open`."""

    def __init__(
        self, store: Store, name: str, change: Change, plan: Plan, clock: Clock, emit: Emit
    ) -> None:
        self.store = store
        self.name = name
        self.change = change
        self.plan = plan
        self._clock = clock
        self._emit = emit
        self._record = Record(name, clock)

    @classmethod
    def create(
        cls,
        store: Store,
        name: str,
        change: Change,
        plan: Plan,
        devices: Sequence[Device],
        *,
        clock: Clock,
        emit: Emit,
    ) -> Campaign:
        """Lay down who takes part, in which wave, and what it is expected to cost.

        Raises:
            RoadsealError: ``campaign-exists``, ``campaign-empty``, ``campaign-name``.
        """
        if not is_name(name):
            raise RoadsealError(
                "campaign-name",
                f"{name[:MAX_NAME]!r} is no name for a campaign.",
                advice=f"Choose one {NAME_RULE}.",
            )
        if not devices:
            raise RoadsealError(
                "campaign-empty",
                "No device is selected.",
                advice="Enlist devices, or select others.",
            )
        groups = strata_of(plan, devices)
        campaign = cls(store, name, change, plan, clock, emit)
        try:
            with store.writing() as connection:
                connection.execute(
                    CAMPAIGN.insert().values(
                        name=name,
                        change=change.name,
                        plan=plan.to_json(),
                        forecast=forecast(plan, change, devices).to_json(),
                        phase=CampaignPhase.PLANNED,
                        journal_sequence=0,
                    )
                )
                strata = [new_stratum(plan, key, len(group)) for key, group in groups.items()]
                connection.execute(STRATUM.insert(), [stratum_row(name, one) for one in strata])
                tasks = new_tasks(name, groups, strata)
                connection.execute(TASK.insert(), tasks)
                events = campaign._record.write(
                    connection, [(name, "campaign.planned", {"devices": len(tasks)})]
                )
        except sa.exc.IntegrityError:
            raise RoadsealError(
                "campaign-exists",
                f"There is already a campaign called {name!r}.",
                advice="Choose another name.",
            ) from None
        campaign._tell(events)
        return campaign

    @classmethod
    def open(cls, store: Store, name: str, change: Change, *, clock: Clock, emit: Emit) -> Campaign:
        """Open a campaign that `create` made.

        Raises:
            RoadsealError: ``campaign-unknown``, ``campaign-change``.
        """
        row = campaign_row(store, name)
        if row.change != change.name:
            raise RoadsealError(
                "campaign-change",
                f"The campaign {name!r} is a {row.change}, not a {change.name}.",
                advice="Open it with the change it was planned for.",
            )
        return cls(store, name, change, Plan.from_json(row.plan), clock, emit)

    @property
    def phase(self) -> CampaignPhase:
        """What the campaign is doing."""
        return CampaignPhase(campaign_row(self.store, self.name).phase)

    def strata(self) -> list[Stratum]:
        """Where the strata stand."""
        with self.store.reading() as connection:
            return self._record.strata(connection)

    def start(self) -> None:
        """Begin; the first waves open with the next `steer`.

        Raises:
            RoadsealError: ``campaign-phase``, ``campaign-overlap``: another one is at its devices.
        """
        now = self._clock.now()
        with self.store.writing() as connection:
            lock_all(connection)
            self._record.require(connection, {CampaignPhase.PLANNED})
            if other := overlapping(connection, self.name, _AT_WORK):
                raise RoadsealError(
                    "campaign-overlap",
                    f"The campaign {other!r} is at work on the same devices.",
                    advice="Let it end, or abort it, before this one starts.",
                )
            raise_fences(connection, self.name, now)
            self._record.set(connection, phase=CampaignPhase.RUNNING, started_at=now)
            events = self._record.write(connection, [(self.name, "campaign.started", {})])
        self._tell(events)

    def pause(self) -> None:
        """Hand out nothing more, and decide nothing, until `resume`.

        Raises:
            RoadsealError: ``campaign-phase``.
        """
        self._turn({CampaignPhase.RUNNING}, CampaignPhase.PAUSED, "paused")

    def resume(self, stratum: str | None = None) -> None:
        """Go on: with the campaign after `pause`, or with a halted stratum from its first wave.

        A resumed stratum begins a new round, so that no idempotency key is used again.

        Raises:
            RoadsealError: ``campaign-phase``, ``campaign-stratum``.
        """
        if stratum is None:
            self._turn({CampaignPhase.PAUSED}, CampaignPhase.RUNNING, "resumed")
            return
        now = self._clock.now()
        with self.store.writing() as connection:
            self._record.lock(connection)
            at = self._record.halted(connection, stratum)
            to = replace(at, phase=Phase.WAITING, wave=0, since=now, round=at.round + 1, reason="")
            self._record.save(connection, to)
            begin_again(connection, self.name, to)
            events = self._record.write(
                connection, [(stratum, "campaign.resumed", {"round": to.round})]
            )
        self._tell(events)

    def abort(self) -> None:
        """Stop for good; what devices have done stays as it is.

        Raises:
            RoadsealError: ``campaign-phase``.
        """
        stoppable = {CampaignPhase.PLANNED, CampaignPhase.RUNNING, CampaignPhase.PAUSED}
        self._turn(stoppable, CampaignPhase.ABORTED, "aborted", ended_at=self._clock.now())

    def leave_out(self, stratum: str) -> None:
        """Go on without a halted stratum; its devices stay with what they have.

        Raises:
            RoadsealError: ``campaign-phase``, ``campaign-stratum``.
        """
        with self.store.writing() as connection:
            self._record.lock(connection)
            at = self._record.halted(connection, stratum)
            self._record.save(
                connection, replace(at, phase=Phase.LEFT_OUT, since=self._clock.now())
            )
            leave(connection, self.name, stratum)
            events = self._record.write(connection, [(stratum, "campaign.left-out", {})])
        self._tell(events)

    def rollback(self) -> list[str]:
        """Take back every stratum that can be; return those that have begun a final stage.

        Raises:
            RoadsealError: ``campaign-phase``.
        """
        now = self._clock.now()
        kept: list[str] = []
        entries: list[Entry] = []
        with self.store.writing() as connection:
            self._record.require(connection, {CampaignPhase.RUNNING, CampaignPhase.PAUSED})
            self._record.set(connection, phase=CampaignPhase.RUNNING)
            for at in self._record.strata(connection):
                if at.phase is Phase.LEFT_OUT:
                    continue
                if self._is_final(at):
                    kept.append(at.name)
                    continue
                stage = at.stage
                while stage and not self.change.stages[stage].undo:
                    stage -= 1  # it waits for a final stage: the one before can be taken back
                to = replace(
                    at, stage=stage, phase=Phase.ROLLING_BACK, since=now, reason="called back"
                )
                self._record.save(connection, to)
                call_back(connection, self.name, to, self.change, now)
                leave_early(connection, self.name, to)
                entries.append((at.name, "campaign.halted", {"reason": "called back"}))
            events = self._record.write(connection, entries)
        self._tell(events)
        return kept

    def steer(self) -> list[Event]:
        """Decide what is due and write it down; returns what was decided."""
        events: list[Event] = []
        with self.store.writing() as connection:
            row = self._record.lock(connection)
            if row.phase != CampaignPhase.RUNNING:
                return []
            now, strata = self._clock.now(), self._record.strata(connection)
            for _ in range(_MAX_MOVES):
                seen = tallies(connection, self.name, strata)
                moves = decide(self.plan, self.change, strata, seen, now)
                if not moves:
                    break
                for move in moves:
                    self._apply(connection, move, now)
                entries = [(move.to.name, move.kind, move.facts) for move in moves]
                events += self._record.write(connection, entries)
                moved = {move.to.name: move.to for move in moves}
                strata = [moved.get(one.name, one) for one in strata]
            release(connection, self.name, strata, now, self.plan.spread_s)
            events += self._finish(connection, strata, now)
        self._tell(events)
        return events

    def next_due(self) -> Time64 | None:
        """When there will be something to do; None when nothing will happen by itself."""
        with self.store.reading() as connection:
            phase = connection.scalar(
                sa.select(CAMPAIGN.c.phase).where(CAMPAIGN.c.name == self.name)
            )
            if phase != CampaignPhase.RUNNING:
                return None
            strata = self._record.strata(connection)
            busy = sa.func.greatest if not self.store.is_sqlite else sa.func.max
            first = connection.scalar(
                sa.select(sa.func.min(busy(TASK.c.due, TASK.c.lease_until))).where(
                    TASK.c.campaign == self.name, claimable(strata)
                )
            )
        moments = [] if first is None else [first]
        for one in strata:
            if one.phase is Phase.SOAKING:
                moments.append(one.since + _us(self.plan.gate.soak_s))
            elif one.phase is Phase.RUNNING:
                moments.append(one.since + _us(self.plan.gate.patience_s) + 1)
        return Time64(min(moments)) if moments else None

    def tally(self) -> dict[str, Tally]:
        """What the newest wave of each stratum has reported."""
        with self.store.reading() as connection:
            return tallies(connection, self.name, self._record.strata(connection))

    def _apply(self, connection: sa.Connection, move: Move, now: Time64) -> None:
        self._record.save(connection, move.to)
        if move.to.phase is Phase.ROLLING_BACK:
            call_back(connection, self.name, move.to, self.change, now)

    def _finish(
        self, connection: sa.Connection, strata: Sequence[Stratum], now: Time64
    ) -> list[Event]:
        unfinished = connection.scalar(
            sa.select(sa.func.count()).where(
                TASK.c.campaign == self.name,
                TASK.c.state.in_((TaskState.READY, TaskState.UNDOING)),
            )
        )
        if unfinished:  # offline devices keep their queue, and the campaign, open
            return []
        if all(one.phase in (Phase.FINISHED, Phase.LEFT_OUT) for one in strata):
            phase = CampaignPhase.FINISHED
        elif all(_is_settled(one) or self._is_final(one) for one in strata) and not any(
            one.phase in (Phase.ROLLING_BACK, Phase.RUNNING, Phase.SOAKING) for one in strata
        ):
            phase = CampaignPhase.ROLLED_BACK
        else:
            return []
        self._record.set(connection, phase=phase, ended_at=now)
        return self._record.write(connection, [(self.name, f"campaign.{phase}", {})])

    def _is_final(self, at: Stratum) -> bool:
        begun = at.phase is not Phase.WAITING or at.wave > 0
        return self.change.stages[at.stage].final and begun

    def _turn(
        self, allowed: set[CampaignPhase], to: CampaignPhase, kind: str, **values: Any
    ) -> None:
        with self.store.writing() as connection:
            self._record.require(connection, allowed)
            self._record.set(connection, phase=to, **values)
            events = self._record.write(connection, [(self.name, f"campaign.{kind}", {})])
        self._tell(events)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._emit(event)


def _us(seconds: float) -> int:
    return round(seconds * MICROSECONDS_PER_SECOND)


def _is_settled(at: Stratum) -> bool:
    """Whether an operator has ended it."""
    return at.reason == "called back" or at.phase is Phase.LEFT_OUT
