"""Real sockets on loopback: good peers are served, bad ones cost a connection and nothing else."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from roadseal.clock import ManualClock
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.net.profile import CLASSICAL, HYBRID, HYBRID_TRANSITION, PQC
from roadseal.net.refusal import Reason
from roadseal.net.server import serve
from roadseal.net.session import Side
from roadseal.net.stream import StreamLimits, TlsRefusedError, connect

LIMITS = StreamLimits(
    handshake_s=0.3, idle_s=0.5, message_s=0.3, close_s=0.2, max_message_bytes=300_000
)


async def echo(stream):
    while (message := await stream.receive()) is not None:
        await stream.send(message)


class Bench:
    """A server under test, its events, and a client for it."""

    def __init__(self, yard, profile=HYBRID, handler=echo, limits=LIMITS, **options):
        self.yard, self.profile, self.handler, self.limits = yard, profile, handler, limits
        self.options = options
        self.log = EventLog()
        self.clock = ManualClock(yard.now)

    async def __aenter__(self):
        self.server = await serve(
            self.yard.context(Side.SERVER, self.profile),
            self.handler,
            clock=self.clock,
            limits=self.limits,
            emit=self.log,
            **self.options,
        )
        return self

    async def __aexit__(self, *_):
        await self.server.close()

    async def client(self, profile=HYBRID, limits=LIMITS, **options):
        return await connect(
            "127.0.0.1",
            self.server.port,
            self.yard.context(Side.CLIENT, profile),
            expect=[self.yard.server],
            clock=self.clock,
            limits=limits,
            **options,
        )

    async def still_serves(self):
        stream = await self.client()
        await stream.send(b"are you there")
        assert await stream.receive() == b"are you there"
        await stream.close()

    async def empty(self, within_s=3.0):
        async with asyncio.timeout(within_s):
            while self.server.connections:
                await asyncio.sleep(0.01)

    def kinds(self):
        return [event.kind for event in self.log.events]

    async def refusals(self, count, within_s=3.0):
        async with asyncio.timeout(within_s):
            while self.kinds().count("tls.refused") < count:
                await asyncio.sleep(0.01)
        return [e.facts["reason"] for e in self.log.events if e.kind == "tls.refused"]


def test_messages_of_any_size_come_back_and_the_close_is_clean(yard):
    async def run():
        async with Bench(yard) as bench:
            stream = await bench.client()
            for message in (b"", b"x", b"y" * 16_384, bytes(range(256)) * 1000):
                await stream.send(message)
                assert await stream.receive() == message
            tcp = stream._writer.get_extra_info("socket")
            assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            await stream.close()
            await bench.empty()
            assert bench.kinds() == ["tls.opened"]
            assert bench.log.events[0].subject == yard.client
            assert bench.log.events[0].facts["group"] == "X25519MLKEM768"

    asyncio.run(run())


def test_many_sessions_at_once(yard):
    async def run():
        async with Bench(yard, limits=StreamLimits()) as bench:
            streams = await asyncio.gather(
                *(bench.client(limits=StreamLimits()) for _ in range(20))
            )
            await asyncio.gather(*(s.send(bytes([i])) for i, s in enumerate(streams)))
            answers = await asyncio.gather(*(s.receive() for s in streams))
            assert answers == [bytes([i]) for i in range(20)]
            await asyncio.gather(*(s.close() for s in streams))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("profile", "server", "reason"),
    [
        (CLASSICAL, PQC, Reason.NO_COMMON_GROUP),
        (CLASSICAL, HYBRID, Reason.NO_COMMON_GROUP),
        (replace(HYBRID, groups=("X25519",)), HYBRID, Reason.NO_COMMON_GROUP),
    ],
)
def test_a_peer_below_the_profile_is_refused_with_the_reason(yard, profile, server, reason):
    async def run():
        async with Bench(yard, profile=server) as bench:
            with pytest.raises(TlsRefusedError) as raised:
                await bench.client(profile)
            assert raised.value.refusal.reason is Reason.PEER_REFUSED
            assert raised.value.code == "tls-peer-refused"
            assert await bench.refusals(1) == [reason]

    asyncio.run(run())


def test_a_classical_peer_is_served_only_in_transition(yard):
    async def run():
        async with Bench(yard, profile=HYBRID_TRANSITION) as bench:
            stream = await bench.client(CLASSICAL)
            assert stream.negotiated.group == "X25519"
            await stream.close()

    asyncio.run(run())


def test_an_unexpected_client_learns_it_at_its_first_receive(yard):
    async def run():
        async with Bench(yard, expect=["somebody.else"]) as bench:
            with pytest.raises(TlsRefusedError) as raised:
                await (await bench.client()).receive()
            assert raised.value.refusal.reason is Reason.PEER_REFUSED
            assert await bench.refusals(1) == [Reason.IDENTITY_MISMATCH]

    asyncio.run(run())


def test_hostile_peers_never_hang_or_crash_the_server(yard):
    async def garbage(port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 50)
        await writer.drain()
        return writer

    async def half_handshake(port):
        hello = yard.context(Side.CLIENT, HYBRID).session(at=yard.now, expect=["x"]).outgoing()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(hello[:700])
        return writer

    async def gone(port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return writer

    async def slow_loris(port):
        hello = yard.context(Side.CLIENT, HYBRID).session(at=yard.now, expect=["x"]).outgoing()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in hello:  # each byte comes in time, the handshake as a whole does not
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
            if writer.is_closing():
                break
        return writer

    async def run():
        async with Bench(yard) as bench:
            attacks = [garbage, half_handshake, gone, slow_loris]
            tasks = [asyncio.create_task(attack(bench.server.port)) for attack in attacks]
            await asyncio.sleep(0.05)
            await bench.still_serves()
            reasons = await bench.refusals(4)
            assert sorted(reasons) == sorted(
                [Reason.MALFORMED, Reason.TIMED_OUT, Reason.TRUNCATED, Reason.TIMED_OUT]
            )
            await bench.empty()
            for task in tasks:
                task.cancel()

    asyncio.run(run())


def test_a_slow_or_oversize_message_ends_its_own_session_only(yard):
    async def run():
        async with Bench(yard) as bench:
            generous = StreamLimits(max_message_bytes=1 << 20)
            oversize = await bench.client(limits=generous)
            oversize.session.send((500_000).to_bytes(4, "big"))
            await oversize._flush()
            slow = await bench.client()
            slow.session.send(b"\0\0\0\x09only")
            await slow._flush()
            silent = await bench.client()
            reasons = await bench.refusals(3)
            assert sorted(reasons) == sorted([Reason.TOO_LARGE, Reason.TIMED_OUT, Reason.TIMED_OUT])
            await bench.still_serves()
            for stream in (oversize, slow, silent):
                await stream.close()

    asyncio.run(run())


def test_a_peer_that_never_reads_is_dropped(yard):
    async def flood(stream):
        for _ in range(200):
            await stream.send(bytes(300_000))

    async def run():
        async with Bench(yard, handler=flood) as bench:
            stream = await bench.client()
            assert await bench.refusals(1) == [Reason.TIMED_OUT]
            stream._writer.transport.abort()

    asyncio.run(run())


def test_a_full_server_turns_new_peers_away(yard):
    async def run():
        async with Bench(yard, limits=replace(LIMITS, max_connections=2, idle_s=5)) as bench:
            first, second = await bench.client(), await bench.client()
            with pytest.raises(TlsRefusedError):
                await bench.client()
            assert await bench.refusals(1) == [Reason.TOO_MANY]
            await first.send(b"still")
            assert await first.receive() == b"still"
            await asyncio.gather(first.close(), second.close())

    asyncio.run(run())


def test_half_open_connections_do_not_fill_a_server(yard):
    async def run():
        limits = replace(LIMITS, max_connections=3, handshake_s=60, patience_s=0.3, idle_s=60)
        async with Bench(yard, limits=limits) as bench:
            honest = await bench.client()
            at = "127.0.0.1", bench.server.port
            silent = [await asyncio.open_connection(*at), await asyncio.open_connection(*at)]
            with pytest.raises(TlsRefusedError):  # it is full, and nobody has dragged yet
                await bench.client()
            await asyncio.sleep(0.4)
            late = await bench.client()
            await late.send(b"served")
            assert await late.receive() == b"served"
            assert await silent[0][0].read() == b""  # the oldest gave way
            await honest.send(b"still")
            assert await honest.receive() == b"still"
            await asyncio.gather(honest.close(), late.close())
            for _, writer in silent:
                writer.close()

    asyncio.run(run())


def test_a_failing_handler_is_told_and_the_server_goes_on(yard):
    async def fail_once(stream):
        message = await stream.receive()
        if message == b"bad":
            raise ZeroDivisionError
        await stream.send(message)

    async def run():
        async with Bench(yard, handler=fail_once) as bench:
            stream = await bench.client()
            await stream.send(b"bad")
            with pytest.raises(TlsRefusedError) as raised:
                await stream.receive()
            assert raised.value.refusal.reason is Reason.TRUNCATED
            assert bench.kinds()[-1] == "tls.handler-failed"
            await bench.still_serves()

    asyncio.run(run())


def test_nobody_there_and_too_large_are_named(yard):
    async def run():
        async with Bench(yard) as bench:
            stream = await bench.client()
            with pytest.raises(RoadsealError) as raised:
                await stream.send(bytes(300_001))
            assert raised.value.code == "message-too-large"
            await stream.close()
        with pytest.raises(TlsRefusedError) as raised:
            await bench_client_after_close(bench)
        assert raised.value.refusal.reason is Reason.UNREACHABLE

    async def bench_client_after_close(bench):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return await connect(
            "127.0.0.1",
            port,
            yard.context(Side.CLIENT, HYBRID),
            expect=[yard.server],
            clock=bench.clock,
        )

    asyncio.run(run())
