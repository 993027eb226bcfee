"""What the RA keeps: requests that it took, batches that wait, and whom it gives nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from roadseal.clock import Time64
from roadseal.operate.pki.v2x.ledger import Ledger
from roadseal.operate.pki.v2x.us_batch import archive, batch_filename
from roadseal.operate.pki.v2x.us_requests import read_request, request_hash

TakenKind = Literal["device", "application", "successor"]
"""For batches without end, for one certificate, or for the next enrolment certificate."""

_BATCH: Final = "batch"
_BLOCKED: Final = "blocked"
_ORIGIN: Final = "origin"
_LIVE: Final = "live"  # by holder: its butterfly request that counts
_PERIOD: Final = "period"  # by holder and period: the request that its one batch is for


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that the RA took.

    Args:
        octets: as it was decrypted.
        enrolment: HashedId8 of the enrolment certificate that signed it.
        first_i: the first period that it is for; of butterfly requests.
        chains: names of its chains at the LAs, 8 bytes each; of butterfly requests.
    """

    octets: bytes
    enrolment: bytes
    first_i: int = 0
    chains: tuple[bytes, bytes] = (bytes(8), bytes(8))

    @classmethod
    def of(cls, row: bytes) -> Taken:
        """From `row`."""
        return cls(row[26:], row[18:26], int.from_bytes(row[:2]), (row[2:10], row[10:18]))

    @property
    def row(self) -> bytes:
        """As it is kept."""
        return self.first_i.to_bytes(2) + b"".join(self.chains) + self.enrolment + self.octets

    @property
    def name(self) -> bytes:
        """The hash by which answers name it."""
        return request_hash(self.octets)

    def request(self) -> dict[str, Any]:
        """What was asked."""
        return read_request(self.octets).request


class Kept:
    """The RA's rows, and what it may see of the ECA's.

    Args:
        ledger: the RA's rows.
        enrolled: the ECA's: enrolment certificates and stations.
    """

    def __init__(self, ledger: Ledger, enrolled: Ledger) -> None:
        self._ledger = ledger
        self._enrolled = enrolled

    def take(self, kind: TakenKind, taken: Taken, holder: bytes | None = None) -> None:
        """Keep a request; of a holder's butterfly requests this is the one that counts now."""
        self._ledger.put(kind, [(taken.name, taken.row)])
        if holder is not None:
            self._ledger.put(_LIVE, [(holder, taken.name)])

    def taken(self, name: bytes, *kinds: TakenKind) -> Taken | None:
        """A request of one of these kinds."""
        for kind in kinds:
            if row := self._ledger.get(kind, name):
                return Taken.of(row)
        return None

    def live(self) -> Iterator[tuple[bytes, Taken]]:
        """Every holder, and its butterfly request that counts."""
        for holder, name in self._ledger.items(_LIVE):
            if taken := self.taken(name, "device"):
                yield holder, taken

    def came_from(self, origins: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep which request the ACA was asked for: the hash of what it was asked, and ours."""
        self._ledger.put(_ORIGIN, list(origins))

    def put_batches(self, batches: Mapping[tuple[bytes, int], Mapping[int, bytes]]) -> None:
        """Keep batches, each by its request and period, until they are fetched."""
        rows = [
            (batch_filename(name, i).encode(), archive(parts))
            for (name, i), parts in batches.items()
        ]
        self._ledger.put(_BATCH, rows)

    def batch(self, filename: str) -> bytes | None:
        """The batch of this name."""
        return self._ledger.get(_BATCH, filename.encode())

    def owner(self, filename: str) -> bytes | None:
        """The enrolment certificate whose request a file answers."""
        try:
            name = bytes.fromhex(filename[:16])
        except ValueError:
            return None
        taken = self.taken(name, "device", "application", "successor")
        return taken.enrolment if taken else None

    def is_made(self, holder: bytes, i: int, name: bytes) -> bool:
        """Whether the holder has its batch of a period, for this request or an earlier one."""
        if self.batch(batch_filename(name, i)):
            return True
        return self._ledger.get(_PERIOD, holder + i.to_bytes(2)) not in (None, name)

    def claim(self, holder: bytes, i: int, name: bytes) -> bool:
        """Whether the holder's batch of a period is for this request: another may be first."""
        return self._ledger.keep(_PERIOD, holder + i.to_bytes(2), name) == name

    def block(self, aca_request_hash: bytes) -> bool:
        """Give nothing more to the device that this request was for; whether it is ours.

        The device is blocked, not the request: it could ask again, or enrol again.
        """
        name = self._ledger.get(_ORIGIN, aca_request_hash)
        taken = self.taken(name, "device", "application") if name else None
        record = self._enrolled.record(taken.enrolment) if taken else None
        if record is None:
            return False
        self._ledger.put(_BLOCKED, [(record.holder, b"")])
        return True

    def is_blocked(self, holder: bytes) -> bool:
        """Whether it gets nothing more."""
        return self._ledger.get(_BLOCKED, holder) is not None

    def may_have_more(self, holder: bytes, enrolment: bytes, now: Time64) -> bool:
        """Whether a device is in good standing, and the enrolment certificate that asked is."""
        record, station = self._enrolled.record(enrolment), self._enrolled.station(holder)
        if record is None or station is None or self.is_blocked(holder):
            return False
        return station.active and record.revoked is None and record.ends > now
