"""What the files of a SUMO scenario refer to: files that SUMO reads, and files that it writes.

SUMO finds both relative to the file that names them, what devices write relative to the
configuration. The attributes are those of SUMO's schema (`additional_file.xsd`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from roadseal.errors import RoadsealError
from roadseal.pilot.scenario_xml import check_well_formed, refuse_circle
from roadseal.pilot.sumo_paths import TRUE, beside

_READ = frozenset(
    {
        ("calibrator", "file"),
        ("edgeData", "edgesFile"),
        ("include", "href"),
        ("laneData", "edgesFile"),
        ("rerouter", "file"),
        ("variableSpeedSign", "file"),
    }
)
_RECORDERS = ("has.fcd.device", "has.tripinfo.device")
_WRITTEN = ("file", "output", "dest")
_NO_FILE = frozenset({"", "-", "/dev/null", "nul", "null", "stderr", "stdout"})


@dataclass(frozen=True, slots=True)
class References:
    """Files that others refer to.

    Args:
        read: by SUMO; they are there.
        written: by SUMO, if it ran on the files themselves.
    """

    read: tuple[Path, ...]
    written: tuple[Path, ...]


def find_references(files: Iterable[Path], config: Path) -> References:
    """Follow what the XML files of a scenario name, and what the files that they include name.

    Args:
        files: network, demand and additional files.
        config: of the scenario.

    Raises:
        RoadsealError: `scenario-missing` for a file that is named and not there, and what
            `check_well_formed` raises; `scenario-writes-elsewhere` for an absolute output;
            `scenario-hides-vehicles` for devices of the recording that are switched off.
    """
    read: dict[Path, None] = {}
    written: dict[Path, None] = {}
    left: list[tuple[Path, tuple[Path, ...]]] = [(file, ()) for file in dict.fromkeys(files)]
    while left:
        file, ancestors = left.pop(0)
        refuse_circle(file, ancestors)
        for kind, name in _names(file):
            if kind == "written":
                _refuse_elsewhere(file, name)
                written.update(dict.fromkeys(beside(start, name) for start in (file, config)))
            else:
                found = _found(file, name)
                read[found] = None
                if kind == "included":
                    left.append((found, (*ancestors, file)))
    return References(tuple(read), tuple(written))


def _names(file: Path) -> list[tuple[str, str]]:
    """All that a file names, each with what it is to SUMO: `written`, `read` or `included`."""
    named: list[tuple[str, str]] = []
    check_well_formed(file, lambda tag, attributes: named.extend(_named(tag, attributes)))
    hidden = [name for kind, name in named if kind == "hidden"]
    if hidden:
        raise RoadsealError(
            "scenario-hides-vehicles",
            f"{file} sets {hidden[0]} to false: vehicles that drive and are not recorded.",
            advice="Remove that <param>: everybody on the road is on the air.",
        )
    return named


def _named(tag: str, attributes: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    if tag == "param":
        key, value = attributes.get("key", ""), attributes.get("value", "")
        if key in _RECORDERS and value.lower() not in TRUE:
            yield "hidden", key
        if key.endswith("file") and value.lower() not in _NO_FILE:
            yield ("read" if "replay" in key else "written"), value
        return
    for name, value in attributes.items():
        if value.strip().lower() in _NO_FILE:
            continue
        if (tag, name) in _READ:
            yield ("included" if tag == "include" else "read"), value
        elif name in _WRITTEN:
            yield "written", value


def _refuse_elsewhere(file: Path, name: str) -> None:
    if not Path(name).is_absolute():
        return
    raise RoadsealError(
        "scenario-writes-elsewhere",
        f"{file} has SUMO write {name}, where no run may write.",
        advice="Give a name relative to the file: what a scenario writes vanishes with its run.",
    )


def _found(file: Path, name: str) -> Path:
    found = beside(file, name)
    if not found.is_file():
        raise RoadsealError(
            "scenario-missing",
            f"{file} names {name!r}, and there is no file {found}.",
            advice="Correct the name there, or put the file to its place.",
        )
    return found
