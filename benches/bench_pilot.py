"""The main job: wall time and memory of whole runs, traffic recorded beforehand.

    python benches/bench_pilot.py [--json]

Memory is the sum over the run and its workers, shared pages counted once (PSS). Without the field
material the Bologna corridor is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from roadseal.clock import SystemClock

TESTDATA = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data"))
BOLOGNA = TESTDATA / "sumo" / "bologna-joined" / "run.sumocfg"
ROADSEAL = Path(sys.executable).with_name("roadseal")
POLL_S = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    runs = [("demo, 600 s", [], 600, 90.0)]
    if BOLOGNA.exists():
        runs.append(("Bologna joined, 900 s", [str(BOLOGNA)], 900, 120.0))
    rows = [measure(name, scenario, duration, wall) for name, scenario, duration, wall in runs]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("run", "wall, s", "at most", "CPU, s", "memory, MiB", "at most")
    for row in rows:
        table.add_row(
            *(f"{value:.0f}" if isinstance(value, float) else value for value in row.values())
        )
    Console().print(table)


def measure(name: str, scenario: list[str], duration_s: int, target_s: float) -> dict[str, object]:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as out:
        command = [
            *(str(ROADSEAL), "pilot", "run", *scenario, "--approach", "all"),
            *("--seed", "1", "--duration", str(duration_s), "--out", out),
        ]
        run(command)  # records the traffic and this machine's costs
        cpu_s, start_s = sum(os.times()[2:4]), clock.monotonic_s()
        peak_mib = run(command)
        wall_s, cpu_s = clock.monotonic_s() - start_s, sum(os.times()[2:4]) - cpu_s
    return {
        "run": name,
        "wall_s": wall_s,
        "wall_target_s": target_s,
        "cpu_s": cpu_s,
        "peak_mib": peak_mib,
        "peak_target_mib": 2048.0,
    }


def run(command: list[str]) -> float:
    """Run to the end; the peak of its memory in MiB."""
    peak_kib = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak_kib = max(peak_kib, sum(pss_kib(pid) for pid in family(process.pid)))
            time.sleep(POLL_S)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return peak_kib / 1024


def family(pid: int) -> list[int]:
    """A process and its descendants, as far as they still live."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return [pid]
    return [pid, *(other for child in children for other in family(int(child)))]


def pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
