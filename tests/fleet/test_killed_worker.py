"""Workers as processes, killed at any moment: nothing is lost, nothing doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import sqlalchemy as sa
from fleet_scenes import CHANGE, devices

from roadseal.clock import SystemClock
from roadseal.events import EventLog
from roadseal.fleet import SCHEMA, Campaign, CampaignPhase, Gate, Plan
from roadseal.store import open_store

_WORK = """
    import sys, time
    sys.path.insert(0, sys.argv[1])
    import sqlalchemy as sa
    from fleet_scenes import CHANGE
    from roadseal.clock import SystemClock
    from roadseal.events import EventLog
    from roadseal.fleet import SCHEMA, Campaign, Outcome, Report, work
    from roadseal.store import open_store

    store, clock = open_store(sys.argv[2], SCHEMA), SystemClock()
    campaign = Campaign.open(store, "spring", CHANGE, clock=clock, emit=EventLog())
    INSERT = sa.text("INSERT INTO effect VALUES (:key, :device)")

    class Devices:
        def perform(self, orders):
            for order in orders:
                with store.writing() as connection:  # repeating an order is harmless to a device
                    key = {"key": order.idempotency_key, "device": order.device}
                    known = sa.text("SELECT count(*) FROM effect WHERE key = :key")
                    if not connection.scalar(known, key):
                        connection.execute(INSERT, key)
            return [Report(Outcome.DONE) for _ in orders]

    print("ready", flush=True)
    while True:
        work(campaign, Devices(), clock, batch=7) or time.sleep(0.01)
"""


def test_a_killed_worker_loses_and_doubles_nothing(store_url: str) -> None:
    store, clock = open_store(store_url, SCHEMA), SystemClock()
    with store.writing() as connection:
        connection.execute(sa.text("CREATE TABLE effect (key TEXT PRIMARY KEY, device TEXT)"))
    plan = Plan(waves=(5, 1.0), gate=Gate(soak_s=0), spread_s=0, lease_s=1)
    campaign = Campaign.create(
        store, "spring", CHANGE, plan, devices(count=150), clock=clock, emit=EventLog()
    )
    campaign.start()

    def begin() -> subprocess.Popen[str]:
        arguments = [str(Path(__file__).parent), store_url]
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_WORK), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )

    draw, kills = random.Random(5), 0
    workers = [begin(), begin()]
    try:
        while campaign.phase is not CampaignPhase.FINISHED:
            campaign.steer()
            time.sleep(draw.uniform(0.01, 0.15))
            if kills < 4 and (victim := workers[0]).stdout and victim.stdout.readline():
                for _ in range(3):
                    campaign.steer()
                    time.sleep(draw.uniform(0.01, 0.15))
                workers = [*workers[1:], begin()]
                victim.kill()
                victim.communicate()
                kills += 1
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    assert kills >= 2  # the campaign may end before the fourth
    with store.reading() as connection:
        effects = connection.execute(
            sa.text("SELECT device, count(*) FROM effect GROUP BY device")
        ).all()
    assert len(effects) == 150
    assert {count for _, count in effects} == {4}  # each step of each device once
