"""Cisco SKIP as draft-cisco-skip-02 says it, over two real KMEs; and somebody else's client."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import subprocess
import sys

import pytest
from test_kme import with_pair, write_pem

from roadseal.net import CLASSICAL, Request, Side, TlsContext, serve_http
from roadseal.operate.qkd.skip import KmeSource, skip_handler

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))


def with_providers(tmp_path, test, **options):
    """Alice's and Bob's key providers, each over its own KME."""

    async def run(pair, log):
        del log
        async with pair.client("SAE_A") as a, pair.client("SAE_B") as b:
            alice = skip_handler("Alice", "Bob", KmeSource(a, "SAE_B"))
            bob = skip_handler("Bob", "Alice", KmeSource(b, "SAE_A"))
            await test(alice, bob, pair)

    with_pair(tmp_path, run, **options)


async def get(provider, target, method="GET"):
    answer = await provider(Request(method, target))
    return answer.status, answer.json()


def test_two_encryptors_get_one_key_and_each_once(tmp_path):
    async def test(alice, bob, pair):
        for query, digits in (("", 64), ("&size=128", 32), ("&size=512", 128)):
            status, given = await get(alice, f"/key?remoteSystemID=Bob{query}")
            assert status == 200
            assert set(given) == {"keyId", "key"}  # figure 5
            assert len(given["key"]) == digits
            assert len(bytes.fromhex(given["keyId"])) == 16  # 4.2.1: hexadecimal, 128 bits
            path = f"/key/{given['keyId'].upper()}?remoteSystemID=Alice"
            assert await get(bob, path) == (200, given)
            assert (await get(bob, path))[0] == 400  # table 7: it is not found any more
            bytes.fromhex(given["key"])

    with_providers(tmp_path, test)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/capabilities", 200),
        ("GET", "/entropy", 200),
        ("GET", "/entropy?minentropy=128", 200),
        ("GET", "/entropy?minentropy=7", 400),
        ("GET", "/key?remoteSystemID=Eve", 400),
        ("GET", "/key", 400),
        ("GET", "/key?remoteSystemID=Bob&size=100", 400),
        ("GET", "/key?remoteSystemID=Bob&size=8192", 400),  # more than the KME gives
        ("GET", "/key/12?remoteSystemID=Bob", 400),
        ("GET", f"/key/{'ab' * 16}?remoteSystemID=Bob", 400),
        ("GET", "/key/ab/cd?remoteSystemID=Bob", 404),
        ("GET", "/else", 404),
        ("POST", "/else", 404),
        ("POST", "/key?remoteSystemID=Bob", 405),
        ("DELETE", "/capabilities", 405),
    ],
)
def test_requests_get_the_drafts_status_codes(tmp_path, method, target, status):
    async def test(alice, bob, pair):
        del bob, pair
        assert (await get(alice, target, method))[0] == status

    with_providers(tmp_path, test)


def test_capabilities_and_entropy_have_the_drafts_fields(tmp_path):
    async def test(alice, bob, pair):
        del bob, pair
        _, found = await get(alice, "/capabilities")
        assert found == {
            "entropy": True,
            "key": True,
            "algorithm": "QKD",
            "localSystemID": "Alice",
            "remoteSystemID": ["Bob"],
        }
        _, first = await get(alice, "/entropy?minentropy=128")
        _, second = await get(alice, "/entropy")
        assert (first["minentropy"], second["minentropy"]) == (128, 256)
        assert len(bytes.fromhex(first["randomStr"])) == 16
        assert not second["randomStr"].startswith(first["randomStr"])

    with_providers(tmp_path, test)


def test_no_keys_left_is_an_internal_error(tmp_path):
    async def test(alice, bob, pair):
        del bob
        await pair.b.sync_server.close()
        status, said = await get(alice, "/key?remoteSystemID=Bob")
        assert (status, said["message"]) == (500, "qkd-kme-503")

    with_providers(tmp_path, test)


def test_mutants_of_requests_get_an_answer_and_no_key_of_another_pair(tmp_path):
    async def test(alice, bob, pair):
        del bob, pair
        draw = random.Random(3)
        good = [
            "/key?remoteSystemID=Bob&size=256",
            f"/key/{'ab' * 16}?remoteSystemID=Bob",
            "/entropy",
        ]
        statuses = set()
        for _ in range(MUTANTS):
            target = list(draw.choice(good))
            for _ in range(draw.randrange(1, 4)):
                at = draw.randrange(1, len(target))
                target[at : at + draw.randrange(3)] = draw.choice(
                    ("%", "&", "=", "/", "\xff", "9", "")
                )
            if "remoteSystemID=Bob" in (text := "".join(target)) and text.startswith("/key?"):
                continue  # these would empty the pool
            statuses.add((await alice(Request("GET", text))).status)
        assert statuses <= {200, 400, 404}

    with_providers(tmp_path, test)


def test_somebody_elses_skip_client_gets_its_keys(tmp_path):
    """skip-qkd from PyPI over mutual TLS 1.3, where it is installed; curl in any case."""

    async def test(alice, bob, pair):
        servers = []
        for provider in (alice, bob):
            identity = pair.authority.issue("localhost", now=pair.clock.now())
            roots = [pair.authority.certificate]
            context = TlsContext(Side.SERVER, CLASSICAL, [identity], roots)
            servers.append(await serve_http(context, provider, clock=pair.clock))
        router = pair.authority.issue("router", now=pair.clock.now())
        write_pem(tmp_path, router, pair.authority.certificate)

        def curl(end: int, path: str) -> dict[str, str]:
            url = f"https://localhost:{servers[end].port}{path}"
            command = ["curl", "-sSf", "--cacert", "ca.pem", "--cert", "c.pem", "--key", "k.pem"]
            done = subprocess.run(
                [*command, url], cwd=tmp_path, capture_output=True, timeout=30, check=True
            )
            return json.loads(done.stdout)

        given = await asyncio.to_thread(curl, 0, "/key?remoteSystemID=Bob&size=256")
        path = f"/key/{given['keyId']}?remoteSystemID=Alice"
        assert await asyncio.to_thread(curl, 1, path) == given

        if importlib.util.find_spec("skip_qkd"):
            ports = [str(server.port) for server in servers]
            command = [sys.executable, "-c", FOREIGN, *ports]
            done = await asyncio.to_thread(
                subprocess.run, command, cwd=tmp_path, capture_output=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
        for server in servers:
            await server.close()

    with_providers(tmp_path, test, profile=CLASSICAL)


FOREIGN = """
import sys
from skip_qkd import MTLSConfig, SkipQKDClient
def client(port):
    files = MTLSConfig("ca.pem", "c.pem", "k.pem")
    return SkipQKDClient(f"localhost:{port}", "x", mtls_config=files)
assert client(sys.argv[1]).capabilities()["remoteSystemID"] == ["Bob"]
key = client(sys.argv[1]).request_key("Bob", 256)
assert client(sys.argv[2]).fetch_key_by_id(key["keyId"], "Alice") == key
assert len(client(sys.argv[1]).entropy(128)["randomStr"]) == 32
"""
