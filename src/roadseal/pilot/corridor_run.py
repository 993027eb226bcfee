"""One way of protecting the air, played over one trace: what a worker process computes.

Approaches that put the same bytes on the air share these results; `Approach.on_air` says which do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roadseal.clock import Time64
from roadseal.pilot.air import Air, run_air
from roadseal.pilot.approach import Approach
from roadseal.pilot.cam_rules import bsm_events, cam_events
from roadseal.pilot.channel import Sent, sent_messages
from roadseal.pilot.closed_loop import Outcome, run_with_priority
from roadseal.pilot.corridor import Corridor
from roadseal.pilot.encounters import Encounters, find_encounters
from roadseal.pilot.message_sizes import MessageSizes, count_sizes
from roadseal.pilot.passages import stop_line_passages
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
        awareness: CAM or BSM.
        start: the instant of the first step.
        seed: of receptions and samples.
        cam_sample: CAMs that are really signed.
    """

    scenario: Scenario
    trace: Trace
    corridor: Corridor
    radio: RadioConfig
    awareness: str
    start: Time64
    seed: int
    cam_sample: int


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


@dataclass(frozen=True)
class Traffic:
    """What a trace gives to every approach."""

    events: pl.DataFrame
    sent: Sent
    encounters: Encounters
    passages: pl.DataFrame


def play(setting: Setting, approach: Approach, processing_s: float, verify_s: float) -> OnAir:
    """Play the trace's messages, then the closed loop with priority.

    Args:
        setting: of the run.
        approach: how the air is protected.
        processing_s: from reception to verdict in a vehicle.
        verify_s: from reception to verdict in a roadside unit.
    """
    traffic = prepare(setting)
    stations = Stations.establish(approach, start=setting.start)
    sizes = count_sizes(stations, setting.corridor, now=setting.start)
    air = run_air(
        traffic.sent,
        traffic.encounters,
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
    light = replace(air, verified_step=np.zeros(0, dtype=np.int64))
    return OnAir(sizes, light, passages, outcome, priority.log, traffic.events.height)


def secure(setting: Setting, approach: Approach) -> SecuredTraffic:
    """Sign and verify every SPaT and MAP and a sample of CAMs."""
    return secure_traffic(
        Stations.establish(approach, start=setting.start),
        setting.corridor,
        setting.trace,
        prepare(setting).events,
        start=setting.start,
        cam_sample=setting.cam_sample,
        seed=setting.seed,
    )


def prepare(setting: Setting) -> Traffic:
    """What the trace gives to every approach; computed once a process."""
    return _prepare(_Shared(setting))


class _Shared:
    """A setting that compares by its trace, so that the cache can hold it."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._key = (setting.trace.directory, setting.awareness)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shared) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=1)
def _prepare(shared: _Shared) -> Traffic:
    setting = shared.setting
    vehicles, step_s = setting.trace.vehicles, setting.trace.step_s
    rules = cam_events if setting.awareness == "cam" else bsm_events
    events = rules(vehicles, step_s=step_s)
    return Traffic(
        events=events,
        sent=sent_messages(events, vehicles, step_s=step_s),
        encounters=find_encounters(vehicles, setting.corridor),
        passages=stop_line_passages(vehicles, setting.corridor),
    )


def _age_at_passages(
    traffic: Traffic, air: Air, setting: Setting, processing_s: float
) -> NDArray[np.float64]:
    index = {signal.id: number for number, signal in enumerate(setting.corridor.signals)}
    passages = traffic.passages
    rsu = np.array([index[signal] for signal in passages["signal"]], dtype=np.int64)
    vehicle = passages["vehicle"].to_physical().to_numpy().astype(np.int64)
    step = passages["step"].to_numpy().astype(np.int64)
    rows = traffic.encounters.rows_of(rsu, vehicle, step)
    verified = np.where(rows >= 0, air.verified_step[np.maximum(rows, 0)], -1)
    age_s = (step - verified) * setting.trace.step_s + processing_s
    return np.where(verified >= 0, age_s, np.inf)
