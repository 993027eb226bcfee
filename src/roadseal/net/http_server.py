"""An HTTP/1.1 server over TLS inside a profile, or in the clear: it survives whatever connects."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from http import HTTPStatus

import h11

from roadseal.clock import Clock
from roadseal.events import Emit, Event
from roadseal.net.http import (
    DEFAULT_HTTP_LIMITS,
    Channel,
    Handler,
    HttpLimits,
    Request,
    Response,
    joined_headers,
)
from roadseal.net.plain import PlainStream
from roadseal.net.server import TlsServer, listen, serve
from roadseal.net.session import Negotiated
from roadseal.net.stream import DEFAULT_LIMITS, StreamLimits, TlsRefusedError, TlsStream
from roadseal.net.tls import TlsContext


async def serve_http(
    context: TlsContext,
    handler: Handler,
    *,
    clock: Clock,
    host: str = "127.0.0.1",
    port: int = 0,
    expect: Collection[str] | None = None,
    limits: HttpLimits = DEFAULT_HTTP_LIMITS,
    stream_limits: StreamLimits = DEFAULT_LIMITS,
    emit: Emit | None = None,
) -> TlsServer:
    """Serve HTTP to whoever opens a session inside the context's profile.

    Args:
        context: the server's TLS configuration.
        handler: answers each request; `Request.peer` has the client's certificate.
        clock: for the validity of certificates and the time of events.
        host: the address to listen on.
        port: the TCP port; 0 takes a free one.
        expect: names of which a client must own one; None admits whoever chains to a root.
        limits: of requests.
        stream_limits: of connections and handshakes.
        emit: hears what `serve` tells, and ``http.handler-failed``.
    """

    async def converse(stream: TlsStream) -> None:
        await _Conversation(stream, handler, limits, stream.negotiated, clock, emit).run()

    return await serve(
        context,
        converse,
        clock=clock,
        host=host,
        port=port,
        expect=expect,
        limits=stream_limits,
        emit=emit,
    )


async def serve_plain_http(
    handler: Handler,
    *,
    clock: Clock,
    host: str = "127.0.0.1",
    port: int = 0,
    limits: HttpLimits = DEFAULT_HTTP_LIMITS,
    max_connections: int = DEFAULT_LIMITS.max_connections,
    emit: Emit | None = None,
) -> TlsServer:
    """Serve HTTP in the clear: for protocols that protect their messages themselves (TS 102 941).

    The arguments are those of `serve_http`.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if len(tasks) <= max_connections:
                channel = PlainStream(reader, writer)
                await _Conversation(channel, handler, limits, None, clock, emit).run()
        except TlsRefusedError:
            pass  # the peer is gone, too slow or too loud: the connection is all it costs
        finally:
            writer.close()

    return await listen(converse, tasks, host=host, port=port, max_connections=max_connections)


class _Conversation:
    """The requests of one connection, one after the other."""

    def __init__(
        self,
        channel: Channel,
        handler: Handler,
        limits: HttpLimits,
        peer: Negotiated | None,
        clock: Clock,
        emit: Emit | None,
    ) -> None:
        self._channel = channel
        self._handler = handler
        self._limits = limits
        self._peer = peer
        self._clock = clock
        self._emit = emit
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)

    async def run(self) -> None:
        for served in range(1, self._limits.requests + 1):
            try:
                request = await self._request()
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint or 400)
                return
            if request is None:
                return
            last = served == self._limits.requests
            await self._answer(await self._handle(request), request.method, close=last)
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return  # one side said that this was the last
            self._http.start_next_cycle()

    async def _request(self) -> Request | None:
        """Read one request; None at the end of the connection."""
        head = await self._event(self._limits.idle_s)
        if not isinstance(head, h11.Request):
            return None
        size = len(head.target) + sum(len(name) + len(value) for name, value in head.headers)
        if size > self._limits.head_bytes:  # h11 counts only what it had to wait for
            raise h11.RemoteProtocolError("head too large", 431)
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.message_s):
                wait_s = self._limits.message_s
                while not isinstance(event := await self._event(wait_s), h11.EndOfMessage):
                    if not isinstance(event, h11.Data):
                        return None
                    body += event.data
                    if len(body) > self._limits.body_bytes:
                        raise h11.RemoteProtocolError("body too large", 413)
        except TimeoutError:
            raise h11.RemoteProtocolError("too slow", 408) from None
        headers = joined_headers(list(head.headers))
        method, target = head.method.decode("ascii"), head.target.decode("latin-1")
        return Request(method, target, headers, bytes(body), self._peer)

    async def _event(self, timeout_s: float) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self._channel.write(self._http.send(go_on) or b"")
            self._http.receive_data(await self._channel.read(timeout_s))
        return event

    async def _handle(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except Exception as error:  # a fault of one request must not take the others down
            if self._emit is not None:
                subject = ", ".join(sorted(self._peer.peer_names)) if self._peer else "unknown"
                facts = {"target": request.target, "error": type(error).__name__}
                self._emit(Event(self._clock.now(), subject, "http.handler-failed", facts))
            return Response(500)

    async def _answer(self, response: Response, method: str, *, close: bool) -> None:
        headers = [*response.headers.items(), ("content-length", str(len(response.body)))]
        if close:
            headers.append(("connection", "close"))
        reason = HTTPStatus(response.status).phrase if response.status in _KNOWN else ""
        head = h11.Response(status_code=response.status, headers=headers, reason=reason.encode())
        body = b"" if method == "HEAD" else response.body
        parts = [self._http.send(head), *([self._http.send(h11.Data(data=body))] if body else [])]
        parts.append(self._http.send(h11.EndOfMessage()))
        await self._channel.write(b"".join(part for part in parts if part))

    async def _refuse(self, status: int) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            with suppress(h11.LocalProtocolError, TlsRefusedError):
                await self._answer(Response(status), "GET", close=True)


_KNOWN = frozenset(status.value for status in HTTPStatus)
