"""A campaign against its bare cryptography: CPU per unit, and the promises on a simulated fleet.

    python benches/bench_campaign.py [--devices 300] [--db URL] [--json]

`--devices 10000` is the whole fleet of the target (30 minutes on two cores, every fault at once).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from roadseal.clock import SystemClock
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.request import read_request
from roadseal.operate.pki.signer import SoftwareSigner
from roadseal.operate.pki.tls_identity import certification_request
from roadseal.pilot.fleet import RehearsalPlan, rehearse

RAW_UNITS = 100
TARGET_S = 1800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=300, help="simulated units")
    parser.add_argument("--db", help="an empty database; a temporary SQLite file if absent")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    raw_s = raw_cpu_s()
    with TemporaryDirectory() as folder:
        found = rehearse(
            arguments.db or str(Path(folder) / "bench.db"),
            RehearsalPlan(devices=arguments.devices, est_share=0.01),
        )
    rows = {
        "units (simulated)": found.devices,
        "CPU per unit / its bare cryptography": found.cpu_s / found.devices / raw_s,
        "of that in steps": found.centre_cpu_s / found.devices / raw_s,
        "bytes / dry run": found.bytes_sent / found.forecast_bytes,
        "wall time per unit x 10,000 / 30 min": found.wall_s / found.devices * 10_000 / TARGET_S,
        "units ever without a certificate": found.without_certificate,
        "serials issued twice": found.duplicate_serials,
        "highest wave a defect was halted in": max((wave for *_, wave in found.halts), default=0),
        "revocation p99, s (simulated polling)": found.reach.p99_s,
    }
    if arguments.json:
        print(json.dumps({**rows, "rehearsal": asdict(found)}, indent=2))
        return
    table = Table("measure", "value", box=None)
    for name, value in rows.items():
        table.add_row(name, f"{value:.2f}" if isinstance(value, float) else str(value))
    Console().print(table)


def raw_cpu_s() -> float:
    """CPU of one unit's rotation as bare cryptography: key, request, its check, two signatures."""
    clock = SystemClock()
    issuer = SoftwareSigner.generate("ml-dsa-65")
    begun_s = clock.cpu_s()
    for _ in range(RAW_UNITS):
        key = generate_key("ml-dsa-65")
        read_request(certification_request(key))
        signed = issuer.sign(bytes(2000))
        issuer.public_key.verify(bytes(2000), signed)
        probe = SoftwareSigner(key)
        probe.public_key.verify(bytes(32), probe.sign(bytes(32)))
    return (clock.cpu_s() - begun_s) / RAW_UNITS


if __name__ == "__main__":
    main()
