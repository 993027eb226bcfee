"""Live TLS probes on loopback: how many a second, and what one costs.

    python benches/bench_probes.py [--json]

The server is Debian's nginx on 64 addresses of 127.0.0.0/8, one connection to each at a time. It
shares the machine with the prober, so that the prober's own CPU time says more than the wall clock.
"""

from __future__ import annotations

import argparse
import json
import math
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from roadseal.assess.inventory.probe import Manner, Permission, parse_target, probe
from roadseal.clock import SystemClock

ADDRESSES = 64
PROBES = 4096
TARGET_PER_S = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    if not shutil.which("nginx"):
        print("skipped: no nginx here; apt-get install nginx-light", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as port:
        row = measure(port)
    if arguments.json:
        print(json.dumps(row, indent=2))
        return
    table = Table("probes", "a second", "a second of the prober's CPU", "target")
    table.add_row(
        str(row["probes"]), f"{row['per_s']:.0f}", f"{row['per_cpu_s']:.0f}", f"≥ {TARGET_PER_S}"
    )
    Console().print(table)


def measure(port: int) -> dict[str, float]:
    targets = [parse_target(f"tls://{address(at)}:{port}") for at in range(PROBES)]
    permission = Permission.of(["127.0.0.0/8"], active=True, rate_per_s=math.inf)
    clock = SystemClock()
    wall_s, cpu_s = clock.monotonic_s(), clock.cpu_s()
    heard = probe(targets, permission, secrets.token_bytes, manner=Manner(devices=ADDRESSES))
    wall_s, cpu_s = clock.monotonic_s() - wall_s, clock.cpu_s() - cpu_s
    failed = sum(bool(one.failure) for _, one in heard)
    if failed:
        raise SystemExit(f"{failed} probes failed")
    return {"probes": PROBES, "per_s": PROBES / wall_s, "per_cpu_s": PROBES / cpu_s}


def address(at: int) -> str:
    return f"127.0.0.{1 + at % ADDRESSES}"


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=x", "-keyout", "k.pem", "-out", "c.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    listens = " ".join(f"listen {address(at)}:{port} ssl backlog=512;" for at in range(ADDRESSES))
    folders = " ".join(
        f"{kind}_temp_path {folder};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{ worker_connections 4096; }} http {{ access_log off; {folders}"
        f"server {{ {listens} ssl_certificate {folder}/c.pem; ssl_certificate_key {folder}/k.pem;"
        "ssl_protocols TLSv1.2 TLSv1.3; } }"
    )
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        for _ in range(100):
            with socket.socket() as attempt:
                if attempt.connect_ex((address(ADDRESSES - 1), port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
