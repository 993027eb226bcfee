"""HTTP/1.1 over TLS and in the clear: our client, curl, and whoever means no good."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from roadseal.clock import ManualClock
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.net import HttpClient, HttpLimits, Response, Side, serve_http, serve_plain_http
from roadseal.net.profile import CLASSICAL, HYBRID
from roadseal.net.refusal import Reason
from roadseal.net.stream import TlsRefusedError

LIMITS = HttpLimits(head_bytes=2_000, body_bytes=10_000, message_s=0.5, idle_s=0.5)
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000")) // 20


async def mirror(request):
    if request.target == "/fails":
        raise ZeroDivisionError
    seen = {
        "method": request.method,
        "segments": request.segments,
        "query": request.query,
        "body": request.body.decode("latin-1"),
        "type": request.headers.get("content-type"),
        "peer": sorted(request.peer.peer_names) if request.peer else None,
    }
    return Response.of_json(200, seen)


async def served(yard, act, *, profile=HYBRID, handler=mirror, log=None):
    clock = ManualClock(yard.now)
    server = await serve_http(
        yard.context(Side.SERVER, profile), handler, clock=clock, limits=LIMITS, emit=log
    )
    try:
        context = yard.context(Side.CLIENT, profile)
        async with HttpClient(
            "127.0.0.1", server.port, context, clock=clock, expect=[yard.server]
        ) as client:
            return await act(client)
    finally:
        await server.close()


async def in_the_clear(act, limits=LIMITS, handler=mirror):
    server = await serve_plain_http(handler, clock=ManualClock(0), limits=limits)
    try:
        return await act(server.port)
    finally:
        await server.close()


async def raw(port, data, *, end=True):
    """Send bytes and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if end:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_a_request_arrives_whole_and_its_sender_is_known(yard):
    async def act(client):
        answer = await client.request(
            "POST", "/a%2Fb/c?x=1&y=", body=b"hello", headers={"content-type": "text/plain"}
        )
        assert answer.status == 200
        assert client.negotiated.group == "X25519MLKEM768"
        return answer.json()

    assert asyncio.run(served(yard, act)) == {
        "method": "POST",
        "segments": ["a/b", "c"],
        "query": [["x", "1"], ["y", ""]],
        "body": "hello",
        "type": "text/plain",
        "peer": [yard.client],
    }


def test_a_connection_is_kept_and_requests_queue_on_it(yard):
    log = EventLog()

    async def act(client):
        answers = [client.request("GET", f"/{number}") for number in range(20)]
        return [answer.json()["segments"] for answer in await asyncio.gather(*answers)]

    assert asyncio.run(served(yard, act, log=log)) == [[str(number)] for number in range(20)]
    assert [event.kind for event in log.events].count("tls.opened") == 1


def test_a_handler_that_fails_answers_500_and_says_nothing_of_why(yard):
    log = EventLog()

    async def act(client):
        failed = await client.request("GET", "/fails")
        return failed, await client.request("GET", "/works")

    failed, after = asyncio.run(served(yard, act, log=log))
    assert (failed.status, failed.body, after.status) == (500, b"", 200)
    assert [e.facts["error"] for e in log.events if e.kind == "http.handler-failed"] == [
        "ZeroDivisionError"
    ]


def test_a_large_body_goes_both_ways(yard):
    body = os.urandom(9_000)

    async def echo(request):
        return Response(200, {}, request.body * 100)

    async def act(client):
        return await client.request("PUT", "/", body=body)

    assert asyncio.run(served(yard, act, handler=echo)).body == body * 100


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 5_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000, 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nx", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n", 400),
    ],
)
def test_a_bad_request_is_refused(request_bytes, status):
    answer = asyncio.run(in_the_clear(lambda port: raw(port, request_bytes)))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in answer.lower()


def test_a_slow_body_is_refused():
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx"
    assert asyncio.run(in_the_clear(lambda port: raw(port, head, end=False))).startswith(
        b"HTTP/1.1 408 "
    )


def test_a_silent_connection_ends():
    assert asyncio.run(in_the_clear(lambda port: raw(port, b"", end=False))) == b""


def test_a_fleet_that_comes_back_together_finds_room_to_wait(yard):
    """As many as are served at once are queued by the system, though nobody has accepted any."""

    async def crowd(port):
        with ExitStack() as held:
            for _ in range(200):  # none is accepted meanwhile: this holds up the loop
                held.enter_context(socket.create_connection(("127.0.0.1", port), 2))

    async def go():
        await in_the_clear(crowd)
        clock = ManualClock(yard.now)
        server = await serve_http(yard.context(Side.SERVER, HYBRID), mirror, clock=clock)
        try:
            await crowd(server.port)
        finally:
            await server.close()

    asyncio.run(go())


def test_requests_may_come_in_one_piece_and_in_many():
    one = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    async def pipelined(port):
        return await raw(port, one * 3)

    assert asyncio.run(in_the_clear(pipelined)).count(b"HTTP/1.1 200") == 3

    async def dripped(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in one:
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write_eof()
        return await reader.read()

    assert b"HTTP/1.1 200" in asyncio.run(in_the_clear(dripped))


def test_a_connection_ends_after_its_requests():
    one = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    limits = replace(LIMITS, requests=2)
    answer = asyncio.run(in_the_clear(lambda port: raw(port, one * 5), limits=limits))
    assert answer.count(b"HTTP/1.1 200") == 2


@pytest.mark.fuzz
def test_mutants_of_a_request_cost_a_connection_and_nothing_else():
    whole = b"POST /x?y=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" * 2
    rng = random.Random(7)

    async def act(port):
        for _ in range(MUTANTS):
            mutant = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                mutant[rng.randrange(len(mutant))] = rng.randrange(256)
            answer = await raw(port, bytes(mutant[: rng.randint(1, len(mutant))]))
            assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
        return await raw(port, whole)

    assert asyncio.run(in_the_clear(act)).count(b"HTTP/1.1 200") == 2


def test_a_client_says_what_is_wrong_with_the_server():
    async def nonsense(reader, writer):
        await reader.read(100)
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    async def act(handler):
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, HttpClient("127.0.0.1", port, None, clock=ManualClock(0)) as client:
            await client.request("GET", "/")

    with pytest.raises(RoadsealError) as caught:
        asyncio.run(act(nonsense))
    assert caught.value.code == "http-malformed"

    async def silent(_reader, writer):
        writer.close()

    with pytest.raises(TlsRefusedError) as refused:
        asyncio.run(act(silent))
    assert refused.value.refusal.reason is Reason.TRUNCATED


def test_nobody_there():
    async def act():
        async with HttpClient("127.0.0.1", 1, None, clock=ManualClock(0)) as client:
            await client.request("GET", "/")

    with pytest.raises(TlsRefusedError) as caught:
        asyncio.run(act())
    assert caught.value.refusal.reason is Reason.UNREACHABLE


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl, a client that is not ours")
def test_curl_talks_to_it(yard, tmp_path):
    """Its OpenSSL is Debian's, without ML-KEM: so the classical profile."""
    algorithm = CLASSICAL.certificate_algorithms[0]
    me = yard.identity(algorithm, yard.client)
    chain = [me.certificate, *me.chain]
    (tmp_path / "me.pem").write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in chain))
    key = me.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "me.key").write_bytes(key)
    root = yard.roots[algorithm].certificate.public_bytes(Encoding.PEM)
    (tmp_path / "root.pem").write_bytes(root)

    async def act(client):
        command = [
            *("curl", "--silent", "--show-error", "--insecure"),
            *("--cert", tmp_path / "me.pem", "--key", tmp_path / "me.key"),
            *("--data-binary", "x" * 5_000, "--header", "Expect: 100-continue"),
            f"https://127.0.0.1:{client._address[1]}/one?two=3",
        ]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        return (await process.communicate())[0]

    answer = asyncio.run(served(yard, act, profile=CLASSICAL))
    assert Response(200, {}, answer).json()["body"] == "x" * 5_000
