"""Congestion control of ITS-G5: how often a station may send on a busy channel.

ETSI TS 102 687 V1.2.1: the reactive approach (clause 5.3, tables A.1 and A.2) and the adaptive
one (clause 5.4, table 3); ETSI EN 302 571 bounds any of them to 3 % of the channel time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roadseal.errors import RoadsealError

Floats = NDArray[np.float64]

# Lower bounds of the states relaxed, active 1, 2, 3, restrictive, and the idle time in each.
_SHORT_FRAME_S: Final = 0.5e-3
_SHORT_CBR: Final = np.array([0.30, 0.40, 0.50, 0.65])
_SHORT_IDLE_S: Final = np.array([0.050, 0.100, 0.200, 0.250, 1.0])
_LONG_CBR: Final = np.array([0.30, 0.40, 0.50, 0.60])
_LONG_IDLE_S: Final = np.array([0.100, 0.200, 0.400, 0.500, 1.0])

_DUTY_CYCLE: Final = 0.03
_SHORTEST_IDLE_S: Final = 0.025
_LONGEST_IDLE_S: Final = 1.0


def allowed_rate_hz(
    cbr: ArrayLike,
    airtime_s: ArrayLike,
    *,
    method: Literal["reactive", "adaptive"] = "reactive",
) -> Floats:
    """Messages a second that a station may send once its control has settled.

    Args:
        cbr: channel busy ratio it measures, 0 to 1; any shape.
        airtime_s: channel time of one message; broadcasts. The tables of the reactive approach end
            at 1 ms; beyond it the second one and the duty cycle bound the rate.
        method: `reactive` steps through five states, `adaptive` (LIMERIC) shares the channel.

    Raises:
        RoadsealError: a ratio outside 0 to 1, an airtime that is not positive, another method.
    """
    ratio, airtime = np.broadcast_arrays(
        np.asarray(cbr, dtype=np.float64), np.asarray(airtime_s, dtype=np.float64)
    )
    if not (np.all((ratio >= 0) & (ratio <= 1)) and np.all(airtime > 0)):
        raise RoadsealError(
            "radio-congestion",
            "Congestion control needs a busy ratio and an airtime.",
            advice="Give ratios from 0 to 1 and airtimes above 0 s.",
        )
    if method == "reactive":
        short = _SHORT_IDLE_S[np.searchsorted(_SHORT_CBR, ratio, side="right")]
        long = _LONG_IDLE_S[np.searchsorted(_LONG_CBR, ratio, side="right")]
        idle_s = np.where(airtime <= _SHORT_FRAME_S, short, long)
        return np.asarray(np.minimum(1 / idle_s, _DUTY_CYCLE / airtime))
    if method == "adaptive":
        control = AdaptiveControl()
        settled = control.step_of(ratio) / control.alpha
        return _rate_hz(np.clip(settled, control.duty_min, control.duty_max), airtime)
    raise RoadsealError(
        "radio-congestion",
        f"There is no congestion control {method}.",
        advice="Use reactive or adaptive.",
    )


@dataclass(frozen=True)
class ReactiveControl:
    """The reactive approach over time: one state nearer to the measured load at each update.

    Args:
        state: 0 relaxed, 1 to 3 active, 4 restrictive.
    """

    state: int = 0

    def updated(self, cbr: float, airtime_s: float) -> ReactiveControl:
        """The state after one measurement of 100 ms."""
        bounds = _SHORT_CBR if airtime_s <= _SHORT_FRAME_S else _LONG_CBR
        wanted = int(np.searchsorted(bounds, cbr, side="right"))
        return ReactiveControl(self.state + int(np.sign(wanted - self.state)))

    def rate_hz(self, airtime_s: float) -> float:
        """Messages a second that the state allows."""
        idle_s = (_SHORT_IDLE_S if airtime_s <= _SHORT_FRAME_S else _LONG_IDLE_S)[self.state]
        return min(1 / float(idle_s), _DUTY_CYCLE / airtime_s)


@dataclass(frozen=True)
class AdaptiveControl:
    """The adaptive approach over time: a duty cycle that follows the load.

    Args:
        duty_cycle: share of time that the station may send.
        cbr: smoothed channel busy ratio.
        alpha, beta, target_cbr, duty_max, duty_min, up_max, down_max: table 3 of the standard.
    """

    duty_cycle: float = 0.03
    cbr: float = 0.0
    alpha: float = 0.016
    beta: float = 0.0012
    target_cbr: float = 0.68
    duty_max: float = 0.03
    duty_min: float = 0.0006
    up_max: float = 0.0005
    down_max: float = -0.00025

    def updated(self, cbr: float, previous_cbr: float) -> AdaptiveControl:
        """The state after 200 ms, from the last two measurements of 100 ms."""
        smoothed = 0.5 * self.cbr + 0.25 * (cbr + previous_cbr)
        duty = (1 - self.alpha) * self.duty_cycle + float(self.step_of(np.asarray(smoothed)))
        return replace(self, cbr=smoothed, duty_cycle=min(max(duty, self.duty_min), self.duty_max))

    def rate_hz(self, airtime_s: float) -> float:
        """Messages a second that the duty cycle allows."""
        return float(_rate_hz(np.asarray(self.duty_cycle), np.asarray(airtime_s)))

    def step_of(self, cbr: Floats) -> Floats:
        """What one update adds to the duty cycle at a busy ratio; any shape."""
        return np.clip(self.beta * (self.target_cbr - cbr), self.down_max, self.up_max)


def _rate_hz(duty_cycle: Floats, airtime_s: Floats) -> Floats:
    """Both standards: at least 25 ms and at most 1 s between messages, whatever the duty cycle."""
    idle_s = np.clip(airtime_s / duty_cycle, _SHORTEST_IDLE_S, _LONGEST_IDLE_S)
    return np.asarray(1 / idle_s)
