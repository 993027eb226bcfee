"""A KME on sockets: SAEs talk to one, peer KMEs to the other; both are mutual TLS."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.events import Emit
from roadseal.net import (
    HttpClient,
    TlsContext,
    TlsServer,
    serve_http,
)
from roadseal.operate.qkd.kme import Kme, KmeSettings
from roadseal.operate.qkd.store import KeyStore

ANYWHERE: Final = ("127.0.0.1", 0)
"""A free port on loopback."""

_KEEP_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class KmeServer:
    """A KME that listens; `close` ends it and its store."""

    kme: Kme
    sae_server: TlsServer
    sync_server: TlsServer
    keeper: asyncio.Task[None]

    @property
    def port(self) -> int:
        """Where SAEs ask."""
        return self.sae_server.port

    @property
    def sync_port(self) -> int:
        """Where the peer KME speaks."""
        return self.sync_server.port

    async def close(self) -> None:
        """Stop listening, close the links, close the store."""
        self.keeper.cancel()
        await self.sae_server.close()
        await self.sync_server.close()
        await asyncio.gather(self.keeper, return_exceptions=True)
        await asyncio.gather(*(peer.close() for peer in self.kme.peers.values()))
        self.kme.store.close()


@dataclass(frozen=True, slots=True)
class KmeTls:
    """A KME's TLS configurations.

    Args:
        server: towards SAEs.
        client: towards the peers that it calls.
        sync: towards the peers that call it: an SAE port that is classical for the sake of old
            clients need not weaken the link between KMEs.
    """

    server: TlsContext
    client: TlsContext
    sync: TlsContext


async def start_kme(
    settings: KmeSettings,
    store: KeyStore,
    peers: Mapping[str, tuple[str, int]],
    tls: KmeTls,
    *,
    clock: Clock,
    listen: tuple[str, int] = ANYWHERE,
    sync: tuple[str, int] = ANYWHERE,
    emit: Emit | None = None,
) -> KmeServer:
    """Start a KME.

    Args:
        settings: its identity and its SAEs.
        store: open; closed with the server.
        peers: KME ID to host and sync port.
        tls: its TLS configurations.
        clock: for certificates and events.
        listen: address and port for SAEs; port 0 takes a free one.
        sync: address and port for peer KMEs.
        emit: hears what happens.
    """
    links = {
        name: HttpClient(host, port, tls.client, clock=clock, expect=[name])
        for name, (host, port) in peers.items()
    }
    kme = Kme(settings, store, links, clock=clock, emit=emit)
    host, port = listen
    saes = await serve_http(tls.server, kme.handle, clock=clock, host=host, port=port, emit=emit)
    host, port = sync
    try:
        callers = await serve_http(
            tls.sync,
            kme.handle_sync,
            clock=clock,
            host=host,
            port=port,
            expect=list(peers),
            emit=emit,
        )
    except OSError:
        await saes.close()
        raise
    return KmeServer(kme, saes, callers, asyncio.create_task(_keep(kme)))


def answer_evenly() -> None:
    """Tune Python in a process that serves keys and nothing else, so that no request waits long.

    Waiting keys are many and none of them is garbage; looking through them all costs a request
    that comes at that moment tens of milliseconds. The thread that writes to the disk gets its
    turn after half a millisecond, not five.
    """
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.0005)


async def _keep(kme: Kme) -> None:
    """Give up what nobody fetches, and shorten the journal; a store that has stopped stays so."""
    while True:
        with suppress(RoadsealError):
            await kme.give_up_overdue()
            await kme.tidy()
        await asyncio.sleep(_KEEP_EVERY_S)
