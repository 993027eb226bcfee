"""A campaign over simulated units with every fault at once: processes killed, real EST, real keys.

`ROADSEAL_FLEET_DEVICES=10000` rehearses the whole fleet.
"""

from __future__ import annotations

import os

from roadseal.fleet import report, select
from roadseal.pilot.fleet import RehearsalPlan, rehearse
from roadseal.pilot.fleet.rehearsal import NAME, START
from roadseal.pilot.fleet.site import open_database
from roadseal.pilot.fleet.units import FaultShares, make_devices, make_faults

DEVICES = int(os.environ.get("ROADSEAL_FLEET_DEVICES", "300"))


def test_every_unit_migrates_and_none_is_ever_without_a_certificate(store_url: str) -> None:
    est_share = 0.05 if DEVICES <= 1000 else 0.01
    found = rehearse(store_url, RehearsalPlan(devices=DEVICES, est_share=est_share))
    print(found)
    assert found.migrated == DEVICES
    assert found.without_certificate == 0
    assert found.duplicate_serials == 0
    assert found.doubled_units == 0
    assert found.certificates_checked > 2 * DEVICES
    assert (found.ca_kills, found.worker_kills) == (2, 1)
    assert found.over_est > 0
    assert found.offline_at_start > 0
    assert found.wrong_clocks > 0
    assert found.defective > 0
    assert {stratum for stratum, _, _ in found.halts} == {"boreal/7.0", "boreal/7.4"}
    assert all((stage, wave) == ("renew", 1) for _, stage, wave in found.halts)
    assert found.reach.p99_s <= 60
    assert found.reach.status_bytes <= 5000
    assert found.simulated
    assert found.holds

    store = open_database(store_url)
    assert len(select(store)) == DEVICES
    seen = report(store, NAME, START)
    kinds = [event.kind for event in seen.journal]
    assert kinds.count("campaign.rolled-back") == kinds.count("campaign.resumed") == 2
    assert kinds[-1] == "campaign.finished"


def test_units_and_faults_follow_from_the_seed() -> None:
    devices = make_devices(4000, 1)
    assert devices == make_devices(4000, 1) != make_devices(4000, 2)
    assert len({device.stratum for device in devices}) == 5
    faults = [make_faults(device, FaultShares(), 1, START) for device in devices]
    assert 0.01 < sum(one.offline_until > 0 for one in faults) / 4000 < 0.03
    boreal = [one for one, device in zip(faults, devices, strict=True) if device.vendor == "boreal"]
    assert 0.03 < sum(one.defective for one in boreal) / len(boreal) < 0.07
    assert sum(one.defective for one in faults) == sum(one.defective for one in boreal)
