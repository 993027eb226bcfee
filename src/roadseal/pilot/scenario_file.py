"""A pilot scenario: one TOML file that says what to run, where, and what to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from roadseal.crypto.toml_mistakes import Mistakes
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError, why_unreadable
from roadseal.net import Impairment, shipped_links
from roadseal.pilot.approach import FIVE, load_approach, named_approaches
from roadseal.pilot.device import device
from roadseal.pilot.drills.catalogue import chosen_drills
from roadseal.pilot.radio import RadioConfig

EMBEDDED = "embedded"
"""The corridor that comes with the SUMO wheel."""

MIN_DURATION_S = 10.0
"""Shortest run: emergency vehicles depart, messages come once a second."""

MAX_SEED = 2**31 - 1
"""What SUMO takes."""

EMBEDDED_NAME = "South-east Berlin"
"""What people call it."""

_A_MEDIUM = "fibre"


@dataclass(frozen=True, slots=True)
class BackhaulLink:
    """A link from the centre to the signals named.

    Args:
        medium: one of `roadseal.net.shipped_links`.
        signals: ids of the signals it serves; empty is every signal that no other link names.
        qkd: whether QKD keys are mixed in where the approach has them.
    """

    medium: str
    signals: tuple[str, ...] = ()
    qkd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotScenario:
    """What to run.

    Args:
        name: for tables.
        network: `embedded`, or the path of a `*.sumocfg`.
        duration_s: simulated time.
        step_s: simulation step, 0.1 s or an integer part of it.
        seed: of everything random.
        approaches: names or paths.
        access: radio technology.
        awareness: CAM by its generation rules, or BSM at 10 Hz.
        power_dbm: transmission power.
        bitrate_mbps: of IEEE 802.11p.
        emergency_vehicles: how many are added.
        cam_sample: CAMs that are really signed and verified; the others take their measured cost.
        handshakes: handshakes a backhaul profile and medium.
        devices: device class of the kinds of station, see `devices.toml`.
        links: backhaul.
        impairment: what makes the links that handshakes are measured on.
        drills: ids, or all of them.
    """

    name: str = EMBEDDED_NAME
    network: str = EMBEDDED
    duration_s: float = 600.0
    step_s: float = 0.1
    seed: int = 1
    approaches: tuple[str, ...] = FIVE
    access: Literal["11p", "lte-v2x"] = "11p"
    awareness: Literal["cam", "bsm"] = "cam"
    power_dbm: float = 23.0
    bitrate_mbps: float = 6.0
    emergency_vehicles: int = 6
    cam_sample: int = 2_000
    handshakes: int = 10
    devices: Mapping[str, str] = field(default_factory=lambda: _Devices().model_dump())
    links: tuple[BackhaulLink, ...] = (BackhaulLink(_A_MEDIUM, qkd=True),)
    impairment: Impairment = "relay"
    drills: tuple[str, ...] = ("all",)


class _Link(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    medium: str
    signals: tuple[str, ...] = ()
    qkd: bool = False


class _Devices(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    vehicle: str = "obu"
    roadside: str = "rsu"
    centre: str = "server"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=120)
    network: str = EMBEDDED
    duration_s: float = Field(600.0, ge=MIN_DURATION_S, le=86_400)
    step_s: float = Field(0.1, gt=0, le=0.1)
    seed: int = Field(1, ge=0, le=MAX_SEED)
    approaches: tuple[str, ...] = Field(FIVE, min_length=1)
    access: Literal["11p", "lte-v2x"] = "11p"
    awareness: Literal["cam", "bsm"] = "cam"
    power_dbm: float = Field(23.0, ge=0, le=33)
    bitrate_mbps: float = 6.0
    emergency_vehicles: int = Field(6, ge=0, le=100)
    cam_sample: int = Field(2_000, ge=100)
    handshakes: int = Field(10, ge=2, le=1_000)
    devices: _Devices = _Devices()
    link: tuple[_Link, ...] = ()
    impairment: Impairment = "relay"
    drills: tuple[str, ...] = ("all",)


def load_scenario(path: str | None) -> PilotScenario:
    """Load a scenario.

    Args:
        path: a TOML file; a configuration of SUMO, which runs with every default; or `None` for the
            embedded corridor.

    Raises:
        RoadsealError: the file is not a scenario; every mistake is named with its line and remedy.
    """
    mistakes = Mistakes()
    scenario = examine_scenario(path, mistakes)
    mistakes.settle()
    return scenario


def examine_scenario(path: str | None, mistakes: Mistakes) -> PilotScenario:
    """As `load_scenario`, but what is wrong goes into `mistakes`, and a default into its place.

    Raises:
        RoadsealError: nothing can be made of the file.
    """
    if path is None:
        return PilotScenario()
    if path.endswith(".sumocfg"):
        return _of_sumo(path)
    source = scenario_source(path)
    if _is_xml(source):
        return _of_sumo(path)
    if not source.parse():
        raise RoadsealError(
            "scenario-empty",
            f"{path} says nothing.",
            advice=f'Write at least network = "{EMBEDDED}", or the path of a SUMO *.sumocfg there.',
        )
    stand_ins = {"link[]": {"medium": _A_MEDIUM}, "link[].medium": _A_MEDIUM}
    row = mistakes.validate(source, _File, "scenario-invalid", stand_ins)
    for index, each in enumerate(row.approaches):
        with mistakes.gather(), source.at("approaches", index):
            for name in named_approaches([each]):
                load_approach(_beside(path, name))
    network = _beside(path, row.network)
    scenario = PilotScenario(
        **row.model_dump(exclude={"name", "link", "network", "approaches"}),
        name=row.name or _called(network),
        network=network,
        approaches=tuple(_beside(path, name) for name in named_approaches(row.approaches)),
        links=tuple(BackhaulLink(**link.model_dump()) for link in row.link)
        or PilotScenario().links,
    )
    for check in _CHECKS:
        check(scenario, source, mistakes)
    return scenario


def _of_sumo(config: str) -> PilotScenario:
    return PilotScenario(name=_called(config), network=config)


def _called(network: str) -> str:
    """What a place is called that nobody named: as the folder of its files."""
    return EMBEDDED_NAME if network == EMBEDDED else Path(network).absolute().parent.name


def _is_xml(source: TomlSource) -> bool:
    """SUMO asks for no suffix, and does not offer one."""
    return source.text.lstrip().startswith("<")


def written_settings(path: str) -> frozenset[str]:
    """The settings that a scenario's file names; all others are defaults.

    Args:
        path: of a scenario that `load_scenario` takes.
    """
    source = scenario_source(path)
    if path.endswith(".sumocfg") or _is_xml(source):
        return frozenset({"name", "network"})
    return frozenset("links" if key == "link" else key for key in source.parse())


def _check_network(scenario: PilotScenario, source: TomlSource, mistakes: Mistakes) -> None:
    if scenario.network != EMBEDDED and not Path(scenario.network).is_file():
        mistakes.add(
            source.error(
                "scenario-missing",
                ("network",),
                f"There is no file {scenario.network!r}.",
                "Give a SUMO *.sumocfg, relative to this file, or 'embedded'.",
            )
        )


def _check_step(scenario: PilotScenario, source: TomlSource, mistakes: Mistakes) -> None:
    steps = 0.1 / scenario.step_s
    if abs(steps - round(steps)) > 1e-9:
        mistakes.add(
            source.error(
                "scenario-invalid",
                ("step_s",),
                f"step_s: 0.1 s is not a whole number of steps of {scenario.step_s:g} s.",
                "Choose 0.1, 0.05, 0.02 or 0.01.",
            )
        )


def _check_media(scenario: PilotScenario, source: TomlSource, mistakes: Mistakes) -> None:
    media = {link.name for link in shipped_links().values()}
    for index, link in enumerate(scenario.links):
        if link.medium not in media:
            mistakes.add(
                source.error(
                    "unknown-medium",
                    ("link", index, "medium"),
                    f"There is no medium {link.medium!r}.",
                    f"Choose one of: {', '.join(sorted(media))}.",
                )
            )


def _check_names(scenario: PilotScenario, source: TomlSource, mistakes: Mistakes) -> None:
    for kind, name in scenario.devices.items():
        with mistakes.gather(), source.at("devices", kind):
            device(name)
    for drill in scenario.drills:
        with mistakes.gather(), source.at("drills"):
            chosen_drills([drill])


def _check_radio(scenario: PilotScenario, source: TomlSource, mistakes: Mistakes) -> None:
    with mistakes.gather(), source.at("bitrate_mbps"):
        radio_of(scenario)


_CHECKS = (_check_network, _check_step, _check_media, _check_names, _check_radio)
"""What the file can say in form and a run could not do."""


def scenario_source(path: str) -> TomlSource:
    """The text of a scenario.

    Raises:
        RoadsealError: it cannot be read.
    """
    try:
        return TomlSource(path, Path(path).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            "scenario-missing",
            f"{path} cannot be read as a scenario: {why_unreadable(error)}.",
            advice="Give a TOML scenario, a SUMO *.sumocfg, or nothing for the embedded corridor.",
        ) from None


def radio_of(scenario: PilotScenario) -> RadioConfig:
    """The radio that a scenario asks for.

    Raises:
        RoadsealError: there is none like it.
    """
    return RadioConfig(
        access=scenario.access, bitrate_mbps=scenario.bitrate_mbps, power_dbm=scenario.power_dbm
    )


def _beside(scenario: str, name: str) -> str:
    """Paths in a scenario are relative to it; names are names."""
    beside = Path(scenario).parent / name
    return str(beside) if beside.is_file() else name
