"""A TCP connection in the clear, for protocols that protect their messages themselves."""

from __future__ import annotations

import asyncio
import socket

from roadseal.net.refusal import Reason, Refusal
from roadseal.net.stream import DEFAULT_LIMITS, TlsRefusedError


class PlainStream:
    """A TCP connection with the manners of `TlsStream`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = reader
        self._writer = writer

    async def read(self, timeout_s: float) -> bytes:
        """Return what has come; empty at the end.

        Raises:
            TlsRefusedError: timed out, or the link is gone.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._reader.read(65_536)
        except TimeoutError:
            detail = f"nothing in {timeout_s:g} s"
            raise TlsRefusedError(Refusal(Reason.TIMED_OUT, detail)) from None
        except OSError as error:
            raise TlsRefusedError(Refusal(Reason.TRUNCATED, type(error).__name__)) from None

    async def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            TlsRefusedError: the peer does not read, or the link is gone.
        """
        try:
            async with asyncio.timeout(DEFAULT_LIMITS.message_s):
                self._writer.write(data)
                await self._writer.drain()
        except TimeoutError:
            raise TlsRefusedError(Refusal(Reason.TIMED_OUT, "the peer does not read")) from None
        except OSError as error:
            raise TlsRefusedError(Refusal(Reason.TRUNCATED, type(error).__name__)) from None

    async def close(self) -> None:
        """Close; never raises for what the peer does."""
        self._writer.close()
