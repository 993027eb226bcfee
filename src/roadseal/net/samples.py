"""What measuring handshakes gives: samples, and the figures that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal

Impairment = Literal["relay", "netem"]
"""What makes a link: our relay on loopback, which models it, or the kernel (see `netem_link`)."""


@dataclass(frozen=True, slots=True)
class HandshakeSample:
    """One handshake and one exchange after it. Of a refused one, only the reason is filled in.

    Args:
        profile: the client's profile.
        link: the medium.
        impairment: what made it.
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
    impairment: Impairment
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
    """Samples of one profile and medium in figures; medians, and the 95th percentile of times.

    `n` counts all samples; the figures are over the `successes`.
    """

    profile: str
    link: str
    impairment: Impairment
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


def summarise(samples: Sequence[HandshakeSample]) -> HandshakeSummary:
    """Put samples of one profile and link into figures; without a success they are 0."""
    good = [sample for sample in samples if sample.success]
    walls = [sample.wall_s for sample in good] or [0.0]
    responses = [sample.response_s for sample in good] or [0.0]
    return HandshakeSummary(
        profile=samples[0].profile if samples else "",
        link=samples[0].link if samples else "",
        impairment=samples[0].impairment if samples else "relay",
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


def _percentile_95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
