"""Butterfly expansion at the registration authority, against bare base multiplications.

python benches/bench_scms.py [--json]
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from rich.console import Console
from rich.table import Table

from roadseal.clock import SystemClock
from roadseal.operate.pki.scms import cocoons, expansion

COUNT, ROUNDS = 2_000, 5
KEY = bytes(range(16))
INDICES = [(i, j) for i in range(COUNT // 20) for j in range(20)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    private = derive_private_key(int.from_bytes(os.urandom(31)), SECP256R1())
    numbers = private.public_key().public_numbers()
    caterpillar = b"\4" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
    scalars = [expansion(KEY, i, j, "signing") for i, j in INDICES]

    def multiply() -> None:
        for scalar in scalars:
            derive_private_key(scalar, SECP256R1())

    raw_s = cheapest(multiply)
    cocoon_s = cheapest(lambda: cocoons(caterpillar, KEY, INDICES, "signing"))
    row = {
        "what": "cocoon expansions ÷ bare base multiplications",
        "ratio": raw_s / cocoon_s,
        "target": 0.8,
        "per_s": COUNT / cocoon_s,
    }
    if arguments.json:
        print(json.dumps(row, indent=2))
        return
    table = Table("what", "ratio", "target", "expansions a second")
    ratio, per_s = f"{row['ratio']:.2f}", f"{row['per_s']:,.0f}"
    table.add_row(str(row["what"]), ratio, f"≥ {row['target']}", per_s)
    Console().print(table)


def cheapest(work: Callable[[], object]) -> float:
    """The least CPU time of several rounds."""
    clock, costs = SystemClock(), []
    for _ in range(ROUNDS):
        start_s = clock.cpu_s()
        work()
        costs.append(clock.cpu_s() - start_s)
    return min(costs)


if __name__ == "__main__":
    main()
