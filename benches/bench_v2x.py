"""What a full decision costs, as a ratio to the bare signature check: `roadseal v2x bench`.

python benches/bench_v2x.py [--json]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from rich.console import Console

from roadseal.app.cli.v2x_figures import bench_table
from roadseal.clock import SystemClock
from roadseal.v2x.benchmark import benchmark


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    figures = list(benchmark(SystemClock()))
    if arguments.json:
        print(json.dumps([{**asdict(figure), "met": figure.met} for figure in figures], indent=2))
        return
    Console().print(bench_table(figures))


if __name__ == "__main__":
    main()
