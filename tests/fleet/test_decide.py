"""The pure core: plans, gates, what a report does to a device."""

from __future__ import annotations

import math
import os
import random

import pytest
from fleet_scenes import CHANGE, NOW, PLAN

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.fleet import Device, Gate, Outcome, Plan, Report, Stratum, Tally, read_inventory
from roadseal.fleet.decide import Phase, Task, TaskState, advance, decide

RUNNING = Stratum("acme/1", (59, 41, 400), phase=Phase.RUNNING, since=NOW)
GATED = Plan(gate=Gate(max_failure_share=0.005, min_report_share=0.9, soak_s=600))


def next_kind(stratum: Stratum, tally: Tally, after_s: float = 0, plan: Plan = GATED) -> str | None:
    now = Time64(NOW + round(after_s * 1e6))
    moves = decide(plan, CHANGE, [stratum], {stratum.name: tally}, now)
    return moves[0].kind if moves else None


def test_fifty_nine_devices_show_a_defect_of_one_in_twenty() -> None:
    assert 1 - 0.95**59 >= 0.95 > 1 - 0.95**58


@pytest.mark.parametrize(
    ("size", "ends"),
    [(1, (1,)), (59, (59,)), (60, (59, 60)), (2000, (59, 100, 500, 2000)), (0, ())],
)
def test_waves_cover_a_stratum(size: int, ends: tuple[int, ...]) -> None:
    assert Plan().wave_ends(size) == ends


def test_one_failure_in_the_first_wave_halts() -> None:
    assert next_kind(RUNNING, Tally(succeeded=10, failed=1, pending=48)) == "campaign.halted"


def test_enough_reports_pass_a_wave_and_stragglers_do_not_hold_it() -> None:
    assert next_kind(RUNNING, Tally(succeeded=52, pending=7)) is None
    assert next_kind(RUNNING, Tally(succeeded=53, pending=6)) == "campaign.wave-passed"
    assert next_kind(RUNNING, Tally(succeeded=53, deferred=6)) == "campaign.wave-passed"
    lone = Stratum("acme/1", (1,), phase=Phase.RUNNING, since=NOW)
    assert next_kind(lone, Tally(deferred=1)) is None  # nobody is not enough


def test_a_wave_waits_for_who_is_failing_and_counts_who_failed_late() -> None:
    assert next_kind(RUNNING, Tally(succeeded=58, failing=1, pending=1)) is None
    soaking = Stratum("acme/1", (59, 41), phase=Phase.SOAKING, since=NOW)
    assert next_kind(soaking, Tally(succeeded=58, failing=1, pending=1), 9999) is None
    second = Stratum("acme/1", (59, 41), wave=1, phase=Phase.RUNNING, since=NOW)
    assert next_kind(second, Tally(succeeded=3, failed_before=1, pending=38)) == "campaign.halted"


def test_the_last_wave_waits_for_everybody_who_can_be_reached() -> None:
    last = Stratum("acme/1", (10,), phase=Phase.RUNNING, since=NOW)
    assert next_kind(last, Tally(succeeded=9, pending=1)) is None
    assert next_kind(last, Tally(succeeded=9, deferred=1)) == "campaign.wave-passed"


def test_a_failure_during_the_soak_halts() -> None:
    soaking = Stratum("acme/1", (59, 41), phase=Phase.SOAKING, since=NOW)
    assert next_kind(soaking, Tally(succeeded=59), 599) is None
    assert next_kind(soaking, Tally(succeeded=59), 600) == "campaign.wave-opened"
    assert next_kind(soaking, Tally(succeeded=58, failed=1), 599) == "campaign.halted"


def test_too_few_reports_halt_when_patience_ends() -> None:
    assert next_kind(RUNNING, Tally(deferred=59), 86_400) is None
    assert next_kind(RUNNING, Tally(deferred=59), 86_401) == "campaign.halted"


def test_the_next_stage_waits_for_the_slowest_stratum() -> None:
    ahead = Stratum("a/1", (5,), stage=1, phase=Phase.WAITING, since=NOW)
    behind = Stratum("b/1", (5,), stage=0, phase=Phase.HALTED, since=NOW)
    assert decide(PLAN, CHANGE, [ahead, behind], {}, NOW) == []
    (move,) = decide(PLAN, CHANGE, [ahead], {}, NOW)
    assert move.kind == "campaign.wave-opened"


@pytest.mark.parametrize(
    "plan",
    [
        {"waves": ()},
        {"waves": (59,)},
        {"waves": (0, 1.0)},
        {"waves": (1.5, 1.0)},
        {"waves": (math.nan, 1.0)},
        {"waves": (5, 1)},
        {"gate": Gate(max_failure_share=1.5)},
        {"gate": Gate(soak_s=math.inf)},
        {"gate": Gate(patience_s=math.nan)},
        {"lease_s": 0},
        {"max_attempts": 0},
    ],
)
def test_plans_that_make_no_sense_are_refused(plan: dict[str, object]) -> None:
    with pytest.raises(RoadsealError) as caught:
        Plan(**plan)  # type: ignore[arg-type]  # wrong on purpose
    assert caught.value.code == "campaign-plan"


TASK = Task("d", 1, 1, TaskState.READY, False, 0, NOW, "")


def after(task: Task, *outcomes: Outcome) -> Task:
    for outcome in outcomes:
        task = advance(PLAN, CHANGE, task, Report(outcome, outcome.value), NOW)
    return task


def test_a_device_steps_through_its_stages() -> None:
    start = Task("d", 0, 0, TaskState.READY, False, 0, NOW, "")
    prepared = after(start, Outcome.DONE)
    assert (prepared.stage, prepared.step, prepared.state) == (1, 0, "waiting")
    moved = after(TASK, Outcome.DONE)
    assert (moved.stage, moved.step, moved.state) == (2, 0, "waiting")
    last = Task("d", 2, 0, TaskState.READY, False, 0, NOW, "")
    assert after(last, Outcome.DONE).state == "finished"


def test_failures_count_and_outages_do_not() -> None:
    assert after(TASK, *[Outcome.RETRY] * 2).state == "ready"
    assert after(TASK, *[Outcome.RETRY] * 3).state == "failed"
    assert after(TASK, *[Outcome.UNAVAILABLE] * 50).state == "ready"
    assert after(TASK, *[Outcome.OFFLINE] * 50).state == "ready"
    assert after(TASK, *[Outcome.OFFLINE] * 50, *[Outcome.RETRY] * 2).state == "ready"
    assert after(TASK, Outcome.FAILED).state == "failed"


def test_waits_grow_but_no_longer_than_about_a_day() -> None:
    waits = [
        after(TASK, *[Outcome.OFFLINE] * count).due - NOW for count in (1, 2, 3, 4, 12, 60, 5000)
    ]
    assert waits[0] < waits[2] < waits[3]
    assert max(waits) <= 1.25 * 86_400 * 1e6


def test_taking_back_is_never_given_up() -> None:
    undoing = Task("d", 1, 0, TaskState.UNDOING, False, 0, NOW, "")
    assert after(undoing, *[Outcome.RETRY] * 9, *[Outcome.FAILED] * 9).state == "undoing"
    assert after(undoing, Outcome.DONE).state == "undone"


@pytest.mark.parametrize("values", [("a", "b/c", "d"), ("", "b", "c"), ("a\nb", "c", "d")])
def test_names_that_could_be_mistaken_are_refused(values: tuple[str, str, str]) -> None:
    with pytest.raises(RoadsealError) as caught:
        Device(*values)
    assert caught.value.code == "fleet-device"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("id,vendor\n", 1),
        ("id,vendor,firmware\na,b\n", 2),
        ("id,vendor,firmware\na,b,c\na,b,c\n", 3),
        ("id,vendor,firmware\na,b/x,c\n", 2),
        (f"id,vendor,firmware\n{'a' * 65},b,c\n", 2),
    ],
)
def test_an_inventory_that_is_none_names_the_line(text: str, line: int) -> None:
    with pytest.raises(RoadsealError, match=f"fleet.csv:{line} "):
        read_inventory(text, "fleet.csv")


def test_hostile_inventories_get_an_error_with_a_line() -> None:
    draw, refused = random.Random(4), []
    good = "id,vendor,firmware,module\n" + "".join(f"d{n},acme,1.{n},hsm\n" for n in range(9))
    pieces = ['"', ",", "\n", "\r", "\0", "/", "id", "\ud800", "é", " " * 70, "=cmd()"]
    for _ in range(int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "300"))):
        at = draw.randrange(len(good))
        mutant = good[:at] + draw.choice(pieces) + good[at + draw.randrange(9) :]
        try:
            for device in read_inventory(mutant, "x"):
                assert 0 < len(device.id) <= 64
                assert device.stratum.count("/") == 1
        except RoadsealError as error:
            refused.append((error.code, error.message[:2]))
    assert set(refused) == {("fleet-inventory", "x:")}


def test_an_inventory_is_read() -> None:
    read = read_inventory("module,id,vendor,firmware\nm,a,b,c\n,d,e,f\n", "x")
    assert [(one.id, one.stratum, one.module) for one in read] == [
        ("a", "b/c", "m"),
        ("d", "e/f", ""),
    ]
