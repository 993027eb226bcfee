"""Watching a link: an alarm when its errors cannot be chance, and quarantine until it is clean.

Somebody who measures and resends a share p of the pulses adds about p/4 to the error rate. The
bound on the key accounts for that, so no key is ever wrong for it; the alarm tells people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scipy.special import betaincinv

from roadseal.clock import Time64
from roadseal.events import Emit, Event
from roadseal.operate.qkd.distil import Abort, AbortReason, Distilled
from roadseal.operate.qkd.finitekey import Counts

FALSE_ALARMS: Final = 1e-4
"""Chance that a clean block raises an alarm: at most one in 1,000 blocks, and seldom that."""

CLEAN_BLOCKS: Final = 3
"""How many clean blocks end a quarantine, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong with a block.

    Args:
        kind: ``qkd.eavesdrop-suspected`` or ``qkd.block-aborted``.
        error_rate: of the test bits, with its interval; None if it was not got.
        low: lower end of the interval, one-sided at `FALSE_ALARMS`.
        high: upper end, likewise.
        expected: the calibrated error rate.
        reason: of the abort, if there was one.
    """

    kind: str
    error_rate: float | None
    low: float | None
    high: float | None
    expected: float
    reason: AbortReason | None


class LinkMonitor:
    """Judges the blocks of one link, in order.

    Args:
        link: its name, for events.
        expected_error_rate: what calibration found, with what drift may add.
        clean_blocks: how many in a row end a quarantine.
        emit: hears ``qkd.eavesdrop-suspected``, ``qkd.block-aborted``, ``qkd.quarantine-ended``.
    """

    def __init__(
        self,
        link: str,
        expected_error_rate: float,
        *,
        clean_blocks: int = CLEAN_BLOCKS,
        emit: Emit | None = None,
    ) -> None:
        self._link = link
        self._expected = expected_error_rate
        self._clean_blocks = clean_blocks
        self._emit = emit
        self._missing = 0

    @property
    def quarantined(self) -> bool:
        """Whether keys of this link are not to be used: throw away what it distils."""
        return self._missing > 0

    def judge(self, outcome: Distilled | Abort, at: Time64) -> Alarm | None:
        """Take the outcome of the next block.

        Returns:
            An alarm, or None for a clean block; in quarantine a clean block counts towards its end
            and its key is to be thrown away unless `quarantined` has become false.
        """
        test, reason = outcome.test, outcome.reason if isinstance(outcome, Abort) else None
        low, high = interval(test) if test is not None else (None, None)
        suspected = low is not None and low > self._expected
        if not suspected and reason is None:
            self._clean(at)
            return None
        kind = "qkd.eavesdrop-suspected" if suspected else "qkd.block-aborted"
        rate = test.error_rate if test is not None else None
        self._missing = self._clean_blocks
        self._tell(kind, at, error_rate=rate, low=low, high=high, reason=reason)
        return Alarm(kind, rate, low, high, self._expected, reason)

    def _clean(self, at: Time64) -> None:
        if self._missing:
            self._missing -= 1
            if not self._missing:
                self._tell("qkd.quarantine-ended", at)

    def _tell(self, kind: str, at: Time64, **facts: float | str | None) -> None:
        if self._emit is not None:
            self._emit(Event(at, self._link, kind, {"expected": self._expected, **facts}))


def interval(counts: Counts, chance: float = FALSE_ALARMS) -> tuple[float, float]:
    """Exact one-sided limits of the error rate, low and high (Clopper, Pearson, 1934)."""
    wrong, total = sum(counts.errors), counts.total
    if not total:
        return 0.0, 1.0
    low = float(betaincinv(wrong, total - wrong + 1, chance)) if wrong else 0.0
    high = float(betaincinv(wrong + 1, total - wrong, 1 - chance)) if wrong < total else 1.0
    return low, high
