"""Traffic traces: recorded once by SUMO, replayed ever after.

A trace is a directory of Parquet tables named after everything it depends on (network, demand,
seed, duration, step, SUMO version). It appears whole or not at all; a damaged one is recorded
again.

Tables (times are simulated seconds of SUMO's clock, `step` counts from 0 at the begin):

* vehicles, sorted by step and vehicle: step u32, time_s f64, vehicle enum, x f32, y f32, speed f32
  (m/s), angle f32 (degrees clockwise from north), lane enum. The vehicle's type is in trips.
* signals, a row at the begin and at every change: step u32, time_s f64, signal enum, state str.
* trips, a row a vehicle that entered, in the order of the `vehicle` enum: see `Simulation.trips`,
  and emergency bool.

`vehicle` has the same categories in both tables, so its physical code is the row in `trips`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import polars as pl

from roadseal.errors import RoadsealError
from roadseal.pilot.scenario import Scenario
from roadseal.pilot.simulation import SUMO_VERSION, Incidents, Progress, Simulation, simulate

_LAYOUT = 2  # raise it when the tables change: older traces are then recorded again
_TABLES = ("vehicles", "signals", "trips")
_MOTION = ("x", "y", "speed", "angle")
_SLICE = 500_000  # rows
_NAME = 80  # letters of a scenario's name in that of a directory
_MANIFEST = "trace.json"


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded run of traffic.

    Args:
        directory: where its tables are.
        scenario: name of the scenario.
        demand: how the demand came about.
        source: of the network, with its licence.
        seed: of the run.
        begin_s: simulated time of the first row.
        duration_s: simulated length.
        step_s: between rows.
        sumo_version: what computed it.
        vehicle_steps: rows of `vehicles`.
        incidents: what SUMO counted as abnormal.
        replayed: it was taken from an earlier recording.
    """

    directory: Path
    scenario: str
    demand: str
    source: str
    seed: int
    begin_s: float
    duration_s: float
    step_s: float
    sumo_version: str
    vehicle_steps: int
    incidents: Incidents
    replayed: bool

    @property
    def vehicles(self) -> pl.DataFrame:
        """Position of every vehicle at every step (read from disk at each call)."""
        return pl.read_parquet(self.directory / "vehicles.parquet")

    @property
    def signals(self) -> pl.DataFrame:
        """State of every signal when it changes."""
        return pl.read_parquet(self.directory / "signals.parquet")

    @property
    def trips(self) -> pl.DataFrame:
        """One row a vehicle: travel time, time loss, stops."""
        return pl.read_parquet(self.directory / "trips.parquet")


def record(
    scenario: Scenario,
    *,
    seed: int,
    duration_s: float,
    out_dir: Path,
    step_s: float = 0.1,
    progress: Progress | None = None,
) -> Trace:
    """Record a scenario, or replay it if the same one was recorded before.

    Args:
        scenario: what to run.
        seed: of SUMO's random numbers; same seed, same tables, byte for byte.
        duration_s: simulated length.
        out_dir: traces are kept here, each in a directory of its own.
        step_s: simulation step and row distance.
        progress: told about once a simulated second; not at all on a replay.

    Raises:
        RoadsealError: `duration-invalid`, `scenario-empty`, or what `simulate` raises.
    """
    if not 0 < step_s <= duration_s:
        raise RoadsealError(
            "duration-invalid",
            f"A trace of {duration_s:g} s in steps of {step_s:g} s has no step.",
            advice="Give a positive step and a duration of at least one step.",
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    key = repr((_LAYOUT, scenario.digest(), seed, duration_s, step_s, SUMO_VERSION))
    place = out_dir / f"{scenario.name[:_NAME]}-{hashlib.sha256(key.encode()).hexdigest()[:20]}"
    found = _replay(place, scenario)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(prefix=".recording-", dir=out_dir) as scratch:
        recorded = Path(scratch) / "trace"
        recorded.mkdir()
        with simulate(
            scenario, seed=seed, step_s=step_s, with_traces=True, scratch_dir=Path(scratch)
        ) as simulation:
            signals = run(simulation, duration_s, progress=progress)
            simulation.finish()
            trips = trips_table(simulation, scenario)
            if trips.is_empty():
                raise RoadsealError(
                    "scenario-empty",
                    f"No vehicle enters {scenario.name} within {duration_s:g} s.",
                    advice="Let the run last until the first departs, or begin it later.",
                )
            vehicles = _vehicles(simulation.fcd_file, trips, scenario.begin_s, step_s)
            incidents = simulation.incidents()
        for name, table in (("vehicles", vehicles), ("signals", signals), ("trips", trips)):
            table.write_parquet(recorded / f"{name}.parquet", compression="zstd")
        about = {
            "seed": seed,
            "begin_s": scenario.begin_s,
            "duration_s": duration_s,
            "step_s": step_s,
            "sumo_version": SUMO_VERSION,
            "vehicle_steps": vehicles.height,
            "incidents": asdict(incidents),
        }
        del vehicles
        _seal(recorded, about)
        if place.exists():
            shutil.rmtree(place)
        recorded.rename(place)
        _sync(out_dir)
    kept = _replay(place, scenario)
    assert kept is not None  # noqa: S101  written and hashed a moment ago
    return replace(kept, replayed=False)


def run(
    simulation: Simulation,
    duration_s: float,
    *,
    on_step: Callable[[int, dict[str, str]], None] | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Step a simulation for `duration_s`; returns the signals table.

    Args:
        simulation: just started.
        duration_s: simulated length.
        on_step: called after each step with its number (from 0) and every signal's state; what it
            sets takes effect in the next step.
        progress: told about once a simulated second.
    """
    steps = round(duration_s / simulation.step_s)
    steps_a_second = max(1, round(1 / simulation.step_s))
    last: dict[str, str] = {}
    rows: list[tuple[int, str, str]] = []
    for step in range(steps):
        simulation.step()
        states = simulation.signal_states()
        if states != last:
            rows.extend((step, s, state) for s, state in states.items() if last.get(s) != state)
            last = states
        if on_step is not None:
            on_step(step, states)
        if progress is not None and (step + 1) % steps_a_second == 0:
            progress((step + 1) * simulation.step_s, duration_s)
    table = pl.DataFrame(
        rows,
        schema={"step": pl.UInt32, "signal": pl.Enum(simulation.signal_ids), "state": pl.String},
        orient="row",
    )
    time_s = _time(simulation.begin_s, simulation.step_s)
    return table.select("step", time_s, "signal", "state")


def trips_table(simulation: Simulation, scenario: Scenario) -> pl.DataFrame:
    """The trips of a finished simulation, with `vehicle` as the enum of all tables."""
    trips = simulation.trips()
    ids = pl.Enum(trips["vehicle"])
    types = pl.Enum(trips["type"].unique().sort())
    return trips.with_columns(
        pl.col("vehicle").cast(ids),
        pl.col("type").cast(types),
        pl.col("vehicle").is_in(scenario.emergency_vehicles).alias("emergency"),
    )


def _vehicles(fcd: Path, trips: pl.DataFrame, begin_s: float, step_s: float) -> pl.DataFrame:
    """SUMO's floating-car data in compact types, sorted by step and vehicle.

    Read in slices: SUMO's ids are strings, and all of them at once would not fit the memory bound.
    """
    scan = pl.scan_parquet(fcd).filter(pl.col("vehicle_id").is_not_null())
    lanes = pl.Enum(scan.select(pl.col("vehicle_lane").unique().sort()).collect()["vehicle_lane"])
    step = ((pl.col("timestep_time") - begin_s) / step_s).round().cast(pl.UInt32)
    compact = scan.select(
        step.alias("step"),
        pl.col("vehicle_id").cast(trips.schema["vehicle"]).alias("vehicle"),
        *(pl.col(f"vehicle_{name}").cast(pl.Float32).alias(name) for name in _MOTION),
        pl.col("vehicle_lane").cast(lanes).alias("lane"),
    )
    rows = scan.select(pl.len()).collect().item()
    tables: list[pl.DataFrame] = []
    rest = compact.head(0).collect()
    for start in range(0, rows, _SLICE):
        table = pl.concat([rest, compact.slice(start, _SLICE).collect()])
        # SUMO writes step after step; the last step may go on in the next slice.
        last = table["step"][-1] if start + _SLICE < rows else None
        goes_on = pl.lit(False) if last is None else pl.col("step") == last
        rest = table.filter(goes_on)
        tables.append(
            table.filter(~goes_on)
            .sort("step", pl.col("vehicle").to_physical())
            .select("step", _time(begin_s, step_s), "vehicle", *_MOTION, "lane")
        )
    return pl.concat(tables) if tables else rest.with_columns(_time(begin_s, step_s))


def _time(begin_s: float, step_s: float) -> pl.Expr:
    """Rounded to a nanosecond: 3 × 0.1 shall read 0.3."""
    return (begin_s + pl.col("step") * step_s).round(9).alias("time_s")


def _seal(directory: Path, about: dict[str, object]) -> None:
    """Write the manifest with the hash of every table and force all of it to the disk."""
    files = {name: _sha256(directory / f"{name}.parquet") for name in _TABLES}
    manifest = directory / _MANIFEST
    manifest.write_text(json.dumps({**about, "sha256": files}, indent=1, sort_keys=True))
    for file in directory.iterdir():
        _sync(file)
    _sync(directory)


def _replay(place: Path, scenario: Scenario) -> Trace | None:
    """The trace kept at `place`; None if there is none or it is damaged."""
    try:
        about = json.loads((place / _MANIFEST).read_text())
        hashes = about.pop("sha256")
        if any(_sha256(place / f"{name}.parquet") != hashes[name] for name in _TABLES):
            return None
        return Trace(
            directory=place,
            scenario=scenario.name,
            demand=scenario.demand,
            source=scenario.source,
            replayed=True,
            **{**about, "incidents": Incidents(**about["incidents"])},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
