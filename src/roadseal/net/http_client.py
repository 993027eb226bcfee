"""An HTTP/1.1 client over TLS inside a profile, or in the clear: one connection, kept alive."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from types import TracebackType

import h11

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.net.http import DEFAULT_HTTP_LIMITS, Channel, HttpLimits, Response, joined_headers
from roadseal.net.plain import PlainStream
from roadseal.net.refusal import Reason, Refusal
from roadseal.net.session import Negotiated
from roadseal.net.stream import (
    DEFAULT_LIMITS,
    StreamLimits,
    TlsRefusedError,
    TlsStream,
    connect,
    connect_tcp,
)
from roadseal.net.tls import TlsContext


class HttpClient:
    """A client of one server; requests queue, one at a time.

    Args:
        host: address of the server.
        port: its TCP port.
        context: the client's TLS configuration; None speaks in the clear.
        clock: for the validity of certificates.
        expect: names of which the server must own one.
        limits: of responses.
        stream_limits: of the connection.
    """

    def __init__(
        self,
        host: str,
        port: int,
        context: TlsContext | None,
        *,
        clock: Clock,
        expect: Collection[str] = (),
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        stream_limits: StreamLimits = DEFAULT_LIMITS,
    ) -> None:
        self._address = (host, port)
        self._context = context
        self._clock = clock
        self._expect = expect
        self._limits = limits
        self._stream_limits = stream_limits
        self._lock = asyncio.Lock()
        self._channel: Channel | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._used_s = 0.0

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def negotiated(self) -> Negotiated | None:
        """What the present TLS session is; None before the first request and in the clear."""
        return self._channel.negotiated if isinstance(self._channel, TlsStream) else None

    async def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and return its response, whatever its status.

        Nothing is sent twice: whether a request that broke off took effect is for the caller to
        find out.

        Raises:
            TlsRefusedError: no session, or it broke off.
            RoadsealError: ``http-malformed``: the server does not speak HTTP.
        """
        async with self._lock:
            channel = await self._open()
            try:
                response = await self._exchange(channel, method, target, body, headers or {})
            except h11.RemoteProtocolError:
                await self._drop()
                raise RoadsealError(
                    "http-malformed",
                    f"{self._address[0]}:{self._address[1]} does not answer in HTTP/1.1.",
                    advice="Check the address.",
                ) from None
            except BaseException:
                await self._drop()
                raise
            if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
                self._http.start_next_cycle()
            else:
                await self._drop()
            return response

    async def move(self, host: str, port: int) -> None:
        """The server is there now: the next request connects to that address."""
        async with self._lock:
            await self._drop()
            self._address = (host, port)

    async def close(self) -> None:
        """Close the connection; a later request opens a new one."""
        async with self._lock:
            await self._drop()

    async def _open(self) -> Channel:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._used_s > self._limits.idle_s / 2:
            await self._drop()  # before the server does, in the middle of our request
        self._used_s = now_s
        if self._channel is not None:
            return self._channel
        host, port = self._address
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=self._limits.head_bytes)
        if self._context is None:
            connection = await connect_tcp(host, port, self._stream_limits.connect_s)
            self._channel = PlainStream(*connection)
        else:
            self._channel = await connect(
                host,
                port,
                self._context,
                expect=self._expect,
                clock=self._clock,
                limits=self._stream_limits,
            )
        return self._channel

    async def _exchange(
        self,
        channel: Channel,
        method: str,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Response:
        given = [("host", f"{self._address[0]}:{self._address[1]}"), *headers.items()]
        if body or method in ("POST", "PUT"):
            given.append(("content-length", str(len(body))))
        out = self._http.send(h11.Request(method=method, target=target, headers=given)) or b""
        if body:
            out += self._http.send(h11.Data(data=body)) or b""
        await channel.write(out + (self._http.send(h11.EndOfMessage()) or b""))
        try:
            async with asyncio.timeout(self._limits.message_s):
                return await self._response(channel)
        except TimeoutError:
            detail = f"no answer in {self._limits.message_s:g} s"
            raise TlsRefusedError(Refusal(Reason.TIMED_OUT, detail)) from None

    async def _response(self, channel: Channel) -> Response:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await channel.read(self._limits.message_s)
                if not data and not self._http.trailing_data[0]:
                    raise TlsRefusedError(Refusal(Reason.TRUNCATED, "closed before it answered"))
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._limits.body_bytes:
                    raise TlsRefusedError(Refusal(Reason.TOO_LARGE, f"a body of {len(body)} B"))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return Response(head.status_code, joined_headers(list(head.headers)), bytes(body))

    async def _drop(self) -> None:
        if self._channel is not None:
            await self._channel.close()
            self._channel = None
