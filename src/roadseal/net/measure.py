"""Measures handshakes and a command's answer over a link: real software, modelled medium.

Client, relay and server share one thread. The CPU time of a side is the process's CPU time over
that side's own TLS steps, so neither the other side nor the relay is in it. Wall times include the
event loop and whatever else the machine does; CPU times and bytes are the steadier figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final, Protocol

from cryptography import x509

from roadseal.clock import Clock
from roadseal.net.identity import Authority, Identity
from roadseal.net.link import Link
from roadseal.net.profile import TlsProfile
from roadseal.net.relay import Relay
from roadseal.net.server import serve
from roadseal.net.session import Side, TlsSession
from roadseal.net.stream import TlsRefusedError, TlsStream, connect
from roadseal.net.tls import TlsContext

COMMAND_BYTES: Final = 200
"""The size of the command and of its answer, unless told otherwise: a priority request's order."""

_CLIENT, _SERVER = "rsu.measure.invalid", "centre.measure.invalid"


class Stopwatch(Clock, Protocol):
    """A clock that also measures; `roadseal.clock.SystemClock` is one."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...

    def cpu_s(self) -> float:
        """CPU seconds of this process."""
        ...


@dataclass(frozen=True, slots=True)
class HandshakeSample:
    """One handshake and one exchange after it. Of a refused one, only the reason is filled in.

    Args:
        profile: the client's profile.
        link: the medium.
        index: which of the n repetitions, from 0.
        success: whether the command was answered.
        reason: ``ok``, or why the server, or else the client, refused.
        wall_s: from the connection attempt to the client's open session.
        client_cpu_s: CPU time of the client's handshake steps.
        server_cpu_s: CPU time of the server's.
        bytes_up: TLS bytes from the client, to the end of the handshake.
        bytes_down: from the server, with what it sends right after its handshake.
        flights: turns of direction in the handshake: 3, or 5 after a HelloRetryRequest.
        round_trips: before the client may send, without the one of TCP.
        group: the negotiated key exchange.
        client_signature: the scheme of the client's CertificateVerify.
        server_signature: the scheme of the server's.
        response_s: from sending a command to its answer.
    """

    profile: str
    link: str
    index: int
    success: bool
    reason: str
    wall_s: float = 0.0
    client_cpu_s: float = 0.0
    server_cpu_s: float = 0.0
    bytes_up: int = 0
    bytes_down: int = 0
    flights: int = 0
    round_trips: int = 0
    group: str = ""
    client_signature: str = ""
    server_signature: str = ""
    response_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HandshakeSummary:
    """Samples of one profile and link in figures; medians, and the 95th percentile of times.

    `n` counts all samples; the figures are over the `successes`.
    """

    profile: str
    link: str
    n: int
    successes: int
    wall_p50_s: float
    wall_p95_s: float
    client_cpu_p50_s: float
    server_cpu_p50_s: float
    bytes_up_p50: float
    bytes_down_p50: float
    round_trips: int
    response_p50_s: float
    response_p95_s: float


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
) -> tuple[HandshakeSample, ...]:
    """Open `n` sessions one after another over `link`, each with one command and its answer.

    Each side has a leaf of `issuer`, or under an authority made for this call. Jitter and loss
    follow from `seed`; times are the machine's and differ between runs.

    Args:
        profile: the client's, and the server's unless that is given.
        link: the medium.
        n: repetitions.
        seed: of the link's jitter and loss.
        clock: for wall time, CPU time and validity.
        server_profile: what the server accepts, to measure a peer that differs.
        send_intermediate: the leaves hang under an intermediate that travels with them; without,
            directly under a trusted authority, as if intermediates were provisioned beforehand.
        command_bytes: size of the command and of the answer.
        issuer: gives both ends their certificates; `send_intermediate` is then up to it.
    """
    accepted = server_profile or profile
    if issuer is not None:
        anchors = list(issuer.anchors)
        client = TlsContext(Side.CLIENT, profile, issuer.identities(_CLIENT), anchors)
        server = TlsContext(Side.SERVER, accepted, issuer.identities(_SERVER), anchors)
        return asyncio.run(_measure(client, server, link, n, seed, clock, command_bytes))
    algorithms = dict.fromkeys((*profile.certificate_algorithms, *accepted.certificate_algorithms))
    roots = {each: Authority.root(each, "measure root", now=clock.now()) for each in algorithms}
    anchors = [root.certificate for root in roots.values()]

    def own(name: str, own_profile: TlsProfile) -> list[Identity]:
        issuers = [roots[each] for each in own_profile.certificate_algorithms]
        if send_intermediate:
            issuers = [root.intermediate("measure issuer", now=clock.now()) for root in issuers]
        return [issuer.issue(name, now=clock.now()) for issuer in issuers]

    client = TlsContext(Side.CLIENT, profile, own(_CLIENT, profile), anchors)
    server = TlsContext(Side.SERVER, accepted, own(_SERVER, accepted), anchors)
    return asyncio.run(_measure(client, server, link, n, seed, clock, command_bytes))


def summarise(samples: Sequence[HandshakeSample]) -> HandshakeSummary:
    """Put samples of one profile and link into figures; without a success they are 0."""
    good = [sample for sample in samples if sample.success]
    walls = [sample.wall_s for sample in good] or [0.0]
    responses = [sample.response_s for sample in good] or [0.0]
    return HandshakeSummary(
        profile=samples[0].profile if samples else "",
        link=samples[0].link if samples else "",
        n=len(samples),
        successes=len(good),
        wall_p50_s=median(walls),
        wall_p95_s=_percentile_95(walls),
        client_cpu_p50_s=median([sample.client_cpu_s for sample in good] or [0.0]),
        server_cpu_p50_s=median([sample.server_cpu_s for sample in good] or [0.0]),
        bytes_up_p50=median([sample.bytes_up for sample in good] or [0]),
        bytes_down_p50=median([sample.bytes_down for sample in good] or [0]),
        round_trips=max([sample.round_trips for sample in good], default=0),
        response_p50_s=median(responses),
        response_p95_s=_percentile_95(responses),
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
    client: TlsContext,
    server: TlsContext,
    link: Link,
    n: int,
    seed: int,
    clock: Stopwatch,
    command_bytes: int,
) -> tuple[HandshakeSample, ...]:
    opened: list[_Cost] = []
    refused: list[str] = []

    async def answer(stream: TlsStream) -> None:
        opened.append(_Cost.of(stream.session))
        while (command := await stream.receive()) is not None:
            await stream.send(command)

    listening = await serve(
        server,
        answer,
        clock=clock,
        expect=[_CLIENT],
        emit=lambda event: (
            refused.append(str(event.facts.get("reason", event.kind)))
            if event.kind != "tls.opened"
            else None
        ),
        cpu_s=clock.cpu_s,
    )
    samples: list[HandshakeSample] = []
    try:
        async with Relay(link, "127.0.0.1", listening.port, seed=seed) as relay:
            for index in range(n):
                opened.clear()
                refused.clear()
                try:
                    sample = await _one(
                        client, relay.port, link, index, clock, opened, bytes(command_bytes)
                    )
                except TlsRefusedError as error:
                    while listening.connections:  # the server tells why once it has hung up
                        await asyncio.sleep(0.001)
                    reason = refused[0] if refused else error.refusal.reason.value
                    sample = HandshakeSample(client.profile.name, link.name, index, False, reason)
                samples.append(sample)
    finally:
        await listening.close()
    return tuple(samples)


async def _one(
    client: TlsContext,
    port: int,
    link: Link,
    index: int,
    clock: Stopwatch,
    opened: list[_Cost],
    command: bytes,
) -> HandshakeSample:
    start_s = clock.monotonic_s()
    stream = await connect(
        "127.0.0.1", port, client, expect=[_SERVER], clock=clock, cpu_s=clock.cpu_s
    )
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
        profile=client.profile.name,
        link=link.name,
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


def _percentile_95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
