"""Time: the only module that reads the system clock.

Instants are `Time64` of IEEE 1609.2 clause 6.3.12: integer microseconds of TAI since
2004-01-01T00:00:00 UTC. TAI does not jump, so differences are plain subtraction. Since 2017 UTC
lags by 5 leap seconds against 2004; a new one would be announced six months ahead by IERS
Bulletin C.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NewType, Protocol

Time64 = NewType("Time64", int)
"""Microseconds of TAI since 2004-01-01T00:00:00 UTC."""

MICROSECONDS_PER_SECOND = 1_000_000

_EPOCH = datetime(2004, 1, 1, tzinfo=UTC)
_LEAP_SECONDS = (  # first instant after each leap second since the epoch (IERS Bulletin C)
    datetime(2006, 1, 1, tzinfo=UTC),
    datetime(2009, 1, 1, tzinfo=UTC),
    datetime(2012, 7, 1, tzinfo=UTC),
    datetime(2015, 7, 1, tzinfo=UTC),
    datetime(2017, 1, 1, tzinfo=UTC),
)


class Clock(Protocol):
    """Where the time comes from; passed as an argument, never looked up."""

    def now(self) -> Time64:
        """Return the current instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Time64:
        """Return the current instant."""
        return from_datetime(datetime.now(UTC))

    def monotonic_s(self) -> float:
        """Seconds of a clock that never goes back, for measuring durations."""
        return time.perf_counter()

    def cpu_s(self) -> float:
        """CPU seconds this process has used, for measuring cost on a shared machine."""
        return time.process_time()


@dataclass
class ManualClock:
    """A clock that moves when it is told to: for simulations and tests."""

    time: Time64

    def now(self) -> Time64:
        """Return the current instant."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds`, which may be negative (a clock jump)."""
        self.time = Time64(self.time + round(seconds * MICROSECONDS_PER_SECOND))


def from_datetime(moment: datetime) -> Time64:
    """Convert an aware datetime to `Time64`.

    >>> from_datetime(datetime(2017, 1, 1, tzinfo=UTC)) % MICROSECONDS_PER_SECOND
    0
    """
    leaps = sum(moment >= leap for leap in _LEAP_SECONDS)
    elapsed = moment - _EPOCH + timedelta(seconds=leaps)
    return Time64(elapsed // timedelta(microseconds=1))


def to_datetime(moment: Time64) -> datetime:
    """Convert `Time64` to an aware datetime in UTC; a leap second shows as the second after it.

    Raises:
        OverflowError: the instant is after the year 9999.
    """
    naive = _EPOCH + timedelta(microseconds=moment)
    leaps = sum(
        naive >= leap + timedelta(seconds=count) for count, leap in enumerate(_LEAP_SECONDS, 1)
    )
    return naive - timedelta(seconds=leaps)


def parse_instant(text: str) -> Time64:
    """Read an ISO 8601 date or date-time; without an offset it is UTC.

    Raises:
        ValueError: `text` is not ISO 8601.
    """
    moment = datetime.fromisoformat(text)
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
