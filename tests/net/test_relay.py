"""The relay on real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest

from roadseal.net.link import LOOPBACK, Link, Quantity, Status
from roadseal.net.relay import Relay

TRIES = 500
HANGS_S = 60.0
"""Whoever waits that long waits in vain, on any machine."""


def made(delay_ms=0.0, bandwidth_mbps=1000.0) -> Link:
    def both(value):
        return Quantity(value, value, Status.MODELLED, "test")

    return Link("t", "T", both(delay_ms), both(0.0), both(0.0), both(bandwidth_mbps))


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def over(link, talk, **options):
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Relay(link, "127.0.0.1", port, seed=1, **options) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        result = await talk(relay, reader, writer)
        writer.close()
    server.close()
    return result


@pytest.mark.parametrize("delay_ms", [0.5, 5.0])
def test_delay_is_what_the_link_says(delay_ms):
    async def talk(_relay, reader, writer):
        waits = []
        # On an idle machine each adds 0.3 ms; on a busy one some do.
        while len(waits) < 5 or (min(waits) >= 2 * delay_ms + 3 and len(waits) < TRIES):
            start = time.perf_counter()
            writer.write(b"ping")
            await reader.readexactly(4)
            waits.append((time.perf_counter() - start) * 1e3)
        return waits

    first, *others = asyncio.run(over(made(delay_ms), talk))
    assert first >= 4 * delay_ms, "set-up and echo: two round trips"
    assert min(others) >= 2 * delay_ms
    assert min(first, *others) < 2 * delay_ms + 3


def test_bandwidth_is_what_the_link_says():
    async def talk(_relay, reader, writer):
        times_s = []
        while not times_s or (min(times_s) >= 0.5 and len(times_s) < TRIES // 10):
            start = time.perf_counter()
            writer.write(bytes(250_000))
            await reader.readexactly(250_000)
            times_s.append(time.perf_counter() - start)
        return min(times_s)

    # up and down overlap: 250 kB at 10 Mbit/s with 3.6 % headers is 0.207 s
    elapsed_s = asyncio.run(over(made(bandwidth_mbps=10), talk))
    assert 0.2 < elapsed_s < 0.5


def test_a_cut_holds_everything_and_a_mended_link_delivers_it():
    async def talk(relay, reader, writer):
        writer.write(b"before")
        assert await reader.readexactly(6) == b"before"
        relay.cut()
        writer.write(b"during")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.15):
                await reader.read(1)
        start = time.perf_counter()
        relay.restore()
        assert await reader.readexactly(6) == b"during"
        return time.perf_counter() - start

    assert asyncio.run(over(LOOPBACK, talk)) >= 0.2, "one retransmission timeout"


def test_both_directions_are_recorded_as_they_passed():
    async def talk(relay, reader, writer):
        writer.write(b"abc")
        await reader.readexactly(3)
        writer.write(b"defg")
        await reader.readexactly(4)
        return relay.recordings

    (recording,) = asyncio.run(over(LOOPBACK, talk, record=True))
    assert (recording.up, recording.down) == (b"abcdefg", b"abcdefg")
    assert "abc" not in repr(recording)
    assert asyncio.run(over(LOOPBACK, talk)) == ()


def test_the_end_of_a_stream_is_passed_on():
    async def talk(_relay, reader, writer):
        writer.write(b"last words")
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), HANGS_S)

    assert asyncio.run(over(made(5), talk)) == b"last words"


def test_dropped_and_unreachable_connections_end():
    async def dropped(relay, reader, writer):
        writer.write(b"x")
        await reader.readexactly(1)
        relay.drop()
        return await asyncio.wait_for(reader.read(), HANGS_S)

    async def nowhere():
        async with Relay(LOOPBACK, "127.0.0.1", 1, seed=1) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            rest = await asyncio.wait_for(reader.read(), HANGS_S)
            writer.close()
            return rest

    assert asyncio.run(over(LOOPBACK, dropped)) == b""
    assert asyncio.run(nowhere()) == b""
