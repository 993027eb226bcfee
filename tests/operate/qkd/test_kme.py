"""Two KMEs on loopback: the standard's answers, both ends in step, foreign clients."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from roadseal.clock import ManualClock, SystemClock
from roadseal.events import EventLog
from roadseal.net import CLASSICAL
from roadseal.operate.qkd.client import Etsi014Client, Etsi014Error
from roadseal.operate.qkd.etsi014 import Capability
from roadseal.operate.qkd.kme.pair import start_pair
from roadseal.operate.qkd.store import KeyStore

SAES = {"SAE_A": "KME_A", "SAE_A2": "KME_A", "SAE_B": "KME_B", "urn:sae:b/2": "KME_B"}


def with_pair(tmp_path, test, *, blocks=1, size=65_536, **options):
    async def run():
        options.setdefault("saes", SAES)
        log = EventLog()
        options.setdefault("clock", SystemClock())
        pair = await start_pair(tmp_path, emit=log, **options)
        try:
            for number in range(blocks):
                pair.import_block(number, os.urandom(size))
            await test(pair, log)
        finally:
            await pair.close()
        assert "http.handler-failed" not in [event.kind for event in log.events]

    asyncio.run(run())


async def refused(awaitable, status, message=None):
    with pytest.raises(Etsi014Error) as raised:
        await awaitable
    assert raised.value.status == status
    if message:
        assert message in raised.value.message
    return raised.value


def octets(keys):
    return [bytes(key.octets) for key in keys]


def test_both_ends_get_the_same_keys_once(tmp_path):
    async def test(pair, log):
        async with pair.client("SAE_A") as a, pair.client("SAE_B") as b:
            before = (await a.status("SAE_B"))["stored_key_count"]
            keys = await a.enc_keys("SAE_B", number=5, size=256)
            assert len({*octets(keys)}) == 5
            assert {key.provenance for key in keys} == {"simulated"}
            assert (await a.status("SAE_B"))["stored_key_count"] == before - 5
            ids = [key.key_id for key in keys]
            assert octets(await b.dec_keys("SAE_A", ids)) == octets(keys)
            await refused(b.dec_keys("SAE_A", ids), 400, "not found on KME")
            back = await b.enc_keys("SAE_A", size=1000)
            assert len(back[0].octets) == 125
            assert octets(await a.dec_keys("SAE_B", [back[0].key_id])) == octets(back)
        assert b"".join(octets(keys)).hex() not in str(log.events)

    with_pair(tmp_path, test)


def test_a_key_is_for_exactly_whom_the_master_named(tmp_path):
    async def test(pair, log):
        async with (
            pair.client("SAE_A") as a,
            pair.client("SAE_A2") as a2,
            pair.client("SAE_B") as b,
            pair.client("urn:sae:b/2") as b2,
        ):
            (key,) = await a.enc_keys("SAE_B")
            await refused(b2.dec_keys("SAE_A", [key.key_id]), 401)
            await refused(b.dec_keys("SAE_A2", [key.key_id]), 401)
            await refused(a2.dec_keys("SAE_A", [key.key_id]), 400)
            assert octets(await b.dec_keys("SAE_A", [key.key_id])) == octets([key])

            (many,) = await a.enc_keys("SAE_B", additional=["urn:sae:b/2", "SAE_A2"])
            for slave in (b, b2, a2):
                assert octets(await slave.dec_keys("SAE_A", [many.key_id])) == octets([many])
                await refused(slave.dec_keys("SAE_A", [many.key_id]), 400)

            (own,) = await a.enc_keys("SAE_A")  # self-addressed
            assert octets(await a.dec_keys("SAE_A", [own.key_id])) == octets([own])

    with_pair(tmp_path, test)


def test_a_key_that_nobody_fetches_in_time_is_erased_at_both_ends(tmp_path):
    async def test(pair, log):
        ends = pair.a.kme, pair.b.kme
        async with pair.client("SAE_A") as a, pair.client("SAE_B") as b:
            fetched, left = await a.enc_keys("SAE_B", number=2)
            (late,) = await a.enc_keys("SAE_A2")
            await b.dec_keys("SAE_A", [fetched.key_id])
            assert [await end.give_up_overdue() for end in ends] == [0, 0]
            pair.clock.advance(7 * 86_400 + 1)
            assert [await end.give_up_overdue() for end in ends] == [1, 1]
            assert not any(end.store.waiting for end in ends)
            span = "qkd.given-up"
            assert [event.facts["keys"] for event in log.events if event.kind == span] == [1, 1]
        assert octets([left]) != octets([late])

    start = SystemClock().now()
    with_pair(tmp_path, test, clock=ManualClock(start))
    for name in ("KME_A", "KME_B"):  # and so it stays
        store = KeyStore.open(tmp_path / name, tmp_path / f"{name}.kek", name)
        assert not store.waiting
        store.close()


def test_several_key_ids_are_all_or_nothing(tmp_path):
    async def test(pair, log):
        async with pair.client("SAE_A") as a, pair.client("SAE_B") as b:
            keys = await a.enc_keys("SAE_B", number=2)
            ids = [key.key_id for key in keys]
            strange = "00000000-0000-4000-8000-000000000000"
            await refused(b.dec_keys("SAE_A", [*ids, strange]), 400, "not found on KME")
            assert octets(await b.dec_keys("SAE_A", ids)) == octets(keys)

    with_pair(tmp_path, test)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "SAE_B/enc_keys?size=255", None, 400, "size shall be a multiple of 8"),
        ("GET", "SAE_B/enc_keys?size=8", None, 400, ""),
        ("GET", "SAE_B/enc_keys?size=abc", None, 400, ""),
        ("GET", "SAE_B/enc_keys?number=0", None, 400, ""),
        ("GET", "SAE_B/enc_keys?number=129", None, 400, ""),
        ("GET", "SAE_B/enc_keys?number=1&number=2", None, 400, ""),
        ("GET", "SAE_X/enc_keys", None, 400, ""),
        ("GET", "SAE_X/status", None, 400, ""),
        ("GET", "SAE_B/nothing", None, 400, ""),
        ("DELETE", "SAE_B/enc_keys", None, 400, ""),
        ("POST", "SAE_B/status", b"{}", 400, ""),
        ("POST", "SAE_B/enc_keys", b'{"number": true}', 400, ""),
        ("POST", "SAE_B/enc_keys", b'{"number": "1"}', 400, ""),
        ("POST", "SAE_B/enc_keys", b'{"number": 1, "number": 1}', 400, ""),
        ("POST", "SAE_B/enc_keys", b"[" * 100_000, 400, ""),
        ("POST", "SAE_B/enc_keys", b"\xff", 400, ""),
        ("POST", "SAE_B/enc_keys", b'{"additional_slave_SAE_IDs": "SAE_B"}', 400, ""),
        (
            "POST",
            "SAE_B/enc_keys",
            b'{"extension_mandatory": [{"abc_max_age": 1}]}',
            400,
            "not all extension_mandatory parameters are supported",
        ),
        (
            "POST",
            "SAE_B/enc_keys",
            b'{"extension_mandatory": [{"roadseal_route_type": "indirect"}]}',
            400,
            "not all extension_mandatory request options could be met",
        ),
        ("POST", "SAE_B/enc_keys", b'{"extension_optional": [{"abc_max_age": 1}]}', 200, ""),
        ("POST", "SAE_B/enc_keys", b"", 200, ""),
        ("GET", "SAE_B/enc_keys", None, 200, ""),
        ("GET", "SAE_B/dec_keys", None, 400, ""),
        ("GET", "SAE_B/dec_keys?key_ID=nonsense", None, 400, ""),
        ("POST", "SAE_B/dec_keys", b'{"key_IDs": []}', 400, ""),
        ("POST", "SAE_B/dec_keys", b'{"key_IDs": [1]}', 400, ""),
    ],
)
def test_requests_get_the_standards_answers(tmp_path, method, path, body, status, message):
    async def test(pair, log):
        async with pair.client("SAE_A") as a:
            answer = await a.http.request(method, f"/api/v1/keys/{path}", body=body or b"")
            assert answer.status == status
            if status == 400:
                assert message in answer.json()["message"]
            else:
                assert len(answer.json()["keys"]) == 1

    with_pair(tmp_path, test)


def test_an_sae_of_another_kme_or_of_none_gets_401(tmp_path):
    async def test(pair, log):
        for stranger in ("SAE_B", "SAE_UNKNOWN", "KME_B"):
            context = pair.client("SAE_A").http._context
            from roadseal.net import Side, TlsContext

            identity = pair.authority.issue(stranger, now=pair.clock.now())
            context = TlsContext(
                Side.CLIENT, pair.profile, [identity], [pair.authority.certificate]
            )
            async with Etsi014Client(
                "127.0.0.1", pair.a.port, context, expect=["KME_A"], clock=pair.clock
            ) as client:
                await refused(client.status("SAE_B"), 401)

    with_pair(tmp_path, test)


def test_peer_down_is_503_and_nothing_is_consumed(tmp_path):
    async def test(pair, log):
        async with pair.client("SAE_A") as a:
            await a.enc_keys("SAE_B")
            before = await a.status("SAE_B")
            await pair.b.sync_server.close()
            for _ in range(3):
                await refused(a.enc_keys("SAE_B", number=3), 503)
            assert await a.status("SAE_B") == before
            assert (await a.enc_keys("SAE_A2"))[0].octets

    with_pair(tmp_path, test)


def test_an_exhausted_pool_is_503_with_details(tmp_path):
    async def test(pair, log):
        async with pair.client("SAE_A") as a, pair.client("SAE_B") as b:
            given = []
            for _ in range(6):  # 132 cells: one for the check, 65 for A, 66 for B
                given += await a.enc_keys("SAE_B", number=10)
            error = await refused(a.enc_keys("SAE_B", number=10), 503)
            assert error.details["stored_key_count"] == 5
            given += await a.enc_keys("SAE_B", number=5)
            given += await b.enc_keys("SAE_A", number=66)
            assert len({*octets(given)}) == 131

    with_pair(tmp_path, test, size=4096 + 128)


def test_blocks_that_differ_give_no_key(tmp_path):
    async def test(pair, log):
        pair.a.kme.store.import_block("KME_B", 7, os.urandom(8192), provenance="simulated")
        pair.b.kme.store.import_block("KME_A", 7, os.urandom(8192), provenance="simulated")
        async with pair.client("SAE_A") as a:
            await refused(a.enc_keys("SAE_B"), 503, "same keys")
        assert "qkd.blocks-differ" in [event.kind for event in log.events]

    with_pair(tmp_path, test, blocks=0)


def test_concurrent_masters_on_both_sides_never_share_a_key(tmp_path):
    async def test(pair, log):
        async def ask(master, slave):
            async with pair.client(master) as m, pair.client(slave) as s:
                found = []
                for _ in range(10):
                    keys = await m.enc_keys(slave, number=2)
                    ids = [key.key_id for key in keys]
                    assert octets(await s.dec_keys(master, ids)) == octets(keys)
                    found += octets(keys)
                return found

        all_keys = await asyncio.gather(
            *(ask("SAE_A", "SAE_B") for _ in range(4)), *(ask("SAE_B", "SAE_A") for _ in range(4))
        )
        flat = [key for keys in all_keys for key in keys]
        assert len({*flat}) == len(flat) == 160

    with_pair(tmp_path, test)


def test_a_full_batch_of_the_largest_requests_is_served(tmp_path):
    async def test(pair, log):
        async with pair.client("SAE_B") as b:
            clients = [pair.client("SAE_A") for _ in range(17)]
            given = await asyncio.gather(*(c.enc_keys("SAE_B", number=1024) for c in clients))
            flat = [key for keys in given for key in keys]
            assert len({*octets(flat)}) == 17 * 1024
            ids = [key.key_id for key in flat[-1024:]]
            assert octets(await b.dec_keys("SAE_A", ids)) == octets(flat[-1024:])
            for client in clients:
                await client.http.close()

    with_pair(tmp_path, test, size=1 << 21, capability=Capability(max_key_per_request=1024))


def write_pem(tmp_path, identity, root):
    (tmp_path / "c.pem").write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "k.pem").write_bytes(
        identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (tmp_path / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))


FOREIGN = """
import base64, sys
from etsi_qkd_014_client import QKD014Client
port, one = sys.argv[1:3]
a = QKD014Client(f"localhost:{port}", "c.pem", "k.pem", "ca.pem")
code, status = a.get_status("SAE_B")
assert code == 200 and status.stored_key_count > 0, (code, status)
code, box = a.get_key("SAE_A", number=2, size=512)
assert code == 200 and len(box.keys) == 2, (code, box)
code, back = a.get_key_with_key_IDs("SAE_A", [k.key_id for k in box.keys])
assert code == 200 and [k.key for k in back.keys] == [k.key for k in box.keys]
code, _ = a.get_key_with_key_IDs("SAE_A", [box.keys[0].key_id])
assert code == 400, code
"""


def test_foreign_clients_are_served_under_a_classical_profile(tmp_path):
    """etsi-qkd-014-client and qkdsec doctor, as they come from their makers."""

    async def test(pair, log):
        identity = pair.authority.issue("SAE_A", now=pair.clock.now())
        write_pem(tmp_path, identity, pair.authority.certificate)

        def run(*command):
            done = subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            return done.returncode, done.stdout + done.stderr

        code, said = await asyncio.to_thread(
            run, sys.executable, "-c", FOREIGN, str(pair.a.port), "x"
        )
        assert code == 0, said
        doctor = str(Path(sys.executable).parent / "qkdsec")
        code, said = await asyncio.to_thread(
            run, doctor, "doctor", f"https://localhost:{pair.a.port}", "-s", "SAE_A",
            "--cert", "c.pem", "--key", "k.pem", "--ca-cert", "ca.pem", "-f", "json",
        )  # fmt: skip
        assert code == 0, said
        report = json.loads(said)
        print(json.dumps(report, indent=1)[:3000])

    with_pair(tmp_path, test, profile=CLASSICAL, kmes=("localhost", "KME_B"),
              saes={"SAE_A": "localhost", "SAE_B": "KME_B"})  # fmt: skip
