"""The Q-day drill: a recorded classical session opens to the byte, a hybrid one does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.clock import ManualClock
from roadseal.net.capture import KeyExchange, Reading, Recording, read_key_exchange
from roadseal.net.link import LOOPBACK
from roadseal.net.profile import CLASSICAL, HYBRID, HYBRID_TRANSITION, PQC
from roadseal.net.qday import Outcome, QuantumOracle, TrafficSecrets, classical_secrets_opened
from roadseal.net.relay import Relay
from roadseal.net.server import serve
from roadseal.net.session import Side
from roadseal.net.stream import connect

COMMAND = b"grant priority to ambulance 7 at signal 42 " * 700  # over one record
ANSWER = b"granted until 14:03:20"


class TooKind:
    """An oracle that hands out everything: the wire must still decide."""

    def __init__(self, inner):
        self.inner = inner

    def secrets(self, exchange):
        return self.inner.secrets(replace(exchange, group=0x001D, pre_shared_key=False))


def record(yard, wire, client_profile, server_profile, *, key_updates=False):
    """Record a session in memory; return what an eavesdropper has and the oracle."""
    oracle = QuantumOracle()
    client, server = yard.sessions(
        yard.context(Side.CLIENT, client_profile),
        yard.context(Side.SERVER, server_profile, keylog=oracle.keylog),
    )
    up, down = bytearray(), bytearray()

    def tap():
        while True:
            sent, answered = client.outgoing(), server.outgoing()
            if not sent and not answered:
                return
            up.extend(sent)
            down.extend(answered)
            server.receive(sent)
            client.receive(answered)

    tap()
    client.send(COMMAND)
    tap()
    server.send(ANSWER)
    tap()
    client.close()
    tap()
    return Recording(bytes(up), bytes(down)), oracle


@pytest.fixture(scope="module")
def classical(yard, wire):
    return record(yard, wire, CLASSICAL, CLASSICAL)


@pytest.fixture(scope="module")
def hybrid(yard, wire):
    return record(yard, wire, HYBRID, HYBRID)


def test_a_classical_session_opens_to_the_exact_plaintext(classical):
    opened = classical_secrets_opened(*classical)
    assert opened.outcome is Outcome.OPENED
    assert opened.exchange.group_name == "X25519"
    assert opened.client_plaintext == COMMAND
    assert opened.server_plaintext == ANSWER
    assert opened.bytes_opened == len(COMMAND) + len(ANSWER)
    assert opened.records_opened == 3  # 30,100 B are two records
    assert b"ambulance" not in repr(opened).encode()


@pytest.mark.parametrize("profile", [HYBRID, PQC, HYBRID_TRANSITION], ids=lambda p: p.name)
def test_a_quantum_safe_session_opens_nothing(yard, wire, profile):
    recording, oracle = record(yard, wire, profile, profile)
    for power in (oracle, TooKind(oracle)):
        opened = classical_secrets_opened(recording, power)
        assert opened.outcome is Outcome.CLOSED
        assert (opened.records_opened, opened.bytes_opened) == (0, 0)
    assert oracle.secrets(opened.exchange) is None


def test_a_session_stripped_in_transition_opens(yard, wire):
    """Why `HYBRID_TRANSITION` is a step and not a place to stay."""
    opened = classical_secrets_opened(*record(yard, wire, CLASSICAL, HYBRID_TRANSITION))
    assert opened.outcome is Outcome.OPENED
    assert 0x11EC not in opened.exchange.offered_groups


def test_the_wire_tells_of_a_retry(yard, wire):
    recording, _ = record(yard, wire, PQC, HYBRID)
    exchange = read_key_exchange(recording)
    assert exchange.reading is Reading.OK
    assert exchange.retried
    assert exchange.group_name == "X25519MLKEM768"
    assert exchange.offered_groups == (0x0201, 0x11EC)


def test_chacha20_opens_as_well(yard, wire):
    chacha = replace(CLASSICAL, name="chacha", cipher_suites=("TLS_CHACHA20_POLY1305_SHA256",))
    opened = classical_secrets_opened(*record(yard, wire, chacha, chacha))
    assert opened.client_plaintext == COMMAND
    assert opened.exchange.cipher_suite == 0x1303


def test_without_the_right_secrets_nothing_opens(classical, hybrid):
    recording, _ = classical
    assert classical_secrets_opened(recording, QuantumOracle()).outcome is Outcome.NO_SECRETS

    class Guess:
        def secrets(self, exchange):
            return TrafficSecrets(bytes(48), bytes(48), bytes(48), bytes(48))

    opened = classical_secrets_opened(recording, Guess())
    assert (opened.outcome, opened.bytes_opened) == (Outcome.NO_SECRETS, 0)


def test_the_oracle_shows_no_secret_and_stays_bounded(classical):
    _, oracle = classical
    secret = next(iter(next(iter(oracle._sessions.values())).values()))
    assert secret.hex() not in repr(oracle)
    for line in (b"", b"\xff\xff\xff", b"A B", b"A xyz 00", b"# comment"):
        oracle.keylog(line)
    small = QuantumOracle()
    for index in range(5000):
        small.keylog(b"L %08x 00" % index)
    assert len(small._sessions) == 4096


def test_a_key_of_unknown_kind_is_never_called_classical():
    known = KeyExchange(Reading.OK, group=0x001D)
    assert known.wholly_classical
    assert not replace(known, pre_shared_key=True).wholly_classical
    assert not replace(known, group=None).wholly_classical
    assert not replace(known, group=0x9999).wholly_classical
    assert not replace(known, reading=Reading.MALFORMED).wholly_classical
    assert replace(known, group=0x9999).group_name == "0x9999"


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_hostile_recordings_get_a_verdict(classical, data):
    recording, oracle = classical
    up, down = bytearray(recording.up), bytearray(recording.down)
    for stream in (up, down):
        for _ in range(data.draw(st.integers(0, 3))):
            if stream:
                stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
        cut = data.draw(st.integers(0, len(stream)))
        if data.draw(st.booleans()):
            del stream[cut:]
    opened = classical_secrets_opened(Recording(bytes(up), bytes(down)), oracle)
    assert COMMAND.startswith(opened.client_plaintext)
    assert ANSWER.startswith(opened.server_plaintext)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_garbage_is_unreadable(up, down):
    assert read_key_exchange(Recording(up, down)).reading is not Reading.OK


def test_an_endless_hello_is_too_large():
    record_ = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + bytes(16_380)
    assert read_key_exchange(Recording(record_ * 6, b"")).reading is Reading.TOO_LARGE


def test_tls12_is_named(classical):
    recording, _ = classical
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x2b" + b"\0"
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    down = b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message
    assert read_key_exchange(Recording(recording.up, down)).reading is Reading.NOT_TLS13


def test_the_drill_over_real_sockets(yard):
    """Record at the relay, open at leisure."""

    async def run(profile):
        oracle, clock = QuantumOracle(), ManualClock(yard.now)

        async def answer(stream):
            await stream.receive()
            await stream.send(ANSWER)
            await stream.receive()

        server = await serve(
            yard.context(Side.SERVER, profile, keylog=oracle.keylog), answer, clock=clock
        )
        async with Relay(LOOPBACK, "127.0.0.1", server.port, seed=1, record=True) as relay:
            stream = await connect(
                "127.0.0.1",
                relay.port,
                yard.context(Side.CLIENT, profile),
                expect=[yard.server],
                clock=clock,
            )
            await stream.send(COMMAND)
            assert await stream.receive() == ANSWER
            await stream.close()
            await server.close()
            return classical_secrets_opened(relay.recordings[0], oracle)

    opened = asyncio.run(run(CLASSICAL))
    assert opened.client_plaintext == len(COMMAND).to_bytes(4, "big") + COMMAND
    assert asyncio.run(run(HYBRID)).outcome is Outcome.CLOSED
