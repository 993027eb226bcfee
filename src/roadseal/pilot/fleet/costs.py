"""What a step costs: bytes from real messages, CPU from performing it a few times, here and now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from roadseal.clock import ManualClock, Time64, parse_instant
from roadseal.events import unheard
from roadseal.fleet import Order, Step
from roadseal.pilot.fleet.provision import provision
from roadseal.pilot.fleet.site import create_site
from roadseal.pilot.fleet.units import FaultShares

_UNITS: Final = 40
_NONE: Final = FaultShares(0, 0, 0)
_SOUND: Final = ("push-trust", "enrol", "switch", "probe", "retire")
_SECONDS: Final = {"enrol": 5.0}  # assumed on a roadside link; the others take one


def measure_costs() -> dict[str, Step]:
    """Rotate a few simulated units in a database of their own, and look at the reports."""
    costs: dict[str, Step] = {}
    with TemporaryDirectory() as folder:
        clock = ManualClock(parse_instant("2026-11-26T09:00:00"))
        site = create_site(str(Path(folder) / "costs.db"), b"costs", clock, unheard)
        devices = provision(site, _UNITS, 1, _NONE)
        executor = site.executor()
        for fence, name in enumerate(_SOUND, 1):
            orders = [
                Order(one.id, name, f"costs/0/{one.id}/{name}", fence, Time64(clock.time + 10**9))
                for one in devices
            ]
            reports = executor.perform(orders)
            step = Step(name, duration_s=_SECONDS.get(name, 1.0))
            costs[name] = replace(
                step,
                bytes_sent=round(sum(one.bytes_sent for one in reports) / _UNITS),
                cpu_s=sum(one.cpu_s for one in reports) / _UNITS,
            )
        site.store.close()
    return costs
