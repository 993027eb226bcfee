"""A relay on loopback that behaves like a backhaul link, can be cut, and remembers what passed.

Anyone can run it: no root, no kernel module. It impairs by delaying bytes as `roadseal.net.impair`
models, so whatever is measured through it is real software over a modelled link.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Final

from roadseal.net.capture import Recording
from roadseal.net.impair import MIN_RETRANSMISSION_TIMEOUT_S, ImpairedPath, set_up_s
from roadseal.net.link import Link

MAX_RECORDED_BYTES: Final = 16 << 20
"""A direction of a connection is recorded up to here; what follows passes unrecorded."""

_CHUNK: Final = 65_536
_QUEUE_SEGMENTS: Final = 1024
_TIMER_GRAIN_S: Final = 0.0015  # epoll wakes in whole milliseconds; the rest is spun away


class Relay:
    """Forwards connections on loopback to a target over an impaired link.

    The bytes of a client travel up, the target's down. While it is cut nothing arrives in either
    direction and connections stay, as with a severed cable; what waited arrives one retransmission
    timeout after `restore`.

    Args:
        link: the medium.
        host: where the target listens.
        port: its TCP port.
        seed: jitter and loss follow from it, for each connection and direction apart.
        record: keep the bytes of every connection.
    """

    def __init__(
        self, link: Link, host: str, port: int, *, seed: int, record: bool = False
    ) -> None:
        self._link = link
        self._target = (host, port)
        self._seed = seed
        self._record = record
        self._captures: list[tuple[bytearray, bytearray]] = []
        self._connections = 0
        self._up = asyncio.Event()
        self._up.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        """The loopback port to connect to, once entered."""
        return 0 if self._server is None else int(self._server.sockets[0].getsockname()[1])

    @property
    def is_cut(self) -> bool:
        """Whether the link is cut."""
        return not self._up.is_set()

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """What passed so far, one for each connection in order of arrival."""
        return tuple(Recording(bytes(up), bytes(down)) for up, down in self._captures)

    def cut(self) -> None:
        """Sever the link."""
        self._up.clear()

    def restore(self) -> None:
        """Mend the link."""
        self._up.set()

    def drop(self) -> None:
        """Reset every connection, as a restarting middlebox does."""
        for task in tuple(self._tasks):
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        index, self._connections = self._connections, self._connections + 1
        captures = (bytearray(), bytearray())
        if self._record:
            self._captures.append(captures)
        far_writer: asyncio.StreamWriter | None = None
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            up, down = self._paths(index)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer, up, captures[0]))
                group.create_task(self._pump(far_reader, writer, down, captures[1]))
        except (OSError, ExceptionGroup):
            pass  # one end is gone: both ends are closed below
        finally:
            for end in (writer, far_writer):
                if end is not None:
                    end.transport.abort() if end.transport.get_write_buffer_size() else end.close()

    def _paths(self, index: int) -> tuple[ImpairedPath, ImpairedPath]:
        """Up and down of a connection that is being set up now."""
        link = self._link
        open_at_s = asyncio.get_running_loop().time() + set_up_s(link, self._rng(index, "set-up"))
        return (
            ImpairedPath(link.up, link, rng=self._rng(index, "up"), open_at_s=open_at_s),
            ImpairedPath(link.down, link, rng=self._rng(index, "down"), open_at_s=open_at_s),
        )

    def _rng(self, index: int, what: str) -> random.Random:
        return random.Random(f"{self._seed}/{index}/{what}")  # noqa: S311  # a model, no secret

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        path: ImpairedPath,
        capture: bytearray,
    ) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE_SEGMENTS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._collect(reader, queue, path, capture))
            group.create_task(self._deliver(queue, writer))

    async def _collect(
        self,
        reader: asyncio.StreamReader,
        queue: asyncio.Queue[tuple[float, bytes]],
        path: ImpairedPath,
        capture: bytearray,
    ) -> None:
        loop = asyncio.get_running_loop()
        arrival_s = loop.time()
        while data := await reader.read(_CHUNK):
            if self._record:
                capture += data[: MAX_RECORDED_BYTES - len(capture)]
            start = 0
            for size, arrival_s in path.schedule(loop.time(), len(data)):
                await queue.put((arrival_s, data[start : start + size]))
                start += size
        await queue.put((arrival_s, b""))

    async def _deliver(
        self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while True:
            arrival_s, data = await queue.get()
            await _until(arrival_s)
            if self.is_cut:
                await self._up.wait()
                await asyncio.sleep(MIN_RETRANSMISSION_TIMEOUT_S)
            if not data:
                break
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


async def _until(instant_s: float) -> None:
    loop = asyncio.get_running_loop()
    if (wait_s := instant_s - loop.time() - _TIMER_GRAIN_S) > 0:
        await asyncio.sleep(wait_s)
    while loop.time() < instant_s:
        await asyncio.sleep(0)
