"""A traffic scenario: what SUMO is given, wherever it came from.

The files of a scenario are only read. Every run works in a mirror of links (see `simulation`), so
that what a scenario's own files ask SUMO to write never lands beside them.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from roadseal.errors import RoadsealError
from roadseal.pilot.scenario_references import find_references
from roadseal.pilot.scenario_xml import elements
from roadseal.pilot.sumo_paths import TRUE, file_names

_SYNONYMS = {  # of SUMO, for the options that are looked at here
    "net": "net-file",
    "n": "net-file",
    "routes": "route-files",
    "r": "route-files",
    "additional": "additional-files",
    "a": "additional-files",
    "b": "begin",
    "w": "weight-files",
    "s": "route-steps",
    "abs-rand": "random",
    "srand": "seed",
    "suppress-warnings": "no-warnings",
    "no-duration-log": "duration-log",
    "log-file": "log",
}
_INPUTS = frozenset({"net-file", "route-files", "additional-files", "begin"})
_DEMAND = frozenset({"vehicle", "trip", "flow"})
_RUN_DECIDES = (  # what a run sets itself, outputs nobody asked for, and what only a window knows
    "alternative-net-file",
    "begin",
    "breakpoints",
    "configuration-file",
    "delay",
    "demo",
    "device.fcd",
    "device.tripinfo",
    "disable-textures",
    "duration-log",
    "edgedata-files",
    "end",
    "error-log",
    "game",
    "gui-",
    "help",
    "human-readable-time",
    "log",
    "message-log",
    "ndump",
    "netstate",
    "netstate-dump",
    "no-step-log",
    "no-warnings",
    "num-clients",
    "osg-view",
    "output-prefix",
    "person-device.",
    "person-fcd",
    "personinfo",
    "personroutes",
    "precision",
    "quit-on-end",
    "random",
    "registry-viewport",
    "remote-port",
    "save-",
    "seed",
    "selection-file",
    "start",
    "step-length",
    "step-log",
    "summary",
    "tracker-interval",
    "tripinfo",
    "vehroutes",
    "verbose",
    "version",
    "window-",
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What SUMO is given.

    Args:
        name: short, for tables and file names.
        root: the directory that is mirrored for a run; None where no input refers to another file.
        directory: where relative file names in `options` are looked up (inside `root`).
        net_file: the network.
        route_files: the demand, in loading order.
        additional_files: SUMO additional files, in loading order.
        options: further SUMO options of the scenario, (name, value), without outputs.
        begin_s: simulated time of the first step.
        demand: how the demand came about, one sentence for the report.
        source: where the network comes from, with its licence.
        emergency_vehicles: ids of the vehicles Roadseal added.
        referred_files: what SUMO reads because those files or the options name it.
        output_folders: where SUMO would write what those files ask for (inside `root`).
    """

    name: str
    root: Path | None
    directory: Path
    net_file: Path
    route_files: tuple[Path, ...]
    additional_files: tuple[Path, ...]
    options: tuple[tuple[str, str], ...]
    begin_s: float
    demand: str
    source: str
    emergency_vehicles: tuple[str, ...] = ()
    referred_files: tuple[Path, ...] = ()
    output_folders: tuple[Path, ...] = ()

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that SUMO is given."""
        return (self.net_file, *self.route_files, *self.additional_files)

    def with_vehicles(self, route_file: Path, vehicle_ids: Sequence[str], note: str) -> Scenario:
        """Return the scenario with one more route file, its vehicles marked as ours."""
        return replace(
            self,
            route_files=(*self.route_files, route_file),
            emergency_vehicles=(*self.emergency_vehicles, *vehicle_ids),
            demand=f"{self.demand} {note}",
        )

    def digest(self) -> str:
        """SHA-256 over the content of every input and option: names and places do not count."""
        total = hashlib.sha256()
        for file in (*self.inputs, *filter(Path.is_file, self.referred_files)):
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
        settings = repr((self.options, self.begin_s, self.emergency_vehicles))
        return hashlib.sha256(total.digest() + settings.encode()).hexdigest()


def read_sumocfg(config: Path, *, source: str = "") -> Scenario:
    """Read a SUMO configuration; its demand is taken as it is.

    Args:
        config: `*.sumocfg`.
        source: where the scenario comes from, with its licence; by default its directory's name.

    Raises:
        RoadsealError: `scenario-missing` (the file or one it names), `scenario-unreadable` (with
            the line), `scenario-incomplete` (no network or no demand), `scenario-mesoscopic`,
            `scenario-writes-elsewhere` (what it asks for would land outside of the run's mirror).
    """
    config = config.absolute()
    options = dict(_options(config))
    net_file = next(iter(_files(config, options, "net-file")), None)
    routes = _files(config, options, "route-files")
    additional = _files(config, options, "additional-files")
    sources = routes or [file for file in additional if _has_demand(file)]
    if net_file is None or not sources:
        raise RoadsealError(
            "scenario-incomplete",
            f"{config} names no {'demand (route-files)' if net_file else 'network (net-file)'}.",
            advice="Name it in the <input> section of the configuration.",
        )
    if options.get("mesosim", "").strip().lower() in TRUE:
        raise RoadsealError(
            "scenario-mesoscopic",
            f"{config}, line {_line_of(config, 'mesosim')}: a mesoscopic simulation moves "
            "vehicles from segment to segment, and the radio needs their places.",
            advice="Remove mesosim: the same demand runs microscopically.",
        )
    kept = {
        name: value
        for name, value in sorted(options.items())
        if name not in _INPUTS and not _run_decides(name)
    }
    inputs = (net_file, *routes, *additional)
    named = find_references(inputs, config)
    referred = (*named.read, *_named_by(config, kept))
    outputs = tuple(sorted({file.parent for file in named.written}))
    places = (config.parent, *outputs, *(file.parent for file in (*inputs, *referred)))
    return Scenario(
        name=config.parent.name if config.stem in {"run", "osm", "sumo"} else config.stem,
        root=Path(os.path.commonpath(places)),
        directory=config.parent,
        net_file=net_file,
        route_files=tuple(routes),
        additional_files=tuple(additional),
        options=tuple(kept.items()),
        begin_s=_seconds(config, options.get("begin", "0")),
        demand=f"The scenario's own demand ({', '.join(file.name for file in sources)}).",
        source=source or f"SUMO scenario {config.parent.name}/{config.name}.",
        referred_files=referred,
        output_folders=outputs,
    )


def _options(config: Path) -> list[tuple[str, str]]:
    found = []
    for element in elements(config, "start"):
        value = element.get("value", element.get("v"))
        if value is not None:
            found.append((_SYNONYMS.get(element.tag, element.tag), value))
    return found


def _files(config: Path, options: dict[str, str], name: str) -> list[Path]:
    files = []
    for part in file_names(options.get(name, "")):
        file = Path(os.path.normpath(config.parent / part))
        if not file.is_file():
            raise RoadsealError(
                "scenario-missing",
                f"{config}, line {_line_of(config, part)}: there is no file {file}.",
                advice=f"Correct {name} in the configuration, or put the file there.",
            )
        files.append(file)
    return files


def _named_by(config: Path, options: Mapping[str, str]) -> Iterator[Path]:
    """Files and folders that options name, as far as they are there."""
    for value in options.values():
        for part in file_names(value):
            file = Path(os.path.normpath(config.parent / part))
            if file.exists() and not config.is_relative_to(file):
                yield file


def _has_demand(file: Path) -> bool:
    """Whether an additional file brings vehicles, as SUMO allows."""
    return any(element.tag in _DEMAND for element in elements(file, "start"))


def _line_of(file: Path, text: str) -> int:
    lines = file.read_text(errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line), 1)


def _seconds(config: Path, text: str) -> float:
    """SUMO writes times as seconds or as [days:]hours:minutes:seconds."""
    try:
        parts = [float(part) for part in text.split(":")]
        if min(parts) < 0 or not all(map(math.isfinite, parts)):
            raise ValueError(text)
    except ValueError as error:
        raise RoadsealError(
            "scenario-unreadable",
            f"{config}, line {_line_of(config, text)}: {text!r} is not a time to begin at.",
            advice="Write seconds, or hours:minutes:seconds.",
        ) from error
    factors = (1, 60, 3600, 86400)
    return sum(part * factor for part, factor in zip(reversed(parts), factors, strict=False))


def _run_decides(name: str) -> bool:
    """Outputs and their settings contain `output`, short names are a letter; the rest is listed."""
    listed = any(
        name == each or name.startswith(each if each[-1] in "-." else f"{each}.")
        for each in _RUN_DECIDES
    )
    return listed or "output" in name or len(name) == 1
