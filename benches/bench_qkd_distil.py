"""Speed of QKD post-processing: `roadseal qkd bench`.

python benches/bench_qkd_distil.py [--json]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from rich.console import Console

from roadseal.app.cli.qkd import bench_table
from roadseal.clock import SystemClock
from roadseal.operate.qkd.benchmark import benchmark


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    figures = list(benchmark(SystemClock()))
    if arguments.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
        return
    Console().print(bench_table(figures))


if __name__ == "__main__":
    main()
