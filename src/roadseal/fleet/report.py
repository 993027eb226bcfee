"""What a campaign did, beside what it was expected to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.events import Event
from roadseal.fleet.state import campaign_row
from roadseal.fleet.tables import JOURNAL, TASK
from roadseal.store import Store


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure: `expected` by the dry run, `measured` in the campaign; None is not known yet."""

    name: str
    unit: str
    expected: float
    measured: float | None


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """The state of a campaign.

    Args:
        name: the campaign's.
        change: the change's.
        phase: what it is doing.
        states: devices by state; ``offline`` ones are counted there and not in their state.
        figures: expected and measured.
        troubled: devices that failed or are offline, with what they last said.
        journal: what was decided, in order.
    """

    name: str
    change: str
    phase: str
    states: dict[str, int]
    figures: tuple[Compared, ...]
    troubled: dict[str, str]
    journal: tuple[Event, ...]

    def to_json(self) -> dict[str, Any]:
        """Values for programs."""
        journal = [
            {"time": one.time, "subject": one.subject, "kind": one.kind, "facts": dict(one.facts)}
            for one in self.journal
        ]
        return {
            "name": self.name,
            "change": self.change,
            "phase": self.phase,
            "states": self.states,
            "figures": [asdict(one) for one in self.figures],
            "troubled": self.troubled,
            "journal": journal,
        }


def report(store: Store, name: str, now: Time64) -> CampaignReport:
    """Read a campaign's state.

    Raises:
        RoadsealError: ``campaign-unknown``.
    """
    row = campaign_row(store, name)
    of = TASK.c.campaign == name
    label = sa.case((TASK.c.offline, "offline"), else_=TASK.c.state)
    with store.reading() as connection:
        counted = connection.execute(sa.select(label, sa.func.count()).where(of).group_by(label))
        states = dict(sorted((str(state), int(number)) for state, number in counted))
        sent, cpu_us = connection.execute(
            sa.select(sa.func.sum(TASK.c.bytes_sent), sa.func.sum(TASK.c.cpu_us)).where(of)
        ).one()
        troubled = connection.execute(
            sa.select(TASK.c.device, TASK.c.detail)
            .where(of, sa.or_(TASK.c.offline, TASK.c.state == "failed"))
            .order_by(TASK.c.device)
        )
        details = {one.device: one.detail for one in troubled}
        entries = connection.execute(
            JOURNAL.select().where(JOURNAL.c.campaign == name).order_by(JOURNAL.c.sequence)
        ).all()
    expected = row.forecast
    took_s = None
    if row.started_at is not None:
        took_s = ((row.ended_at or now) - row.started_at) / MICROSECONDS_PER_SECOND
    figures = (
        Compared("devices", "", expected["devices"], states.get("finished", 0)),
        Compared("bytes", "B", expected["bytes_sent"], float(sent or 0)),
        Compared("centre CPU", "s", expected["cpu_s"], int(cpu_us or 0) / 1e6),
        Compared("duration", "s", expected["duration_s"], took_s),
    )
    journal = tuple(Event(Time64(one.time), one.subject, one.kind, one.facts) for one in entries)
    return CampaignReport(name, row.change, row.phase, states, figures, details, journal)
