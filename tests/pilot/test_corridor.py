from __future__ import annotations

from pathlib import Path

import libsumo
import pytest
from traffic_scenes import bologna, grid

from roadseal.errors import RoadsealError
from roadseal.pilot.corridor import Corridor, read_corridor
from roadseal.pilot.demand import EMBEDDED_NET, SUMO_HOME
from roadseal.pilot.georeference import read_projection


@pytest.fixture(scope="module")
def corridor() -> Corridor:
    return read_corridor(EMBEDDED_NET, name="embedded", source="test")


def test_the_embedded_corridor_has_fifteen_signals_with_programs(corridor: Corridor) -> None:
    assert len(corridor.signals) == 15
    for signal in corridor.signals:
        lengths = {len(phase.state) for phase in signal.phases}
        assert len(lengths) == 1
        assert max(link.index for link in signal.links) < lengths.pop()
        assert signal.program_type == "actuated"


def test_positions_agree_with_the_projection_library_inside_sumo(corridor: Corridor) -> None:
    libsumo.start(["sumo", "--net-file", str(EMBEDDED_NET), "--no-step-log", "--no-warnings"])
    try:
        for signal in corridor.signals:
            longitude, latitude = libsumo.simulation.convertGeo(signal.x, signal.y)
            assert signal.longitude == pytest.approx(longitude, abs=1e-8)
            assert signal.latitude == pytest.approx(latitude, abs=1e-8)
    finally:
        libsumo.close()


def test_a_joined_signal_has_its_rsu_at_the_centroid(corridor: Corridor) -> None:
    joined = [signal for signal in corridor.signals if len(signal.junctions) > 1]
    assert joined
    for signal in joined:
        xs = [link.stop_line[0] for link in signal.links]
        assert min(xs) - 30 < signal.x < max(xs) + 30


def test_stop_lines_end_their_approach_and_foes_are_ordered(corridor: Corridor) -> None:
    for signal in corridor.signals:
        assert all(link.approach[-1] == link.stop_line for link in signal.links)
        assert all(i < j for i, j in signal.foes)
    assert any(link.crossing for signal in corridor.signals for link in signal.links)


def test_whoever_sumo_lets_go_first_is_a_foe() -> None:
    """SUMO tells at run time which lanes a movement must yield to: each belongs to a foe."""
    scenario = grid()
    corridor = read_corridor(scenario.net_file, name="grid", source="test")
    yields = 0
    libsumo.start(["sumo", "--net-file", str(scenario.net_file), "--no-step-log"])
    try:
        for signal in corridor.signals:
            for link in signal.links:
                foes = {j for pair in signal.foes for j in pair if link.index in pair}
                lanes = {other.from_lane for other in signal.links if other.index in foes}
                told = libsumo.lane.getFoes(link.from_lane, link.to_lane)
                yields_to = {lane for lane in told if not lane.startswith(":")}
                assert yields_to <= lanes
                yields += len(yields_to)
    finally:
        libsumo.close()
    assert yields > 50


def test_a_signal_may_stop_a_turn_a_second_time_within_the_junction() -> None:
    """A crossing in Braunschweig, in every eclipse-sumo: its left turns wait in the middle."""
    net = SUMO_HOME / "tools" / "game" / "fokr_bs_demo" / "fokr_bs.net.xml.gz"
    (signal,) = read_corridor(net, name="fokr", source="test").signals
    inner = [link for link in signal.links if link.from_lane.startswith(":") and not link.crossing]
    outer = [link for link in signal.links if not link.from_lane.startswith(":")]
    assert [link.index for link in inner] == [1, 11, 21, 31]
    for second in inner:
        (first,) = (link for link in outer if link.index == second.index)
        assert first.to_lane == second.to_lane
        assert first.from_lane != second.from_lane
        straight = {pair for pair in signal.foes if second.index in pair}
        assert len(straight) > 20, "it crosses the oncoming traffic and both sides"


def test_programs_of_additional_files_replace_those_of_the_network() -> None:
    scenario = bologna()
    corridor = read_corridor(
        scenario.net_file, scenario.additional_files, name="bologna", source="test"
    )
    assert len(corridor.signals) == 13
    assert {signal.program_id for signal in corridor.signals} == {"utopia"}


def test_a_file_that_is_no_network_is_refused(tmp_path) -> None:
    broken = tmp_path / "broken.net.xml"
    broken.write_text("<net><edge")
    with pytest.raises(RoadsealError, match=r"broken\.net\.xml") as caught:
        read_corridor(broken, name="x", source="x")
    assert caught.value.code == "network-unreadable"
    with pytest.raises(RoadsealError):
        read_corridor(tmp_path / "absent.net.xml", name="x", source="x")


def test_only_utm_is_georeferenced() -> None:
    assert read_projection("+proj=tmerc +lat_0=0", 0, 0) is None
    south = read_projection("+proj=utm +zone=56 +south +ellps=WGS84", 0, 0)
    assert south is not None
    # Sydney Opera House, UTM 56H 334900 E 6252300 N
    longitude, latitude = south.longitude_latitude(334_900.0, 6_252_300.0)
    assert (longitude, latitude) == (
        pytest.approx(151.215, abs=0.01),
        pytest.approx(-33.857, abs=0.01),
    )


def test_a_program_that_controls_nothing_is_no_signal(tmp_path: Path) -> None:
    """As networks keep it of junctions that were taken out; SUMO runs them."""
    net = tmp_path / "left.net.xml"
    phase = '<phase duration="5" state="G"/>'
    left = f'<tlLogic id="gone" type="static" programID="0" offset="0">{phase}</tlLogic>'
    net.write_text(grid().net_file.read_text().replace("<tlLogic", f"{left}<tlLogic", 1))
    corridor = read_corridor(net, name="left", source="test")
    assert corridor.signals == read_corridor(grid().net_file, name="", source="").signals
    libsumo.start(["sumo", "--net-file", str(net), "--no-step-log"])
    try:
        assert "gone" in libsumo.trafficlight.getIDList()
    finally:
        libsumo.close()


def test_a_network_of_rails_is_refused() -> None:
    rails = SUMO_HOME / "tools" / "game" / "rail" / "net.net.xml"
    with pytest.raises(RoadsealError) as caught:
        read_corridor(rails, name="rails", source="test")
    assert caught.value.code in {"network-without-roads", "network-without-signals"}
    assert rails.name in caught.value.message
