"""One TLS session as a state machine: bytes in, bytes out, and a verdict.

Uses only what pyOpenSSL makes public; `roadseal.net.tls` makes sessions and judges them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography import x509
from OpenSSL import SSL

from roadseal.errors import RoadsealError
from roadseal.net.refusal import Reason, Refusal, from_openssl

_CHUNK: Final = 65_536


class Side(StrEnum):
    """Which end of the session."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def peer(self) -> Side:
        """The other end."""
        return Side.SERVER if self is Side.CLIENT else Side.CLIENT


class State(StrEnum):
    """Where a session stands; only `OPEN` carries data."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    CLOSED = "closed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What an open session really uses, as seen on it and not as configured.

    `peer_certificate` is None, `peer_names` empty and `client_signature` blank for a client without
    a certificate, where the server admits such. `peer_chain` is what was verified, leaf to root.
    """

    profile: str
    group: str
    cipher_suite: str
    client_signature: str
    server_signature: str
    flights: int
    peer_names: frozenset[str]
    peer_certificate: x509.Certificate | None = field(repr=False)
    peer_chain: tuple[x509.Certificate, ...] = field(default=(), repr=False)

    @property
    def round_trips(self) -> int:
        """Round trips before the client may send: 1, or 2 after a HelloRetryRequest."""
        return self.flights // 2


class TlsSession:
    """One session as a state machine; made by `TlsContext.session`.

    Feed it with `receive`, send what `outgoing` returns, and look at `state`. Nothing the peer
    sends raises: a bad peer leaves the state `REFUSED` and a `refusal` that says why.

    Attributes:
        state: where it stands.
        refusal: why it is `REFUSED`.
        negotiated: what it uses, once `OPEN`.
        bytes_in, bytes_out: TLS bytes so far.
        cpu_s: CPU seconds of its own steps, 0 without a CPU clock.
    """

    def __init__(
        self,
        side: Side,
        connection: SSL.Connection,
        judge: Callable[[], Negotiated | Refusal],
        objection: Callable[[], Refusal | None],
        cpu_s: Callable[[], float] | None,
        max_handshake_bytes: int,
    ) -> None:
        self.state = State.HANDSHAKE
        self.refusal: Refusal | None = None
        self.negotiated: Negotiated | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.cpu_s = 0.0
        self._connection = connection
        self._judge = judge
        self._objection = objection
        self._clock = cpu_s
        self._max_handshake_bytes = max_handshake_bytes
        self._muted = False
        if side is Side.CLIENT:
            with self._metered():
                self._handshake()

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the peer and return the plaintext they yield, often none."""
        if self.state in (State.CLOSED, State.REFUSED) or not data:
            return b""
        self.bytes_in += len(data)
        with self._metered():
            self._connection.bio_write(data)
            if self.state is State.HANDSHAKE:
                self._handshake()
            return self._read() if self.state is State.OPEN else b""

    def outgoing(self) -> bytes:
        """Return the bytes that wait for the peer; after a refusal, at most an alert."""
        chunks: list[bytes] = []
        while not self._muted:
            try:
                chunks.append(self._connection.bio_read(_CHUNK))
            except SSL.Error:
                break
        data = b"".join(chunks)
        self.bytes_out += len(data)
        return data

    def send(self, plaintext: bytes) -> None:
        """Encrypt application data; `outgoing` then has it.

        Raises:
            RoadsealError: ``tls-not-open``.
        """
        if self.state is not State.OPEN:
            raise RoadsealError(
                "tls-not-open",
                f"The session is {self.state} and carries no data.",
                advice="Complete the handshake first, or open a new session.",
            )
        with self._metered():
            for start in range(0, len(plaintext), _CHUNK):
                self._connection.sendall(plaintext[start : start + _CHUNK])

    def export(self, label: str, size: int, context: bytes) -> bytes:
        """Derive secret bytes that both ends of this session have and nobody else (RFC 8446 7.5).

        Raises:
            RoadsealError: ``tls-not-open``.
        """
        if self.state is not State.OPEN:
            raise RoadsealError(
                "tls-not-open",
                f"The session is {self.state} and has no keys to derive from.",
                advice="Complete the handshake first, or open a new session.",
            )
        return bytes(self._connection.export_keying_material(label.encode(), size, context))

    def close(self) -> None:
        """End the session from this side; `outgoing` then has the close_notify."""
        if self.state is State.OPEN:
            self._shutdown()
        if self.state is not State.REFUSED:
            self.state = State.CLOSED

    def end_of_input(self) -> None:
        """Say that the peer's bytes have ended; without its close_notify that is truncation."""
        if self.state in (State.HANDSHAKE, State.OPEN):
            self._refuse(Refusal(Reason.TRUNCATED, f"the peer broke off in state {self.state}"))

    def _handshake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            if self.bytes_in > self._max_handshake_bytes:
                self._refuse(Refusal(Reason.TOO_LARGE, f"{self.bytes_in} B and no session"))
        except SSL.Error as error:
            self._refuse(self._objection() or from_openssl(_words(error)))
        else:
            self._conclude()

    def _conclude(self) -> None:
        outcome = self._judge()
        if isinstance(outcome, Refusal):
            self._muted = True  # the rest of our flight would tell the peer that all is well
            self._refuse(outcome)
        else:
            self.negotiated = outcome
            self.state = State.OPEN

    def _read(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            try:
                chunks.append(self._connection.recv(_CHUNK))
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                self.state = State.CLOSED
                self._shutdown()
                break
            except SSL.Error as error:
                self._refuse(from_openssl(_words(error)))
                break
        return b"".join(chunks)

    def _shutdown(self) -> None:
        try:
            self._connection.shutdown()
        except SSL.Error:
            self._muted = True

    def _refuse(self, refusal: Refusal) -> None:
        self.state = State.REFUSED
        self.refusal = refusal

    @contextmanager
    def _metered(self) -> Iterator[None]:
        if self._clock is None:
            yield
            return
        start = self._clock()
        yield
        self.cpu_s += self._clock() - start


def _words(error: SSL.Error) -> str:
    """Return OpenSSL's reason texts; they hold no data of the session."""
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(entry[-1]) for entry in entries) or type(error).__name__
