"""The files of a scenario as operators have them: where they lie, what they name and write."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from traffic_scenes import grid_config

from roadseal.errors import RoadsealError
from roadseal.pilot.corridor import read_corridor
from roadseal.pilot.emergency import EmergencyDemand, add_emergency_vehicles
from roadseal.pilot.scenario import Scenario, read_sumocfg
from roadseal.pilot.sumo_paths import as_option, file_names
from roadseal.pilot.traffic import Trace, record

ROUTES = '<routes><vehicle id="a" depart="0"><route edges="A0B0 B0C0"/></vehicle></routes>'
DETECTOR = '<e1Detector id="d" lane="A0B0_0" pos="20" freq="2" file="{}"/>'
INCLUDED = "../common/more.add.xml"


def written(
    folder: Path,
    *,
    routes: str = ROUTES,
    added: str = "",
    options: str = "",
    name: str = "r.rou.xml",
) -> Path:
    """A configuration in `folder/run` for the grid, with its files beside it."""
    run = folder / "run"
    run.mkdir(parents=True)
    (run / name).write_text(routes)
    (run / "more.add.xml").write_text(f"<additional>{added}</additional>")
    config = run / "mine.sumocfg"
    config.write_text(
        f'<configuration><net-file value="{grid_config().parent / "grid.net.xml"}"/>'
        f'<route-files value="{as_option(Path(name))}"/>'
        f'<additional-files value="more.add.xml"/>{options}</configuration>'
    )
    return config


def recorded(config: Path, traces: Path, duration_s: float = 4) -> Trace:
    return record(read_sumocfg(config), seed=1, duration_s=duration_s, out_dir=traces)


def refused(config: Path, traces: Path) -> RoadsealError:
    with pytest.raises(RoadsealError) as caught:
        recorded(config, traces)
    assert caught.value.advice
    return caught.value


@pytest.mark.parametrize("name", ["two words.rou.xml", "50% ä.rou.xml", "${X} $Y.rou.xml"])
def test_names_of_files_may_be_any_that_sumo_can_say(tmp_path: Path, name: str) -> None:
    config = written(tmp_path / "Über den Plätzen & 1%20", name=name)
    assert recorded(config, tmp_path / "traces").trips["vehicle"].to_list() == ["a"]


def test_the_cache_may_be_named_relative_to_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = written(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert recorded(config.relative_to(tmp_path), Path("traces")).trips.height == 1


def test_names_are_read_as_sumo_reads_them() -> None:
    environment = {"HERE": "/data"}
    assert file_names(" a b.xml , ${HERE}/c.xml,${NONE}d%20e.xml,", environment) == [
        "a b.xml",
        "/data/c.xml",
        "d e.xml",
    ]
    assert file_names("~/x.xml") == [str(Path.home() / "x.xml")]


@pytest.mark.parametrize("name", ["e1.xml", "out/e1.xml", "../results/e1.xml"])
def test_what_an_operator_kept_of_earlier_runs_is_not_written_over(
    tmp_path: Path, name: str
) -> None:
    config = written(tmp_path, added=DETECTOR.format(name))
    kept = config.parent / name
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("kept")
    assert recorded(config, tmp_path / "traces").trips.height == 1
    assert kept.read_text() == "kept"


@pytest.mark.parametrize(
    "program",
    ['<param key="file" value="../kept.xml"/>', '<param key="device.ssm.file" value="kept.xml"/>'],
)
def test_what_devices_write_is_not_written_over_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    routes = ROUTES.replace("<routes>", f'<routes><vType id="t">{program}</vType>')
    config = written(tmp_path, routes=routes.replace('id="a"', 'id="a" type="t"'))
    places = [config.parent / "kept.xml", config.parent.parent / "kept.xml"]
    for kept in places:
        kept.write_text("kept")
    options = '<device.ssm.probability value="1"/></configuration>'
    config.write_text(config.read_text().replace("</configuration>", options))
    recorded(config, tmp_path / "traces")
    assert [kept.read_text() for kept in places] == ["kept", "kept"]
    assert not list((tmp_path / "here").iterdir())


def test_a_scenario_that_writes_to_a_fixed_place_is_refused(tmp_path: Path) -> None:
    config = written(tmp_path, added=DETECTOR.format(tmp_path / "e1.xml"))
    assert refused(config, tmp_path / "traces").code == "scenario-writes-elsewhere"
    config = written(tmp_path / "nowhere", added=DETECTOR.format("NUL"))
    assert recorded(config, tmp_path / "traces").trips.height == 1


def with_common(folder: Path, content: str) -> Path:
    """A configuration that includes a file of a folder beside its own."""
    config = written(folder, added=f'<include href="{INCLUDED}"/>')
    common = config.parent / INCLUDED
    common.parent.mkdir()
    common.write_text(f"<additional>{content}</additional>")
    return config


def test_what_a_file_includes_belongs_to_the_scenario(tmp_path: Path) -> None:
    """Demand and programs in it count, and another content is another recording."""
    signals = read_corridor(grid_config().parent / "grid.net.xml", name="", source="").signals
    state = next(s for s in signals if s.id == "B1").phases[0].state
    program = f'<phase duration="7" state="{state}"/>'
    program = f'<tlLogic id="B1" type="static" programID="mine" offset="0">{program}</tlLogic>'
    driver = '<vehicle id="b" depart="1"><route edges="A1B1 B1C1"/></vehicle>'
    config = with_common(tmp_path, program + driver)
    scenario = read_sumocfg(config)
    corridor = read_corridor(
        scenario.net_file, scenario.additional_files, name=scenario.name, source=""
    )
    assert [phase.duration_s for phase in corridor.signal("B1").phases] == [7.0]
    first = recorded(config, tmp_path / "traces")
    assert sorted(first.trips["vehicle"]) == ["a", "b"]
    shown = first.signals.filter(pl.col("signal") == "B1")["state"].to_list()
    assert shown == [state]
    common = config.parent / INCLUDED
    common.write_text(common.read_text().replace('id="b" depart="1"', 'id="b" depart="3"'))
    second = recorded(config, tmp_path / "traces")
    assert not second.replayed
    assert second.trips["depart_s"].to_list() == [0.0, 3.0]


def test_emergency_vehicles_find_the_routes_of_an_included_file(tmp_path: Path) -> None:
    config = written(tmp_path, routes='<routes><include href="real.rou.xml"/></routes>')
    (config.parent / "real.rou.xml").write_text(ROUTES)
    demand = EmergencyDemand(count=1, first_s=0, last_s=1)
    scenario = add_emergency_vehicles(read_sumocfg(config), demand, tmp_path / "work", seed=1)
    assert 'edges="A0B0 B0C0"' in scenario.route_files[-1].read_text()


def test_files_that_options_name_are_found(tmp_path: Path) -> None:
    config = written(tmp_path, options='<weight-files value="../weights/w.xml"/>')
    weights = tmp_path / "weights" / "w.xml"
    weights.parent.mkdir()
    row = '<edge id="A0B0" traveltime="3"/>'
    weights.write_text(f'<meandata><interval begin="0" end="9" id="x">{row}</interval></meandata>')
    scenario = read_sumocfg(config)
    assert scenario.referred_files == (weights,)
    assert recorded(config, tmp_path / "traces").trips.height == 1


@pytest.mark.parametrize(
    ("added", "code", "said"),
    [
        ('<include href="gone.xml"/>', "scenario-missing", "names 'gone.xml'"),
        (  # SUMO itself ends the process on it
            '<variableSpeedSign id="v" lanes="A0B0_0" file="gone.xml"/>',
            "scenario-missing",
            "names 'gone.xml'",
        ),
        ('<include href="more.add.xml"/>', "scenario-unreadable", "includes itself"),
        (
            '<vType id="t"><param key="has.tripinfo.device" value="false"/></vType>',
            "scenario-hides-vehicles",
            "has.tripinfo.device",
        ),
        ('<vType id="a b"/>', "sumo-failed", "Invalid vType id 'a b'"),
    ],
)
def test_what_cannot_be_run_is_said(tmp_path: Path, added: str, code: str, said: str) -> None:
    error = refused(written(tmp_path, added=added), tmp_path / "traces")
    assert (error.code, said in error.message) == (code, True), error.message


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ('<mesosim value="true"/>', "scenario-mesoscopic", "segment"),
        ('<begin value="-5"/>', "scenario-unreadable", "'-5' is not a time to begin at"),
        ('<begin value="3600"/>', "scenario-empty", "within 4 s"),
    ],
)
def test_options_that_leave_nothing_to_measure_are_refused(
    tmp_path: Path, options: str, code: str, said: str
) -> None:
    error = refused(written(tmp_path, options=options), tmp_path / "traces")
    assert (error.code, said in error.message) == (code, True), error.message


def kept_options(scenario: Scenario) -> set[str]:
    return {name for name, _ in scenario.options}


def test_options_are_kept_unless_a_run_decides_them(tmp_path: Path) -> None:
    """Under their synonyms too: `abs-rand` would make every run another one."""
    decided = (
        "abs-rand",
        "srand",
        "e",
        "v",
        "tripinfo",
        "summary",
        "vehroutes",
        "save-state.times",
    )
    kept = ("random-depart-offset", "scale", "time-to-teleport", "collision.action")
    rows = "".join(f'<{name} value="1"/>' for name in (*decided, *kept))
    assert kept_options(read_sumocfg(written(tmp_path, options=rows))) == set(kept)
