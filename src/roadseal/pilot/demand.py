"""The embedded corridor and its demand.

The network is one that every user has: SUMO's wheel carries a piece of south-east Berlin cut from
OpenStreetMap, with 15 signals. It has no measured demand, so trips are drawn by SUMO's own tools
(randomTrips.py, duarouter), and the scenario says so.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import sumolib

from roadseal.errors import RoadsealError
from roadseal.pilot.scenario import Scenario

SUMO_HOME = Path(str(resources.files("sumo")))
EMBEDDED_NET = SUMO_HOME / "tools" / "game" / "DRT" / "osm.net.xml"


@dataclass(frozen=True, slots=True)
class RandomDemand:
    """How much demand to draw.

    Args:
        trips: number of passenger cars; those without a valid route are redrawn by randomTrips.py.
        period_s: they depart evenly over this time.
        fringe_factor: how much likelier a trip starts or ends where a road leaves the network.
    """

    trips: int = 600
    period_s: float = 600.0
    fringe_factor: float = 5.0


def embedded_scenario(work_dir: Path, *, seed: int, demand: RandomDemand | None = None) -> Scenario:
    """Make the embedded corridor with seeded random demand.

    The demand is kept in `work_dir` under a name made from everything it depends on, and taken from
    there the next time.

    Args:
        work_dir: where the route file is written; made if absent.
        seed: of the draw; the same seed gives the same file, byte for byte.
        demand: 600 trips over 600 s by default.

    Raises:
        RoadsealError: `demand-failed`: the SUMO tools refused (their words are in the message).
    """
    demand = demand or RandomDemand()
    work_dir.mkdir(parents=True, exist_ok=True)
    key = f"{sumolib.__version__} {EMBEDDED_NET.stat().st_size} {demand} {seed}"
    routes = work_dir / f"embedded-{hashlib.sha256(key.encode()).hexdigest()[:16]}.rou.xml"
    if not routes.is_file():
        _draw(routes, seed, demand)
    return Scenario(
        name="embedded",
        root=None,
        directory=work_dir.absolute(),
        net_file=EMBEDDED_NET,
        route_files=(routes.absolute(),),
        additional_files=(),
        options=(),
        begin_s=0.0,
        demand=(
            f"Random demand, not measured: {demand.trips} passenger cars over "
            f"{demand.period_s:g} s, drawn by SUMO's randomTrips.py (seed {seed}) and routed by "
            "duarouter."
        ),
        source=(
            "South-east Berlin, cut from OpenStreetMap (© OpenStreetMap contributors, ODbL 1.0), "
            "shipped with Eclipse SUMO (EPL-2.0)."
        ),
    )


def _draw(routes: Path, seed: int, demand: RandomDemand) -> None:
    with tempfile.TemporaryDirectory(dir=routes.parent) as scratch:
        drawn = Path(scratch) / "routes.xml"
        command = [
            sys.executable,
            str(SUMO_HOME / "tools" / "randomTrips.py"),
            *("--net-file", str(EMBEDDED_NET)),
            *("--output-trip-file", str(Path(scratch) / "trips.xml")),
            *("--route-file", str(drawn)),
            *("--seed", str(seed)),
            *("--begin", "0", "--end", str(demand.period_s)),
            *("--period", str(demand.period_s / demand.trips)),
            *("--fringe-factor", str(demand.fringe_factor)),
            *("--vehicle-class", "passenger"),
            "--validate",
        ]
        result = subprocess.run(  # noqa: S603  our own interpreter, no shell
            command,
            cwd=scratch,
            env={**os.environ, "SUMO_HOME": str(SUMO_HOME), "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode or not drawn.is_file():
            words = result.stderr.strip().splitlines() or ["no message"]
            raise RoadsealError(
                "demand-failed",
                f"SUMO's randomTrips.py made no demand: {words[-1]}.",
                advice="Install the eclipse-sumo wheel again, or choose other demand figures.",
            )
        # Parsing drops the comments, which hold the date and the path: same seed, same bytes.
        tree = ElementTree.parse(drawn)  # noqa: S314  just written by SUMO
        clean = Path(scratch) / "clean.xml"
        with clean.open("wb") as stream:
            tree.write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        clean.replace(routes)
