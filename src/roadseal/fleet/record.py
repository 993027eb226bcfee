"""What the database has of one campaign: its phase, its strata, its journal.

Whoever steers locks the campaign's row, so that several may; workers do not wait for it. Every
method works inside a transaction of the caller's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.events import Event, Fact
from roadseal.fleet.decide import Phase, Stratum
from roadseal.fleet.state import read_strata, stratum_row
from roadseal.fleet.tables import CAMPAIGN, JOURNAL, STRATUM

Entry = tuple[str, str, Mapping[str, Fact]]
"""Of the journal: whom it concerns, what happened, facts."""


class CampaignPhase(StrEnum):
    """What the whole campaign is doing."""

    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled-back"
    FINISHED = "finished"


class Record:
    """The rows of one campaign.

    Args:
        name: of the campaign.
        clock: for the journal.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock

    def lock(self, connection: sa.Connection) -> Any:
        """The campaign's row, which nobody else changes until the transaction ends."""
        return connection.execute(
            CAMPAIGN.select().where(CAMPAIGN.c.name == self.name).with_for_update()
        ).one()

    def require(self, connection: sa.Connection, allowed: Collection[CampaignPhase]) -> None:
        """Lock the campaign, if it is in one of the phases.

        Raises:
            RoadsealError: ``campaign-phase``.
        """
        row = self.lock(connection)
        if row.phase not in allowed:
            raise RoadsealError(
                "campaign-phase",
                f"The campaign {self.name!r} is {row.phase}.",
                advice=f"This is for one that is {' or '.join(sorted(allowed))}.",
            )

    def set(self, connection: sa.Connection, **values: Any) -> None:
        """Change columns of the campaign's row."""
        connection.execute(CAMPAIGN.update().where(CAMPAIGN.c.name == self.name).values(**values))

    def strata(self, connection: sa.Connection) -> list[Stratum]:
        """Where the strata stand, by name."""
        return read_strata(connection, self.name)

    def halted(self, connection: sa.Connection, stratum: str) -> Stratum:
        """A stratum that waits for an operator.

        Raises:
            RoadsealError: ``campaign-stratum``: there is none of this name; ``campaign-phase``.
        """
        at = {one.name: one for one in self.strata(connection)}.get(stratum)
        if at is None:
            raise RoadsealError(
                "campaign-stratum",
                f"The campaign {self.name!r} has no stratum {stratum!r}.",
                advice="Name it as `roadseal campaign status` does: vendor/firmware.",
            )
        if at.phase not in (Phase.HALTED, Phase.ROLLED_BACK):
            raise RoadsealError(
                "campaign-phase",
                f"{stratum} is {at.phase}, not halted.",
                advice="Look at `roadseal campaign status`.",
            )
        return at

    def save(self, connection: sa.Connection, stratum: Stratum) -> None:
        """Write down where a stratum stands now."""
        connection.execute(
            STRATUM.update()
            .where(STRATUM.c.campaign == self.name, STRATUM.c.name == stratum.name)
            .values(**stratum_row(self.name, stratum))
        )

    def write(self, connection: sa.Connection, entries: Sequence[Entry]) -> list[Event]:
        """Write the journal; returns the events to tell once the transaction is on the disk."""
        if not entries:
            return []
        now = self._clock.now()
        sequence = self.lock(connection).journal_sequence
        rows = [
            {
                "campaign": self.name,
                "sequence": sequence + number,
                "time": now,
                "subject": subject,
                "kind": kind,
                "facts": dict(facts),
            }
            for number, (subject, kind, facts) in enumerate(entries, 1)
        ]
        connection.execute(JOURNAL.insert(), rows)
        self.set(connection, journal_sequence=sequence + len(rows))
        return [
            Event(now, subject, kind, {"campaign": self.name, **facts})
            for subject, kind, facts in entries
        ]
