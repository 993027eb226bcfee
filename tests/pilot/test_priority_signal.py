from __future__ import annotations

import functools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traffic_scenes import embedded, grid

from roadseal.pilot.corridor import Signal, SignalLink, SignalPhase, read_corridor
from roadseal.pilot.priority_signal import Grant, PrioritySignal
from roadseal.pilot.signal_plan import SignalHeads, SignalPlan, read_plan

STEP_S = 0.1
GREEN, YELLOW = set("Gg"), set("yY")


@functools.cache
def real_plans() -> list[SignalPlan]:
    """Programs of real signals: the embedded corridor's and the grid's."""
    return [
        read_plan(signal)
        for scenario in (embedded(), grid())
        for signal in read_corridor(scenario.net_file, name="x", source="x").signals
    ]


def crossroads() -> Signal:
    """Two conflicting movements; 3 s yellow, then 2 s (first) or 1 s (second) of all red."""
    phases = [("Gr", 20.0), ("yr", 3.0), ("rr", 2.0), ("rG", 10.0), ("ry", 3.0), ("rr", 1.0)]
    links = tuple(
        SignalLink(index, f"in{index}_0", f"out{index}_0", (0, 0), ((0, -9), (0, 0)), 0.0, False)
        for index in range(2)
    )
    return Signal(
        id="s",
        x=0,
        y=0,
        longitude=None,
        latitude=None,
        junctions=("j",),
        links=links,
        foes=frozenset({(0, 1)}),
        program_id="0",
        program_type="static",
        phases=tuple(SignalPhase(seconds, seconds, seconds, state) for state, seconds in phases),
    )


def violations(plan: SignalPlan, states: list[tuple[float, str]]) -> list[str]:
    """What a display did that the plan forbids; `states` has (time, state) of every step."""
    found = []
    since = [-math.inf] * len(plan.foes)
    ended = [-math.inf] * len(plan.foes)
    before = states[0][1]
    for time_s, state in states:
        found += [f"{time_s}: {pair} green at once" for pair in plan.conflicts(state)]
        for i, (old, new) in enumerate(zip(before, state, strict=True)):
            if old not in GREEN and new in GREEN:
                since[i] = time_s
                for j in plan.foes[i]:
                    gap_s = time_s - ended[j]
                    together = state[j] in GREEN or plan.compatible(i, new, j, "g")
                    if not together and gap_s < plan.intergreen_s[j][i] - 1e-6:
                        found.append(f"{time_s}: link {i} green {gap_s:.1f} s after link {j}")
            if old in GREEN and new not in GREEN:
                ended[i] = time_s
                if time_s - since[i] < plan.min_green_s[i] - 1e-6:
                    found.append(f"{time_s}: green of link {i} cut short")
                if plan.yellow_s[i] and new not in YELLOW:
                    found.append(f"{time_s}: link {i} without yellow")
            yellow_ends = old in YELLOW and new not in YELLOW
            if yellow_ends and time_s - ended[i] < plan.yellow_s[i] - 1e-6:
                found.append(f"{time_s}: yellow of link {i} cut short")
        before = state
    return found


def test_the_plan_reads_the_program() -> None:
    plan = read_plan(crossroads())
    assert plan.yellow_s == (3.0, 3.0)
    assert plan.intergreen_s[0][1] == 5.0
    assert plan.intergreen_s[1][0] == 4.0
    assert plan.min_green_s == (5.0, 5.0)
    assert plan.conflicts("GG") == [(0, 1)]
    assert plan.conflicts("Gr") == []
    assert plan.target(1, "Gr") == "rG"


def test_programs_that_switch_off_are_left_alone() -> None:
    plan = read_plan(crossroads(), [SignalPhase(10, 10, 10, "oo"), SignalPhase(10, 10, 10, "Gr")])
    signal = PrioritySignal(plan, max_hold_s=60)
    signal.heads.observe(0.0, "Gr")
    (change,) = signal.grant(Grant("s", 1, "ev", 9.0), 0.0)
    assert change.kind == "refused"
    assert signal.idle
    assert signal.grant(Grant("s", 1, "ev", 9.0), 0.1) == []  # said once


def test_every_real_program_obeys_its_own_plan() -> None:
    for plan in real_plans():
        for state, _ in plan.states:
            assert plan.conflicts(state) == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_wished_the_display_stays_safe(data: st.DataObject) -> None:
    plan = data.draw(st.sampled_from(real_plans()))
    states = [state for state, _ in plan.states]
    alphabet = st.text("Ggyrs", min_size=len(plan.foes), max_size=len(plan.foes))
    heads = SignalHeads(plan)
    heads.observe(0.0, data.draw(st.sampled_from(states)))
    shown = [(0.0, heads.displayed)]
    step = 0
    for _ in range(data.draw(st.integers(1, 12))):
        wish = data.draw(st.one_of(st.sampled_from(states), alphabet))
        for _ in range(data.draw(st.integers(1, 120))):
            step += 1
            heads.advance(step * STEP_S, wish)
            shown.append((step * STEP_S, heads.displayed))
    assert violations(plan, shown) == []


def test_a_steady_wish_is_fulfilled() -> None:
    """Every phase of every real program is reached from every other."""
    for plan in real_plans():
        for start, _ in plan.states:
            for goal, _ in plan.states:
                heads = SignalHeads(plan)
                heads.observe(0.0, start)
                for step in range(1, 200):
                    heads.advance(step * STEP_S, goal)
                assert heads.displayed == goal


def drive(
    signal: PrioritySignal, grants: dict[int, Grant], seconds: float
) -> list[tuple[float, str]]:
    """Run the crossroads' fixed-time program underneath; grants by step."""
    phases = crossroads().phases
    cycle_s = sum(phase.duration_s for phase in phases)
    shown = []
    display: str | None = None
    for step in range(round(seconds / STEP_S)):
        time_s = step * STEP_S
        at_s, program = time_s % cycle_s, phases[0].state
        for phase in phases:
            program = phase.state
            if at_s < phase.duration_s - 1e-6:
                break
            at_s -= phase.duration_s
        state = display if display is not None else program
        shown.append((time_s, state))
        signal.heads.observe(time_s, state)
        if step in grants:
            signal.grant(grants[step], time_s)
        if not signal.idle:
            display, _ = signal.step(time_s, time_s + STEP_S, functools.partial(str, program))
    return shown


def test_a_grant_advances_the_green_and_the_program_is_found_again() -> None:
    plan = read_plan(crossroads())
    signal = PrioritySignal(plan, max_hold_s=60)
    shown = drive(signal, {20: Grant("s", 1, "ev", 14.0)}, 130)
    assert violations(plan, shown) == []
    first_green_s = next(time_s for time_s, state in shown if state[1] == "G")
    # asked at 2 s; green 0 has run long enough; then 3 s yellow and 2 s red
    assert first_green_s == pytest.approx(2.1 + 5.0)
    assert signal.idle
    undisturbed = drive(PrioritySignal(plan, max_hold_s=60), {}, 130)
    assert shown[:20] == undisturbed[:20]
    assert shown[-600:] == undisturbed[-600:]  # the offset is recovered


def test_one_at_a_time_first_come_first_served_and_a_limit() -> None:
    plan = read_plan(crossroads())
    signal = PrioritySignal(plan, max_hold_s=12)
    signal.heads.observe(0.0, "Gr")
    assert signal.grant(Grant("s", 1, "a", 1000.0), 0.0) == []
    _, changes = signal.step(0.0, 0.1, lambda: "Gr")
    assert [change.kind for change in changes] == ["granted"]
    assert [c.kind for c in signal.grant(Grant("s", 0, "b", 1000.0), 0.1)] == ["queued"]
    assert signal.granted_to() == ("a", "b")
    kinds = []
    for step in range(1, 400):
        display, changes = signal.step(step * STEP_S, (step + 1) * STEP_S, lambda: "Gr")
        kinds += [(change.kind, change.vehicle) for change in changes]
    # a is served 12 s, then b although it came second and a asks on; then b's 12 s are over
    assert kinds == [
        ("green", "a"),
        ("ended", "a"),
        ("granted", "b"),
        ("green", "b"),
        ("ended", "b"),
        ("recovered", ""),
    ]
    assert display is None


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 900),
        st.tuples(st.integers(0, 1), st.sampled_from(["a", "b", "c"]), st.floats(0.1, 30)),
        max_size=8,
    )
)
def test_any_grants_at_any_time_are_served_safely(grants) -> None:
    plan = read_plan(crossroads())
    signal = PrioritySignal(plan, max_hold_s=20)
    asked = {
        step: Grant("s", link, vehicle, step * STEP_S + length_s)
        for step, (link, vehicle, length_s) in grants.items()
    }
    shown = drive(signal, asked, 220)
    assert violations(plan, shown) == []
    assert signal.idle


def test_the_checker_sees_what_is_wrong() -> None:
    plan = read_plan(crossroads())
    ok = [(0.0, "Gr"), (20.0, "yr"), (23.0, "rr"), (25.0, "rG")]
    assert violations(plan, ok) == []
    assert violations(plan, [(0.0, "Gr"), (1.0, "GG")])
    assert violations(plan, [(0.0, "Gr"), (20.0, "rr")])
    assert violations(plan, [(0.0, "Gr"), (20.0, "yr"), (21.0, "rr")])
    assert violations(plan, [(0.0, "Gr"), (20.0, "yr"), (23.0, "rG")])
    assert violations(plan, [(0.0, "rr"), (20.0, "Gr"), (21.0, "yr")])
