"""An authority's counters and its hash-chained audit, behind one lock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from roadseal.clock import Clock
from roadseal.operate.pki.tables import AUDIT, AUTHORITY
from roadseal.store import Store

_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Ledger:
    """The row of one authority; every writing transaction begins with `lock`."""

    def __init__(self, store: Store, authority: str, clock: Clock) -> None:
        self._store = store
        self._authority = authority
        self._clock = clock

    def lock(self, connection: sa.Connection) -> Any:
        """Lock the authority's row until the transaction ends, and return it."""
        return connection.execute(
            AUTHORITY.select().where(AUTHORITY.c.name == self._authority).with_for_update()
        ).one()

    def set(self, connection: sa.Connection, **values: Any) -> None:
        """Change columns of the authority's row."""
        connection.execute(
            AUTHORITY.update().where(AUTHORITY.c.name == self._authority).values(**values)
        )

    def record(self, connection: sa.Connection, entries: Sequence[dict[str, Any]]) -> None:
        """Append entries to the audit, in the caller's transaction."""
        if not entries:
            return
        head = self.lock(connection)
        sequence, previous = head.audit_sequence, head.audit_hash
        rows, now = [], self._clock.now()
        for facts in entries:
            sequence += 1
            entry = _encode({"time": now, **facts}).encode()
            previous = hashlib.sha256(previous + entry).digest()
            rows.append(
                {
                    "authority": self._authority,
                    "sequence": sequence,
                    "entry": entry,
                    "hash": previous,
                }
            )
        connection.execute(AUDIT.insert(), rows)
        self.set(connection, audit_sequence=sequence, audit_hash=previous)

    def length(self) -> int:
        """How many entries the audit has."""
        at = AUTHORITY.c.name == self._authority
        with self._store.reading() as connection:
            return int(
                connection.execute(sa.select(AUTHORITY.c.audit_sequence).where(at)).scalar_one()
            )

    def holds(self) -> bool:
        """Whether the audit is whole: nothing changed, left out or cut off."""
        with self._store.reading() as connection:
            head = connection.execute(
                AUTHORITY.select().where(AUTHORITY.c.name == self._authority)
            ).one()
            rows = connection.execute(
                AUDIT.select()
                .where(AUDIT.c.authority == self._authority)
                .order_by(AUDIT.c.sequence)
            ).all()
        previous = bytes(32)
        for number, row in enumerate(rows, 1):
            previous = hashlib.sha256(previous + row.entry).digest()
            if (row.sequence, row.hash) != (number, previous):
                return False
        return bool((head.audit_sequence, head.audit_hash) == (len(rows), previous))
