"""The relay and netem side by side: what each makes of the same media, as TCP's users see it.

    python benches/bench_links.py [--rounds 200] [--link NAME] [--loss 0.02] [--json]

Needs root and a kernel with netem (docs/backhaul.md says how to get one) and else is skipped. Plain
TCP, so that no computation is in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import mean, median, quantiles
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from roadseal.errors import RoadsealError
from roadseal.net import Link, Relay, require_netem, shipped_links
from roadseal.net.netem import CENTRE_ADDRESS, netem_link

SMALL, FLIGHT, BULK = 200, 16_000, 2_000_000
ROUND = 20


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take requests: their size, the size of the answer, four bytes each, and so many bytes."""
    try:
        while True:
            head = await reader.readexactly(8)
            await reader.readexactly(int.from_bytes(head[:4]))
            writer.write(bytes(int.from_bytes(head[4:])))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.close()  # cancelled only at the end of a round


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: int, wanted: int
) -> float:
    start = time.perf_counter()
    writer.write(sent.to_bytes(4) + wanted.to_bytes(4) + bytes(sent))
    await reader.readexactly(wanted)
    return time.perf_counter() - start


@asynccontextmanager
async def linked(link: Link, impairment: str, seed: int) -> AsyncIterator[tuple[str, int]]:
    if impairment == "netem":
        with netem_link(link) as ends:
            with ends.centre:
                server = await asyncio.start_server(answer, CENTRE_ADDRESS, 0)
            async with server:
                with ends.roadside:
                    yield CENTRE_ADDRESS, server.sockets[0].getsockname()[1]
    else:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Relay(link, "127.0.0.1", port, seed=seed) as relay:
            yield "127.0.0.1", relay.port


async def times_ms(link: Link, impairment: str, seed: int, count: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"first": [], "next": [], "flight": []}
    async with linked(link, impairment, seed) as address:
        for _ in range(count):
            for size in (SMALL, FLIGHT):
                start = time.perf_counter()
                stream = await asyncio.open_connection(*address)
                await ask(*stream, size, SMALL)
                taken = time.perf_counter() - start
                found["first" if size == SMALL else "flight"].append(taken * 1e3)
                if size == SMALL:
                    found["next"].append(await ask(*stream, SMALL, SMALL) * 1e3)
                stream[1].close()
    return found


async def bulk_mbps(link: Link, impairment: str, seed: int) -> tuple[float, float]:
    async with linked(link, impairment, seed) as address:
        stream = await asyncio.open_connection(*address)
        up_s = await ask(*stream, BULK, SMALL)
        down_s = await ask(*stream, SMALL, BULK)
        stream[1].close()
    return BULK * 8e-6 / up_s, BULK * 8e-6 / down_s


def rows(link: Link, rounds: int, *, quiet: bool) -> list[dict[str, Any]]:
    """Both makers take turns, so a busy machine slows them alike."""
    times: dict[str, dict[str, list[float]]] = {"relay": {}, "netem": {}}
    rates: dict[str, list[tuple[float, float]]] = {"relay": [], "netem": []}
    turns = track(
        range(max(1, rounds // ROUND)), link.name, console=Console(stderr=True), disable=quiet
    )
    for turn in turns:
        for impairment, found in times.items():
            some = asyncio.run(times_ms(link, impairment, turn, min(ROUND, rounds)))
            for what, values in some.items():
                found.setdefault(what, []).extend(values)
            rates[impairment].append(asyncio.run(bulk_mbps(link, impairment, turn)))
    return [
        {
            "link": link.name,
            "loss": link.loss.up,
            "impairment": impairment,
            "n": len(found["first"]),
            **{
                f"{what}_{name}_ms": figure(values)
                for what, values in found.items()
                for name, figure in FIGURES.items()
            },
            "bulk_up_mbps": median(up for up, _ in rates[impairment]),
            "bulk_down_mbps": median(down for _, down in rates[impairment]),
        }
        for impairment, found in times.items()
    ]


FIGURES = {
    "p50": median,
    "mean": mean,
    "p95": lambda values: quantiles(values, n=20, method="inclusive")[-1],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="connections of each kind")
    parser.add_argument("--link", action="append", help="a medium, again for more; all if absent")
    parser.add_argument("--loss", type=float, help="instead of the media's own, both ways")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    try:
        require_netem()
    except RoadsealError as error:
        Console(stderr=True).print(f"skipped: {error}", highlight=False)
        return
    found = []
    for name in arguments.link or shipped_links():
        link = shipped_links()[name]
        if arguments.loss is not None:
            loss = replace(link.loss, up=arguments.loss, down=arguments.loss)
            link = replace(link, loss=loss)
        found += rows(link, arguments.rounds, quiet=arguments.json)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    table = Table(title="TCP over the same media: p50 / mean / p95 in ms, bulk in Mbit/s")
    for title in ("link", "by", "n", "first answer", "next answer", "16 kB flight", "up", "down"):
        table.add_column(title, justify="left" if title in ("link", "by") else "right")
    for row in found:
        cells = [
            " / ".join(f"{row[f'{what}_{name}_ms']:.1f}" for name in FIGURES)
            for what in ("first", "next", "flight")
        ]
        bulk = [f"{row[f'bulk_{way}_mbps']:.1f}" for way in ("up", "down")]
        table.add_row(row["link"], row["impairment"], str(row["n"]), *cells, *bulk)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
