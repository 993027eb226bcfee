"""Messages or bytes over TLS on real sockets: one event loop, one thread, TCP_NODELAY.

A message is four bytes of length, big-endian, and that many bytes. Every wait has an end and every
size a limit, so a peer that sends garbage, half a handshake, one byte a minute or no end costs a
connection and nothing else.

TLS 1.3 lets the client speak before it knows that the server took its certificate: a refusal shows
at the client's first `receive`, not in `connect` (RFC 8446 appendix E.1.6 and 4.4.2.4).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.net.profile import TlsProfile
from roadseal.net.refusal import ADVICE, Reason, Refusal
from roadseal.net.session import Negotiated, State, TlsSession
from roadseal.net.tls import MAX_HANDSHAKE_BYTES, TlsContext

_LENGTH_BYTES: Final = 4
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How long and how much a peer may take.

    Args:
        connect_s: for the TCP connection.
        handshake_s: from the connection to an open session.
        patience_s: for the same on a full server, which then takes another connection instead.
        idle_s: between two messages.
        message_s: from a message's first byte to its last, and for one write.
        close_s: for the peer to close after us.
        max_message_bytes: of one message, either way.
        max_handshake_bytes: from the peer before the session is open.
        max_connections: a server's, the handshaking ones included.
    """

    connect_s: float = 10.0
    handshake_s: float = 10.0
    patience_s: float = 2.0
    idle_s: float = 300.0
    message_s: float = 30.0
    close_s: float = 1.0
    max_message_bytes: int = 1 << 20
    max_handshake_bytes: int = MAX_HANDSHAKE_BYTES
    max_connections: int = 256


DEFAULT_LIMITS: Final = StreamLimits()


class TlsRefusedError(RoadsealError):
    """A session that could not be opened or could not go on; `refusal` says why.

    Its code is the reason with ``tls-`` before it, in kebab-case.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(
            f"tls-{refusal.reason.replace('_', '-')}",
            f"The session was refused, {refusal.reason.replace('_', ' ')}: {refusal.detail}.",
            advice=ADVICE.get(refusal.reason, "Compare the profiles of both sides."),
        )
        self.refusal = refusal


class TlsStream:
    """An open session that carries messages; made by `connect` and by a server."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        session: TlsSession,
        negotiated: Negotiated,
        limits: StreamLimits,
        early: bytes,
    ) -> None:
        self.session = session
        self.negotiated = negotiated
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._buffer = bytearray(early)

    async def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            RoadsealError: ``message-too-large``, ``tls-not-open``.
            TlsRefusedError: the peer does not read, or the link is gone.
        """
        if len(message) > self._limits.max_message_bytes:
            raise RoadsealError(
                "message-too-large",
                f"{len(message)} B exceed the limit of {self._limits.max_message_bytes} B.",
                advice="Split the message or raise max_message_bytes on both sides.",
            )
        self.session.send(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
        await self._flush()

    async def receive(self) -> bytes | None:
        """Return the next message, or None after the peer's clean close.

        Raises:
            TlsRefusedError: truncated, malformed, too large or timed out.
        """
        if not await self._fill(1, self._limits.idle_s):
            return None
        await self._fill(_LENGTH_BYTES, self._limits.message_s)
        size = int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
        if size > self._limits.max_message_bytes:
            raise TlsRefusedError(Refusal(Reason.TOO_LARGE, f"a message of {size} B"))
        await self._fill(_LENGTH_BYTES + size, self._limits.message_s)
        message = bytes(self._buffer[_LENGTH_BYTES : _LENGTH_BYTES + size])
        del self._buffer[: _LENGTH_BYTES + size]
        return message

    async def read(self, timeout_s: float) -> bytes:
        """Return what has come, at least a byte; empty after the peer's clean close.

        For protocols with framing of their own, such as HTTP.

        Raises:
            TlsRefusedError: truncated, malformed or timed out.
        """
        await self._fill(1, timeout_s)
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes as they are.

        Raises:
            RoadsealError: ``tls-not-open``.
            TlsRefusedError: the peer does not read, or the link is gone.
        """
        self.session.send(data)
        await self._flush()

    async def close(self) -> None:
        """Say goodbye and close; never raises for what the peer does."""
        self.session.close()
        with suppress(TlsRefusedError):
            await self._flush()
        await _close(self._reader, self._writer, self._limits)

    async def _fill(self, size: int, timeout_s: float) -> bool:
        """Read until the buffer holds `size` bytes; False after a clean close at a boundary."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(self._buffer) < size:
                    if self.session.state is State.CLOSED:
                        if self._buffer:
                            raise TlsRefusedError(Refusal(Reason.TRUNCATED, "closed in a message"))
                        return False
                    self._buffer += await _take(self._reader, self.session)
                    await self._flush()
                    if self.session.refusal is not None:
                        raise TlsRefusedError(self.session.refusal)
        except TimeoutError:
            detail = f"{len(self._buffer)} of {size} B in {timeout_s:g} s"
            raise TlsRefusedError(Refusal(Reason.TIMED_OUT, detail)) from None
        return True

    async def _flush(self) -> None:
        await _flush(self._writer, self.session, self._limits.message_s)


async def connect(
    host: str,
    port: int,
    context: TlsContext,
    *,
    expect: Collection[str],
    clock: Clock,
    require: TlsProfile | None = None,
    limits: StreamLimits = DEFAULT_LIMITS,
    cpu_s: Callable[[], float] | None = None,
) -> TlsStream:
    """Connect and complete the client's side of the handshake.

    Args:
        host: address of the server.
        port: its TCP port.
        context: the client's configuration.
        expect: names of which the server must own one.
        clock: for the validity of certificates.
        require: a narrower profile, for a server once seen to support more.
        limits: how long and how much the server may take.
        cpu_s: a CPU clock, to measure the session's own steps.

    Raises:
        TlsRefusedError: with the reason.
    """
    reader, writer = await connect_tcp(host, port, limits.connect_s)
    try:
        session = context.session(
            at=clock.now(),
            expect=expect,
            require=require,
            cpu_s=cpu_s,
            max_handshake_bytes=limits.max_handshake_bytes,
        )
        return await establish(reader, writer, session, limits)
    except BaseException:
        writer.close()
        raise


async def connect_tcp(
    host: str, port: int, timeout_s: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TCP connection.

    Raises:
        TlsRefusedError: ``unreachable``.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.open_connection(host, port)
    except OSError as error:  # TimeoutError is one of them
        detail = f"{host}:{port}, {type(error).__name__}"
        raise TlsRefusedError(Refusal(Reason.UNREACHABLE, detail)) from None


async def establish(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    session: TlsSession,
    limits: StreamLimits,
) -> TlsStream:
    """Complete the handshake on a connected socket, either side.

    Raises:
        TlsRefusedError: with the reason.
    """
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    early = b""
    try:
        async with asyncio.timeout(limits.handshake_s):
            await _flush(writer, session, limits.handshake_s)
            while session.state is State.HANDSHAKE:
                early += await _take(reader, session)
                await _flush(writer, session, limits.handshake_s)
    except TimeoutError:
        detail = f"no session after {limits.handshake_s:g} s and {session.bytes_in} B"
        raise TlsRefusedError(Refusal(Reason.TIMED_OUT, detail)) from None
    if session.refusal is not None:
        await _close(reader, writer, limits)
        raise TlsRefusedError(session.refusal)
    if session.negotiated is None:
        raise TlsRefusedError(Refusal(Reason.TRUNCATED, "closed during the handshake"))
    return TlsStream(reader, writer, session, session.negotiated, limits, early)


async def _take(reader: asyncio.StreamReader, session: TlsSession) -> bytes:
    try:
        data = await reader.read(_CHUNK)
    except OSError:
        data = b""
    if not data:
        session.end_of_input()
    return session.receive(data)


async def _flush(writer: asyncio.StreamWriter, session: TlsSession, timeout_s: float) -> None:
    data = session.outgoing()
    if not data:
        return
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(data)
            await writer.drain()
    except TimeoutError:
        raise TlsRefusedError(Refusal(Reason.TIMED_OUT, "the peer does not read")) from None
    except OSError as error:
        if session.state is State.OPEN:
            detail = type(error).__name__
            raise TlsRefusedError(Refusal(Reason.TRUNCATED, detail)) from None


async def _close(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: StreamLimits
) -> None:
    """Close so that our last words arrive: unread bytes would make the kernel reset instead."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(limits.close_s):
            if writer.can_write_eof():
                writer.write_eof()
            while await reader.read(_CHUNK):
                pass
    writer.close()
