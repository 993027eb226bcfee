from __future__ import annotations

import re
import shutil
from xml.etree import ElementTree

import pytest
from traffic_scenes import bologna, embedded, grid_config

from roadseal.errors import RoadsealError
from roadseal.pilot.corridor import read_corridor
from roadseal.pilot.demand import SUMO_HOME, embedded_scenario
from roadseal.pilot.emergency import EmergencyDemand, add_emergency_vehicles
from roadseal.pilot.scenario import read_sumocfg


def test_embedded_demand_is_drawn_once_and_says_it_is_random() -> None:
    scenario = embedded()
    (routes,) = scenario.route_files
    assert len(list(ElementTree.parse(routes).iter("vehicle"))) == 600
    assert "Random demand, not measured" in scenario.demand
    assert "OpenStreetMap" in scenario.source


def test_same_seed_same_bytes_other_seed_other_demand(tmp_path) -> None:
    one, two = embedded(), embedded_scenario(tmp_path, seed=1)
    assert one.route_files[0] != two.route_files[0]
    assert one.route_files[0].read_bytes() == two.route_files[0].read_bytes()
    assert one.digest() == two.digest()
    assert embedded_scenario(tmp_path, seed=6).digest() != one.digest()


def test_emergency_vehicles_pass_many_signals_and_are_declared(tmp_path) -> None:
    scenario = add_emergency_vehicles(embedded(), EmergencyDemand(count=3), tmp_path, seed=2)
    assert scenario.emergency_vehicles == ("emergency_0", "emergency_1", "emergency_2")
    assert "added by Roadseal" in scenario.demand
    corridor = read_corridor(scenario.net_file, name="x", source="x")
    edges_of = {
        signal.id: {link.from_lane.rsplit("_", 1)[0] for link in signal.links if not link.crossing}
        for signal in corridor.signals
    }
    root = ElementTree.parse(scenario.route_files[-1]).getroot()
    routes = [set(route.get("edges", "").split()) for route in root.iter("route")]
    assert len({frozenset(route) for route in routes}) == 3
    for route in routes:
        assert sum(bool(edges & route) for edges in edges_of.values()) >= 5
    departs = [float(vehicle.get("depart", "0")) for vehicle in root.iter("vehicle")]
    assert departs == sorted(departs)
    assert all(60 <= depart <= 300 for depart in departs)


def test_routes_are_found_where_the_demand_is_trips_only(tmp_path) -> None:
    place = tmp_path / "trips"
    shutil.copytree(grid_config().parent, place)
    routes = place / "grid.rou.xml"
    routes.write_text('<routes><trip id="t" depart="0" from="A0B0" to="B2C2"/></routes>')
    scenario = read_sumocfg(place / "grid.sumocfg")
    added = add_emergency_vehicles(scenario, EmergencyDemand(count=1), tmp_path / "w", seed=1)
    assert len(list(ElementTree.parse(added.route_files[-1]).iter("route"))) == 1


def test_a_configuration_gives_its_inputs_but_none_of_its_outputs() -> None:
    scenario = read_sumocfg(grid_config())
    assert scenario.net_file.name == "grid.net.xml"
    assert [file.name for file in scenario.route_files] == ["grid.rou.xml"]
    assert scenario.options == ()
    assert bologna().begin_s == 0.0


def test_what_only_a_window_knows_is_left_out(tmp_path) -> None:
    """SUMO without a window refuses some of it: those of its own games that are shown in 3D."""
    (tmp_path / "n").write_text("<net/>")
    config = tmp_path / "x.sumocfg"
    names = ("osg-view", "gui-settings-file", "game", "window-size", "tracker-interval", "demo")
    gui = "".join(f'<{name} value="true"/>' for name in names)
    config.write_text(
        f'<c><net value="n"/><r value="n"/><gui_only>{gui}</gui_only>'
        '<lateral-resolution value="1"/></c>'
    )
    assert read_sumocfg(config).options == (("lateral-resolution", "1"),)
    shown_in_3d = read_sumocfg(SUMO_HOME / "tools" / "game" / "bs3d.sumocfg")
    assert [name for name, _ in shown_in_3d.options] == ["xml-validation"]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("<configuration>\n<input>\n<net-file", "scenario-unreadable", r"line \d"),
        (
            '<configuration>\n<net-file value="nowhere.net.xml"/></configuration>',
            "scenario-missing",
            r"line 2: there is no file .*nowhere\.net\.xml",
        ),
        ("<configuration/>", "scenario-incomplete", "names no network"),
        (
            '<c><net value="n"/><r value="n"/>\n<begin value="soon"/></c>',
            "scenario-unreadable",
            r"line 2: 'soon' is not a time",
        ),
    ],
)
def test_a_mistaken_configuration_is_named_with_its_line(tmp_path, text, code, said) -> None:
    config = tmp_path / "x.sumocfg"
    config.write_text(text)
    (tmp_path / "n").write_text("<net/>")
    with pytest.raises(RoadsealError) as caught:
        read_sumocfg(config)
    assert caught.value.code == code
    assert re.search(said, caught.value.message)


def test_an_absent_configuration_is_named(tmp_path) -> None:
    with pytest.raises(RoadsealError, match=r"gone\.sumocfg"):
        read_sumocfg(tmp_path / "gone.sumocfg")
