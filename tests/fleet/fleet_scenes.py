"""A small fleet and a change of two steps, a switch that can be taken back, and a last stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from roadseal.clock import ManualClock, Time64, parse_instant
from roadseal.events import EventLog
from roadseal.fleet import (
    SCHEMA,
    Campaign,
    Change,
    Device,
    Gate,
    Order,
    Outcome,
    Plan,
    Report,
    Stage,
    Step,
    work,
)
from roadseal.store import open_store

NOW = parse_instant("2026-11-26T09:00:00")
CHANGE = Change(
    "test-change",
    (
        Stage("prepare", (Step("tell", bytes_sent=10),)),
        Stage(
            "move",
            (Step("load", bytes_sent=100, cpu_s=0.5), Step("switch")),
            undo=(Step("switch-back"),),
            after_all=True,
        ),
        Stage("clean", (Step("drop"),), final=True),
    ),
)
PLAN = Plan(
    waves=(5, 0.25, 1.0),
    gate=Gate(max_failure_share=0.05, min_report_share=0.8, soak_s=600, patience_s=7200),
    spread_s=120,
    lease_s=60,
)


def devices(vendor: str = "acme", firmware: str = "1.0", count: int = 40) -> list[Device]:
    return [Device(f"{vendor}-{number:04}", vendor, firmware) for number in range(count)]


class Units:
    """Devices in memory: what each has done, in order, once for each idempotency key."""

    def __init__(self, answer: Callable[[Order], Report | None] = lambda _order: None) -> None:
        self.answer = answer
        self.done: dict[str, list[str]] = {}
        self.keys: list[str] = []
        self.orders: list[Order] = []

    def perform(self, orders: Sequence[Order]) -> list[Report]:
        return [self._one(order) for order in orders]

    def _one(self, order: Order) -> Report:
        self.orders.append(order)
        if report := self.answer(order):
            return report
        if order.idempotency_key not in self.keys:
            self.keys.append(order.idempotency_key)
            self.done.setdefault(order.device, []).append(order.step)
        return Report(Outcome.DONE, bytes_sent=7, cpu_s=0.25)


class Scene:
    """A started campaign and its clock."""

    def __init__(
        self,
        store_url: str | Path,
        fleet: Sequence[Device],
        plan: Plan = PLAN,
        change: Change = CHANGE,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.log = EventLog()
        self.store = open_store(store_url, SCHEMA)
        self.campaign = Campaign.create(
            self.store, "spring", change, plan, fleet, clock=self.clock, emit=self.log
        )
        self.campaign.start()

    def run(self, units: Units, *, until_s: float = 1e6, most: int = 10_000) -> None:
        """Steer and work until nothing happens by itself, or `until_s` after the start."""
        for _ in range(most):
            self.campaign.steer()
            if work(self.campaign, units, self.clock):
                continue
            self.campaign.steer()
            due = self.campaign.next_due()
            if due is None or due > NOW + until_s * 1e6:
                return
            self.clock.time = Time64(max(due, self.clock.time + 20_000_000))  # in coarse steps
        raise AssertionError("the campaign does not come to rest")

    def kinds(self, subject: str | None = None) -> list[str]:
        return [one.kind for one in self.log.events if subject in (None, one.subject)]

    def phases(self) -> dict[str, str]:
        return {one.name: str(one.phase) for one in self.campaign.strata()}
