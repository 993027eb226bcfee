"""Approaches and scenarios as files that users write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.pilot import approach
from roadseal.pilot.approach import FIVE, load_approach, shipped_approaches
from roadseal.pilot.run import approaches_of, run_pilot
from roadseal.pilot.scenario_check import check_signals, corridor_of
from roadseal.pilot.scenario_file import EMBEDDED, EMBEDDED_NAME, BackhaulLink, load_scenario
from roadseal.pilot.stations import Stations
from roadseal.v2x import Header, Identification, service, sign

START = Time64(700_000_000_000_000)


def test_the_five_are_shipped_first() -> None:
    assert shipped_approaches()[:5] == FIVE


@pytest.mark.parametrize("name", shipped_approaches())
def test_an_approach_accepts_what_it_sends(name: str) -> None:
    stations = Stations.establish(load_approach(name), start=START)
    receiver = stations.verifier()
    for who, psid in (
        (stations.vehicle(), service.CAM),
        (stations.roadside_unit(), service.SPATEM),
        (stations.roadside_unit(), service.MAPEM),
        (stations.emergency_vehicle(), service.SREM),
    ):
        header = Header(psid=psid, generation_time=START)
        message = sign(b"facts", header, who, Identification.CERTIFICATE)
        assert receiver.verify(message, START + 1000).overall == "ok"


@pytest.mark.parametrize("name", shipped_approaches())
def test_an_ordinary_vehicle_may_not_ask_for_priority(name: str) -> None:
    stations = Stations.establish(load_approach(name), start=START)
    header = Header(psid=service.SREM, generation_time=START)
    message = sign(b"let me", header, stations.vehicle(), Identification.CERTIFICATE)
    assert stations.verifier().verify(message, START).overall != "ok"


def test_commands_of_a_hybrid_must_be_signed_twice() -> None:
    hybrid = Stations.establish(load_approach("hybrid"), start=START)
    header = Header(psid=service.SPATEM, generation_time=START)
    for half in ("ecdsa-p256", "fn-dsa-512/pre1"):
        stripped = sign(
            b"green", header, hybrid.roadside_unit(), Identification.CERTIFICATE, algorithm=half
        )
        assert hybrid.verifier().verify(stripped, START).overall == "policy_downgrade"


def test_what_is_missing_is_said() -> None:
    assert load_approach("classical").not_measured_yet == ()
    assert load_approach("qkd").not_measured_yet == ()


def test_an_own_approach_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\ntitle = "Mine"\nsummary = "s"\nprofile = "classical-2016"\n'
        'commands = "ecdsa-p384"\nawareness = "ecdsa-p256"\nbackhaul = "hybrid"\n'
        'key_source = "none"\ncontrols = []\n'
    )
    assert load_approach(str(file)).commands.message == "ecdsa-p384"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('backhaul = "pigeon"', "6: There is no backhaul profile"),
        ('key_source = "moon"', "7: key_source"),
        ('commands = "rot13"', "4: There is no message profile 'rot13'"),
        ('awareness = "rot13"', "5: There is no message profile 'rot13'"),
        ('profile = "nowhere"', "9: 'nowhere' is neither a profile"),
        (
            'awareness = "fn-dsa-512/pre1"',
            "5: fn-dsa-512/pre1: receivers under classical-2016 refuse messages",
        ),
        (
            'commands = "ph-ml-dsa-44/rs1"',
            "4: ph-ml-dsa-44/rs1: receivers under classical-2016 refuse",
        ),
        ("speed = 3", "speed is not known here"),
        ('name = "all"', "1: 'all' is no name of an approach"),
        ('name = "no priority"', "1: 'no priority' is no name of an approach"),
        ('title = ""', "2: title"),
    ],
)
def test_a_wrong_approach_names_its_line(tmp_path: Path, line: str, says: str) -> None:
    rows = {
        "name": '"mine"',
        "title": '"Mine"',
        "summary": '"s"',
        "commands": '"ecdsa-p256"',
        "awareness": '"ecdsa-p256"',
        "backhaul": '"hybrid"',
        "key_source": '"none"',
        "controls": "[]",
        "profile": '"classical-2016"',
    }
    key, _, value = line.partition(" = ")
    rows[key] = value
    file = tmp_path / "mine.toml"
    file.write_text("".join(f"{name} = {value}\n" for name, value in rows.items()))
    with pytest.raises(RoadsealError) as caught:
        load_approach(str(file))
    assert says in str(caught.value)


def test_a_place_that_nobody_named_is_called_as_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Old Town"
    folder.mkdir()
    (folder / "run.sumocfg").write_text("<configuration/>")
    file = folder / "scenario.toml"
    file.write_text('network = "run.sumocfg"')
    assert load_scenario(str(file)).name == "Old Town"
    file.write_text('network = "run.sumocfg"\nname = "Mine"')
    assert load_scenario(str(file)).name == "Mine"
    file.write_text("seed = 2")
    assert load_scenario(str(file)).name == EMBEDDED_NAME


def test_commands_weaker_than_the_profile_are_refused(tmp_path: Path) -> None:
    """Receivers of a post-quantum profile do not act upon what ECDSA alone has signed."""
    file = tmp_path / "weak.toml"
    text = (Path(approach.__file__).parent / "approaches" / "pqc.toml").read_text()
    file.write_text(text.replace('commands = "fn-dsa-512/pre1"', 'commands = "ph-fn-dsa-512/pre1"'))
    with pytest.raises(RoadsealError, match="under pqc-2030 refuse messages") as caught:
        load_approach(str(file))
    assert caught.value.code == "approach-unheard"


def test_files_of_windows_editors_are_read(tmp_path: Path) -> None:
    """They begin with a byte order mark."""
    file = tmp_path / "marked.toml"
    text = (Path(approach.__file__).parent / "approaches" / "pqc.toml").read_text()
    file.write_text(text.replace('"pqc"', '"marked"', 1), "utf-8-sig")
    assert load_approach(str(file)).name == "marked"
    setup = tmp_path / "scenario.toml"
    setup.write_text("seed = 4", "utf-8-sig")
    assert load_scenario(str(setup)).seed == 4


@pytest.mark.parametrize("name", ["run.sumocfg", "run.sumo.cfg", "RUN.SUMOCFG", "town.xml"])
def test_a_configuration_of_sumo_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    config = tmp_path / name
    config.write_text("\n<configuration/>")
    assert load_scenario(str(config)).network == str(config)


def test_certificates_that_nobody_vouches_for_in_the_pilot_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "anchored.toml"
    folder = Path(approach.__file__).parent / "approaches"
    text = (folder / "hybrid.toml").read_text()
    file.write_text(text.replace("ph-fn-dsa-512/pre1", "anchored-ml-dsa-65/rs1"))
    with pytest.raises(RoadsealError, match="the pilot hands none out"):
        load_approach(str(file))


def test_nothing_named_is_the_embedded_corridor() -> None:
    assert load_scenario(None).network == EMBEDDED


def test_a_scenario_is_relative_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "town.sumocfg").write_text("<configuration/>")
    file = tmp_path / "town.toml"
    file.write_text(
        'name = "town"\nnetwork = "town.sumocfg"\n[[link]]\nmedium = "5g"\nqkd = true\n'
    )
    scenario = load_scenario(str(file))
    assert scenario.network == str(tmp_path / "town.sumocfg")
    assert scenario.links[0].qkd


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("duration_s = -1\n", "1: duration_s"),
        ('approaches = ["classical", "nothing"]\n', "1: There is no approach 'nothing'"),
        ('[[link]]\nmedium = "smoke"\n', "2: There is no medium 'smoke'"),
        ("name = \n", "line 1"),
        ('name = "x"\nnetwork = "nowhere.sumocfg"\n', "2: There is no file"),
        ('drills = ["nothing"]\n', "1: There is no drill 'nothing'"),
        ('[devices]\nvehicle = "toaster"\n', "2: There is no device class 'toaster'"),
        ('[devices]\ncar = "obu"\n', "2: devices.car is not known here"),
        ("step_s = 0.03\n", "1: step_s: 0.1 s is not a whole number of steps"),
        ("seed = 1\nbitrate_mbps = 7\n", "2: The radio model has no bitrate 7"),
        ("duration_s = 5\n", "1: duration_s"),
        ("seed = 2147483648\n", "1: seed"),
        ('approaches = ["all", "nothing"]\n', "1: There is no approach 'nothing'"),
    ],
)
def test_a_wrong_scenario_names_its_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(RoadsealError) as caught:
        load_scenario(str(file))
    assert says in str(caught.value)
    assert caught.value.advice


def test_every_mistake_of_a_scenario_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("name = 1\n")
    file = tmp_path / "bad.toml"
    lines = (
        'duration = "long"',
        "duration_s = 5",
        'network = "nowhere.sumocfg"',
        "step_s = 0.03",
        'approaches = ["classical", "nothing", "mine.toml", 4]',
        'drills = ["q-day", "rain", "snow"]',
        "bitrate_mbps = 7",
        "[devices]",
        'vehicle = "toaster"',
        'car = "obu"',
        "[[link]]",
        "qkd = 3",
        "[[link]]",
        'medium = "smoke"',
        'colour = "red"',
    )
    file.write_text("\n".join(lines))
    with pytest.raises(RoadsealError) as caught:
        load_scenario(str(file))
    told = [(getattr(each, "line", None), each.code) for each in caught.value.each]
    assert told == [
        (1, "scenario-invalid"),
        (2, "scenario-invalid"),
        (3, "scenario-missing"),
        (4, "scenario-invalid"),
        (5, "scenario-invalid"),
        (5, "approach-missing"),
        (5, "approach-invalid"),
        (6, "unknown-drill"),
        (6, "unknown-drill"),
        (7, "radio-bitrate"),
        (9, "unknown-device"),
        (10, "scenario-invalid"),
        (11, "scenario-invalid"),  # no medium
        (12, "scenario-invalid"),
        (14, "unknown-medium"),
        (15, "scenario-invalid"),
    ]
    assert all(each.advice for each in caught.value.each)
    assert str(caught.value).count("bad.toml:") == len(told)


def test_a_text_in_which_nothing_is_right_is_told_too(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('link = [1, "two"]\ndevices = 3\napproaches = []\nseed = "one"\n')
    with pytest.raises(RoadsealError) as caught:
        load_scenario(str(file))
    assert [getattr(each, "line", None) for each in caught.value.each] == [1, 1, 2, 3, 4]


@pytest.mark.parametrize("text", ["", "# a corridor\n\n"])
def test_an_empty_file_is_no_scenario(tmp_path: Path, text: str) -> None:
    file = tmp_path / "empty.toml"
    file.write_text(text)
    with pytest.raises(RoadsealError, match="says nothing") as caught:
        load_scenario(str(file))
    file.write_text('network = "embedded"\n')
    assert 'network = "embedded"' in caught.value.advice
    assert load_scenario(str(file)) == load_scenario(None)


def test_devices_that_a_scenario_does_not_name_stay(tmp_path: Path) -> None:
    file = tmp_path / "slow.toml"
    file.write_text('[devices]\nroadside = "obu"\n')
    devices = load_scenario(str(file)).devices
    assert devices == {"vehicle": "obu", "roadside": "obu", "centre": "server"}


def test_all_stands_for_the_five_and_each_runs_once(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text('approaches = ["pqc-ml-dsa-44", "all", "classical"]\n')
    assert load_scenario(str(file)).approaches == ("pqc-ml-dsa-44", *FIVE)


def test_the_signals_that_links_name_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "links.toml"
    file.write_text('[[link]]\nmedium = "fibre"\nsignals = ["nowhere"]\n')
    scenario = load_scenario(str(file))
    corridor = corridor_of(scenario)
    with pytest.raises(RoadsealError, match="no signal 'nowhere'") as caught:
        check_signals(scenario, corridor)
    assert "joinedS_0" in caught.value.advice
    with pytest.raises(RoadsealError, match=r"links\.toml:3: The corridor"):
        check_signals(scenario, corridor, str(file))


def test_what_is_wrong_comes_out_before_anything_is_measured(tmp_path: Path) -> None:
    told: list[str] = []
    config = tmp_path / "empty.sumocfg"
    config.write_text("<configuration/>")
    for scenario, code in (
        (replace(load_scenario(None), network=str(config)), "scenario-incomplete"),
        (replace(load_scenario(None), drills=("nothing",)), "unknown-drill"),
        (replace(load_scenario(None), devices={"vehicle": "toaster"}), "unknown-device"),
        (replace(load_scenario(None), bitrate_mbps=7.0), "radio-bitrate"),
    ):
        with pytest.raises(RoadsealError) as caught:
            run_pilot(scenario, cache_dir=tmp_path, tell=lambda what, _: told.append(what))
        assert caught.value.code == code
    assert not told


@pytest.mark.parametrize(("marked", "source"), [(True, "qkd"), (False, "none")])
def test_keys_of_qkd_reach_nobody_without_a_marked_link(marked: bool, source: str) -> None:
    """Otherwise Q-day would spare sessions that no QKD key protects."""
    links = (BackhaulLink("5g"), BackhaulLink("fibre", ("somewhere",), qkd=marked))
    scenario = replace(load_scenario(None), links=links, approaches=("classical", "qkd", "hybrid"))
    assert [each.key_source for each in approaches_of(scenario)] == ["none", source, source]


def test_two_approaches_of_one_name_are_refused(tmp_path: Path) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "mine.toml")
        text = (Path(approach.__file__).parent / "approaches" / "classical.toml").read_text()
        files[-1].write_text(text.replace('"classical"', '"mine"', 1))
    scenario = replace(load_scenario(None), approaches=tuple(map(str, files)))
    with pytest.raises(RoadsealError, match="Two approaches are called 'mine'"):
        run_pilot(scenario, cache_dir=tmp_path)
