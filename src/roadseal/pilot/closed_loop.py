"""Traffic with priority in the loop: SUMO steps, a policy decides, signals change, SUMO steps on.

That the signal changes safely is not the policy's concern but `priority_signal`'s. A policy that
grants nothing leaves the traffic exactly as `traffic.record` records it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import libsumo
import polars as pl

from roadseal.pilot.corridor import Corridor, SignalPhase, read_corridor
from roadseal.pilot.priority_policy import (
    EmergencyVehicle,
    PriorityContext,
    PriorityPolicy,
    SignalAhead,
)
from roadseal.pilot.priority_signal import CHANGE_KINDS, PrioritySignal, SignalChange
from roadseal.pilot.scenario import Scenario
from roadseal.pilot.signal_plan import SignalPlan, read_plan
from roadseal.pilot.simulation import SUMO_VERSION, Incidents, Progress, Simulation, simulate
from roadseal.pilot.traffic import run, trips_table

MAX_HOLD_S = 60.0
"""How long one vehicle keeps a signal, unless told otherwise."""

_SLOWEST_MPS = 5.0  # an arrival is estimated no later than at this speed: a queue may dissolve


@dataclass(frozen=True)
class Outcome:
    """What a run with priority gave.

    Args:
        scenario: name.
        seed: of the run.
        duration_s: simulated length.
        sumo_version: what computed it.
        trips: as in `traffic.Trace`.
        signals: as in `traffic.Trace`.
        changes: what happened to grants: time_s f64, signal str, vehicle str, link i32, kind enum.
        conflicts: pairs of conflicting links that were green at once, summed over steps; checked at
            every signal a grant covered, at every step. Anything but 0 is a bug.
        covered_steps: signal-steps in which a grant covered a program.
        incidents: what SUMO counted as abnormal.
    """

    scenario: str
    seed: int
    duration_s: float
    sumo_version: str
    trips: pl.DataFrame
    signals: pl.DataFrame
    changes: pl.DataFrame
    conflicts: int
    covered_steps: int
    incidents: Incidents

    @property
    def emergency(self) -> pl.DataFrame:
        """Trips of the emergency vehicles: travel_time_s, time_loss_s, stops, arrived."""
        return self.trips.filter(pl.col("emergency"))

    @property
    def others(self) -> pl.DataFrame:
        """Trips of everybody else; pair them by `vehicle` with a baseline's."""
        return self.trips.filter(~pl.col("emergency"))

    @property
    def others_mean_time_loss_s(self) -> float:
        """Mean time loss of everybody else; n is `others.height`."""
        mean = self.others["time_loss_s"].mean()
        return float(mean) if isinstance(mean, float) else float("nan")


def run_with_priority(
    scenario: Scenario,
    policy: PriorityPolicy,
    *,
    seed: int,
    duration_s: float,
    step_s: float = 0.1,
    corridor: Corridor | None = None,
    max_hold_s: float = MAX_HOLD_S,
    progress: Progress | None = None,
) -> Outcome:
    """Run a scenario with a policy that grants priority.

    SUMO is one simulation a process; everything given and returned can be pickled (leave out
    `progress`), so that a process pool can run several.

    Args:
        scenario: what to run.
        policy: who grants.
        seed: of SUMO's random numbers.
        duration_s: simulated length.
        step_s: simulation step; the policy is asked once a step.
        corridor: of the scenario's network; read if omitted.
        max_hold_s: how long one vehicle keeps a signal at most.
        progress: told about once a simulated second.

    Raises:
        RoadsealError: what `simulate` and `read_corridor` raise.
    """
    corridor = corridor or read_corridor(
        scenario.net_file, scenario.additional_files, name=scenario.name, source=scenario.source
    )
    with simulate(scenario, seed=seed, step_s=step_s, with_traces=False) as simulation:
        loop = _Loop(simulation, corridor, policy, max_hold_s)
        signals = run(simulation, duration_s, on_step=loop.on_step, progress=progress)
        simulation.finish()
        return Outcome(
            scenario=scenario.name,
            seed=seed,
            duration_s=duration_s,
            sumo_version=SUMO_VERSION,
            trips=trips_table(simulation, scenario),
            signals=signals,
            changes=_changes_table(loop.changes),
            conflicts=loop.conflicts,
            covered_steps=loop.covered_steps,
            incidents=simulation.incidents(),
        )


class _Loop:
    """Between two steps: look, ask the policy, set the signals."""

    def __init__(
        self,
        simulation: Simulation,
        corridor: Corridor,
        policy: PriorityPolicy,
        max_hold_s: float,
    ) -> None:
        self.changes: list[SignalChange] = []
        self.conflicts = 0
        self.covered_steps = 0
        self._simulation = simulation
        self._corridor = corridor
        self._policy = policy
        self._max_hold_s = max_hold_s
        self._signals = {
            signal.id: PrioritySignal(read_plan(signal), max_hold_s=max_hold_s)
            for signal in corridor.signals
        }
        self._programs: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._vehicles: set[str] = set()  # emergency vehicles in the network
        self._real: set[str] = set()  # emergency vehicles that ever were

    def on_step(self, step: int, states: dict[str, str]) -> None:
        """Called by `traffic.run` after each step."""
        time_s = round(self._simulation.time_s, 9)
        self._observe(time_s, states)
        vehicles = self._emergency_vehicles()
        active = {name: s for name, s in self._signals.items() if not s.idle}
        granted = {name: signal.granted_to() for name, signal in active.items()}
        context = PriorityContext(step, time_s, vehicles, states, granted)
        for grant in self._policy.decide(context):
            signal = self._ready(grant.signal)
            if signal is not None:
                self.changes += signal.grant(grant, time_s)
                active[grant.signal] = signal
        self._note_passed(vehicles, active, time_s)
        for name, signal in active.items():
            if not signal.idle:
                self._actuate(name, signal, time_s)

    def _observe(self, time_s: float, states: dict[str, str]) -> None:
        for name, signal in self._signals.items():
            state = states[name]
            if state != self._seen.get(name):
                signal.heads.observe(time_s, state)
                self._seen[name] = state
            if signal.covers:
                self.covered_steps += 1
                self.conflicts += len(signal.plan.conflicts(state))

    def _emergency_vehicles(self) -> tuple[EmergencyVehicle, ...]:
        for vehicle in libsumo.simulation.getDepartedIDList():
            if libsumo.vehicle.getVehicleClass(vehicle) == "emergency":
                self._vehicles.add(vehicle)
                self._real.add(vehicle)
        if self._vehicles:
            self._vehicles.difference_update(libsumo.simulation.getArrivedIDList())
        found = (_look(vehicle) for vehicle in sorted(self._vehicles))
        return tuple(vehicle for vehicle in found if vehicle is not None)

    def _ready(self, name: str) -> PrioritySignal | None:
        """The signal to grant at; its plan follows the program that runs when it is covered."""
        signal = self._signals.get(name)
        if signal is None or not signal.idle:
            return signal
        running = libsumo.trafficlight.getProgram(name)
        if running != signal.plan.program_id:
            signal.use(self._plan_of(name, running))
        self._programs[name] = running
        return signal

    def _plan_of(self, name: str, program_id: str) -> SignalPlan:
        phases = [
            SignalPhase(phase.duration, phase.minDur, phase.maxDur, phase.state)
            for phase in _logic(name, program_id).phases
        ]
        return read_plan(self._corridor.signal(name), phases, program_id)

    def _note_passed(
        self,
        vehicles: tuple[EmergencyVehicle, ...],
        active: Mapping[str, PrioritySignal],
        time_s: float,
    ) -> None:
        """End the grants of real vehicles that have the signal no longer before them."""
        ahead = {(v.id, signal.signal) for v in vehicles for signal in v.signals}
        for name, signal in active.items():
            for vehicle in signal.granted_to():
                if vehicle in self._real and (vehicle, name) not in ahead:
                    self.changes += signal.passed(vehicle, time_s)

    def _actuate(self, name: str, signal: PrioritySignal, time_s: float) -> None:
        covered = signal.covers
        next_s = round(time_s + self._simulation.step_s, 9)
        display, changes = signal.step(time_s, next_s, lambda: self._program_state(name))
        self.changes += changes
        if display is None:
            if covered:
                libsumo.trafficlight.setProgram(name, self._programs[name])
        elif not covered or display != self._seen[name]:
            libsumo.trafficlight.setRedYellowGreenState(name, display)

    def _program_state(self, name: str) -> str:
        """What the covered program would show now."""
        logic = _logic(name, self._programs[name])
        return str(logic.phases[logic.currentPhaseIndex].state)


def _look(vehicle: str) -> EmergencyVehicle | None:
    lane = libsumo.vehicle.getLaneID(vehicle)
    if not lane:  # being teleported
        return None
    x, y = libsumo.vehicle.getPosition(vehicle)
    speed_mps = libsumo.vehicle.getSpeed(vehicle)
    return EmergencyVehicle(
        id=vehicle,
        x=x,
        y=y,
        speed_mps=speed_mps,
        angle_deg=libsumo.vehicle.getAngle(vehicle),
        lane=lane,
        signals=tuple(
            SignalAhead(signal, link, distance_m, distance_m / max(speed_mps, _SLOWEST_MPS), light)
            for signal, link, distance_m, light in libsumo.vehicle.getNextTLS(vehicle)
        ),
    )


def _logic(signal: str, program_id: str) -> Any:
    """SUMO's program, which runs on (and says its phase) while it is covered."""
    logics = libsumo.trafficlight.getAllProgramLogics(signal)
    return next(logic for logic in logics if logic.programID == program_id)


def _changes_table(changes: Sequence[SignalChange]) -> pl.DataFrame:
    schema = pl.Schema(
        {
            "time_s": pl.Float64(),
            "signal": pl.String(),
            "vehicle": pl.String(),
            "link": pl.Int32(),
            "kind": pl.Enum(CHANGE_KINDS),
        }
    )
    return pl.DataFrame([asdict(change) for change in changes], schema=schema)
