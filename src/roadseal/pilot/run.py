"""A pilot run: one scenario, every approach, the same traffic; measured side by side."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roadseal.clock import SystemClock, from_datetime
from roadseal.errors import RoadsealError
from roadseal.net import require_netem, shipped_links
from roadseal.operate.qkd import optimise
from roadseal.pilot.approach import Approach, load_approach, named_approaches
from roadseal.pilot.calibration import Calibration, Handshakes
from roadseal.pilot.comparison import compare, curves, emergency_trips
from roadseal.pilot.corridor import Corridor
from roadseal.pilot.corridor_run import OnAir, Setting, play, secure
from roadseal.pilot.demand import embedded_scenario
from roadseal.pilot.device import device
from roadseal.pilot.drills import run_drills
from roadseal.pilot.drills.catalogue import chosen_drills
from roadseal.pilot.emergency import EmergencyDemand, add_emergency_vehicles
from roadseal.pilot.evidence import Evidence, QkdEvidence
from roadseal.pilot.heard_traffic import hear, write
from roadseal.pilot.measures import DrillResult, Results
from roadseal.pilot.qkd_backhaul import BLOCK_BITS, FIBRE
from roadseal.pilot.run_facts import about, limits, sources
from roadseal.pilot.scenario import Scenario, read_sumocfg
from roadseal.pilot.scenario_check import check_signals, corridor_of
from roadseal.pilot.scenario_file import EMBEDDED, PilotScenario, radio_of
from roadseal.pilot.secured_traffic import SecuredTraffic
from roadseal.pilot.traffic import record

START = from_datetime(datetime(2026, 6, 1, 8, tzinfo=UTC))
"""The instant of a run's first step; fixed, so that runs can be compared."""

Tell = Callable[[str, float], None]
"""Progress: what is being done, and the share of it that is done."""


@dataclass(frozen=True)
class PilotRun:
    """What a run leaves behind.

    Args:
        results: the comparison.
        corridor: for the map.
        on_air: raw results a way of protecting the air, by the names of its approaches.
        calibration: where this machine's costs are kept.
    """

    results: Results
    corridor: Corridor
    on_air: Mapping[tuple[str, ...], OnAir]
    calibration: Path


def run_pilot(
    scenario: PilotScenario,
    *,
    cache_dir: Path,
    executor: Executor | None = None,
    recalibrate: bool = False,
    tell: Tell | None = None,
) -> PilotRun:
    """Run every approach of a scenario on the same traffic.

    Args:
        scenario: what to run.
        cache_dir: where traces and the calibration are kept between runs.
        executor: runs the approaches; two processes by default.
        recalibrate: measure this machine's costs again.
        tell: told about progress.

    Raises:
        RoadsealError: the scenario, its network or an approach cannot be used, or netem where it
            is asked for; ``worker-died``.
    """
    tell = tell or (lambda _what, _share: None)
    approaches = approaches_of(scenario)
    if scenario.impairment == "netem":
        require_netem()
    corridor, traffic = _place(scenario, cache_dir, tell)  # what is wrong shall not come out late
    calibration = _calibrate(scenario, approaches, cache_dir, recalibrate, tell)
    prepared = _Prepared(scenario, approaches, corridor, traffic, calibration, cache_dir)
    with tempfile.TemporaryDirectory(prefix=".run-", dir=cache_dir) as scratch:
        heard = Path(scratch) / "heard"
        if executor is not None:
            return _run(prepared, executor, heard, tell)
        context = multiprocessing.get_context("spawn")  # SUMO is one simulation a process
        with ProcessPoolExecutor(max_workers=2, mp_context=context) as pool:
            try:
                return _run(prepared, pool, heard, tell)
            except BrokenProcessPool as error:
                raise RoadsealError(
                    "worker-died",
                    "A process that played the scenario ended without an answer.",
                    advice="Give it more memory; if `sumo` alone dies of the scenario, mend that.",
                ) from error


def approaches_of(scenario: PilotScenario) -> list[Approach]:
    """The approaches of a scenario, as its links allow.

    Args:
        scenario: which.

    Raises:
        RoadsealError: one cannot be used; ``approach-twice``.
    """
    approaches = [load_approach(name) for name in named_approaches(scenario.approaches)]
    if not any(link.qkd for link in scenario.links):  # no key reaches anybody
        approaches = [replace(approach, key_source="none") for approach in approaches]
    for number, approach in enumerate(approaches):
        if approach.name in {earlier.name for earlier in approaches[:number]}:
            raise RoadsealError(
                "approach-twice",
                f"Two approaches are called {approach.name!r}.",
                advice="Give one of the files another name: results are told apart by it.",
            )
    return approaches


@dataclass(frozen=True)
class _Prepared:
    """All that a run needs, checked."""

    scenario: PilotScenario
    approaches: Sequence[Approach]
    corridor: Corridor
    traffic: Scenario
    calibration: Calibration
    cache_dir: Path


def _run(prepared: _Prepared, pool: Executor, heard: Path, tell: Tell) -> PilotRun:
    scenario, approaches = prepared.scenario, prepared.approaches
    calibration = prepared.calibration
    drilled = {  # they need no traffic: workers do them while it is recorded here
        approach.name: pool.submit(
            run_drills, approach, scenario.drills, seed=scenario.seed, start=START
        )
        for approach in approaches
    }
    setting = _record(prepared, heard, tell)
    scales = {
        kind: device(scenario.devices[kind]).scale(calibration.p256_verify_us)
        for kind in ("vehicle", "roadside")
    }
    distinct = {approach.on_air: approach for approach in reversed(approaches)}
    secured: dict[tuple[str, ...], Future[SecuredTraffic]] = {}
    played: dict[tuple[str, ...], Future[OnAir]] = {}
    # The longest first: post-quantum signing takes most of the time.
    for key, approach in sorted(distinct.items(), key=lambda item: _sign_us(item[1], calibration)):
        verify_s = calibration.message(approach.commands.name).verify.median_us / 1e6
        secured[key] = pool.submit(secure, setting, approach)
        played[key] = pool.submit(
            play, setting, approach, verify_s * scales["vehicle"], verify_s * scales["roadside"]
        )
    futures: list[Future[Any]] = [*drilled.values(), *secured.values(), *played.values()]
    for done, _ in enumerate(as_completed(futures), 1):
        tell("playing the approaches", done / len(futures))
    evidence = {
        approach.name: Evidence(
            approach=approach,
            on_air=played[approach.on_air].result(),
            secured=secured[approach.on_air].result(),
            commands=calibration.message(approach.commands.name),
            awareness=calibration.message(approach.awareness.name),
            handshakes=_handshakes(scenario, approach, calibration),
            qkd=_qkd(scenario, approach, calibration),
            drills=drilled[approach.name].result(),
            baseline=setting.trace.trips,
            radio=setting.radio,
            vehicle=(device(scenario.devices["vehicle"]), scales["vehicle"]),
            roadside=(device(scenario.devices["roadside"]), scales["roadside"]),
            seed=scenario.seed,
        )
        for approach in approaches
    }
    drills: list[DrillResult] = [drill for each in evidence.values() for drill in each.drills]
    results = Results(
        about={**about(scenario, setting, evidence), "calibration": calibration.digest},
        approaches={approach.name: approach.title for approach in approaches},
        measures=compare(evidence),
        curves=curves(evidence),
        drills=drills,
        emergency=emergency_trips(evidence),
        limits=limits(scenario, setting, evidence),
        sources=sources(scenario),
    )
    shared = {
        tuple(a.name for a in approaches if a.on_air == key): future.result()
        for key, future in played.items()
    }
    return PilotRun(results, setting.corridor, shared, calibration.path)


def _place(scenario: PilotScenario, cache_dir: Path, tell: Tell) -> tuple[Corridor, Scenario]:
    """Read the corridor and make its traffic; refuse what the scenario asks of them in vain."""
    chosen_drills(scenario.drills)
    radio_of(scenario)
    for name in scenario.devices.values():
        device(name)
    traffic = _traffic(scenario, cache_dir, tell)
    corridor = corridor_of(scenario, traffic)
    check_signals(scenario, corridor)
    return corridor, _with_emergency_vehicles(scenario, traffic, cache_dir)


def _record(prepared: _Prepared, heard: Path, tell: Tell) -> Setting:
    """Record the traffic, or replay it if it was recorded before; find what approaches share."""
    scenario = prepared.scenario
    trace = record(
        prepared.traffic,
        seed=scenario.seed,
        duration_s=scenario.duration_s,
        step_s=scenario.step_s,
        out_dir=prepared.cache_dir / "traces",
        progress=lambda done_s, total_s: tell("recording traffic", done_s / total_s),
    )
    traffic = hear(
        trace,
        prepared.corridor,
        awareness=scenario.awareness,
        sample=scenario.cam_sample,
        seed=scenario.seed,
    )
    write(traffic, heard)
    return Setting(
        scenario=prepared.traffic,
        trace=trace,
        corridor=prepared.corridor,
        radio=radio_of(scenario),
        heard=heard,
        start=START,
        seed=scenario.seed,
    )


def _sign_us(approach: Approach, calibration: Calibration) -> float:
    return -calibration.message(approach.commands.name).sign.median_us


def _calibrate(
    scenario: PilotScenario,
    approaches: Sequence[Approach],
    cache_dir: Path,
    recalibrate: bool,
    tell: Tell,
) -> Calibration:
    """Measure before anything else runs on the machine."""
    calibration = Calibration(
        cache_dir, SystemClock(), lambda what: tell(f"measuring: {what}", 0.0)
    )
    if recalibrate:
        calibration.forget()
    calibration.message("ecdsa-p256")
    for approach in approaches:
        calibration.message(approach.commands.name)
        calibration.message(approach.awareness.name)
        _handshakes(scenario, approach, calibration)
        _qkd(scenario, approach, calibration)
    return calibration


def _handshakes(
    scenario: PilotScenario, approach: Approach, calibration: Calibration
) -> dict[str, Handshakes]:
    """Handshakes over every medium."""
    return {
        medium: calibration.handshakes(
            approach.backhaul,
            medium,
            scenario.handshakes,
            scenario.seed,
            scenario.impairment,
        )
        for medium in sorted(shipped_links())
    }


def _qkd(
    scenario: PilotScenario, approach: Approach, calibration: Calibration
) -> QkdEvidence | None:
    """What marked links give; `None` where no key is mixed in."""
    if approach.key_source != "qkd":
        return None
    times_ms = calibration.key_agreements(approach.backhaul, scenario.handshakes, scenario.seed)
    return QkdEvidence(optimise(FIBRE, block_bits=BLOCK_BITS), times_ms)


def _traffic(scenario: PilotScenario, cache_dir: Path, tell: Tell) -> Scenario:
    if scenario.network != EMBEDDED:
        return read_sumocfg(Path(scenario.network))
    tell("drawing the demand", 0.0)
    traffic = embedded_scenario(cache_dir / "demand", seed=scenario.seed)
    tell("drawing the demand", 1.0)
    return traffic


def _with_emergency_vehicles(
    scenario: PilotScenario, traffic: Scenario, cache_dir: Path
) -> Scenario:
    if not scenario.emergency_vehicles:
        return traffic
    # Without blue light they obey signals, so that what is measured is the granted request.
    emergency = EmergencyDemand(
        count=scenario.emergency_vehicles,
        first_s=min(60.0, scenario.duration_s / 10),
        last_s=scenario.duration_s / 2,
        blue_light=False,
    )
    return add_emergency_vehicles(traffic, emergency, cache_dir / "demand", seed=scenario.seed)
