"""Handshake cost of each TLS profile, as a ratio to classical in the same run.

    python benches/bench_tls.py [--n 200] [--json]

CPU time of each side, bytes of each direction; loopback, mutual authentication, leaf and
intermediate from both sides. Profiles take turns, so a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from roadseal.clock import SystemClock
from roadseal.net import (
    CLASSICAL,
    HYBRID,
    LOOPBACK,
    PQC,
    HandshakeSample,
    TlsProfile,
    measure_handshakes,
    summarise,
)

ROUND = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200, help="handshakes per profile")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    clock = SystemClock()
    cases = [
        (profile, intermediate)
        for profile in (CLASSICAL, PQC, HYBRID)
        for intermediate in (True, False)
    ]
    samples: dict[tuple[TlsProfile, bool], list[HandshakeSample]] = {case: [] for case in cases}
    rounds = range(max(1, arguments.n // ROUND))
    console = Console(stderr=True)
    for number in track(rounds, "handshakes", console=console, disable=arguments.json):
        for profile, intermediate in cases:
            samples[profile, intermediate] += measure_handshakes(
                profile,
                LOOPBACK,
                min(ROUND, arguments.n),
                number,
                clock,
                send_intermediate=intermediate,
            )
    rows = []
    base = summarise(samples[CLASSICAL, True])
    for (_, intermediate), found in samples.items():
        one = summarise(found)
        cpu_s = one.client_cpu_p50_s + one.server_cpu_p50_s
        base_cpu_s = base.client_cpu_p50_s + base.server_cpu_p50_s
        sent = one.bytes_up_p50 + one.bytes_down_p50
        rows.append(
            asdict(one)
            | {
                "intermediate": intermediate,
                "cpu_ratio": cpu_s / base_cpu_s,
                "bytes_ratio": sent / (base.bytes_up_p50 + base.bytes_down_p50),
            }
        )
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    show(rows)


def show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="TLS 1.3 mutual handshake: medians, and ratios to the first row")
    for title in ("profile", "chain", "n ok", "client ms", "server ms", "CPU ratio", "up B"):
        table.add_column(title, justify="left" if title in ("profile", "chain") else "right")
    table.add_column("down B", justify="right")
    table.add_column("bytes ratio", justify="right")
    for row in rows:
        table.add_row(
            row["profile"],
            "leaf + ICA" if row["intermediate"] else "leaf",
            f"{row['successes']}/{row['n']}",
            f"{row['client_cpu_p50_s'] * 1e3:.2f}",
            f"{row['server_cpu_p50_s'] * 1e3:.2f}",
            f"{row['cpu_ratio']:.2f}",
            f"{row['bytes_up_p50']:,.0f}",
            f"{row['bytes_down_p50']:,.0f}",
            f"{row['bytes_ratio']:.2f}",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
