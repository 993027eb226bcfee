"""A pilot scenario: one TOML file that says what to run, where, and what to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError, why_unreadable
from roadseal.net import Impairment, shipped_links
from roadseal.pilot.approach import FIVE, load_approach, named_approaches
from roadseal.pilot.corridor import Corridor
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
    handshakes: int = 12
    devices: Mapping[str, str] = field(default_factory=lambda: _Devices().model_dump())
    links: tuple[BackhaulLink, ...] = (BackhaulLink("fibre", qkd=True),)
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
    handshakes: int = Field(12, ge=2, le=1_000)
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
        RoadsealError: the file is not a scenario; the error names the line and the remedy.
    """
    if path is None:
        return PilotScenario()
    if path.endswith(".sumocfg"):
        return _of_sumo(path)
    source = _source(path)
    if source.text.lstrip().startswith("<"):  # SUMO asks for no suffix, and does not offer one
        return _of_sumo(path)
    row = source.validate(_File, source.parse(), (), "scenario-invalid")
    approaches = tuple(_beside(path, name) for name in named_approaches(row.approaches))
    for name in approaches:
        written = next(
            (i for i, each in enumerate(row.approaches) if _beside(path, each) == name), 0
        )
        with source.at("approaches", written):
            load_approach(name)
    values = row.model_dump(exclude={"name", "link", "network", "approaches"})
    network = _beside(path, row.network)
    scenario = PilotScenario(
        **values,
        name=row.name or _called(network),
        network=network,
        approaches=approaches,
        links=tuple(BackhaulLink(**link.model_dump()) for link in row.link)
        or PilotScenario().links,
    )
    _check(scenario, source)
    return scenario


def _of_sumo(config: str) -> PilotScenario:
    return PilotScenario(name=_called(config), network=config)


def _called(network: str) -> str:
    """What a place is called that nobody named: as the folder of its files."""
    return EMBEDDED_NAME if network == EMBEDDED else Path(network).absolute().parent.name


def _check(scenario: PilotScenario, source: TomlSource) -> None:
    """Refuse what the file says in form and the run could not do."""
    if scenario.network != EMBEDDED and not Path(scenario.network).is_file():
        raise source.error(
            "scenario-missing",
            ("network",),
            f"There is no file {scenario.network!r}.",
            "Give a SUMO *.sumocfg, relative to this file, or 'embedded'.",
        )
    steps = 0.1 / scenario.step_s
    if abs(steps - round(steps)) > 1e-9:
        raise source.error(
            "scenario-invalid",
            ("step_s",),
            f"step_s: 0.1 s is not a whole number of steps of {scenario.step_s:g} s.",
            "Choose 0.1, 0.05, 0.02 or 0.01.",
        )
    media = {link.name for link in shipped_links().values()}
    for index, link in enumerate(scenario.links):
        if link.medium not in media:
            raise source.error(
                "unknown-medium",
                ("link", index, "medium"),
                f"There is no medium {link.medium!r}.",
                f"Choose one of: {', '.join(sorted(media))}.",
            )
    for kind, name in scenario.devices.items():
        with source.at("devices", kind):
            device(name)
    with source.at("drills"):
        chosen_drills(scenario.drills)
    with source.at("bitrate_mbps"):
        radio_of(scenario)


def check_signals(scenario: PilotScenario, corridor: Corridor, path: str | None = None) -> None:
    """Refuse links to signals that the corridor does not have.

    Args:
        scenario: whose links.
        corridor: its place.
        path: the scenario's file, if the error shall name the line.

    Raises:
        RoadsealError: ``unknown-signal``.
    """
    for index, link in enumerate(scenario.links):
        for signal in link.signals:
            try:
                corridor.signal(signal)
            except RoadsealError as error:
                if path is None:
                    raise
                source, at = _source(path), ("link", index, "signals")
                raise source.error(error.code, at, error.message, error.advice) from None


def _source(path: str) -> TomlSource:
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
