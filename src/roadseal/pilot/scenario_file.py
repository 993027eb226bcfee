"""A pilot scenario: one TOML file that says what to run, where, and what to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError
from roadseal.net import shipped_links
from roadseal.pilot.approach import FIVE, load_approach

EMBEDDED = "embedded"
"""The corridor that comes with the SUMO wheel."""

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
    devices: Mapping[str, str] = field(
        default_factory=lambda: {"vehicle": "obu", "roadside": "rsu", "centre": "server"}
    )
    links: tuple[BackhaulLink, ...] = (BackhaulLink("fibre", qkd=True),)
    drills: tuple[str, ...] = ("all",)


class _Link(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    medium: str
    signals: tuple[str, ...] = ()
    qkd: bool = False


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = EMBEDDED_NAME
    network: str = EMBEDDED
    duration_s: float = Field(600.0, gt=0, le=86_400)
    step_s: float = Field(0.1, gt=0, le=0.1)
    seed: int = Field(1, ge=0)
    approaches: tuple[str, ...] = Field(FIVE, min_length=1)
    access: Literal["11p", "lte-v2x"] = "11p"
    awareness: Literal["cam", "bsm"] = "cam"
    power_dbm: float = Field(23.0, ge=0, le=33)
    bitrate_mbps: float = 6.0
    emergency_vehicles: int = Field(6, ge=0, le=100)
    cam_sample: int = Field(2_000, ge=100)
    handshakes: int = Field(12, ge=2, le=1_000)
    devices: dict[str, str] = Field(
        default_factory=lambda: {"vehicle": "obu", "roadside": "rsu", "centre": "server"}
    )
    link: tuple[_Link, ...] = ()
    drills: tuple[str, ...] = ("all",)


def load_scenario(path: str | None) -> PilotScenario:
    """Load a scenario.

    Args:
        path: a TOML file; a `*.sumocfg`, which runs with every default; or `None` for the embedded
            corridor.

    Raises:
        RoadsealError: the file is not a scenario; the error names the line and the remedy.
    """
    if path is None:
        return PilotScenario()
    if path.endswith(".sumocfg"):
        return PilotScenario(name=Path(path).absolute().parent.name, network=path)
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            "scenario-missing",
            f"{path} cannot be read as a scenario: {error}.",
            advice="Give a TOML scenario, a SUMO *.sumocfg, or nothing for the embedded corridor.",
        ) from None
    source = TomlSource(path, text)
    row = source.validate(_File, source.parse(), (), "scenario-invalid")
    for index, approach in enumerate(row.approaches):
        try:
            load_approach(_beside(path, approach))
        except RoadsealError as error:
            at = ("approaches", index)
            raise source.error(error.code, at, error.message, error.advice) from None
    media = {link.name for link in shipped_links().values()}
    for index, link in enumerate(row.link):
        if link.medium not in media:
            raise source.error(
                "unknown-medium",
                ("link", index, "medium"),
                f"There is no medium {link.medium!r}.",
                f"Choose one of: {', '.join(sorted(media))}.",
            )
    values = row.model_dump(exclude={"link", "network", "approaches"})
    return PilotScenario(
        **values,
        network=_beside(path, row.network),
        approaches=tuple(_beside(path, approach) for approach in row.approaches),
        links=tuple(BackhaulLink(**link.model_dump()) for link in row.link)
        or PilotScenario().links,
    )


def _beside(scenario: str, name: str) -> str:
    """Paths in a scenario are relative to it; names are names."""
    beside = Path(scenario).parent / name
    return str(beside) if beside.is_file() else name
