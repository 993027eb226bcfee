"""Priority in the loop: real SUMO runs on the grid, against the recorded baseline."""

from __future__ import annotations

import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from test_priority_signal import violations
from traffic_scenes import SCENES, grid

from roadseal.pilot.closed_loop import Outcome, run_with_priority
from roadseal.pilot.corridor import read_corridor
from roadseal.pilot.priority_policy import (
    ForgedPriority,
    NextSignalPriority,
    NoPriority,
    PriorityContext,
    PriorityPolicy,
)
from roadseal.pilot.priority_signal import Grant
from roadseal.pilot.signal_plan import read_plan
from roadseal.pilot.traffic import record

DURATION_S = 150.0
STEPS = round(DURATION_S / 0.1)
PHANTOM = Grant("B1", 0, "phantom", 90.0)


@functools.cache
def outcome(policy: PriorityPolicy) -> Outcome:
    return run_with_priority(grid(), policy, seed=1, duration_s=DURATION_S)


def states_of(outcome: Outcome, signal: str) -> list[tuple[float, str]]:
    """State at every step."""
    rows = outcome.signals.filter(pl.col("signal") == signal).to_dicts()
    changes = {row["step"]: row["state"] for row in rows}
    state, states = "", []
    for step in range(STEPS):
        state = changes.get(step, state)
        states.append((step * 0.1, state))
    return states


def test_granting_nothing_is_the_recorded_traffic() -> None:
    trace = record(grid(), seed=1, duration_s=DURATION_S, out_dir=SCENES / "loop")
    baseline = outcome(NoPriority())
    assert_frame_equal(baseline.trips, trace.trips)
    assert_frame_equal(baseline.signals, trace.signals)
    assert baseline.changes.height == 0
    assert baseline.incidents == trace.incidents


def test_priority_saves_the_emergency_vehicles_time_and_stops() -> None:
    baseline, priority = outcome(NoPriority()).emergency, outcome(NextSignalPriority()).emergency
    assert baseline["vehicle"].to_list() == priority["vehicle"].to_list()
    assert priority["time_loss_s"].sum() < 0.6 * baseline["time_loss_s"].sum()
    assert priority["stops"].sum() < baseline["stops"].sum()


@pytest.mark.parametrize("policy", [NextSignalPriority(), ForgedPriority(((30.0, PHANTOM),))])
def test_every_signal_is_safe_at_every_step(policy: PriorityPolicy) -> None:
    """Checked from the outcome's table, by the test's own reading of the program."""
    run = outcome(policy)
    assert run.conflicts == 0
    assert run.covered_steps > 0
    corridor = read_corridor(grid().net_file, name="grid", source="test")
    for signal in corridor.signals:
        assert violations(read_plan(signal), states_of(run, signal.id)) == []


def test_a_program_is_uncovered_and_on_its_old_clock() -> None:
    baseline, run = outcome(NoPriority()), outcome(NextSignalPriority())
    recovered = run.changes.filter(pl.col("kind") == "recovered")
    assert recovered.height >= 3
    differed = 0
    for signal in set(recovered["signal"]):
        changes = run.changes.filter(pl.col("signal") == signal)
        end_s = changes["time_s"].max()
        if changes.sort("time_s")["kind"][-1] != "recovered":
            continue
        after = round(float(end_s) / 0.1) + 1  # type: ignore[arg-type]  a maximum of floats
        assert states_of(run, signal)[after:] == states_of(baseline, signal)[after:]
        differed += states_of(run, signal) != states_of(baseline, signal)
    assert differed >= 2


def test_a_forged_grant_turns_the_signal_and_delays_the_others() -> None:
    """The phantom holds one approach green for a minute, for nobody."""
    baseline, attack = outcome(NoPriority()), outcome(ForgedPriority(((30.0, PHANTOM),)))
    kinds = attack.changes["kind"].to_list()
    assert kinds[:3] == ["granted", "green", "ended"]
    assert attack.changes["vehicle"][0] == "phantom"
    assert all(state[0] in "Gg" for time_s, state in states_of(attack, "B1") if 55 < time_s < 89)
    assert not all(
        state[0] in "Gg" for time_s, state in states_of(baseline, "B1") if 55 < time_s < 89
    )
    assert attack.others_mean_time_loss_s > baseline.others_mean_time_loss_s
    assert attack.others.height == baseline.others.height


class Witness:
    """Grants nothing and remembers what it was shown."""

    def __init__(self) -> None:
        self.contexts: list[PriorityContext] = []

    def decide(self, context: PriorityContext) -> list[Grant]:
        self.contexts.append(context)
        return []


def test_the_policy_sees_each_emergency_vehicle_come_near_its_signals() -> None:
    witness = Witness()
    run = run_with_priority(grid(), witness, seed=1, duration_s=80)
    assert [context.step for context in witness.contexts] == list(range(800))
    seen = [
        (context.time_s, vehicle) for context in witness.contexts for vehicle in context.vehicles
    ]
    assert {vehicle.id for _, vehicle in seen} <= set(run.emergency["vehicle"])
    ahead = [(t, v.signals[0]) for t, v in seen if v.id == "emergency_0" and v.signals]
    assert ahead
    for (_, before), (_, now) in pairwise(ahead):
        if before.signal == now.signal:
            assert now.distance_m <= before.distance_m + 0.5
            assert now.eta_s >= now.distance_m / 40
    states = {context.time_s: context.states for context in witness.contexts}
    assert all(states[t][signal.signal][signal.link] == signal.light for t, signal in ahead)


def test_workers_of_a_process_pool_give_the_same_result() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        policy = NextSignalPriority()
        jobs = [
            pool.submit(run_with_priority, grid(), policy, seed=1, duration_s=DURATION_S)
            for _ in range(2)
        ]
        for job in jobs:
            result = job.result(timeout=120)
            assert_frame_equal(result.trips, outcome(policy).trips)
            assert_frame_equal(result.changes, outcome(policy).changes)
            assert_frame_equal(result.signals, outcome(policy).signals)


def test_grants_for_signals_that_do_not_exist_change_nothing() -> None:
    forged = (
        (5.0, Grant("nowhere", 0, "x", 50.0)),
        (5.0, Grant("B1", 999, "y", 50.0)),
        (5.0, Grant("B1", -1, "z", 50.0)),
    )
    run = outcome(ForgedPriority(forged))
    assert set(run.changes["kind"]) == {"refused"}
    assert_frame_equal(run.trips, outcome(NoPriority()).trips)
