"""Probes against real servers, and that nothing is sent without permission."""

from __future__ import annotations

import asyncio
import json
import secrets
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peers
import pytest

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.finding import AlgorithmUse, Gap, Role
from roadseal.assess.inventory.imports import import_report
from roadseal.assess.inventory.probe import (
    Heard,
    Manner,
    Permission,
    findings,
    parse_target,
    plan,
    probe,
)
from roadseal.assess.inventory.probe import tls as tls_interview
from roadseal.assess.inventory.probe.hello import GROUPS, SCHEMES, Hello
from roadseal.assess.inventory.probe.interview import Interview, Reply
from roadseal.clock import SystemClock
from roadseal.errors import RoadsealError
from roadseal.net.identity import Authority
from roadseal.net.profile import HYBRID
from roadseal.net.server import serve
from roadseal.net.session import Side
from roadseal.net.stream import TlsStream
from roadseal.net.tls import TlsContext

ALLOWED = Permission.of(["127.0.0.0/8"], active=True, rate_per_s=5000)
THOROUGH = Manner(thorough=True, timeout_s=5)


def ask(text: str, manner: Manner = THOROUGH) -> Heard:
    ((_, heard),) = probe([parse_target(text)], ALLOWED, secrets.token_bytes, manner=manner)
    return heard


def used(heard: Heard, at: int = 0, *, preferred: bool = True) -> set[str]:
    return {use.name for use in heard.spoken[at].algorithms if use.preferred is preferred}


def test_openssl_tells_groups_schemes_versions_and_its_certificate(tmp_path: Path) -> None:
    with peers.s_server(tmp_path, "-groups", "P-384:X25519:P-256") as port:
        heard = ask(f"tls://127.0.0.1:{port}")
    modern, older = heard.spoken
    assert (modern.version, older.version) == ("1.3", "1.2")
    assert (
        AlgorithmUse("ecdsa-p256", Role.LIVE_AUTHENTICATION, preferred=False) in modern.algorithms
    )
    groups = {use.name for use in modern.algorithms if use.role is Role.KEY_EXCHANGE}
    assert groups == {"p384", "x25519", "p256"}
    schemes = {use.name for use in modern.algorithms if use.role is Role.LIVE_AUTHENTICATION}
    assert schemes == {"ecdsa-p256"}, "a P-256 key signs with nothing else in TLS 1.3"
    (der,) = heard.certificates
    assert (
        der
        == subprocess.run(
            ["openssl", "x509", "-in", str(tmp_path / "ec.crt"), "-outform", "DER"],
            capture_output=True,
            check=True,
        ).stdout
    )


def test_an_old_server_tells_its_finite_field_group(tmp_path: Path) -> None:
    options = ("-tls1_2", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0")
    with peers.s_server(tmp_path, *options, key=("rsa:2048",)) as port:
        heard = ask(f"tls://127.0.0.1:{port}")
    (only,) = heard.spoken
    assert only.version == "1.2"
    assert only.facts["cipher_suite"] == "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"
    assert any(name.startswith("dh-") for name in used(heard))


def test_nginx_names_its_groups_in_its_own_order(tmp_path: Path) -> None:
    with peers.nginx(
        tmp_path, "ssl_protocols TLSv1.3; ssl_ecdh_curve secp521r1:prime256v1;"
    ) as port:
        heard = ask(f"tls://127.0.0.1:{port}")
    (modern,) = heard.spoken
    named = {str(modern.facts["group"]), *str(modern.facts["groups_in_order"]).split(",")}
    assert named == {"secp521r1", "secp256r1"}
    assert heard.certificates == (), "TLS 1.3 shows none in clear"


@contextmanager
def served(start: Callable[[], Awaitable[Any]]) -> Iterator[int]:
    """A server of this process, in a thread with a loop of its own."""
    ready, loop, port, stop = threading.Event(), asyncio.new_event_loop(), [0], asyncio.Event()

    async def run() -> None:
        server = await start()
        port[0] = server.port if hasattr(server, "port") else server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        closing = server.close()
        if closing is not None:
            await closing

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def test_a_post_quantum_server_prefers_the_hybrid_group() -> None:
    """Roadseal's own server, over OpenSSL 3.5: X25519MLKEM768, signatures of ML-DSA-65."""
    clock = SystemClock()
    identities = [
        Authority.root(algorithm, f"root {algorithm}", now=clock.now()).issue(
            "centre.example", now=clock.now()
        )
        for algorithm in HYBRID.certificate_algorithms
    ]
    context = TlsContext(Side.SERVER, HYBRID, identities, [])

    async def ignore(stream: TlsStream) -> None:
        del stream

    with served(lambda: serve(context, ignore, clock=clock)) as port:
        heard = ask(f"tls://127.0.0.1:{port}")
    modern = heard.spoken[0]
    assert modern.facts["group"] == "X25519MLKEM768"
    assert AlgorithmUse("x25519mlkem768", Role.KEY_EXCHANGE) in modern.algorithms
    assert AlgorithmUse("ml-dsa-65", Role.LIVE_AUTHENTICATION, preferred=False) in modern.algorithms


def test_ssh_says_what_ssh_audit_says(tmp_path: Path) -> None:
    audit = Path(sys.executable).with_name("ssh-audit")
    if not audit.exists():
        pytest.skip("ssh-audit is not installed")
    options = (
        "KexAlgorithms=sntrup761x25519-sha512@openssh.com,ecdh-sha2-nistp256",
        "Ciphers=aes128-ctr",
    )
    with peers.sshd(tmp_path, *options) as port:
        ours = ask(f"ssh://127.0.0.1:{port}")
        command = [str(audit), "-j", "-p", str(port), "127.0.0.1"]
        report = subprocess.run(command, capture_output=True, check=False).stdout
    theirs = import_report(report, "audit.json").findings[0]
    assert json.loads(report)["banner"]["protocol"] == "2.0"
    assert set(ours.spoken[0].algorithms) == set(theirs.algorithms)
    assert "sntrup761x25519-sha512" in used(ours, preferred=False)


def test_snmp_discovery_shows_version_3_without_credentials(tmp_path: Path) -> None:
    with peers.snmpd(tmp_path) as port:
        heard = ask(f"snmp://127.0.0.1:{port}")
    assert heard.spoken[0].version == "3"
    assert not heard.failure


def test_services_of_another_kind_and_closed_ports_are_gaps(tmp_path: Path) -> None:
    with peers.sshd(tmp_path) as port:
        heard = ask(f"tls://127.0.0.1:{port}")
    assert heard.failure
    closed = parse_target(f"tls://127.0.0.1:{peers.free_port()}")
    ((_, refused),) = probe([closed], ALLOWED, secrets.token_bytes)
    (gap,) = findings(closed, refused)
    assert isinstance(gap, Gap)
    assert "refused" in gap.detail


def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any socket is a failure from here on."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(asyncio, "run", refuse)


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        (Permission.of(["127.0.0.0/8"], active=False), "probe-not-active"),
        (Permission.of([], active=True), "probe-not-allowed"),
        (Permission.of(["10.0.0.0/8"], active=True), "probe-not-allowed"),
    ],
)
def test_nothing_is_sent_without_permission(
    monkeypatch: pytest.MonkeyPatch, permission: Permission, code: str
) -> None:
    guarded(monkeypatch)
    targets = [parse_target("127.0.0.1:443"), parse_target("ike://127.0.0.1")]
    with pytest.raises(RoadsealError) as error:
        probe(targets, permission, secrets.token_bytes)
    assert error.value.code == code


def test_one_target_outside_stops_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded(monkeypatch)
    targets = [parse_target("127.0.0.1:443"), parse_target("192.0.2.1:443")]
    with pytest.raises(RoadsealError):
        probe(targets, ALLOWED, secrets.token_bytes)


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guarded(monkeypatch)
    targets = [parse_target("127.0.0.1:443"), parse_target("192.0.2.1:22")]
    said = plan(targets, ALLOWED, Manner())
    assert said[0] == "tls://127.0.0.1:443: 1 ClientHello"
    assert "NOT ALLOWED" in said[1]


@pytest.mark.parametrize(
    "text", ["rsu.example:443", "10.0.0.1:0", "10.0.0.1:99999", "ftp://10.0.0.1", ""]
)
def test_targets_are_addresses(text: str) -> None:
    with pytest.raises(RoadsealError) as error:
        parse_target(text)
    assert error.value.code == "probe-target"


def test_a_device_has_one_connection_at_a_time() -> None:
    """While one connection is unanswered, no other one waits, for six targets of one device."""
    waiting = []
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse_each() -> None:
        for _ in range(6):
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                waiting.append(bool(select.select([listener], [], [], 0.05)[0]))
                connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # alert: handshake failure
                connection.recv(4096)

    thread = threading.Thread(target=refuse_each)
    thread.start()
    with listener:
        targets = [parse_target(f"tls://127.0.0.1:{listener.getsockname()[1]}")] * 6
        heard = probe(targets, ALLOWED, secrets.token_bytes, manner=THOROUGH)
        thread.join(10)
    assert all("handshake failure" in one.failure for _, one in heard)
    assert waiting == [False] * 6


def test_hellos_are_understood_by_another_implementation(tmp_path: Path) -> None:
    """Wireshark dissects every hello that is sent, without complaint."""
    peers.need("text2pcap", "tshark")
    hello = Hello(bytes(range(64)), server_name="rsu.example").record()
    dump = "000000 " + " ".join(f"{octet:02x}" for octet in hello) + "\n"
    capture = tmp_path / "hello.pcap"
    subprocess.run(
        ["text2pcap", "-q", "-T", "4000,443", "-", str(capture)],
        input=dump.encode(),
        check=True,
        capture_output=True,
    )
    fields = [
        "tls.handshake.extensions_supported_group",
        "tls.handshake.sig_hash_alg",
        "_ws.malformed",
    ]
    command = ["tshark", "-r", str(capture), "-T", "json"]
    for field in (*fields, "tls.handshake.extensions_server_name"):
        command += ["-e", field]
    (packet,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    said = packet["_source"]["layers"]
    assert [int(code, 0) for code in said["tls.handshake.extensions_supported_group"]] == list(
        GROUPS
    )
    assert [int(code, 0) for code in said["tls.handshake.sig_hash_alg"]] == list(SCHEMES)
    assert said["tls.handshake.extensions_server_name"] == ["rsu.example"]
    assert "_ws.malformed" not in said


def test_a_server_that_always_asks_for_the_same_group_ends_the_interview() -> None:
    """Hostile: it names a group that is no longer offered; the interview still comes to its end."""
    talk = tls_interview.interview(None, secrets.token_bytes, thorough=True)
    empty = {
        "certificates": [],
        "alerts": [],
        "server": None,
        "exchange_group": None,
        "exchange_dh_bits": None,
        "exchange_signature": None,
    }
    retry = {**empty, "retry_group": 0x001D, "retry_suite": 0x1301}
    with pytest.raises(StopIteration) as end:
        exhaust(talk, Reply(retry), at_most=10 + len(SCHEMES))
    assert identifiers.tls_group(0x001D) in used(end.value.value)


def exhaust(talk: Interview, reply: Reply, *, at_most: int) -> None:
    """Give the same reply to every question."""
    next(talk)
    for _ in range(at_most):
        talk.send(reply)
