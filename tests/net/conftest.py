"""Throw-away identities made once, and a wire in memory to run two sessions over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from roadseal.clock import Time64, parse_instant
from roadseal.net.identity import Authority, Identity
from roadseal.net.profile import TlsProfile
from roadseal.net.session import Side, State, TlsSession
from roadseal.net.tls import TlsContext

NOW = parse_instant("2026-11-23")
CLIENT, SERVER = "rsu-0042.corridor.example", "urn:roadseal:centre"


@dataclass
class Yard:
    """Two hierarchies, root and intermediate, one for each certificate algorithm."""

    now: Time64 = NOW
    client: str = CLIENT
    server: str = SERVER
    roots: dict[str, Authority] = field(default_factory=dict)
    issuers: dict[str, Authority] = field(default_factory=dict)
    _identities: dict[tuple[str, str], Identity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for algorithm in ("ecdsa_secp256r1_sha256", "mldsa65"):
            root = Authority.root(algorithm, f"root {algorithm}", now=self.now)
            self.roots[algorithm] = root
            self.issuers[algorithm] = root.intermediate(f"issuer {algorithm}", now=self.now)

    @property
    def anchors(self) -> list[object]:
        return [root.certificate for root in self.roots.values()]

    def identity(self, algorithm: str, name: str) -> Identity:
        key = (algorithm, name)
        if key not in self._identities:
            self._identities[key] = self.issuers[algorithm].issue(name, now=self.now)
        return self._identities[key]

    def context(
        self,
        side: Side,
        profile: TlsProfile,
        *,
        name: str | None = None,
        keylog: Callable[[bytes], None] | None = None,
    ) -> TlsContext:
        name = name or (self.client if side is Side.CLIENT else self.server)
        own = [each for each in profile.certificate_algorithms if each in self.roots]
        identities = [self.identity(each, name) for each in own]
        roots = [root.certificate for root in self.roots.values()]
        return TlsContext(side, profile, identities, roots, keylog=keylog)

    def sessions(
        self, client: TlsContext, server: TlsContext, **client_options: object
    ) -> tuple[TlsSession, TlsSession]:
        options = {"at": self.now, "expect": [self.server], **client_options}
        return (
            client.session(**options),  # type: ignore[arg-type]  # options are the test's business
            server.session(at=self.now, expect=[self.client]),
        )

    def handshake(
        self, client: TlsContext, server: TlsContext, **client_options: object
    ) -> tuple[TlsSession, TlsSession]:
        """Run two sessions against each other until the wire is silent."""
        ends = self.sessions(client, server, **client_options)
        exchange(*ends)
        return ends


def exchange(client: TlsSession, server: TlsSession) -> tuple[bytes, bytes]:
    """Carry bytes both ways until none are left; return what each side read."""
    to_client = to_server = b""
    while True:
        up, down = client.outgoing(), server.outgoing()
        if not up and not down:
            break
        to_server += server.receive(up)
        to_client += client.receive(down)
    for end, other in ((client, server), (server, client)):
        if other.state is State.REFUSED:
            end.end_of_input()
    return to_client, to_server


@pytest.fixture(scope="session")
def yard() -> Yard:
    return Yard()


@pytest.fixture(scope="session")
def wire() -> Callable[[TlsSession, TlsSession], tuple[bytes, bytes]]:
    return exchange
