"""The crypto profile that each certificate was issued under, out of the audits."""

from __future__ import annotations

import json

import sqlalchemy as sa

from roadseal.operate.pki.tables import AUDIT
from roadseal.store import Store


def issued_under(store: Store) -> dict[tuple[str, int], str]:
    """Authority and serial number → label of the profile, as the audit had it at the issue.

    An authority's own certificate is issued under none.
    """
    found: dict[tuple[str, int], str] = {}
    wanted = sa.select(AUDIT.c.authority, AUDIT.c.entry)
    with store.reading() as connection:
        for row in connection.execute(wanted):
            entry = json.loads(row.entry)
            if entry["kind"] == "certificate.issued":
                found[row.authority, int(entry["serial"], 16)] = entry["profile"]
    return found
