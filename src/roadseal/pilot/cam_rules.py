"""When a vehicle sends: CAM by the European generation rules, BSM at a fixed rate.

CAM: ETSI EN 302 637-2 V1.4.1, clause 6.1.3 (the same rules in ETSI TS 103 900). The conditions are
checked every T_CheckCamGen, which here is the step of the trace. A CAM is generated when at least
T_GenCam_DCC has passed since the last one and

1. the heading changed by more than 4°, the position by more than 4 m or the speed by more than
   0.5 m/s since the last CAM; T_GenCam then becomes the time since the last CAM; or
2. T_GenCam has passed; after N_GenCam consecutive CAMs by this condition T_GenCam goes back to
   T_GenCamMax.

A vehicle that appears sends at its first check.

BSM: SAE J2945/1 sends ten a second as long as congestion control leaves it alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIGGERS = ("first", "dynamics", "time", "periodic")
"""Why a message was generated; the categories of the column `trigger`."""

_FIRST, _DYNAMICS, _TIME, _PERIODIC = range(4)
_NEVER = -1


@dataclass(frozen=True, slots=True)
class CamRules:
    """The parameters of clause 6.1.3.

    Args:
        heading_deg: a larger change triggers.
        position_m: a larger distance triggers.
        speed_mps: a larger change triggers.
        gen_cam_max_s: T_GenCamMax.
        gen_cam_dcc_s: T_GenCam_DCC, set by congestion control, 0.1 to 1 s.
        n_gen_cam: N_GenCam, at most 3.
    """

    heading_deg: float = 4.0
    position_m: float = 4.0
    speed_mps: float = 0.5
    gen_cam_max_s: float = 1.0
    gen_cam_dcc_s: float = 0.1
    n_gen_cam: int = 3


def cam_events(
    vehicles: pl.DataFrame, *, step_s: float, rules: CamRules | None = None
) -> pl.DataFrame:
    """Find every CAM of a trace.

    Args:
        vehicles: the vehicles table of a trace (see `traffic`), sorted by step.
        step_s: of the trace; T_CheckCamGen, so at most 0.1 s (T_GenCamMin).
        rules: the standard's defaults if omitted.

    Returns:
        A row a message, sorted by step: step u32, time_s f64, vehicle enum, x f32, y f32,
        speed f32, trigger enum (see `TRIGGERS`).

    Raises:
        RoadsealError: `cam-step-too-long`.
    """
    if not 0 < step_s <= 0.1:
        raise RoadsealError(
            "cam-step-too-long",
            f"CAM conditions are checked every 0.1 s or oftener; the trace steps {step_s:g} s.",
            advice="Record the trace with a step of 0.1 s.",
        )
    trigger = _cam_triggers(vehicles, step_s, rules or CamRules())
    return _events(vehicles, np.flatnonzero(trigger != _NEVER), trigger)


def bsm_events(vehicles: pl.DataFrame, *, step_s: float, rate_hz: float = 10.0) -> pl.DataFrame:
    """Find every BSM of a trace: each vehicle sends at its first row and then at a fixed rate.

    Args:
        vehicles: the vehicles table of a trace, sorted by step.
        step_s: of the trace.
        rate_hz: messages a second, at most one a step.

    Returns:
        As `cam_events`; `trigger` is `periodic`.

    Raises:
        RoadsealError: `bsm-rate-invalid`.
    """
    every = round(1 / (rate_hz * step_s)) if rate_hz > 0 else 0
    if every < 1:
        raise RoadsealError(
            "bsm-rate-invalid",
            f"{rate_hz:g} Hz cannot be sent from a trace with a step of {step_s:g} s.",
            advice="Choose a rate above 0 and at most one message a step.",
        )
    step, vehicle = _column(vehicles, "step"), _station(vehicles)
    first = np.full(int(vehicle.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, vehicle, step)
    due = (step - first[vehicle]) % every == 0
    trigger = np.full(len(step), _PERIODIC, dtype=np.int8)
    return _events(vehicles, np.flatnonzero(due), trigger)


def transmission_phase_s(stations: int, *, step_s: float, seed: int) -> NDArray[np.float64]:
    """Draw, for each station, how long after a check of the trace its own clock checks.

    A trace moves every vehicle at the same instant; real stations are not synchronised. Add
    `phase[vehicle code]` to `time_s` before asking who is on the air at once.

    Returns:
        Shape (stations,), seconds in [0, step_s).
    """
    return np.random.default_rng(seed).random(stations) * step_s


def _cam_triggers(vehicles: pl.DataFrame, step_s: float, rules: CamRules) -> NDArray[np.int8]:
    """Trigger of every row, or -1: all vehicles of a step at once, steps in order."""
    step, station = _column(vehicles, "step"), _station(vehicles)
    x, y = vehicles["x"].to_numpy(), vehicles["y"].to_numpy()
    speed, angle = vehicles["speed"].to_numpy(), vehicles["angle"].to_numpy()
    trigger = np.full(len(step), _NEVER, dtype=np.int8)

    stations = int(station.max(initial=-1)) + 1
    sent_step = np.full(stations, _NEVER, dtype=np.int64)
    sent = np.zeros((4, stations), dtype=np.float32)  # x, y, speed, angle of the last CAM
    dcc_steps = _steps(rules.gen_cam_dcc_s, step_s)
    max_steps = max(_steps(rules.gen_cam_max_s, step_s), dcc_steps)
    gen_cam_steps = np.full(stations, max_steps, dtype=np.int64)  # T_GenCam
    by_time = np.zeros(stations, dtype=np.int64)  # consecutive CAMs by condition 2

    bounds = np.flatnonzero(np.diff(step)) + 1
    for start, end in zip((0, *bounds), (*bounds, len(step)), strict=True):
        who = station[start:end]
        if not who.size:
            continue
        now = step[start]
        motion = np.stack((x[start:end], y[start:end], speed[start:end], angle[start:end]))
        elapsed = now - sent_step[who]
        first = sent_step[who] == _NEVER
        dx, dy, dv, turn = motion - sent[:, who]
        turn = np.abs(turn) % 360
        moved = (
            (np.minimum(turn, 360 - turn) > rules.heading_deg)
            | (dx * dx + dy * dy > rules.position_m**2)
            | (np.abs(dv) > rules.speed_mps)
        )
        allowed = ~first & (elapsed >= dcc_steps)
        dynamics = allowed & moved
        time = allowed & ~moved & (elapsed >= gen_cam_steps[who])
        trigger[start:end][first] = _FIRST
        trigger[start:end][dynamics] = _DYNAMICS
        trigger[start:end][time] = _TIME

        gen_cam_steps[who[dynamics]] = np.minimum(elapsed[dynamics], max_steps)
        by_time[who[dynamics]] = 0
        by_time[who[time]] += 1
        gen_cam_steps[who[time & (by_time[who] >= rules.n_gen_cam)]] = max_steps
        sends = first | dynamics | time
        sent_step[who[sends]] = now
        sent[:, who[sends]] = motion[:, sends]
    return trigger


def _steps(duration_s: float, step_s: float) -> int:
    return max(1, int(np.ceil(duration_s / step_s - 1e-9)))


def _events(
    vehicles: pl.DataFrame, rows: NDArray[np.intp], trigger: NDArray[np.int8]
) -> pl.DataFrame:
    names = pl.Series(TRIGGERS, dtype=pl.Enum(TRIGGERS))
    return vehicles.select("step", "time_s", "vehicle", "x", "y", "speed")[rows].with_columns(
        names.gather(trigger[rows]).alias("trigger")
    )


def _column(vehicles: pl.DataFrame, name: str) -> NDArray[np.int64]:
    return vehicles[name].to_numpy().astype(np.int64)


def _station(vehicles: pl.DataFrame) -> NDArray[np.int64]:
    return vehicles["vehicle"].to_physical().to_numpy().astype(np.int64)
