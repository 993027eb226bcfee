"""KMEs on sockets: one, or a pair on loopback.

An SAE talks to `port`, the peer KME to `sync_port`; both are mutual TLS inside the profile.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.events import Emit
from roadseal.net import (
    HYBRID,
    Authority,
    HttpClient,
    Side,
    TlsContext,
    TlsProfile,
    TlsServer,
    serve_http,
)
from roadseal.operate.qkd.client import Etsi014Client
from roadseal.operate.qkd.etsi014 import Capability
from roadseal.operate.qkd.kme import Kme, KmeSettings
from roadseal.operate.qkd.store import KeyStore

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


async def start_kme(
    settings: KmeSettings,
    store: KeyStore,
    peers: Mapping[str, tuple[str, int]],
    *,
    server: TlsContext,
    client: TlsContext,
    clock: Clock,
    host: str = "127.0.0.1",
    port: int = 0,
    sync_port: int = 0,
    emit: Emit | None = None,
    sync_server: TlsContext | None = None,
) -> KmeServer:
    """Start a KME.

    Args:
        settings: its identity and its SAEs.
        store: open; closed with the server.
        peers: KME ID to host and sync port.
        server: its TLS configuration towards SAEs.
        client: its TLS configuration towards its peers.
        clock: for certificates and events.
        host: the address to listen on.
        port: for SAEs; 0 takes a free one.
        sync_port: for the peer KME; 0 takes a free one.
        emit: hears what happens.
        sync_server: its TLS configuration for the sync, by default `server`: an SAE port that is
            classical for the sake of old clients need not weaken the link between KMEs.
    """
    links = {
        name: HttpClient(host_, port_, client, clock=clock, expect=[name])
        for name, (host_, port_) in peers.items()
    }
    kme = Kme(settings, store, links, clock=clock, emit=emit)
    sae = await serve_http(server, kme.handle, clock=clock, host=host, port=port, emit=emit)
    try:
        sync = await serve_http(
            sync_server or server,
            kme.handle_sync,
            clock=clock,
            host=host,
            port=sync_port,
            expect=list(peers),
            emit=emit,
        )
    except OSError:
        await sae.close()
        raise
    return KmeServer(kme, sae, sync, asyncio.create_task(_keep(kme)))


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


@dataclass(frozen=True, slots=True)
class KmePair:
    """Two KMEs with one link, each with one SAE, and throw-away identities; see `start_pair`."""

    a: KmeServer
    b: KmeServer
    authority: Authority
    profile: TlsProfile
    clock: Clock

    def client(self, sae: str) -> Etsi014Client:
        """A client for an SAE, at the KME it is attached to."""
        kme_id = self.a.kme.settings.saes[sae]
        end = self.a if kme_id == self.a.kme.settings.kme_id else self.b
        context = _context(Side.CLIENT, self.profile, self.authority, sae, self.clock)
        return Etsi014Client("127.0.0.1", end.port, context, expect=[kme_id], clock=self.clock)

    def import_block(self, number: int, octets: bytes, *, provenance: str = "simulated") -> None:
        """Give both ends the same block of key bits, as distillation does.

        Raises:
            RoadsealError: ``qkd-key-biased``, ``qkd-key-reused``.
        """
        for end, other in ((self.a, self.b), (self.b, self.a)):
            link = other.kme.settings.kme_id
            end.kme.store.import_block(link, number, octets, provenance=provenance)

    async def close(self) -> None:
        """Stop both."""
        await asyncio.gather(self.a.close(), self.b.close())


async def start_pair(
    directory: Path,
    *,
    clock: Clock,
    kmes: tuple[str, str] = ("KME_A", "KME_B"),
    saes: Mapping[str, str] | None = None,
    capability: Capability | None = None,
    profile: TlsProfile = HYBRID,
    authority: Authority | None = None,
    emit: Emit | None = None,
) -> KmePair:
    """Start two KMEs on loopback, for pilots and tests; give them keys with `import_block`.

    Args:
        directory: for the stores and their keys; found again, they go on where they were.
        clock: for certificates and events.
        kmes: their names.
        saes: SAE ID to KME; by default SAE_A at the first and SAE_B at the second.
        capability: sizes and numbers.
        profile: of TLS; the default is hybrid.
        authority: issues the KMEs' certificates; by default a throw-away one.
        emit: hears what happens at both.
    """
    authority = authority or Authority.root(
        profile.certificate_algorithms[0], "QKD pilot", now=clock.now()
    )
    attached = dict(saes or {"SAE_A": kmes[0], "SAE_B": kmes[1]})
    ends = []
    for name, other in (kmes, kmes[::-1]):
        store = KeyStore.open(directory / name, directory / f"{name}.kek", name)
        ends.append(
            await start_kme(
                KmeSettings(name, attached, capability or Capability()),
                store,
                {other: ("127.0.0.1", 0)},
                server=_context(Side.SERVER, profile, authority, name, clock),
                client=_context(Side.CLIENT, profile, authority, name, clock),
                clock=clock,
                emit=emit,
            )
        )
    # Each knows its own port only once it listens.
    for end, far in ((ends[0], ends[1]), (ends[1], ends[0])):
        (peer,) = end.kme.peers.values()
        await peer.move("127.0.0.1", far.sync_port)
    return KmePair(ends[0], ends[1], authority, profile, clock)


def _context(
    side: Side, profile: TlsProfile, authority: Authority, name: str, clock: Clock
) -> TlsContext:
    identity = authority.issue(name, now=clock.now())
    return TlsContext(side, profile, [identity], [authority.certificate])
