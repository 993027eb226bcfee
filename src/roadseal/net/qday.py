"""Q-day: what an adversary with a quantum computer opens of the sessions it recorded.

The adversary is declared, not built: breaking X25519 or a NIST curve is assumed. It reads from the
wire which key exchange a session used. Only if that was wholly classical does the oracle hand over
the session's traffic secrets, taken from the endpoint by TLS key log. All that follows is real: the
recorded records are decrypted or they are not.

Source: RFC 8446 5.2, 7.1 to 7.3; key log format: draft-ietf-tls-keylogfile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from roadseal.net.capture import (
    APPLICATION_RECORD,
    HANDSHAKE_RECORD,
    KeyExchange,
    Reading,
    Recording,
    read_key_exchange,
    records,
)

MAX_LOGGED_SESSIONS: Final = 4096

_FINISHED, _KEY_UPDATE = 20, 24
_LABELS: Final = (
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_TRAFFIC_SECRET_0",
)


@dataclass(frozen=True, slots=True)
class TrafficSecrets:
    """The secrets from which a session's record keys follow (RFC 8446 7.1)."""

    client_handshake: bytes = field(repr=False)
    client_application: bytes = field(repr=False)
    server_handshake: bytes = field(repr=False)
    server_application: bytes = field(repr=False)


class Oracle(Protocol):
    """The power that is assumed."""

    def secrets(self, exchange: KeyExchange) -> TrafficSecrets | None:
        """Return the session's secrets if the assumed power reaches them."""
        ...


class QuantumOracle:
    """Breaks every wholly classical key exchange it has seen, and no other.

    Give its `keylog` to a `TlsContext` whose sessions are recorded. It keeps at most
    `MAX_LOGGED_SESSIONS` sessions, the oldest go first.
    """

    def __init__(self) -> None:
        self._sessions: dict[bytes, dict[str, bytes]] = {}

    def __repr__(self) -> str:
        return f"QuantumOracle({len(self._sessions)} sessions)"

    def keylog(self, line: bytes) -> None:
        """Take one NSS key log line; what is none is left aside."""
        try:
            label, random, secret = line.decode("ascii").split()
            session = self._sessions.setdefault(bytes.fromhex(random), {})
            session[label] = bytes.fromhex(secret)
        except ValueError:
            return
        while len(self._sessions) > MAX_LOGGED_SESSIONS:
            del self._sessions[next(iter(self._sessions))]

    def secrets(self, exchange: KeyExchange) -> TrafficSecrets | None:
        """Return the secrets of a wholly classical session, else None."""
        if not exchange.wholly_classical:
            return None
        session = self._sessions.get(exchange.client_random, {})
        if any(label not in session for label in _LABELS):
            return None
        return TrafficSecrets(*(session[label] for label in _LABELS))


class Outcome(StrEnum):
    """What became of a recorded session."""

    OPENED = "opened"
    CLOSED = "closed"
    NO_SECRETS = "no_secrets"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Opened:
    """The verdict on one recording.

    Args:
        outcome: `CLOSED` when the key exchange withstands, `NO_SECRETS` when the oracle never saw
            the session or its secrets do not fit, `UNREADABLE` when the bytes are no session.
        exchange: what the wire says of the key exchange.
        records_opened: application records whose authentication tag held.
        bytes_opened: their plaintext.
        client_plaintext: what the client sent.
        server_plaintext: what the server sent.
    """

    outcome: Outcome
    exchange: KeyExchange
    records_opened: int = 0
    bytes_opened: int = 0
    client_plaintext: bytes = field(default=b"", repr=False)
    server_plaintext: bytes = field(default=b"", repr=False)


def classical_secrets_opened(recording: Recording, oracle: Oracle) -> Opened:
    """Open a recorded session as far as the oracle's secrets reach; never raises for its bytes."""
    exchange = read_key_exchange(recording)
    if exchange.reading is not Reading.OK or exchange.cipher_suite not in _SUITES:
        return Opened(Outcome.UNREADABLE, exchange)
    if not exchange.wholly_classical:
        # The wire is asked here as well: an oracle that hands out too much opens nothing more.
        return Opened(Outcome.CLOSED, exchange)
    secrets = oracle.secrets(exchange)
    if secrets is None:
        return Opened(Outcome.NO_SECRETS, exchange)
    suite = _SUITES[exchange.cipher_suite]
    client = list(_open(recording.up, suite, secrets.client_handshake, secrets.client_application))
    server = list(
        _open(recording.down, suite, secrets.server_handshake, secrets.server_application)
    )
    sent, answered = b"".join(client), b"".join(server)
    return Opened(
        Outcome.OPENED if client or server else Outcome.NO_SECRETS,
        exchange,
        len(client) + len(server),
        len(sent) + len(answered),
        sent,
        answered,
    )


@dataclass(frozen=True, slots=True)
class _Suite:
    aead: type[AESGCM] | type[ChaCha20Poly1305]
    key_bytes: int
    hash: HashAlgorithm


_SUITES: Final = {  # RFC 8446 B.4
    0x1301: _Suite(AESGCM, 16, SHA256()),
    0x1302: _Suite(AESGCM, 32, SHA384()),
    0x1303: _Suite(ChaCha20Poly1305, 32, SHA256()),
}


class _Keys:
    """One direction's record protection under one secret."""

    def __init__(self, suite: _Suite, secret: bytes) -> None:
        self._suite = suite
        self._secret = secret
        self._aead = suite.aead(_expand(suite, secret, b"key", suite.key_bytes))
        self._iv = int.from_bytes(_expand(suite, secret, b"iv", 12), "big")
        self._sequence = 0

    def open(self, header: bytes, fragment: bytes) -> tuple[int, bytes] | None:
        """Return content type and content, or None when the tag does not hold."""
        nonce = (self._iv ^ self._sequence).to_bytes(12, "big")
        try:
            inner = self._aead.decrypt(nonce, fragment, header).rstrip(b"\0")
        except (InvalidTag, ValueError):
            return None
        self._sequence += 1
        return (inner[-1], inner[:-1]) if inner else None

    def updated(self) -> _Keys:
        """Return the keys after a KeyUpdate (RFC 8446 7.2)."""
        size = self._suite.hash.digest_size
        return _Keys(self._suite, _expand(self._suite, self._secret, b"traffic upd", size))


def _open(stream: bytes, suite: _Suite, handshake: bytes, application: bytes) -> Iterator[bytes]:
    """Yield the application data of one direction, record by record, until one does not open."""
    keys, finished = _Keys(suite, handshake), False
    pending = bytearray()
    for header, fragment in records(stream):
        if header[0] != APPLICATION_RECORD:
            continue
        opened = keys.open(header, fragment)
        if opened is None:
            return
        kind, content = opened
        if kind == APPLICATION_RECORD and finished:
            yield content
        elif kind == HANDSHAKE_RECORD:
            pending += content
            for message in _handshake_messages(pending):
                if message == _FINISHED and not finished:
                    keys, finished = _Keys(suite, application), True
                elif message == _KEY_UPDATE and finished:
                    keys = keys.updated()


def _handshake_messages(pending: bytearray) -> Iterator[int]:
    """Take whole handshake messages off the front; yield their types."""
    while len(pending) >= 4 and len(pending) >= (size := 4 + int.from_bytes(pending[1:4], "big")):
        kind = pending[0]
        del pending[:size]
        yield kind


def _expand(suite: _Suite, secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 7.1)."""
    full = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    return HKDFExpand(suite.hash, size, info).derive(secret)
