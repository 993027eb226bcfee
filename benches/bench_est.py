"""A fleet that enrols at once: `roadseal pki serve` as a process, units over TLS on loopback.

`python benches/bench_est.py [--units N] [--together N]`. Every unit has a key and a
session of its own. It is bounded: a unit that gets no answer in six tries is counted and left.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from cryptography import x509
from rich.console import Console
from rich.table import Table

from roadseal.clock import MICROSECONDS_PER_SECOND, SystemClock, Time64
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.net import HttpClient, Side, TlsContext, TlsRefusedError, tls_profile
from roadseal.operate.pki import SCHEMA, Authority
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.est.enrolment import Enrolments
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.tls_identity import certification_request
from roadseal.store import open_store

NAME, PROFILE, ALGORITHM, TRIES = "pki.city.example", "hybrid-2026", "ml-dsa-65", 6
PASSPHRASE = b"bench"


@dataclass
class Site:
    """One authority and the process that serves it."""

    folder: Path
    port: int = 0
    roots: list[x509.Certificate] = field(default_factory=list)

    @property
    def database(self) -> str:
        """Where the authority is."""
        return os.environ.get("ROADSEAL_DB") or str(self.folder / "pki.db")

    def prepare(self, units: int) -> list[str]:
        """Make the authority, and a secret for every unit."""
        clock = SystemClock()
        store = open_store(self.database, SCHEMA)
        common = {
            "algorithm": ALGORITHM,
            "passphrase": PASSPHRASE,
            "profile": load_profile(PROFILE),
            "clock": clock,
            "emit": EventLog(),
        }
        root = Authority.create(store, "root", **common)
        issuing = Authority.create(store, "issuing", parent=root, **common)
        self.roots = list(issuing.chain[-1:])
        enrolments = Enrolments(store, "issuing")
        until = Time64(clock.now() + DAY_S * MICROSECONDS_PER_SECOND)
        secrets = [enrolments.invite(f"rsu-{one}.example", until) for one in range(units)]
        store.close()
        return secrets

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it listens."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        environment = {**os.environ, "ROADSEAL_PKI_PASSPHRASE": PASSPHRASE.decode()}
        command = ["pki", "serve", "--listen", f"127.0.0.1:{self.port}", "--name", NAME]
        log = (self.folder / "server.log").open("wb")
        server = subprocess.Popen(
            [Path(sys.executable).parent / "roadseal", *command, "--db", self.database],
            env=environment,
            stdout=log,
            stderr=log,
        )
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return server
            except OSError:
                time.sleep(0.1)
        raise SystemExit((self.folder / "server.log").read_text())

    def client(self) -> HttpClient:
        """A client without a certificate."""
        profile = tls_profile(load_profile(PROFILE))
        context = TlsContext(Side.CLIENT, profile, [], self.roots, anonymous=True)
        clock = SystemClock()
        return HttpClient("127.0.0.1", self.port, context, clock=clock, expect=[NAME])


@dataclass
class Outcome:
    """What the units saw."""

    seconds: list[float] = field(default_factory=list)
    serials: set[int] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    lost: int = 0


async def enrol_all(
    site: Site, requests: list[bytes], secrets: list[str], together: int
) -> Outcome:
    """Every unit, at most `together` at a time."""
    outcome, turn, draw = Outcome(), asyncio.Semaphore(together), Random(1)

    async def one(number: int) -> None:
        async with turn:
            begin = time.perf_counter()
            for attempt in range(TRIES):
                client = site.client()
                try:
                    found = await EstClient(client).enrol(
                        requests[number], f"rsu-{number}.example", secrets[number]
                    )
                except (RoadsealError, TlsRefusedError, OSError) as error:
                    what = error.refusal.reason if isinstance(error, TlsRefusedError) else error
                    outcome.refused[str(what)[:80]] += 1
                    await asyncio.sleep(draw.uniform(0.5, 1.5) * 2**attempt)
                    continue
                finally:
                    await client.close()
                outcome.serials.add(found.serial_number)
                outcome.seconds.append(time.perf_counter() - begin)
                return
            outcome.lost += 1

    await asyncio.gather(*(one(number) for number in range(len(secrets))))
    return outcome


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=2000)
    parser.add_argument("--together", type=int, default=500)
    chosen = parser.parse_args()
    clock = SystemClock()
    with TemporaryDirectory() as folder:
        site = Site(Path(folder))
        secrets = site.prepare(chosen.units)
        requests = [certification_request(generate_key(ALGORITHM)) for _ in secrets]
        server = site.serve()
        try:
            begin, cpu_s = time.perf_counter(), clock.cpu_s()
            outcome = asyncio.run(enrol_all(site, requests, secrets, chosen.together))
            wall_s, own_s = time.perf_counter() - begin, clock.cpu_s() - cpu_s
        finally:
            server.terminate()
            server.wait(30)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    table = Table("measure", "value", box=None)
    done = len(outcome.seconds)
    for what, value in (
        ("units enrolled", f"{done} of {chosen.units}, {chosen.together} at a time"),
        ("enrolments a second", f"{done / wall_s:.0f}"),
        ("CPU of the server an enrolment, ms", f"{used.ru_utime / chosen.units * 1e3:.1f}"),
        ("and in the kernel", f"{used.ru_stime / chosen.units * 1e3:.1f}"),
        ("CPU of the units an enrolment, ms", f"{own_s / chosen.units * 1e3:.1f}"),
        ("p50 of a unit, s", f"{statistics.median(outcome.seconds or [0]):.2f}"),
        ("p99 of a unit, s", f"{sorted(outcome.seconds or [0])[int(0.99 * (done - 1))]:.2f}"),
        ("memory of the server, MiB", f"{used.ru_maxrss / 1024:.0f}"),
        ("refused and tried again", dict(outcome.refused) or 0),
        ("units without a certificate", outcome.lost),
        ("serials issued twice", done - len(outcome.serials)),
    ):
        table.add_row(what, str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
