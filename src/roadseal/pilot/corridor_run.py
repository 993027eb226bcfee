"""One way of protecting the air, played over one trace: what a worker process computes.

Approaches that put the same bytes on the air share these results; `Approach.on_air` says which do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadseal.clock import Time64
from roadseal.pilot.air import Air, run_air
from roadseal.pilot.approach import Approach
from roadseal.pilot.closed_loop import Outcome, run_with_priority
from roadseal.pilot.corridor import Corridor
from roadseal.pilot.heard_traffic import HeardTraffic, read
from roadseal.pilot.message_sizes import MessageSizes, count_sizes
from roadseal.pilot.priority import PriorityLog, SecuredPriority
from roadseal.pilot.radio import RadioConfig
from roadseal.pilot.scenario import Scenario
from roadseal.pilot.secured_traffic import SecuredTraffic, secure_traffic
from roadseal.pilot.stations import Stations
from roadseal.pilot.traffic import Trace

FRESH_S = 0.5
"""A SPaT older than this is not acted upon."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all approaches of a run share.

    Args:
        scenario: what SUMO runs.
        trace: its recording.
        corridor: its signals.
        radio: access, power and bitrate.
        heard: file of what the trace gives to all of them (see `heard_traffic`).
        start: the instant of the first step.
        seed: of receptions.
    """

    scenario: Scenario
    trace: Trace
    corridor: Corridor
    radio: RadioConfig
    heard: Path
    start: Time64
    seed: int


@dataclass(frozen=True)
class OnAir:
    """What a way of protecting the air led to.

    Args:
        sizes: of its messages.
        air: what arrived.
        passages: age of the last verified SPaT at every passage of a stop line; infinite if none.
        outcome: of the closed loop with priority.
        log: requests and decisions.
        awareness_messages: CAMs or BSMs of the trace.
    """

    sizes: MessageSizes
    air: Air
    passages: NDArray[np.float64]
    outcome: Outcome
    log: PriorityLog
    awareness_messages: int


def play(setting: Setting, approach: Approach, processing_s: float, verify_s: float) -> OnAir:
    """Play the trace's messages, then the closed loop with priority.

    Args:
        setting: of the run.
        approach: how the air is protected.
        processing_s: from reception to verdict in a vehicle.
        verify_s: from reception to verdict in a roadside unit.
    """
    traffic = read(setting.heard)
    stations = Stations.establish(approach, start=setting.start)
    sizes = count_sizes(stations, setting.corridor, now=setting.start)
    air = run_air(
        traffic.sent,
        traffic.encounters,
        traffic.uplink,
        setting.corridor,
        sizes,
        setting.radio,
        step_s=setting.trace.step_s,
        processing_s=processing_s,
        seed=setting.seed,
    )
    priority = SecuredPriority(
        stations,
        setting.corridor,
        sizes,
        setting.radio,
        air.load.mean(axis=1).tolist(),
        start=setting.start,
        begin_s=setting.scenario.begin_s,
        verify_s=verify_s,
        seed=setting.seed,
    )
    outcome = run_with_priority(
        setting.scenario,
        priority,
        seed=setting.trace.seed,
        duration_s=setting.trace.duration_s,
        step_s=setting.trace.step_s,
        corridor=setting.corridor,
    )
    passages = _age_at_passages(traffic, air, setting, processing_s)
    # What only this process needs does not travel: it is a value a row of millions.
    light = replace(air, verified_step=np.zeros(0, dtype=np.int32))
    return OnAir(sizes, light, passages, outcome, priority.log, traffic.messages)


def secure(setting: Setting, approach: Approach) -> SecuredTraffic:
    """Sign and verify every SPaT and MAP and a sample of CAMs."""
    return secure_traffic(
        Stations.establish(approach, start=setting.start),
        setting.corridor,
        setting.trace,
        read(setting.heard).sample,
        start=setting.start,
    )


def _age_at_passages(
    traffic: HeardTraffic, air: Air, setting: Setting, processing_s: float
) -> NDArray[np.float64]:
    step, rows = traffic.passages["step"].to_numpy().astype(np.int64), traffic.passage_rows
    verified = np.where(rows >= 0, air.verified_step[np.maximum(rows, 0)], -1)
    age_s = (step - verified) * setting.trace.step_s + processing_s
    return np.where(verified >= 0, age_s, np.inf)
