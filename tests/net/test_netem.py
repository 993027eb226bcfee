"""The kernel's link on real namespaces; what needs netem says so where the kernel has none."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import mean, median

import pytest

from roadseal.clock import SystemClock
from roadseal.errors import RoadsealError
from roadseal.net import CLASSICAL, HYBRID, measure_handshakes, require_netem, shipped_links
from roadseal.net.link import LOOPBACK, Link, Quantity, Status
from roadseal.net.namespace import NetworkNamespace
from roadseal.net.netem import CENTRE_ADDRESS, exponential_table, netem_link, netem_options

TRIES = 20
"""Rounds of which one must be quiet: what other work on the machine adds is not in every one."""


def reason_against(make) -> str:
    try:
        make()
    except (OSError, RoadsealError) as error:
        return str(error)
    return ""


no_netem = reason_against(require_netem)
no_namespace = reason_against(lambda: NetworkNamespace().close())
needs_netem = pytest.mark.skipif(bool(no_netem), reason=no_netem)
needs_namespaces = pytest.mark.skipif(bool(no_namespace), reason=f"namespaces: {no_namespace}")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)


def made(delay_ms=0.0, jitter_ms=0.0, loss_up=0.0, bandwidth_mbps=1000.0) -> Link:
    def quantity(up, down):
        return Quantity(up, down, Status.MODELLED, "test")

    return Link(
        "t",
        "T",
        quantity(delay_ms, delay_ms),
        quantity(jitter_ms, jitter_ms),
        quantity(loss_up, 0.0),
        quantity(bandwidth_mbps, bandwidth_mbps),
    )


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


@pytest.mark.parametrize(
    ("medium", "way", "options"),
    [
        ("fibre", "up", "delay 500us 200us … loss random 0.00010000% rate 1000000000bit -14"),
        ("5g", "up", "delay 18000us 16000us … loss random 0.10000000% rate 50000000bit -14"),
        ("5g", "down", "delay 7000us 8000us … loss random 0.10000000% rate 100000000bit -14"),
    ],
)
def test_a_medium_becomes_options_of_netem(medium, way, options):
    expected = f"limit 10000 {options}".replace("…", "distribution exponential")
    assert " ".join(netem_options(getattr(shipped_links()[medium], way))) == expected


def test_without_impairment_a_rate_remains_to_keep_the_order():
    assert " ".join(netem_options(LOOPBACK.up)) == "limit 10000 delay 0us rate 1000000000000bit -14"


def test_the_table_is_exponential_once_netem_has_scaled_it():
    """netem adds deviation × row / 8192, and the deviation is four means."""
    rows = [int(row) for row in exponential_table().split()]
    assert len(rows) == 4096 <= 16384  # NETEM_DIST_MAX
    assert rows[0] >= 0
    assert rows[-1] < 2**15  # 16 bits with a sign
    delays = [4 * row / 8192 for row in rows]
    assert mean(delays) == pytest.approx(1, abs=2e-3)
    assert delays[2048] == pytest.approx(math.log(2), abs=2e-3)
    assert delays[int(0.95 * 4096)] == pytest.approx(math.log(20), abs=1e-2)


@needs_namespaces
def test_a_socket_stays_in_the_namespace_it_was_made_in():
    home = here()
    inside = NetworkNamespace()
    try:
        with inside:
            assert here() != home
            subprocess.run(["ip", "link", "set", "dev", "lo", "up"], check=True)
            server = socket.create_server(("127.0.0.1", 0))
            client = socket.create_connection(server.getsockname())
        assert here() == home
        accepted, _ = server.accept()
        client.sendall(b"seen")
        assert accepted.recv(4) == b"seen"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.getsockname(), timeout=5)
        for each in (server, client, accepted):
            each.close()
    finally:
        inside.close()


@pytest.mark.skipif("sch_netem" not in no_netem, reason="this kernel has netem, or no namespaces")
def test_a_kernel_without_netem_is_told_as_such_and_nothing_is_measured():
    home = here()
    with pytest.raises(RoadsealError) as caught:
        measure_handshakes(CLASSICAL, LOOPBACK, 1, 1, SystemClock(), impairment="netem")
    assert caught.value.code == "netem-unavailable"
    assert "modprobe sch_netem" in caught.value.advice
    assert here() == home


@needs_root
def test_a_run_without_the_right_ends_before_it_begins(tmp_path):
    out, cache = tmp_path / "out", tmp_path / "cache"
    roadseal = Path(sys.executable).parent / "roadseal"
    run = [roadseal, "pilot", "run", "--impair", "netem", "--out", out, "--cache", cache]
    done = subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", *run],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    assert done.returncode == 2
    assert "netem-unavailable" in done.stderr
    assert "may not make network namespaces" in done.stderr
    assert "unshare --map-root-user --net" in " ".join(done.stderr.split())
    assert not list(out.iterdir())
    assert not list(cache.iterdir())


@needs_root
@needs_namespaces
def test_namespaces_without_the_right_to_fill_them_are_not_enough():
    check = [sys.executable, "-c", "import roadseal.net as n; n.require_netem()"]
    done = subprocess.run(
        ["setpriv", "--bounding-set=-net_admin", *check],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "may not set up network devices. Run it as root" in done.stderr


@needs_root
@needs_namespaces
def test_a_missing_program_is_named():
    """`tc` is hidden in a mount namespace of the child's own."""
    script = (
        "for tc in /usr/sbin/tc /sbin/tc /usr/bin/tc /bin/tc; do"
        " [ ! -e $tc ] || mount --bind /dev/null $tc; done;"
        f" exec {sys.executable} -c 'import roadseal.net as n; n.require_netem()'"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    assert "there is no program tc. Install iproute2" in done.stderr


@contextmanager
def datagram_sockets(link: Link) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Connected sockets at the roadside and at the centre."""
    with netem_link(link) as ends:
        with ends.centre:
            centre = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            centre.bind((CENTRE_ADDRESS, 0))
        with ends.roadside:
            roadside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            roadside.connect(centre.getsockname())
        centre.connect(roadside.getsockname())
        with centre, roadside:
            yield roadside, centre


def arrived(sender: socket.socket, receiver: socket.socket, count: int) -> int:
    """How many of `count` datagrams arrive."""
    receiver.settimeout(0)
    number = 0
    for _ in range(count):
        sender.send(b"datagram")
        with suppress(BlockingIOError):
            receiver.recv(9)
            number += 1
    receiver.settimeout(1)
    with suppress(TimeoutError):
        while receiver.recv(9):
            number += 1
    return number


@needs_netem
def test_delay_is_the_floor_and_jitter_exponential_above_it():
    for _ in range(TRIES):
        above_ms = []
        with datagram_sockets(made(delay_ms=5, jitter_ms=20)) as (roadside, centre):
            for _ in range(150):
                start = time.perf_counter()
                roadside.send(b"datagram")
                assert centre.recv(9)
                above_ms.append((time.perf_counter() - start) * 1e3 - 5)
        assert min(above_ms) >= 0
        # Four standard errors of 150 and what waking up costs; a median is 0.69 means.
        if 14 < mean(above_ms) < 28 and 8 < median(above_ms) < 0.85 * mean(above_ms):
            return
    pytest.fail(f"{mean(above_ms):.2f} ms on average, median {median(above_ms):.2f} ms")


@needs_netem
def test_loss_is_what_the_link_says_and_one_way():
    with datagram_sockets(made(loss_up=0.1)) as (roadside, centre):
        # Four standard deviations of 2,000.
        assert arrived(roadside, centre, 2000) == pytest.approx(1800, abs=54)
        assert arrived(centre, roadside, 500) == 500


@needs_netem
def test_bandwidth_is_what_the_link_says_and_packets_are_segments():
    async def echo(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def talk():
        with netem_link(made(bandwidth_mbps=10)) as ends:
            with ends.centre:
                server = await asyncio.start_server(echo, CENTRE_ADDRESS, 0)
            with ends.roadside:
                address = server.sockets[0].getsockname()
                reader, writer = await asyncio.open_connection(*address)
            start = time.perf_counter()
            writer.write(bytes(250_000))
            await reader.readexactly(250_000)
            elapsed_s = time.perf_counter() - start
            with ends.roadside:
                counted = subprocess.run(
                    ["tc", "-s", "qdisc", "show", "dev", "backhaul"], capture_output=True, text=True
                ).stdout
            writer.close()
            server.close()
        return elapsed_s, counted

    rounds = []
    while len(rounds) < TRIES and not any(elapsed_s < 0.5 for elapsed_s, _ in rounds):
        rounds.append(asyncio.run(talk()))
    # As through the relay: up and down overlap, 3.6 % are headers.
    assert 0.2 < min(elapsed_s for elapsed_s, _ in rounds) < 0.5
    sent, packets = rounds[0][1].split("Sent ")[1].split(" pkt")[0].split(" bytes ")
    assert int(packets) >= 250_000 / 1448
    assert int(sent) <= int(packets) * 1514


@needs_netem
@pytest.mark.parametrize("profile", [CLASSICAL, HYBRID], ids=lambda p: p.name)
def test_handshakes_over_netem_are_those_over_the_relay(profile):
    """Without chance, the same sessions: bytes alike, times as alike as the models are."""
    link = made(delay_ms=20, bandwidth_mbps=50)
    best = {"relay": math.inf, "netem": math.inf}
    for _ in range(TRIES):
        for way in best:
            samples = measure_handshakes(profile, link, 3, 1, SystemClock(), impairment=way)
            assert {(each.success, each.impairment, each.round_trips) for each in samples} == {
                (True, way, 1)
            }
            best[way] = min(best[way], *(each.wall_s + each.response_s for each in samples))
        if best["netem"] == pytest.approx(best["relay"], rel=0.1):
            return
    pytest.fail(f"handshake and answer take {best} s")


@needs_netem
def test_the_caller_is_where_it_was_and_no_device_is_left():
    home, devices = here(), sorted(os.listdir("/sys/class/net"))  # noqa: PTH208
    with netem_link(LOOPBACK) as ends:
        assert here() == home
        with ends.roadside, ends.centre:
            assert here() != home
        assert sorted(os.listdir("/sys/class/net")) == devices  # noqa: PTH208
    assert here() == home


@needs_namespaces
def test_nothing_is_left_of_a_process_that_was_killed():
    script = (
        "import os, sys, time\n"
        "from roadseal.net.namespace import NetworkNamespace\n"
        "inside = NetworkNamespace()\n"
        "print(os.fstat(inside.descriptor).st_ino, flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    number = int(process.stdout.readline())
    assert held(number) == {process.pid}
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert held(number) == set()


def held(number: int) -> set[int]:
    """Processes that are in the network namespace of that inode, or have it open."""
    holders = set()
    for link in [*Path("/proc").glob("[0-9]*/ns/net"), *Path("/proc").glob("[0-9]*/fd/*")]:
        try:
            if str(link.readlink()) == f"net:[{number}]":
                holders.add(int(link.parts[2]))
        except OSError:
            pass  # gone meanwhile, or not ours to see
    return holders
