"""Small real SUMO scenarios that the traffic tests share, made once a session."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from roadseal.pilot.demand import SUMO_HOME, RandomDemand, embedded_scenario
from roadseal.pilot.emergency import EmergencyDemand, add_emergency_vehicles
from roadseal.pilot.scenario import Scenario, read_sumocfg

TESTDATA = Path(
    os.environ.get("ROADSEAL_TESTDATA", Path(__file__).parents[2].parent / "shared" / "data")
)
_keep = tempfile.TemporaryDirectory(prefix="roadseal-scenes-")
SCENES = Path(_keep.name)

CONFIG = """<configuration><input>
 <net-file value="grid.net.xml"/>
 <route-files value="grid.rou.xml"/>
 <additional-files value="detectors.add.xml"/>
</input><output>
 <tripinfo-output value="tripinfo.xml"/>
</output><report><log value="log.txt"/></report></configuration>
"""


def bologna() -> Scenario:
    config = TESTDATA / "sumo" / "bologna-joined" / "run.sumocfg"
    if not config.is_file():
        pytest.skip(f"no {config}: set ROADSEAL_TESTDATA")
    return read_sumocfg(config)


@functools.cache
def grid_config() -> Path:
    """A 3 x 3 grid of signals (static programs) with seeded traffic, and a detector output."""
    place = SCENES / "grid"
    place.mkdir()
    net = place / "grid.net.xml"
    tool = [str(SUMO_HOME / "bin" / "netgenerate"), "--grid", "--grid.number=3"]
    shape = ["--grid.length=180", "--grid.attach-length=180", "--default.lanenumber=2"]
    lights = ["--default-junction-type=traffic_light", "--tls.default-type=static"]
    subprocess.run(
        [*tool, *shape, *lights, f"--output-file={net}"], check=True, capture_output=True
    )
    trips = [str(SUMO_HOME / "tools" / "randomTrips.py"), "--seed=3", "--end=200", "--period=0.8"]
    files = [f"--net-file={net}", f"--route-file={place / 'grid.rou.xml'}"]
    more = [
        f"--output-trip-file={SCENES / 'trips.xml'}",
        "--fringe-factor=20",
        "--min-distance=400",
    ]
    subprocess.run(
        [sys.executable, *trips, *files, *more],
        check=True,
        capture_output=True,
        env={**os.environ, "SUMO_HOME": str(SUMO_HOME)},
    )
    lane = "A0B0_0"
    (place / "detectors.add.xml").write_text(
        "<additional>"
        f'<e1Detector id="d" lane="{lane}" pos="20" freq="10" file="e1.xml"/>'
        "</additional>"
    )
    (place / "grid.sumocfg").write_text(CONFIG)
    return place / "grid.sumocfg"


@functools.cache
def grid() -> Scenario:
    return add_emergency_vehicles(
        read_sumocfg(grid_config()),
        EmergencyDemand(count=2, first_s=20, last_s=60, blue_light=False),
        SCENES / "grid-work",
        seed=1,
    )


@functools.cache
def embedded() -> Scenario:
    return embedded_scenario(SCENES / "embedded", seed=1, demand=RandomDemand())
