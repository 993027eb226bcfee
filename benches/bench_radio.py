"""Cost of the radio models: a whole curve, a delivery table, lookups, the load of a city.

    python benches/bench_radio.py [--json]

CPU time, the smallest of several rounds; everything in one thread.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from roadseal.clock import SystemClock
from roadseal.pilot.radio import (
    RadioConfig,
    channel_load,
    delivery_table,
    evaluate,
    packet_delivery,
)

ROUNDS = 7
DISTANCES_M = np.arange(0, 501, 25)
LINKS = 1_000_000
STATIONS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    rows = [row for access in ("11p", "lte-v2x") for row in measure(access)]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("access", "what", "figure", "unit", "target")
    for row in rows:
        table.add_row(
            row["access"], row["what"], f"{row['figure']:.3g}", row["unit"], row["target"]
        )
    Console().print(table)


def measure(access: str) -> list[dict[str, object]]:
    rng = np.random.default_rng(1)
    config = RadioConfig(access=access, bytes=300, density_per_km=120)
    distance_m, load = rng.uniform(0, 600, LINKS), rng.uniform(0, 1.5, LINKS)
    positions_m = rng.uniform(0, 3000, (STATIONS, 2))
    rates_hz, airtimes_s = np.full(STATIONS, 10.0), np.full(STATIONS, 4e-4)

    curve_s = cheapest(lambda: evaluate(config, DISTANCES_M))
    # A first table of a kind is never in the cache: each round asks for another power.
    powers_dbm = iter(20 + 0.1 * np.arange(ROUNDS))
    table_s = cheapest(
        lambda: delivery_table(RadioConfig(access=access, bytes=300, power_dbm=next(powers_dbm)))
    )
    packet_delivery(0.0, 0.0, config)
    lookup_s = cheapest(lambda: packet_delivery(distance_m, load, config))
    load_s = cheapest(lambda: channel_load(positions_m, rates_hz, airtimes_s, positions_m, config))
    return [
        row(access, "curve of 21 distances", 1e3 * curve_s, "ms", "≤ 50"),
        row(access, "delivery table", 1e3 * table_s, "ms", ""),
        row(access, "lookups", LINKS / lookup_s / 1e6, "M/s", "≥ 2"),
        row(access, f"load at {STATIONS} of {STATIONS} stations", 1e3 * load_s, "ms", ""),
    ]


def row(access: str, what: str, figure: float, unit: str, target: str) -> dict[str, object]:
    return {"access": access, "what": what, "figure": figure, "unit": unit, "target": target}


def cheapest(work: Callable[[], object]) -> float:
    clock = SystemClock()
    spent = []
    for _ in range(ROUNDS):
        start = clock.cpu_s()
        work()
        spent.append(clock.cpu_s() - start)
    return min(spent)


if __name__ == "__main__":
    main()
