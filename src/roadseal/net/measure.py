"""Measures handshakes and a command's answer over a link: real software, impaired medium.

Client, relay and server share one thread. The CPU time of a side is the process's CPU time over
that side's own TLS steps, so neither the other side nor the relay is in it. Wall times include the
event loop and whatever else the machine does; CPU times and bytes are the steadier figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography import x509

from roadseal.clock import Clock
from roadseal.events import Event
from roadseal.net.identity import Authority, Identity
from roadseal.net.link import Link
from roadseal.net.netem import CENTRE_ADDRESS, netem_link
from roadseal.net.profile import TlsProfile
from roadseal.net.relay import Relay
from roadseal.net.samples import HandshakeSample, Impairment
from roadseal.net.server import TlsServer, serve
from roadseal.net.session import Side, TlsSession
from roadseal.net.stream import TlsRefusedError, TlsStream, connect
from roadseal.net.tls import TlsContext

COMMAND_BYTES: Final = 200
"""The size of the command and of its answer, unless told otherwise: a priority request's order."""

_LOOPBACK_ADDRESS: Final = "127.0.0.1"
_CLIENT, _SERVER = "rsu.measure.invalid", "centre.measure.invalid"


class Stopwatch(Clock, Protocol):
    """A clock that also measures; `roadseal.clock.SystemClock` is one."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...

    def cpu_s(self) -> float:
        """CPU seconds of this process."""
        ...


class Issuer(Protocol):
    """Who gives both ends their certificates, such as a real PKI."""

    @property
    def anchors(self) -> Sequence[x509.Certificate]:
        """What both ends trust."""
        ...

    def identities(self, name: str) -> Sequence[Identity]:
        """Certificates of `name`, at most one for each of the profile's algorithms."""
        ...


def measure_handshakes(
    profile: TlsProfile,
    link: Link,
    n: int,
    seed: int,
    clock: Stopwatch,
    *,
    server_profile: TlsProfile | None = None,
    send_intermediate: bool = True,
    command_bytes: int = COMMAND_BYTES,
    issuer: Issuer | None = None,
    impairment: Impairment = "relay",
) -> tuple[HandshakeSample, ...]:
    """Open `n` sessions one after another over `link`, each with one command and its answer.

    Each side has a leaf of `issuer`, or under an authority made for this call. The relay's jitter
    and loss follow from `seed`; times are the machine's and differ between runs.

    Args:
        profile: the client's, and the server's unless that is given.
        link: the medium.
        n: repetitions.
        seed: of the relay's jitter and loss; netem's are the kernel's.
        clock: for wall time, CPU time and validity.
        server_profile: what the server accepts, to measure a peer that differs.
        send_intermediate: the leaves hang under an intermediate that travels with them; without,
            directly under a trusted authority, as if intermediates were provisioned beforehand.
        command_bytes: size of the command and of the answer.
        issuer: gives both ends their certificates; `send_intermediate` is then up to it.
        impairment: what makes the link.

    Raises:
        RoadsealError: ``netem-unavailable``, before anything is measured.
    """
    accepted = server_profile or profile
    if issuer is None:
        ends = _throw_away_ends(profile, accepted, clock, send_intermediate=send_intermediate)
    else:
        ends = _Ends(
            TlsContext(Side.CLIENT, profile, issuer.identities(_CLIENT), issuer.anchors),
            TlsContext(Side.SERVER, accepted, issuer.identities(_SERVER), issuer.anchors),
            clock,
        )
    return asyncio.run(_measure(ends, link, impairment, n, seed, bytes(command_bytes)))


@dataclass(frozen=True, slots=True)
class _Ends:
    """The client and the server that are measured, and what measures them."""

    client: TlsContext
    server: TlsContext
    clock: Stopwatch


def _throw_away_ends(
    profile: TlsProfile, accepted: TlsProfile, clock: Stopwatch, *, send_intermediate: bool
) -> _Ends:
    algorithms = dict.fromkeys((*profile.certificate_algorithms, *accepted.certificate_algorithms))
    roots = {each: Authority.root(each, "measure root", now=clock.now()) for each in algorithms}
    anchors = [root.certificate for root in roots.values()]

    def own(name: str, own_profile: TlsProfile) -> list[Identity]:
        issuers = [roots[each] for each in own_profile.certificate_algorithms]
        if send_intermediate:
            issuers = [root.intermediate("measure issuer", now=clock.now()) for root in issuers]
        return [issuer.issue(name, now=clock.now()) for issuer in issuers]

    return _Ends(
        TlsContext(Side.CLIENT, profile, own(_CLIENT, profile), anchors),
        TlsContext(Side.SERVER, accepted, own(_SERVER, accepted), anchors),
        clock,
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a side's session has used so far."""

    cpu_s: float
    bytes_in: int
    bytes_out: int

    @classmethod
    def of(cls, session: TlsSession) -> _Cost:
        return cls(session.cpu_s, session.bytes_in, session.bytes_out)


async def _measure(
    ends: _Ends, link: Link, impairment: Impairment, n: int, seed: int, command: bytes
) -> tuple[HandshakeSample, ...]:
    opened: list[_Cost] = []
    refused: list[str] = []

    async def answer(stream: TlsStream) -> None:
        opened.append(_Cost.of(stream.session))
        while (command := await stream.receive()) is not None:
            await stream.send(command)

    def note(event: Event) -> None:
        if event.kind != "tls.opened":
            refused.append(str(event.facts.get("reason", event.kind)))

    def listen(host: str) -> Awaitable[TlsServer]:
        clock = ends.clock
        return serve(
            ends.server,
            answer,
            clock=clock,
            host=host,
            expect=[_CLIENT],
            emit=note,
            cpu_s=clock.cpu_s,
        )

    samples: list[HandshakeSample] = []
    async with _linked(link, impairment, seed, listen) as (server, address):
        for index in range(n):
            opened.clear()
            refused.clear()
            try:
                sample = await _one(ends, link, impairment, index, address, command, opened)
            except TlsRefusedError as error:
                while server.connections:  # the server tells why once it has hung up
                    await asyncio.sleep(0.001)
                reason = refused[0] if refused else error.refusal.reason.value
                sample = HandshakeSample(
                    profile=ends.client.profile.name,
                    link=link.name,
                    impairment=impairment,
                    index=index,
                    success=False,
                    reason=reason,
                )
            samples.append(sample)
    return tuple(samples)


@asynccontextmanager
async def _linked(
    link: Link, impairment: Impairment, seed: int, listen: Callable[[str], Awaitable[TlsServer]]
) -> AsyncIterator[tuple[TlsServer, tuple[str, int]]]:
    """Start a server at the far end of `link`; yield it, and where a client finds it."""
    if impairment == "netem":
        with netem_link(link) as ends:
            with ends.centre:
                server = await listen(CENTRE_ADDRESS)
            try:
                with ends.roadside:
                    yield server, (CENTRE_ADDRESS, server.port)
            finally:
                await server.close()
    else:
        server = await listen(_LOOPBACK_ADDRESS)
        try:
            async with Relay(link, _LOOPBACK_ADDRESS, server.port, seed=seed) as relay:
                yield server, (_LOOPBACK_ADDRESS, relay.port)
        finally:
            await server.close()


async def _one(
    ends: _Ends,
    link: Link,
    impairment: Impairment,
    index: int,
    address: tuple[str, int],
    command: bytes,
    opened: Sequence[_Cost],
) -> HandshakeSample:
    clock = ends.clock
    start_s = clock.monotonic_s()
    stream = await connect(*address, ends.client, expect=[_SERVER], clock=clock, cpu_s=clock.cpu_s)
    open_s = clock.monotonic_s()
    cost = _Cost.of(stream.session)
    try:
        await stream.send(command)
        await stream.receive()
        answered_s = clock.monotonic_s()
    finally:
        await stream.close()
    used, served = stream.negotiated, opened[0]
    return HandshakeSample(
        profile=ends.client.profile.name,
        link=link.name,
        impairment=impairment,
        index=index,
        success=True,
        reason="ok",
        wall_s=open_s - start_s,
        client_cpu_s=cost.cpu_s,
        server_cpu_s=served.cpu_s,
        bytes_up=cost.bytes_out,
        bytes_down=served.bytes_out,
        flights=used.flights,
        round_trips=used.round_trips,
        group=used.group,
        client_signature=used.client_signature,
        server_signature=used.server_signature,
        response_s=answered_s - open_s,
    )
