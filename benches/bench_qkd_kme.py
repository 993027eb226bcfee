"""Two KMEs over loopback mTLS, durable: requests a second, keys a second, latency.

    python benches/bench_qkd_kme.py [--seconds 5] [--clients 8] [--json]

Each KME runs in a process, the clients in this one. Post-quantum sessions (hybrid profile), kept
alive; every answer waits for the peer's record on disk. Targets: 800 requests/s of one key,
20,000 keys/s at 128 keys a request, p99 below 20 ms. `fsync/s` is what the disk does by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from roadseal.clock import SystemClock
from roadseal.net import HYBRID, Authority, Side, TlsContext
from roadseal.operate.qkd.client import Etsi014Client
from roadseal.operate.qkd.kme import KmeSettings
from roadseal.operate.qkd.kme.server import KmeTls, answer_evenly, start_kme
from roadseal.operate.qkd.store import KeyStore

CLOCK = SystemClock()


def kme(
    pipe: Connection,
    store: KeyStore,
    authority: Authority,
    saes: dict[str, str],
    ports: dict[str, int],
) -> None:
    answer_evenly()
    me = store.kme
    identity, roots = authority.issue(me, now=CLOCK.now()), [authority.certificate]

    async def run() -> None:
        server_tls = TlsContext(Side.SERVER, HYBRID, [identity], roots)
        server = await start_kme(
            KmeSettings(me, saes),
            store,
            {name: ("127.0.0.1", port) for name, port in ports.items() if name != me},
            KmeTls(server_tls, TlsContext(Side.CLIENT, HYBRID, [identity], roots), server_tls),
            clock=CLOCK,
            sync=("127.0.0.1", ports[me]),
        )
        start = CLOCK.cpu_s()
        pipe.send(server.port)
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        pipe.send(CLOCK.cpu_s() - start)
        await server.close()

    asyncio.run(run())


def free_ports() -> dict[str, int]:
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in ("KME_A", "KME_B")}
    ports = {name: each.getsockname()[1] for name, each in sockets.items()}
    for each in sockets.values():
        each.close()
    return ports


async def load(
    port: int, authority: Authority, names: list[str], number: int, seconds: float
) -> list[float]:
    latencies: list[float] = []

    async def one(name: str) -> None:
        identity = authority.issue(name, now=CLOCK.now())
        context = TlsContext(Side.CLIENT, HYBRID, [identity], [authority.certificate])
        async with Etsi014Client(
            "127.0.0.1", port, context, expect=["KME_A"], clock=CLOCK
        ) as client:
            await client.status("SAE_B")
            end = CLOCK.monotonic_s() + seconds
            while (start := CLOCK.monotonic_s()) < end:
                keys = await client.enc_keys("SAE_B", number=number)
                assert len(keys) == number
                latencies.append(CLOCK.monotonic_s() - start)

    await asyncio.gather(*(one(name) for name in names))
    return latencies


def fsyncs(directory: Path) -> float:
    with (directory / "probe").open("wb") as file:
        start = CLOCK.monotonic_s()
        for _ in range(100):
            file.write(b"x" * 512)
            file.flush()
            os.fdatasync(file.fileno())
    return 100 / (CLOCK.monotonic_s() - start)


def measure(number: int, clients: int, seconds: float) -> dict[str, Any]:
    names = [f"SAE_{i}" for i in range(clients)]
    block_bytes = int(64 * seconds * (4000 if number == 1 else 150_000)) + (1 << 20)
    with tempfile.TemporaryDirectory(dir=os.environ.get("ROADSEAL_BENCH_DIR")) as temporary:
        directory = Path(temporary)
        rate = fsyncs(directory)
        authority = Authority.root("mldsa65", "bench", now=CLOCK.now())
        saes = dict.fromkeys(names, "KME_A") | {"SAE_B": "KME_B"}
        fork, ports, octets = (
            multiprocessing.get_context("fork"),
            free_ports(),
            os.urandom(block_bytes),
        )
        pipes, servers = [], []
        for me, other in (("KME_A", "KME_B"), ("KME_B", "KME_A")):
            store = KeyStore.open(directory / me, directory / f"{me}.kek", me)
            store.import_block(other, 0, octets, provenance="simulated")
            here, there = multiprocessing.Pipe()
            pipes.append(here)
            servers.append(fork.Process(target=kme, args=(there, store, authority, saes, ports)))
            servers[-1].start()
        port, _ = (pipe.recv() for pipe in pipes)
        cpu_start, start = CLOCK.cpu_s(), CLOCK.monotonic_s()
        latencies = sorted(asyncio.run(load(port, authority, names, number, seconds)))
        wall_s, client_cpu_s = CLOCK.monotonic_s() - start, CLOCK.cpu_s() - cpu_start
        for pipe in pipes:
            pipe.send("stop")
        server_cpu_s = sum(pipe.recv() for pipe in pipes)
        for server in servers:
            server.join()
    count = len(latencies)
    return {
        "keys_a_request": number,
        "clients": clients,
        "requests_s": count / wall_s,
        "keys_s": count * number / wall_s,
        "p50_ms": latencies[count // 2] * 1e3,
        "p99_ms": latencies[int(count * 0.99)] * 1e3,
        "server_cpu_ms": server_cpu_s / count * 1e3,
        "client_cpu_ms": client_cpu_s / count * 1e3,
        "fsync_s": rate,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cases = ((1, arguments.clients), (1, 1), (128, 2))
    rows = [measure(number, clients, arguments.seconds) for number, clients in cases]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    table = Table(*rows[0], title="ETSI GS QKD 014 over loopback mTLS, durable")
    for row in rows:
        table.add_row(*(f"{v:,.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
