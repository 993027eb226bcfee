"""How the RA makes batches: expanded, mixed with those of other devices, certified by the ACA."""

from __future__ import annotations

from roadseal.clock import Time64
from roadseal.events import Emit, Event
from roadseal.operate.pki.v2x.ecies import Random
from roadseal.operate.pki.v2x.outcome import RefusedError
from roadseal.operate.pki.v2x.us_certification import Certification
from roadseal.operate.pki.v2x.us_kept import Kept
from roadseal.operate.pki.v2x.us_requests import request_hash

_Pool = list[tuple[bytes, int, bytes]]
"""The device's request, j, and what the ACA will be asked."""


class Production:
    """Makes the certificates of a period for whoever may have them.

    Args:
        kept: the RA's rows.
        certification: asks the ACA.
        random: the operating system's randomness, which mixes the requests.
        emit: hears ``batch.made`` and ``batch.refused``.
    """

    def __init__(
        self, kept: Kept, certification: Certification, *, random: Random, emit: Emit
    ) -> None:
        self._kept = kept
        self._certification = certification
        self._random = random
        self._emit = emit

    def produce(self, i: int, now: Time64) -> int:
        """Have the certificates of a period made; see `RegistrationAuthority.produce`."""
        pool, holders = self._pool(i, now)
        self._mix(pool)
        answers = self._certified(pool, now)
        for name, holder in holders.items():
            # Where another worker was first for a newer request, this one gets nothing.
            if name in answers and not self._kept.claim(holder, i, name):
                del answers[name]
        self._kept.put_batches({(name, i): parts for name, parts in answers.items()})
        made = sum(map(len, answers.values()))
        if made:
            facts = {"i": i, "certificates": made, "devices": len(answers)}
            self._emit(Event(now, "ra", "batch.made", facts))
        return made

    def _pool(self, i: int, now: Time64) -> tuple[_Pool, dict[bytes, bytes]]:
        """What the ACA will be asked, and the holder of each request."""
        pool: _Pool = []
        holders: dict[bytes, bytes] = {}
        for holder, taken in self._kept.live():
            name = taken.name
            if i < taken.first_i or self._kept.is_made(holder, i, name):
                continue
            if self._kept.may_have_more(holder, taken.enrolment, now):
                holders[name] = holder
                asked = self._certification.butterfly(taken, i, now)
                pool += [(name, j, one) for j, one in enumerate(asked)]
        return pool, holders

    def _mix(self, pool: _Pool) -> None:
        """Fisher and Yates with the operating system's randomness: order tells the ACA nothing."""
        for last in range(len(pool) - 1, 0, -1):
            other = int.from_bytes(self._random(8)) % (last + 1)
            pool[last], pool[other] = pool[other], pool[last]

    def _certified(self, pool: _Pool, now: Time64) -> dict[bytes, dict[int, bytes]]:
        """The answers for each request; none for one of which the ACA refused a part."""
        answers: dict[bytes, dict[int, bytes]] = {}
        origins: list[tuple[bytes, bytes]] = []
        refused: set[bytes] = set()
        for name, j, one in pool:
            try:
                answers.setdefault(name, {})[j] = self._certification.ask(one, now)
                origins.append((request_hash(one), name))
            except RefusedError as reason:
                # One device's batch is lost for now; the others' are not.
                refused.add(name)
                self._emit(Event(now, name.hex(), "batch.refused", {"code": reason.code}))
        self._kept.came_from(origins)
        return {name: parts for name, parts in answers.items() if name not in refused}
