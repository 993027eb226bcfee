"""What an eavesdropper holds, and what the wire itself tells of the key exchange.

A small reader of TLS 1.3 records and hellos (RFC 8446 4.1 and 5.1) with limits on every size and
count. Hostile bytes get a reading that is not `OK`; nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from roadseal.net.profile import GROUPS

HANDSHAKE_RECORD, APPLICATION_RECORD = 22, 23
MAX_RECORD_BYTES: Final = 16_384 + 256
MAX_HELLO_BYTES: Final = 65_536
MAX_EXTENSIONS: Final = 64
MAX_HELLOS: Final = 2  # a HelloRetryRequest makes it two from each side

_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_SUPPORTED_GROUPS, _PRE_SHARED_KEY, _SUPPORTED_VERSIONS, _KEY_SHARE = 10, 41, 43, 51
_TLS13: Final = b"\x03\x04"
_RETRY_RANDOM: Final = bytes.fromhex(  # SHA-256("HelloRetryRequest"), RFC 8446 4.1.3
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
)


@dataclass(frozen=True, slots=True)
class Recording:
    """The bytes of one connection in each direction, as they passed.

    Args:
        up: from the client.
        down: from the server.
    """

    up: bytes = field(repr=False)
    down: bytes = field(repr=False)


class Reading(StrEnum):
    """Whether the key exchange could be read."""

    OK = "ok"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    NOT_TLS13 = "not_tls13"


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """What the hellos say, in the clear.

    Args:
        reading: the other fields hold only for `Reading.OK`.
        group: code point of the group that was used; None when there was no key share.
        cipher_suite: code point.
        client_random: names the session.
        offered_groups: code points that the client supports, in its order.
        retried: whether there was a HelloRetryRequest.
        pre_shared_key: whether a pre-shared key took part.
    """

    reading: Reading
    group: int | None = None
    cipher_suite: int = 0
    client_random: bytes = b""
    offered_groups: tuple[int, ...] = ()
    retried: bool = False
    pre_shared_key: bool = False

    @property
    def group_name(self) -> str:
        """The group's registered name, or its code point in hexadecimal."""
        if self.group is None:
            return "none"
        known = GROUPS.get(self.group)
        return known.name if known else f"{self.group:#06x}"

    @property
    def wholly_classical(self) -> bool:
        """Whether a quantum computer alone opens it: a known classical group and no other key."""
        known = GROUPS.get(self.group) if self.group is not None else None
        return (
            self.reading is Reading.OK
            and known is not None
            and not known.quantum_safe
            and not self.pre_shared_key
        )


def read_key_exchange(recording: Recording) -> KeyExchange:
    """Read which key exchange a recorded session used."""
    try:
        client_hellos = [_hello(body, _CLIENT_HELLO) for body in _hellos(recording.up)]
        server_hellos = [_hello(body, _SERVER_HELLO) for body in _hellos(recording.down)]
        return _key_exchange(client_hellos, server_hellos)
    except _UnreadableError as error:
        return KeyExchange(error.reading)


def records(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split one direction into records: header and fragment; stops at what is no whole record."""
    position = 0
    while position + 5 <= len(stream):
        header = stream[position : position + 5]
        size = int.from_bytes(header[3:], "big")
        fragment = stream[position + 5 : position + 5 + size]
        if size > MAX_RECORD_BYTES or len(fragment) < size:
            return
        yield header, fragment
        position += 5 + size


class _UnreadableError(Exception):
    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.reading = reading


@dataclass(frozen=True, slots=True)
class _Hello:
    random: bytes
    cipher_suite: int
    extensions: dict[int, bytes]


class _Reader:
    """A cursor over bytes that refuses to read past their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._position

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise _UnreadableError(Reading.MALFORMED)
        self._position += size
        return self._data[self._position - size : self._position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, length_size: int) -> bytes:
        return self.take(self.number(length_size))


def _hellos(stream: bytes) -> list[bytes]:
    """Return the plaintext handshake messages at the beginning of one direction."""
    plain = bytearray()
    for header, fragment in records(stream):
        if header[0] == APPLICATION_RECORD or header[1] != 3:
            break
        if header[0] == HANDSHAKE_RECORD:
            plain += fragment
        if len(plain) > MAX_HELLO_BYTES:
            raise _UnreadableError(Reading.TOO_LARGE)
    if stream and stream[0] != HANDSHAKE_RECORD:
        raise _UnreadableError(Reading.MALFORMED)
    messages: list[bytes] = []
    reader = _Reader(bytes(plain))
    while reader.left >= 4 and len(messages) < MAX_HELLOS:
        kind, size = reader.number(1), reader.number(3)
        if kind not in (_CLIENT_HELLO, _SERVER_HELLO):
            raise _UnreadableError(Reading.MALFORMED)
        if size > reader.left:
            raise _UnreadableError(Reading.TRUNCATED)
        messages.append(bytes([kind]) + reader.take(size))
    if not messages:
        raise _UnreadableError(Reading.TRUNCATED)
    return messages


def _hello(message: bytes, kind: int) -> _Hello:
    reader = _Reader(message)
    if reader.number(1) != kind:
        raise _UnreadableError(Reading.MALFORMED)
    reader.take(2)
    random = reader.take(32)
    reader.vector(1)
    if kind == _CLIENT_HELLO:
        cipher_suite = 0
        reader.vector(2)
        reader.vector(1)
    else:
        cipher_suite = reader.number(2)
        reader.take(1)
    if not reader.left:
        raise _UnreadableError(Reading.NOT_TLS13)
    listed = _Reader(reader.vector(2))
    extensions: dict[int, bytes] = {}
    while listed.left:
        number = listed.number(2)
        if number in extensions or len(extensions) >= MAX_EXTENSIONS:
            raise _UnreadableError(Reading.MALFORMED)
        extensions[number] = listed.vector(2)
    return _Hello(random, cipher_suite, extensions)


def _key_exchange(clients: list[_Hello], servers: list[_Hello]) -> KeyExchange:
    client, server = clients[0], servers[-1]
    if server.extensions.get(_SUPPORTED_VERSIONS) != _TLS13:
        raise _UnreadableError(Reading.NOT_TLS13)
    if server.random == _RETRY_RANDOM:
        raise _UnreadableError(Reading.TRUNCATED)
    share = server.extensions.get(_KEY_SHARE)
    group = None if share is None else _Reader(share).number(2)
    offered = _Reader(_Reader(client.extensions.get(_SUPPORTED_GROUPS, b"\0\0")).vector(2))
    groups: list[int] = []
    while offered.left:
        groups.append(offered.number(2))
    return KeyExchange(
        Reading.OK,
        group,
        server.cipher_suite,
        client.random,
        tuple(groups),
        retried=servers[0].random == _RETRY_RANDOM,
        pre_shared_key=_PRE_SHARED_KEY in server.extensions,
    )
