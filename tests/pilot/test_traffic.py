from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import libsumo
import polars as pl
import pytest
from traffic_scenes import SCENES, bologna, grid, grid_config

from roadseal.errors import RoadsealError
from roadseal.pilot.corridor import read_corridor
from roadseal.pilot.emergency import EmergencyDemand, add_emergency_vehicles
from roadseal.pilot.passages import stop_line_passages
from roadseal.pilot.scenario import Scenario, read_sumocfg
from roadseal.pilot.simulation import simulate
from roadseal.pilot.traffic import Trace, record

DURATION_S = 120.0
TABLES = ("vehicles", "signals", "trips")


@pytest.fixture(scope="module")
def trace() -> Trace:
    return record(grid(), seed=1, duration_s=DURATION_S, out_dir=SCENES / "traces")


def tables_of(trace: Trace) -> list[bytes]:
    return [(trace.directory / f"{name}.parquet").read_bytes() for name in TABLES]


def test_the_trace_is_what_sumo_did(trace: Trace) -> None:
    """The same run asked vehicle by vehicle and signal by signal, at some of its steps."""
    vehicles = trace.vehicles
    last: dict[str, str] = {}
    shown: dict[tuple[int, str], str] = {}
    changes = {(row["step"], row["signal"]): row["state"] for row in trace.signals.to_dicts()}
    with simulate(grid(), seed=1, step_s=0.1, with_traces=False) as simulation:
        for step in range(round(DURATION_S / 0.1)):
            simulation.step()
            for signal, state in simulation.signal_states().items():
                if last.get(signal) != state:
                    shown[step, signal] = last[signal] = state
            if step % 97:
                continue
            rows = {r["vehicle"]: r for r in vehicles.filter(pl.col("step") == step).to_dicts()}
            assert set(rows) == set(libsumo.vehicle.getIDList())
            for vehicle, row in rows.items():
                assert (row["x"], row["y"]) == pytest.approx(
                    libsumo.vehicle.getPosition(vehicle), abs=1e-3
                )
                assert row["speed"] == pytest.approx(libsumo.vehicle.getSpeed(vehicle), abs=1e-3)
                assert row["angle"] == pytest.approx(libsumo.vehicle.getAngle(vehicle), abs=1e-2)
                assert row["lane"] == libsumo.vehicle.getLaneID(vehicle)
                assert row["time_s"] == round(step * 0.1, 9)
        simulation.finish()
    assert changes == shown


def test_schemas_and_order(trace: Trace) -> None:
    vehicles, trips = trace.vehicles, trace.trips
    assert trace.vehicle_steps == vehicles.height > 5_000
    kinds = [kind.base_type() for kind in vehicles.dtypes]
    assert kinds == [pl.UInt32, pl.Float64, pl.Enum, *[pl.Float32] * 4, pl.Enum]
    assert trips["vehicle"].to_physical().to_list() == list(range(trips.height))
    key = vehicles.select(pl.col("step").cast(pl.UInt64) * 2**32 + pl.col("vehicle").to_physical())
    assert key.to_series().is_sorted()
    assert key.to_series().is_unique().all()
    emergency = trips.filter(pl.col("emergency"))
    assert sorted(emergency["vehicle"].to_list()) == ["emergency_0", "emergency_1"]
    assert trips.schema["vehicle"] == vehicles.schema["vehicle"]


def test_same_seed_same_bytes_and_a_replay_the_second_time(trace: Trace, tmp_path: Path) -> None:
    again = record(grid(), seed=1, duration_s=DURATION_S, out_dir=tmp_path)
    assert not again.replayed
    assert tables_of(again) == tables_of(trace)
    replay = record(grid(), seed=1, duration_s=DURATION_S, out_dir=tmp_path)
    assert replay == dataclasses.replace(again, replayed=True)
    short = record(grid(), seed=2, duration_s=5, out_dir=tmp_path)
    assert short.directory != replay.directory


@pytest.mark.parametrize("damage", ["truncate", "flip", "manifest", "missing"])
def test_a_damaged_trace_is_recorded_again(tmp_path: Path, damage: str) -> None:
    first = record(grid(), seed=3, duration_s=5, out_dir=tmp_path)
    kept = tables_of(first)
    table = first.directory / "vehicles.parquet"
    content = table.read_bytes()
    if damage == "truncate":
        table.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        table.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    elif damage == "manifest":
        (first.directory / "trace.json").write_text("{")
    else:
        table.unlink()
    second = record(grid(), seed=3, duration_s=5, out_dir=tmp_path)
    assert not second.replayed
    assert tables_of(second) == kept
    assert [path.name for path in tmp_path.iterdir()] == [second.directory.name]


def test_nothing_is_written_beside_the_scenario(trace: Trace) -> None:
    """Its configuration asks for tripinfo.xml and log.txt, its detector for e1.xml."""
    names = sorted(path.name for path in grid_config().parent.iterdir())
    assert names == ["detectors.add.xml", "grid.net.xml", "grid.rou.xml", "grid.sumocfg"]
    assert trace.directory.is_dir()


def test_progress_is_told_once_a_simulated_second(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    record(
        grid(),
        seed=4,
        duration_s=5,
        out_dir=tmp_path,
        progress=lambda done_s, total_s: told.append((done_s, total_s)),
    )
    assert told == [(pytest.approx(n), 5) for n in range(1, 6)]


def test_passages_of_vehicles_that_obey_are_never_at_red(trace: Trace) -> None:
    corridor = read_corridor(grid().net_file, name="grid", source="test")
    passages = stop_line_passages(trace.vehicles, corridor)
    assert passages.height > 30
    indices: dict[tuple[str, str], set[int]] = {}
    for signal in corridor.signals:
        for link in signal.links:
            indices.setdefault((signal.id, link.from_lane), set()).add(link.index)
    signals = trace.signals
    for row in passages.to_dicts():
        at = signals.filter((pl.col("signal") == row["signal"]) & (pl.col("step") <= row["step"]))[
            "state"
        ][-1]
        lights = {at[index] for index in indices[row["signal"], row["lane"]]}
        assert lights & set("Ggy"), row


def test_bologna_is_recorded_from_a_read_only_place(tmp_path: Path) -> None:
    scenario = bologna()
    before = sorted(scenario.directory.iterdir())
    trace = record(scenario, seed=1, duration_s=15, out_dir=tmp_path)
    assert trace.trips.height > 40
    assert trace.signals["signal"].n_unique() == 13
    assert sorted(scenario.directory.iterdir()) == before


def with_persons(folder: Path) -> Scenario:
    """The grid, and a person who walks; one who shares a vehicle's id, as SUMO allows."""
    persons = folder / "persons.rou.xml"
    names = ("emergency_0", "walker")
    walk = '<walk edges="A0B0 B0C0"/>'
    rows = "".join(f'<person id="{name}" depart="0">{walk}</person>' for name in names)
    persons.write_text(f"<routes>{rows}</routes>")
    scenario = grid()
    return dataclasses.replace(scenario, route_files=(*scenario.route_files, persons), root=None)


def test_persons_are_no_vehicles(tmp_path: Path) -> None:
    without = record(grid(), seed=4, duration_s=60, out_dir=tmp_path / "traces")
    trace = record(with_persons(tmp_path), seed=4, duration_s=60, out_dir=tmp_path / "traces")
    assert "walker" not in trace.trips["vehicle"]
    assert trace.trips["vehicle"].is_unique().all()
    assert set(trace.vehicles["vehicle"].unique()) <= set(trace.trips["vehicle"])
    assert trace.trips.height == without.trips.height
    rows = trace.vehicles.group_by("step", "vehicle").len()
    assert rows["len"].max() == 1


def test_the_cache_may_lie_among_the_files_of_the_scenario(tmp_path: Path) -> None:
    config = tmp_path / "mine.sumocfg"
    text = grid_config().read_text()
    for name in ("grid.net.xml", "grid.rou.xml", "detectors.add.xml"):
        (tmp_path / name).write_bytes((grid_config().parent / name).read_bytes())
    config.write_text(text)
    place = tmp_path / "out" / "cache"
    trace = record(read_sumocfg(config), seed=1, duration_s=5, out_dir=place)
    assert trace.trips.height > 0


def test_what_the_scenario_says_of_outputs_hides_and_bends_nothing(tmp_path: Path) -> None:
    options = '<device.fcd.probability value="0"/><device.tripinfo.probability value="0"/>'
    config = tmp_path / "hidden.sumocfg"
    options += '<human-readable-time value="true"/>'
    text = grid_config().read_text().replace("<output>", f"<output>{options}")
    for name in ("grid.net.xml", "grid.rou.xml", "detectors.add.xml"):
        text = text.replace(name, str(grid_config().parent / name))
    config.write_text(text)
    trace = record(read_sumocfg(config), seed=1, duration_s=20, out_dir=tmp_path / "traces")
    assert trace.trips.height > 5
    assert trace.vehicle_steps > 500


def test_the_files_of_a_scenario_may_be_compressed(tmp_path: Path) -> None:
    packed = {
        name: tmp_path / f"{name}.gz" for name in ("grid.net.xml", "grid.rou.xml", "signals.xml")
    }
    plain = grid()
    added = '<additional><tlLogic id="B1" type="static" programID="other"><phase duration="9" '
    state = next(
        s for s in read_corridor(plain.net_file, name="", source="").signals if s.id == "B1"
    )
    added += f'state="{state.phases[0].state}"/></tlLogic></additional>'
    for name, file in packed.items():
        data = (
            added.encode() if name == "signals.xml" else (grid_config().parent / name).read_bytes()
        )
        file.write_bytes(gzip.compress(data))
    net, routes, signals = packed.values()
    scenario = dataclasses.replace(
        plain, net_file=net, route_files=(routes,), additional_files=(signals,), root=None
    )
    scenario = dataclasses.replace(scenario, emergency_vehicles=())
    demand = EmergencyDemand(count=1, first_s=5, last_s=9)
    scenario = add_emergency_vehicles(scenario, demand, tmp_path, seed=1)
    corridor = read_corridor(scenario.net_file, scenario.additional_files, name="", source="")
    assert [p.duration_s for p in corridor.signal("B1").phases] == [9.0]
    trace = record(scenario, seed=1, duration_s=20, out_dir=tmp_path / "traces")
    assert trace.trips["emergency"].sum() == 1


def test_the_demand_may_stand_in_an_additional_file(tmp_path: Path) -> None:
    config = tmp_path / "mine.sumocfg"
    place = grid_config().parent
    config.write_text(
        f'<configuration><input><net-file value="{place / "grid.net.xml"}"/>'
        '<additional-files value="flows.add.xml"/></input></configuration>'
    )
    flows = tmp_path / "flows.add.xml"
    flows.write_text('<additional><route id="r" edges="A0B0 B0C0"/></additional>')
    with pytest.raises(RoadsealError, match="names no demand"):
        read_sumocfg(config)
    flow = '<flow id="f" route="r" begin="0" end="20" period="2"/>'
    flows.write_text(f'<additional><route id="r" edges="A0B0 B0C0"/>{flow}</additional>')
    scenario = read_sumocfg(config)
    assert "flows.add.xml" in scenario.demand
    demand = EmergencyDemand(count=1, first_s=2, last_s=4)
    scenario = add_emergency_vehicles(scenario, demand, tmp_path, seed=1)
    trace = record(scenario, seed=1, duration_s=15, out_dir=tmp_path / "traces")
    assert trace.trips.height >= 5
    assert trace.trips["emergency"].sum() == 1


def test_sumo_s_refusal_names_file_and_line(tmp_path: Path) -> None:
    routes = tmp_path / "bad.rou.xml"
    routes.write_text(
        '<routes>\n\n<vehicle id="a" depart="0"><route edges="A0B0 Nowhere"/></vehicle></routes>'
    )
    scenario = dataclasses.replace(grid(), route_files=(routes,), root=None)
    with pytest.raises(RoadsealError) as caught:
        record(scenario, seed=1, duration_s=5, out_dir=tmp_path / "out")
    assert caught.value.code == "sumo-failed"
    assert "(bad.rou.xml, line 3)" in caught.value.message
    assert "Nowhere" in caught.value.message
    record(grid(), seed=5, duration_s=1, out_dir=tmp_path / "out")  # SUMO still starts after it


def test_a_broken_network_is_named(tmp_path: Path) -> None:
    net = tmp_path / "broken.net.xml"
    net.write_text("<net><edge")
    scenario = dataclasses.replace(grid(), net_file=net, root=None)
    with pytest.raises(RoadsealError, match=r"broken\.net\.xml, line 1"):
        record(scenario, seed=1, duration_s=5, out_dir=tmp_path / "out")


def test_one_simulation_a_process_and_no_empty_trace(tmp_path: Path) -> None:
    with (
        simulate(grid(), seed=1, step_s=0.1, with_traces=False),
        pytest.raises(RoadsealError, match="already runs"),
    ):
        record(grid(), seed=9, duration_s=5, out_dir=tmp_path)
    with pytest.raises(RoadsealError, match="no step"):
        record(grid(), seed=9, duration_s=0, out_dir=tmp_path)
