"""A rehearsal: one campaign from classical to post-quantum certificates, with every fault at once.

Time is simulated and moves in steps; workers and the EST server are processes that are killed. What
is measured: time and CPU of this machine, and whether the promises held.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from roadseal.clock import MICROSECONDS_PER_SECOND, ManualClock, SystemClock, Time64, parse_instant
from roadseal.events import Event, EventLog
from roadseal.fleet import Campaign, CampaignPhase, Gate, Phase, Plan, report, select
from roadseal.operate.pki.rotation import rotation_change
from roadseal.pilot.fleet.costs import measure_costs
from roadseal.pilot.fleet.processes import Crew
from roadseal.pilot.fleet.provision import provision
from roadseal.pilot.fleet.reach import Reach, revocation_reach
from roadseal.pilot.fleet.site import NEW, Site, create_site, is_sampled
from roadseal.pilot.fleet.units import FaultShares, defective, fault_counts, repair
from roadseal.pilot.fleet.watch import Watch, doubled_units, duplicate_serials

START: Final = parse_instant("2026-11-26T09:00:00")
NAME: Final = "classical-to-pqc-2030"
_STEP_US: Final = 60 * MICROSECONDS_PER_SECOND
_MAX_ROUNDS: Final = 20_000
_CA_AWAY_US: Final = 120 * MICROSECONDS_PER_SECOND

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """What to rehearse.

    Args:
        devices: how many simulated units.
        seed: of their strata, order and faults.
        workers: how many worker processes.
        est_share: of the units, those that enrol over real EST on loopback.
        shares: of faults.
        ca_kills: how often the authority's EST server is killed.
        worker_kills: how often a worker is killed.
        plan: of the campaign.
    """

    devices: int = 300
    seed: int = 1
    workers: int = 2
    est_share: float = 0.02
    shares: FaultShares = field(default_factory=FaultShares)
    ca_kills: int = 2
    worker_kills: int = 1
    plan: Plan = field(default_factory=lambda: Plan(gate=Gate(soak_s=3600), lease_s=120))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a rehearsal showed. Units, faults and time are simulated; see the package."""

    devices: int
    migrated: int
    over_est: int
    without_certificate: int
    duplicate_serials: int
    doubled_units: int
    defective: int
    halts: tuple[tuple[str, str, int], ...]  # stratum, stage, wave
    ca_kills: int
    worker_kills: int
    offline_at_start: int
    wrong_clocks: int
    certificates_checked: int
    wall_s: float
    cpu_s: float
    simulated_s: float
    forecast_s: float
    bytes_sent: float
    forecast_bytes: float
    centre_cpu_s: float
    forecast_cpu_s: float
    reach: Reach
    simulated: bool = True

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return (
            self.migrated == self.devices
            and not self.without_certificate
            and not self.duplicate_serials
            and not self.doubled_units
            and all(wave == 1 for _, _, wave in self.halts)
            and bool(self.halts) == bool(self.defective)
            and self.reach.p99_s <= 60
        )


def rehearse(url: str, wanted: RehearsalPlan, tell: Tell = lambda _what, _share: None) -> Rehearsal:
    """Provision units, plan, run and watch the campaign, and measure how revocation spreads.

    Args:
        url: an empty database.
        wanted: what to rehearse.
        tell: hears what is going on, and how much of it is done.
    """
    machine = SystemClock()
    passphrase = secrets.token_urlsafe(24)
    clock, log = ManualClock(START), EventLog()
    site = create_site(url, passphrase.encode(), clock, log)
    devices = provision(
        site, wanted.devices, wanted.seed, wanted.shares, lambda share: tell("units", share)
    )
    watch = Watch()
    watch.look(site.store, clock.now())
    faulty = defective(site.store)
    change = rotation_change(costs=measure_costs())
    plan = replace(wanted.plan, seed=wanted.seed)
    campaign = Campaign.create(
        site.store, NAME, change, plan, select(site.store), clock=clock, emit=log
    )
    campaign.start()
    begun_wall_s, begun_cpu_s = machine.monotonic_s(), _cpu_s()
    with Crew(url, NAME, passphrase, wanted.workers, wanted.est_share, START) as crew:
        run = _Run(site, campaign, crew, clock, watch, wanted, tell)
        run.until_finished()
    wall_s, cpu_s = machine.monotonic_s() - begun_wall_s, _cpu_s() - begun_cpu_s
    seen = report(site.store, NAME, clock.now())
    figures = {one.name: one for one in seen.figures}
    units = [one.id for one in devices]
    return Rehearsal(
        devices=len(devices),
        migrated=seen.states.get("finished", 0),
        over_est=sum(is_sampled(one, wanted.est_share) for one in units),
        without_certificate=len(watch.bare) + (len(devices) - watch.units),
        duplicate_serials=duplicate_serials(site.store),
        doubled_units=doubled_units(site.store, NEW),
        defective=len(faulty),
        halts=_halts(seen.journal),
        ca_kills=crew.ca_kills,
        worker_kills=crew.worker_kills,
        offline_at_start=run.offline_at_start,
        wrong_clocks=run.wrong_clocks,
        certificates_checked=watch.checked,
        wall_s=wall_s,
        cpu_s=cpu_s,
        simulated_s=figures["duration"].measured or 0.0,
        forecast_s=figures["duration"].expected,
        bytes_sent=figures["bytes"].measured or 0.0,
        forecast_bytes=figures["bytes"].expected,
        centre_cpu_s=figures["centre CPU"].measured or 0.0,
        forecast_cpu_s=figures["centre CPU"].expected,
        reach=revocation_reach(site, units, wanted.seed),
    )


class _Run:
    """One campaign from its start to its end, in steps of simulated time."""

    def __init__(
        self,
        site: Site,
        campaign: Campaign,
        crew: Crew,
        clock: ManualClock,
        watch: Watch,
        wanted: RehearsalPlan,
        tell: Tell,
    ) -> None:
        self._site = site
        self._campaign = campaign
        self._crew = crew
        self._clock = clock
        self._watch = watch
        self._wanted = wanted
        self._tell = tell
        self._back_at: Time64 | None = None  # of the authority
        self.offline_at_start, self.wrong_clocks = fault_counts(site.store)

    def until_finished(self) -> None:
        """Steer, work, watch, and move time on."""
        for _ in range(_MAX_ROUNDS):
            events = self._campaign.steer()
            self._break_something(events)
            self._crew.work(self._clock.now())
            self._watch.look(self._site.store, self._clock.now())
            self._campaign.steer()
            if self._campaign.phase is CampaignPhase.FINISHED:
                return
            self._mend()
            due = self._campaign.next_due()
            now = self._clock.now()
            if due is None:
                due = now
            self._clock.time = Time64(max(due, now + _STEP_US))
            self._progress()
        raise RuntimeError("the campaign does not come to an end")  # pragma: no cover

    def _break_something(self, events: list[Event]) -> None:
        """Kill in the middle of issuing: the hardest moment."""
        renewing = any(
            one.kind == "campaign.wave-opened" and one.facts["stage"] == "renew" for one in events
        )
        now = self._clock.now()
        if self._back_at is not None and now >= self._back_at:
            self._crew.start_ca(now)
            self._back_at = None
        if renewing and self._back_at is None and self._crew.ca_kills < self._wanted.ca_kills:
            self._crew.kill_ca()
            self._back_at = Time64(now + _CA_AWAY_US)
        elif renewing and self._crew.worker_kills < self._wanted.worker_kills:
            self._crew.kill_a_worker_at_work(now)

    def _mend(self) -> None:
        """A stratum that is back where it was gets repaired firmware, and resumes."""
        for stratum in self._campaign.strata():
            if stratum.phase in (Phase.ROLLED_BACK, Phase.HALTED):
                vendor, firmware = stratum.name.split("/", 1)
                of = select(self._site.store, vendor=vendor, firmware=firmware)
                repair(self._site.store, [one.id for one in of])
                self._campaign.resume(stratum.name)

    def _progress(self) -> None:
        strata = self._campaign.strata()
        stages = len(self._campaign.change.stages)
        done = sum(
            stages if one.phase is Phase.FINISHED else one.stage + one.wave / len(one.wave_sizes)
            for one in strata
        )
        self._tell("campaign", done / (stages * len(strata)))


def _halts(journal: tuple[Event, ...]) -> tuple[tuple[str, str, int], ...]:
    """Where each halted stratum stood: stage and wave, counted from 1."""
    at: dict[str, tuple[str, int]] = {}
    halts = []
    for event in journal:
        if event.kind == "campaign.wave-opened":
            at[event.subject] = str(event.facts["stage"]), int(str(event.facts["wave"]))
        elif event.kind == "campaign.halted":
            halts.append((event.subject, *at[event.subject]))
    return tuple(halts)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
