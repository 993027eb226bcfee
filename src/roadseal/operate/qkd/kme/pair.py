"""Two KMEs on loopback with throw-away identities, for pilots and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from roadseal.clock import Clock
from roadseal.events import Emit
from roadseal.net import HYBRID, Authority, Side, TlsContext, TlsProfile
from roadseal.operate.qkd.client import Etsi014Client
from roadseal.operate.qkd.etsi014 import Capability
from roadseal.operate.qkd.kme import KmeSettings
from roadseal.operate.qkd.kme.server import ANYWHERE, KmeServer, KmeTls, start_kme
from roadseal.operate.qkd.store import KeyStore


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
                {other: ANYWHERE},
                _tls(profile, authority, name, clock),
                clock=clock,
                emit=emit,
            )
        )
    # Each knows its own port only once it listens.
    for end, far in ((ends[0], ends[1]), (ends[1], ends[0])):
        (peer,) = end.kme.peers.values()
        await peer.move("127.0.0.1", far.sync_port)
    return KmePair(ends[0], ends[1], authority, profile, clock)


def _tls(profile: TlsProfile, authority: Authority, name: str, clock: Clock) -> KmeTls:
    server = _context(Side.SERVER, profile, authority, name, clock)
    return KmeTls(server, _context(Side.CLIENT, profile, authority, name, clock), server)


def _context(
    side: Side, profile: TlsProfile, authority: Authority, name: str, clock: Clock
) -> TlsContext:
    identity = authority.issue(name, now=clock.now())
    return TlsContext(side, profile, [identity], [authority.certificate])
