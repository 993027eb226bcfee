"""One SUMO run inside this process.

libsumo is one simulation a process: runs in parallel belong in the workers of a process pool. A run
works in a directory of its own, in which the scenario is mirrored by links: whatever the scenario's
files ask SUMO to write lands there and is removed with it.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libsumo
import polars as pl

from roadseal.errors import RoadsealError
from roadseal.pilot.demand import SUMO_HOME
from roadseal.pilot.scenario import Scenario
from roadseal.pilot.scenario_xml import check_well_formed
from roadseal.pilot.sumo_paths import as_option

Progress = Callable[[float, float], None]
"""Told (simulated seconds done, simulated seconds in all) about once a simulated second."""

SUMO_VERSION = str(libsumo.getVersion()[1])
_SUMO_ERRORS = (libsumo.TraCIException, libsumo.FatalTraCIError)
_TRIP = {  # column: attribute of SUMO's tripinfo
    "vehicle": "id",
    "type": "vType",
    "arrived": "arrival",
    "stops": "waitingCount",
    "depart_s": "depart",
    "depart_delay_s": "departDelay",
    "travel_time_s": "duration",
    "time_loss_s": "timeLoss",
    "waiting_s": "waitingTime",
    "route_length_m": "routeLength",
}


@dataclass(frozen=True, slots=True)
class Incidents:
    """What SUMO itself counted as abnormal.

    Args:
        teleports: vehicles SUMO moved because they were stuck (their trace has a jump).
        collisions: between vehicles.
        emergency_stops: vehicles that stood at a red light they could no longer brake for.
        emergency_braking: vehicles that braked harder than their comfort.
    """

    teleports: int
    collisions: int
    emergency_stops: int
    emergency_braking: int


class Simulation:
    """A running SUMO; made by `simulate`."""

    def __init__(self, directory: Path, begin_s: float, step_s: float) -> None:
        self.begin_s = begin_s
        self.step_s = step_s
        self.step_count = 0
        self.signal_ids: tuple[str, ...] = tuple(sorted(libsumo.trafficlight.getIDList()))
        self._directory = directory

    @property
    def time_s(self) -> float:
        """Simulated time of the step that was last computed (of the traces' rows)."""
        return self.begin_s + (self.step_count - 1) * self.step_s

    def step(self) -> None:
        """Compute one step."""
        libsumo.simulation.step()
        self.step_count += 1

    def signal_states(self) -> dict[str, str]:
        """State string of every signal in the step last computed."""
        state_of = libsumo.trafficlight.getRedYellowGreenState
        return {signal: state_of(signal) for signal in self.signal_ids}

    def finish(self) -> None:
        """End the run; SUMO completes its outputs."""
        libsumo.close()

    @property
    def fcd_file(self) -> Path:
        """SUMO's own trace, complete once the run is finished."""
        return self._directory / "fcd.parquet"

    def trips(self) -> pl.DataFrame:
        """One row a vehicle that entered the network; call once the run is finished.

        Columns: vehicle, type, arrived, stops, depart_s, depart_delay_s, travel_time_s,
        time_loss_s, waiting_s, route_length_m, sorted by departure. Vehicles still under way are
        counted up to the end of the run.
        """
        # As XML: in SUMO's column formats persons are taken for vehicles, or end the run.
        events = ElementTree.iterparse(self._directory / "trips.xml")  # noqa: S314  SUMO's own
        rows = []
        for _, element in events:
            if element.tag == "tripinfo":
                rows.append({name: element.get(source) for name, source in _TRIP.items()})
            element.clear()
        return (
            pl.DataFrame(rows, schema=dict.fromkeys(_TRIP, pl.String))
            .with_columns(
                pl.col("arrived").cast(pl.Float64) >= 0,
                pl.col("stops").cast(pl.UInt16),
                pl.col(*list(_TRIP)[4:]).cast(pl.Float64),
            )
            .sort("depart_s", "vehicle")
        )

    def incidents(self) -> Incidents:
        """What SUMO counted as abnormal; call once the run is finished."""
        root = ElementTree.parse(self._directory / "statistics.xml").getroot()  # noqa: S314  SUMO's
        safety = _attributes(root, "safety")
        return Incidents(
            teleports=int(_attributes(root, "teleports").get("total", 0)),
            collisions=int(safety.get("collisions", 0)),
            emergency_stops=int(safety.get("emergencyStops", 0)),
            emergency_braking=int(safety.get("emergencyBraking", 0)),
        )


@contextmanager
def simulate(
    scenario: Scenario,
    *,
    seed: int,
    step_s: float,
    with_traces: bool,
    scratch_dir: Path | None = None,
) -> Iterator[Simulation]:
    """Start SUMO; call `finish` on what it yields, then read the outputs, inside the `with`.

    Args:
        scenario: what to run.
        seed: of SUMO's random numbers.
        step_s: length of a step.
        with_traces: write the floating-car data of every vehicle and step.
        scratch_dir: where the run's own directory is made and removed; the system's by default.

    Raises:
        RoadsealError: `sumo-busy` (this process already runs one), `scenario-unreadable` (file and
            line), `sumo-failed` (SUMO's own words, with file and line where they can be found).
    """
    if libsumo.isLoaded():
        raise RoadsealError(
            "sumo-busy",
            "SUMO already runs in this process.",
            advice="Run simulations one after the other, or in workers of a process pool.",
        )
    for file in scenario.inputs:
        check_well_formed(file)
    with tempfile.TemporaryDirectory(prefix="roadseal-sumo-", dir=scratch_dir) as scratch:
        directory = Path(scratch).absolute()  # SUMO looks beside its configuration otherwise
        config = _stage(scenario, directory / "scenario")
        arguments = _arguments(config, directory, seed, step_s, with_traces)
        try:
            libsumo.start(["sumo", *arguments])
            yield Simulation(directory, scenario.begin_s, step_s)
        except _SUMO_ERRORS as error:
            raise _explained(error, scenario, directory, arguments) from error
        finally:
            if libsumo.isLoaded():
                with suppress(*_SUMO_ERRORS):
                    libsumo.close()


def _arguments(
    config: Path, directory: Path, seed: int, step_s: float, with_traces: bool
) -> list[str]:
    options = {
        "configuration-file": config,
        "seed": seed,
        "step-length": step_s,
        "tripinfo-output": directory / "trips.xml",
        "tripinfo-output.write-unfinished": "true",
        "statistic-output": directory / "statistics.xml",
        "error-log": directory / "errors.txt",
        "device.ssm.file": directory / "ssm.xml",  # by default they are written where one is
        "device.toc.file": directory / "toc.xml",
        "no-step-log": "true",
        "no-warnings": "true",  # they would tear the progress bar; incidents are counted
        "duration-log.disable": "true",
        "xml-validation": "never",  # needs the schemas of an installed SUMO_HOME
    }
    if with_traces:
        options["fcd-output"] = directory / "fcd.parquet"
        options["person-fcd-output"] = os.devnull  # otherwise persons are among the vehicles
        options["fcd-output.attributes"] = "x,y,angle,speed,lane"
        options["output.compression"] = "snappy"
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def _stage(scenario: Scenario, mirror: Path) -> Path:
    """Mirror by links what SUMO reads, and write the configuration of this run among them.

    Nothing else is there: what SUMO writes by a name of the scenario becomes a new file.
    """
    root = scenario.root
    directory = mirror if root is None else mirror / scenario.directory.relative_to(root)
    for folder in (scenario.directory, *scenario.output_folders):
        place = mirror if root is None else mirror / folder.relative_to(root)
        place.mkdir(parents=True, exist_ok=True)
    for file in scenario.referred_files:
        _link(file, root, mirror)

    def staged(files: Iterable[Path]) -> str:
        return as_option(*(_link(file, root, mirror) for file in files))

    settings = {
        **dict(scenario.options),
        "net-file": staged([scenario.net_file]),
        "route-files": staged(scenario.route_files),
        "additional-files": staged(scenario.additional_files),
        "begin": str(scenario.begin_s),
    }
    element = ElementTree.Element("sumoConfiguration")
    for name, value in settings.items():
        if value:
            ElementTree.SubElement(element, name, value=value)
    config = directory / "roadseal-run.sumocfg"
    config.write_bytes(ElementTree.tostring(element))
    return config


def _link(file: Path, root: Path | None, mirror: Path) -> Path:
    """Where a run finds a file: at its place in the mirror, or under a plain name beside it."""
    if root is not None and file.is_relative_to(root):
        link = mirror / file.relative_to(root)
    else:
        number = len(list(mirror.parent.glob("input-*")))
        link = mirror.parent / f"input-{number}.xml{'.gz' if file.suffix == '.gz' else ''}"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.absolute())
    return link


def _explained(
    error: Exception, scenario: Scenario, directory: Path, arguments: Sequence[str]
) -> RoadsealError:
    with suppress(*_SUMO_ERRORS):
        libsumo.close()
    words = _words_of_sumo(scenario, arguments) or " ".join(str(error).split())
    words = words.replace(f"{directory / 'scenario'}{os.sep}", "").rstrip(".")
    place = _place_of(words, scenario)
    return RoadsealError(
        "sumo-failed",
        f"SUMO refused {scenario.name}{place}: {words or 'it gave no reason'}.",
        advice="Mend the scenario there; `sumo --configuration-file` alone shows the same error.",
    )


def _words_of_sumo(scenario: Scenario, arguments: Sequence[str]) -> str:
    """What SUMO's own program says of the start; libsumo often keeps the reason to itself."""
    program = SUMO_HOME / "bin" / "sumo"
    end = ("--end", str(scenario.begin_s))
    try:
        said = subprocess.run(  # noqa: S603  of the wheel, no shell
            [program, *arguments, *end], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    errors = [line.removeprefix("Error: ") for line in said.stderr.splitlines() if "Error" in line]
    return " ".join(" ".join(errors).split())


def _place_of(words: str, scenario: Scenario) -> str:
    """File and line of the first thing that SUMO's message puts in quotes."""
    files = (*scenario.route_files, *scenario.additional_files, scenario.net_file)
    for name in re.findall(r"'([^']+)'", words):
        wanted = re.compile(rf'["\s]{re.escape(name)}["\s]')
        for file in files:
            with file.open(errors="replace") as lines:
                for number, line in enumerate(lines, 1):
                    if wanted.search(line):
                        return f" ({file.name}, line {number})"
    return ""


def _attributes(root: Any, tag: str) -> dict[str, str]:
    found = root.find(tag)
    return dict(found.attrib) if found is not None else {}
