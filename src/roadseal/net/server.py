"""A server of messages over TLS: it survives whatever connects to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, cast

from roadseal.clock import Clock
from roadseal.events import Emit, Event
from roadseal.net.refusal import Reason, Refusal
from roadseal.net.stream import (
    DEFAULT_LIMITS,
    StreamLimits,
    TlsRefusedError,
    TlsStream,
    establish,
)
from roadseal.net.tls import TlsContext


class TlsServer:
    """A listening server; closing it ends its sessions."""

    def __init__(self, server: asyncio.Server, tasks: set[asyncio.Task[None]]) -> None:
        self._server = server
        self._tasks = tasks

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections it holds, the handshaking ones included."""
        return len(self._tasks)

    async def close(self) -> None:
        """Stop listening and end every session."""
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


Handler = Callable[[TlsStream], Awaitable[None]]
"""What a server does with an open session; the server closes it afterwards."""


async def serve(
    context: TlsContext,
    handler: Handler,
    *,
    clock: Clock,
    host: str = "127.0.0.1",
    port: int = 0,
    expect: Collection[str] | None = None,
    limits: StreamLimits = DEFAULT_LIMITS,
    emit: Emit | None = None,
    cpu_s: Callable[[], float] | None = None,
) -> TlsServer:
    """Listen, and give every session inside the profile to `handler`.

    Args:
        context: the server's configuration.
        handler: called with each open session.
        clock: for the validity of certificates and the time of events.
        host: the address to listen on.
        port: the TCP port; 0 takes a free one.
        expect: names of which a client must own one; None admits whoever chains to a root.
        limits: how long and how much a client may take.
        emit: hears ``tls.opened``, ``tls.refused`` and ``tls.handler-failed``.
        cpu_s: a CPU clock, to measure each session's own steps.
    """
    tasks: set[asyncio.Task[None]] = set()
    shaking: dict[asyncio.Task[None], float] = {}  # handshakes by their beginning, oldest first
    now_s = asyncio.get_running_loop().time

    def make_room() -> bool:
        """End the oldest handshake if it drags: half-open connections must not fill a server."""
        oldest = next(iter(shaking), None)
        if oldest is None or now_s() - shaking[oldest] < limits.patience_s:
            return False
        del shaking[oldest]
        return oldest.cancel()

    def tell(subject: str, kind: str, **facts: str) -> None:
        if emit is not None:
            emit(Event(clock.now(), subject, kind, {"profile": context.profile.name, **facts}))

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername"))
        this = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            if len(tasks) > limits.max_connections and not make_room():
                raise TlsRefusedError(Refusal(Reason.TOO_MANY, f"{len(tasks)} connections"))
            shaking[this] = now_s()
            session = context.session(
                at=clock.now(),
                expect=expect,
                cpu_s=cpu_s,
                max_handshake_bytes=limits.max_handshake_bytes,
            )
            stream = await establish(reader, writer, session, limits)
            del shaking[this]
            used = stream.negotiated
            peer = ", ".join(sorted(used.peer_names)) or peer
            tell(
                peer,
                "tls.opened",
                group=used.group,
                client_signature=used.client_signature,
                server_signature=used.server_signature,
            )
            await handler(stream)
            await stream.close()
        except TlsRefusedError as error:
            tell(peer, "tls.refused", reason=error.refusal.reason, detail=error.refusal.detail)
        except Exception as error:  # one session's fault must not take the others down
            tell(peer, "tls.handler-failed", error=type(error).__name__)
        finally:
            shaking.pop(this, None)
            writer.close()

    return await listen(
        converse, tasks, host=host, port=port, max_connections=limits.max_connections
    )


async def listen(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    tasks: set[asyncio.Task[None]],
    *,
    host: str,
    port: int,
    max_connections: int,
) -> TlsServer:
    """Listen, and give every connection a task of its own.

    Args:
        converse: what to do with a connection; it sees to the limit.
        tasks: holds the tasks that run.
        host: the address to listen on.
        port: the TCP port; 0 takes a free one.
        max_connections: how many may wait to be taken.
    """

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(converse(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    # A fleet that comes back together fills the default queue of 100: the rest waits for seconds.
    server = await asyncio.start_server(accept, host, port, backlog=max_connections)
    return TlsServer(server, tasks)
