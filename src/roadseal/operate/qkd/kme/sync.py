"""What one KME says to its peer before a key leaves, and how the peer judges it.

The peer is the arbiter of what was allocated: a KME that forgets, or is restored from an old copy,
is told where to go on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from roadseal.operate.qkd.store import KeyStore
from roadseal.operate.qkd.store.allotment import Allotment, split_ids

SYNC_PATH: Final = "/roadseal/qkd/sync/v1/allocations"
MOST_SYNC_BYTES: Final = 4 << 20  # 16 requests of 1,024 keys are a seventh of it


@dataclass(frozen=True, slots=True)
class Allocation:
    """Keys that one end has chosen cells for.

    Args:
        allotments: with the slaves at the reader's end.
        checks: the check value of each block they are in.
    """

    allotments: Sequence[Allotment]
    checks: Mapping[int, str]

    def octets(self) -> bytes:
        """As it goes to the peer."""
        checks = {str(block): check for block, check in self.checks.items()}
        keys = [allotment.fields() for allotment in self.allotments]
        return orjson.dumps({"keys": keys, "checks": checks})

    @classmethod
    def read(cls, octets: bytes, *, link: str, until: int) -> Allocation:
        """Read what the peer over `link` wrote; the keys wait here until `until`.

        Raises:
            ValueError: it is no allocation.
        """
        try:
            fields = orjson.loads(octets)
            keys = [Allotment.of(entry, link=link, until=until) for entry in fields["keys"]]
            checks = {int(block): str(check) for block, check in fields["checks"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError from error
        return cls(keys, checks)


def objection(
    allocation: Allocation, store: KeyStore, link: str, served_here: Collection[str]
) -> dict[str, Any] | None:
    """Why `store` cannot take what the peer over `link` allocated, as it is answered; or None.

    Args:
        allocation: what the peer said.
        store: of this end.
        link: the peer.
        served_here: SAEs of this end.
    """
    seen_ids: set[bytes] = set()
    last: dict[int, int] = {}
    for keys in allocation.allotments:
        span = keys.span
        if not keys.slaves or not keys.slaves.issubset(served_here):
            return {"why": "unknown SAE"}
        if (check := store.check(link, span.block)) is None:
            return {"why": "no such block"}
        if check != allocation.checks.get(span.block):
            return {"why": "the blocks differ"}
        why = store.objection_to(keys)
        if why == "cells already allocated" or span.first < last.get(span.block, 0):
            return {"marks": {str(b): store.mark(link, b) for b in allocation.checks}}
        if why is not None:
            return {"why": why}
        ids = split_ids(keys.key_ids)
        if not store.waiting.keys().isdisjoint(ids) or not seen_ids.isdisjoint(ids):
            return {"why": "key_ID already in use"}
        seen_ids.update(ids)
        last[span.block] = span.end
    return None
