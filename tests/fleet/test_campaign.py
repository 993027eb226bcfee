"""A campaign over devices in memory, on SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from fleet_scenes import CHANGE, NOW, PLAN, Scene, Units, devices

from roadseal.errors import RoadsealError
from roadseal.fleet import (
    Campaign,
    CampaignPhase,
    Device,
    Order,
    Outcome,
    Plan,
    Report,
    enlist,
    forecast,
    report,
    select,
    work,
)
from roadseal.fleet.tables import TASK
from roadseal.fleet.work import claim, settle

ALL_STEPS = ["tell", "load", "switch", "drop"]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """For what does not depend on the database; the others run on PostgreSQL too."""
    return str(tmp_path / "store.db")


def test_a_sound_change_reaches_every_device_once(store_url: str) -> None:
    scene, units = Scene(store_url, devices() + devices("zeta", "2", 7)), Units()
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.FINISHED
    assert len(units.done) == 47
    assert all(steps == ALL_STEPS for steps in units.done.values())
    assert Counter(order.step for order in units.orders) == dict.fromkeys(ALL_STEPS, 47)


def test_what_was_forecast_is_what_a_sound_campaign_takes(sqlite_url: str) -> None:
    fleet = devices()
    scene = Scene(sqlite_url, fleet)
    scene.run(Units())
    expected = forecast(PLAN, CHANGE, fleet)
    figures = {one.name: one for one in report(scene.store, "spring", scene.clock.now()).figures}
    assert expected.bytes_sent == 40 * 110
    assert figures["duration"].expected == expected.duration_s
    took_s = figures["duration"].measured
    assert took_s is not None
    assert 0.8 * expected.duration_s < took_s <= expected.duration_s  # a wave passes before its end
    assert figures["bytes"].measured == 40 * 4 * 7
    assert figures["centre CPU"].measured == pytest.approx(40 * 4 * 0.25)
    assert [wave.devices for wave in expected.calendar] == [5, 5, 30] * 3


def test_waves_wait_for_each_other_and_for_the_soak(sqlite_url: str) -> None:
    scene, units = Scene(sqlite_url, devices()), Units()
    scene.run(units, until_s=PLAN.spread_s)
    assert len(units.done) == 5
    (stratum,) = scene.campaign.strata()
    assert stratum.phase == "soaking"
    passed_s = (stratum.since - NOW) / 1e6  # when enough had reported
    scene.run(units, until_s=passed_s + PLAN.gate.soak_s - 1)
    assert len(units.done) == 5
    scene.run(units, until_s=passed_s + PLAN.gate.soak_s + PLAN.spread_s)
    assert len(units.done) == 10


def test_no_device_moves_before_all_have_prepared(sqlite_url: str) -> None:
    scene, units = Scene(sqlite_url, devices() + devices("tiny", "1", 3)), Units()
    scene.run(units)
    steps = [order.step for order in units.orders]
    assert "tell" not in steps[steps.index("load") :]
    assert steps.index("drop") < len(steps) - 1 - steps[::-1].index("load")  # strata are not bound


def test_a_defect_halts_its_stratum_in_the_first_wave_and_is_taken_back(store_url: str) -> None:
    def answer(order: Order) -> Report | None:
        bad = order.device.startswith("zeta") and order.step == "switch"
        return Report(Outcome.FAILED, "no answer after the switch") if bad else None

    scene, units = Scene(store_url, devices() + devices("zeta", "2")), Units(answer)
    scene.run(units)
    assert scene.phases() == {"acme/1.0": "finished", "zeta/2": "rolled-back"}
    touched = {order.device for order in units.orders if order.step == "switch"}
    zeta = {device for device in touched if device.startswith("zeta")}
    assert len(zeta) <= 5
    assert all(units.done[device][-1] == "switch-back" for device in zeta), (
        "every device that has begun is taken back"
    )
    assert not any("drop" in steps for device, steps in units.done.items() if device in zeta)
    assert scene.campaign.phase is CampaignPhase.RUNNING  # somebody has to decide
    halted = [one for one in scene.log.events if one.kind == "campaign.halted"]
    assert [one.subject for one in halted] == ["zeta/2"]
    assert "failed" in str(halted[0].facts["reason"])


def test_a_device_that_fails_slowly_halts_its_own_wave(store_url: str) -> None:
    """Its retries end long after the others have reported, and after the soak would have."""
    plan = dataclasses.replace(PLAN, gate=dataclasses.replace(PLAN.gate, soak_s=10))
    scene = Scene(store_url, devices(), plan)
    slow: set[str] = set()

    def answer(order: Order) -> Report | None:
        if order.step == "switch" and (not slow or order.device in slow):
            slow.add(order.device)
            return Report(Outcome.RETRY)
        return None

    scene.run(Units(answer))
    assert scene.phases() == {"acme/1.0": "rolled-back"}
    (stratum,) = scene.campaign.strata()
    assert (stratum.stage, stratum.wave) == (1, 0)


def test_a_halted_stratum_resumes_with_new_keys(store_url: str) -> None:
    broken = True

    def answer(order: Order) -> Report | None:
        if broken and order.step == "switch":
            return Report(Outcome.FAILED)
        return None

    scene, units = Scene(store_url, devices()), Units(answer)
    scene.run(units)
    before = {order.idempotency_key for order in units.orders if order.step == "load"}
    broken = False
    scene.campaign.resume("acme/1.0")
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.FINISHED
    after = {order.idempotency_key for order in units.orders if order.step == "load"} - before
    assert len(after) == 40
    assert all("drop" in steps for steps in units.done.values())


def test_offline_devices_are_deferred_and_come_later(sqlite_url: str) -> None:
    gone = {f"acme-{number:04}" for number in range(4)}
    back_at = NOW + 40 * 3600 * 1_000_000
    scene = Scene(sqlite_url, devices())

    def answer(order: Order) -> Report | None:
        away = order.device in gone and scene.clock.now() < back_at
        return Report(Outcome.OFFLINE, "not reached") if away else None

    units = Units(answer)
    scene.run(units, until_s=10 * 3600)
    assert scene.phases() == {"acme/1.0": "finished"}
    assert scene.campaign.phase is CampaignPhase.RUNNING
    seen = report(scene.store, "spring", scene.clock.now())
    assert seen.states == {"finished": 36, "offline": 4}
    assert seen.troubled == dict.fromkeys(sorted(gone), "not reached")
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.FINISHED
    assert all(steps == ALL_STEPS for steps in units.done.values())
    tries = Counter(order.device for order in units.orders)
    assert max(tries[device] for device in gone) < 20  # they are not hammered


def test_too_many_offline_devices_halt_without_taking_back(sqlite_url: str) -> None:
    scene = Scene(sqlite_url, devices())
    units = Units(lambda order: Report(Outcome.OFFLINE) if int(order.device[-4:]) % 2 else None)
    scene.run(units)
    (stratum,) = scene.campaign.strata()
    assert stratum.phase == "halted"
    assert "have reported" in stratum.reason


def test_an_unreachable_centre_is_no_fault_of_the_devices(sqlite_url: str) -> None:
    scene = Scene(sqlite_url, devices())
    back_at = NOW + 1800 * 1_000_000
    units = Units(
        lambda order: (
            Report(Outcome.UNAVAILABLE)
            if order.step == "tell" and scene.clock.now() < back_at
            else None
        )
    )
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.FINISHED


def test_a_device_may_fail_twice(sqlite_url: str) -> None:
    tried: Counter[str] = Counter()

    def answer(order: Order) -> Report | None:
        tried[order.idempotency_key] += 1
        return Report(Outcome.RETRY) if tried[order.idempotency_key] < 3 else None

    scene, units = Scene(sqlite_url, devices(count=8)), Units(answer)
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.FINISHED
    assert set(tried.values()) == {3}


def test_pause_hands_out_nothing_and_resume_goes_on(sqlite_url: str) -> None:
    scene, units = Scene(sqlite_url, devices()), Units()
    scene.run(units, until_s=130)
    scene.campaign.pause()
    done = len(units.orders)
    scene.clock.advance(86_400)
    assert scene.campaign.steer() == []
    assert work(scene.campaign, units, scene.clock) == 0
    assert len(units.orders) == done
    scene.campaign.resume()
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.FINISHED


def test_abort_is_final(sqlite_url: str) -> None:
    scene = Scene(sqlite_url, devices())
    scene.campaign.abort()
    for verb in (scene.campaign.start, scene.campaign.resume, scene.campaign.rollback):
        with pytest.raises(RoadsealError, match="aborted"):
            verb()
    assert work(scene.campaign, Units(), scene.clock) == 0


def test_rollback_takes_back_what_was_switched(store_url: str) -> None:
    scene, units = Scene(store_url, devices()), Units()
    while Counter(order.step for order in units.orders)["switch"] < 10:
        scene.run(units, until_s=(scene.clock.now() - NOW) / 1e6 + 90)
        scene.clock.advance(90)
    assert scene.campaign.rollback() == []
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.ROLLED_BACK
    switched = [steps for steps in units.done.values() if "switch" in steps]
    assert len(switched) >= 10
    assert all(steps[-1] == "switch-back" for steps in switched)


def test_a_rollback_waits_for_no_device_that_never_came(sqlite_url: str) -> None:
    scene = Scene(sqlite_url, devices())
    units = Units(lambda one: Report(Outcome.OFFLINE) if one.device == "acme-0007" else None)
    while Counter(order.step for order in units.orders)["switch"] < 5:
        scene.run(units, until_s=(scene.clock.now() - NOW) / 1e6 + 90)
        scene.clock.advance(90)
    scene.campaign.rollback()
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.ROLLED_BACK


def test_an_offline_device_is_taken_back_when_it_comes(sqlite_url: str) -> None:
    scene, gone = Scene(sqlite_url, devices()), set[str]()
    units = Units(lambda one: Report(Outcome.OFFLINE) if one.device in gone else None)
    while Counter(order.step for order in units.orders)["switch"] < 5:
        scene.run(units, until_s=(scene.clock.now() - NOW) / 1e6 + 90)
        scene.clock.advance(90)
    gone |= {device for device, steps in units.done.items() if "switch" in steps}
    scene.campaign.rollback()
    scene.run(units, until_s=(scene.clock.now() - NOW) / 1e6 + 7200)
    assert scene.phases() == {"acme/1.0": "rolled-back"}
    assert scene.campaign.phase is CampaignPhase.RUNNING
    back = set(gone)
    gone.clear()
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.ROLLED_BACK
    assert all(units.done[device][-1] == "switch-back" for device in back)


def test_what_has_begun_to_be_retired_is_not_rolled_back(sqlite_url: str) -> None:
    scene, units = Scene(sqlite_url, devices()), Units()
    while not any(order.step == "drop" for order in units.orders):
        scene.run(units, until_s=(scene.clock.now() - NOW) / 1e6 + 90)
        scene.clock.advance(90)
    assert scene.campaign.rollback() == ["acme/1.0"]
    scene.run(units)
    assert not any(order.step == "switch-back" for order in units.orders)


def test_a_halted_stratum_can_be_left_out(sqlite_url: str) -> None:
    """One device that never answers is a stratum of its own, and everybody waits for it."""
    scene = Scene(sqlite_url, [*devices(count=8), *devices("lone", "1", 1)])
    units = Units(lambda order: Report(Outcome.OFFLINE) if "lone" in order.device else None)
    scene.run(units, until_s=10 * 3600)
    assert scene.phases() == {"acme/1.0": "waiting", "lone/1": "halted"}
    with pytest.raises(RoadsealError, match="not halted"):
        scene.campaign.leave_out("acme/1.0")
    scene.campaign.leave_out("lone/1")
    scene.run(units)
    assert scene.campaign.phase is CampaignPhase.FINISHED
    assert "lone-0000" not in units.done
    assert len(units.done) == 8


def test_a_report_under_a_lost_lease_does_not_count(store_url: str) -> None:
    scene = Scene(store_url, devices(count=1))
    scene.campaign.steer()
    scene.clock.advance(PLAN.spread_s)
    (slow,) = claim(scene.campaign, scene.clock.now())
    assert claim(scene.campaign, scene.clock.now()) == []
    scene.clock.advance(PLAN.lease_s)
    (second,) = claim(scene.campaign, scene.clock.now())
    assert second.order.idempotency_key == slow.order.idempotency_key
    assert second.order.fence > slow.order.fence
    settle(scene.campaign, [slow], [Report(Outcome.FAILED)], scene.clock.now())
    with scene.store.reading() as connection:
        assert connection.scalar(sa.select(TASK.c.state)) == "ready"
    settle(scene.campaign, [second], [Report(Outcome.DONE)], scene.clock.now())
    with scene.store.reading() as connection:
        assert connection.scalar(sa.select(TASK.c.stage)) == 1


def test_a_call_back_waits_for_who_is_at_it(store_url: str) -> None:
    scene = Scene(store_url, devices(count=1))
    scene.run(Units(), until_s=PLAN.spread_s + PLAN.gate.soak_s)
    scene.clock.advance(PLAN.spread_s)
    (held,) = claim(scene.campaign, scene.clock.now())
    assert held.order.step == "load"
    scene.campaign.rollback()
    assert claim(scene.campaign, scene.clock.now()) == []
    settle(scene.campaign, [held], [Report(Outcome.DONE)], scene.clock.now())  # too late: dropped
    scene.clock.advance(PLAN.lease_s)
    (undo,) = claim(scene.campaign, scene.clock.now())
    assert undo.order.step == "switch-back"
    assert undo.order.fence > held.order.fence + 1


@pytest.mark.parametrize("seed", range(2))
def test_whatever_devices_answer_none_is_lost(tmp_path: object, seed: int) -> None:
    """Random answers: each device ends in a state that somebody can explain, and none hangs."""
    fate = random.Random(seed)
    scene = Scene(f"{tmp_path}/store.db", devices(count=30))
    begun = 0
    outcomes = [*Outcome] + [Outcome.DONE] * 12

    def answer(_order: Order) -> Report | None:
        outcome = fate.choice(outcomes if begun < 6 else [Outcome.DONE])
        return None if outcome is Outcome.DONE else Report(outcome)

    units = Units(answer)
    for begun in range(20):  # noqa: B007  # `answer` reads it: after some time they behave
        scene.run(units)
        for stratum in scene.campaign.strata():
            if stratum.phase in ("halted", "rolled-back"):
                scene.campaign.resume(stratum.name)
        if scene.campaign.phase is CampaignPhase.FINISHED:
            break
    states = report(scene.store, "spring", scene.clock.now()).states
    assert sum(states.values()) == 30
    assert set(states) <= {"finished", "failed"}
    finished = [steps for steps in units.done.values() if steps[-1] == "drop"]
    assert len(finished) == states["finished"]


def test_two_campaigns_are_not_at_one_device_at_once(store_url: str) -> None:
    scene, units = Scene(store_url, devices(count=8)), Units()
    more = devices(count=9)[7:]
    rest = {"clock": scene.clock, "emit": scene.log}
    other = Campaign.create(scene.store, "autumn", CHANGE, PLAN, more, **rest)
    with pytest.raises(RoadsealError, match="'spring' is at work") as caught:
        other.start()
    assert caught.value.code == "campaign-overlap"
    scene.run(units)
    highest = max(order.fence for order in units.orders)
    other.start()
    other.steer()
    scene.clock.advance(PLAN.spread_s)
    assert all(one.order.fence > highest for one in claim(other, scene.clock.now()))


def test_a_campaign_is_made_once_and_opened_with_its_change(sqlite_url: str) -> None:
    scene = Scene(sqlite_url, devices(count=3))
    with pytest.raises(RoadsealError, match="already"):
        Scene(sqlite_url, devices(count=3))
    other = dataclasses.replace(CHANGE, name="other")
    with pytest.raises(RoadsealError, match="test-change"):
        Campaign.open(scene.store, "spring", other, clock=scene.clock, emit=scene.log)
    opened = Campaign.open(scene.store, "spring", CHANGE, clock=scene.clock, emit=scene.log)
    assert opened.plan == PLAN
    with pytest.raises(RoadsealError, match="no campaign"):
        Campaign.open(scene.store, "autumn", CHANGE, clock=scene.clock, emit=scene.log)


def test_the_inventory_is_selected_by_what_devices_share(store_url: str) -> None:
    scene = Scene(store_url, devices(count=3))
    fleet = [Device(f"d{n}", "acme", str(n % 2), f"hsm-{n % 3}") for n in range(1200)]
    assert enlist(scene.store, fleet) == 1200
    enlist(scene.store, [Device("d0", "zeta", "9", "hsm-0")])
    assert len(select(scene.store)) == 1200
    assert {one.id for one in select(scene.store, vendor="zeta")} == {"d0"}
    assert len(select(scene.store, firmware="1", module="hsm-1")) == 200


def test_plans_survive_the_database() -> None:
    plan = Plan(waves=(3, 0.5, 1.0), seed=9)
    assert Plan.from_json(plan.to_json()) == plan
