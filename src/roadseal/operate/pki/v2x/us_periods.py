"""The calendar of pseudonyms: periods of a week, by their number.

Source: CAMP SCMS EE requirements 1.1 (i-period of 10,080 minutes, an hour of overlap).
"""

from __future__ import annotations

from typing import Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.v2x.certificate import Duration


def period_start(i: int) -> Time64:
    """When a period of a week begins: i × 10,080 minutes after 2004-01-01 TAI."""
    return Time64(i * 10_080 * 60 * MICROSECONDS_PER_SECOND)


def period_of(now: Time64) -> int:
    """The period of an instant."""
    return now // (10_080 * 60 * MICROSECONDS_PER_SECOND)


PERIOD_DURATION: Final = Duration(3, 10_140)
"""A week and an hour, in minutes: neighbouring periods overlap."""
