"""What a link does to one direction of a TCP connection: a model, sans-I/O.

A relay between two loopback sockets carries a byte stream, so it cannot lose or reorder packets; it
can deliver bytes when a TCP over such a link would have. The model, per segment of 1,448 B:

- **bandwidth**: segments leave one after another, each with 52 B of IPv4 and TCP header.
- **window**: slow start from ten segments (RFC 6928), growing by what is acknowledged, halved by a
  loss and never under two segments; growth stops at 1 MiB. Pure acknowledgements cost no bandwidth.
- **delay and jitter**: the floor plus an exponentially distributed queueing delay; order is kept.
- **loss**: the segment arrives late. With three segments behind it in the same burst, by one round
  trip (fast retransmit, RFC 5681 3.2); otherwise by a retransmission timeout, which is
  max(200 ms, RTT + 4 × jitter) (RFC 6298 with the lower bound that Linux uses) and doubles when the
  retransmission is lost as well. Tail loss probes (RFC 8985) are not modelled, so single losses at
  the end of a flight are judged somewhat severely.
- **set-up**: the first segment waits one round trip for SYN and SYN-ACK.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Final

from roadseal.net.link import Direction, Link

SEGMENT_BYTES: Final = 1448
HEADER_BYTES: Final = 52
INITIAL_WINDOW_BYTES: Final = 10 * SEGMENT_BYTES
MAX_WINDOW_BYTES: Final = 1 << 20
MIN_RETRANSMISSION_TIMEOUT_S: Final = 0.2
_FAST_RETRANSMIT_NEEDS: Final = 3


class ImpairedPath:
    """One direction of one connection; made anew for each.

    Args:
        way: the direction's properties.
        link: the link it belongs to, for the round-trip time.
        rng: jitter and loss are drawn from it.
        opened_at_s: when the connection attempt began.
    """

    def __init__(
        self, way: Direction, link: Link, *, rng: random.Random, opened_at_s: float
    ) -> None:
        self._way = way
        self._round_trip_s = link.round_trip_s
        self._return_s = link.up.delay_s + link.down.delay_s - way.delay_s
        self._rng = rng
        self._free_at_s = opened_at_s + self._round_trip_s
        self._last_arrival_s = opened_at_s
        self._window_bytes = INITIAL_WINDOW_BYTES
        self._in_flight: deque[tuple[float, int]] = deque()  # (acknowledged at, bytes)
        self.losses = 0

    @property
    def retransmission_timeout_s(self) -> float:
        """How long a sender waits for an acknowledgement."""
        variation_s = 4 * self._way.jitter_s
        return max(MIN_RETRANSMISSION_TIMEOUT_S, self._round_trip_s + variation_s)

    def schedule(self, now_s: float, size: int) -> list[tuple[int, float]]:
        """Send `size` bytes at `now_s`; return each segment's bytes and instant of arrival."""
        segments = [SEGMENT_BYTES] * (size // SEGMENT_BYTES)
        if rest := size % SEGMENT_BYTES:
            segments.append(rest)
        behind = range(len(segments) - 1, -1, -1)
        return [
            (length, self._arrival(now_s, length, count))
            for length, count in zip(segments, behind, strict=True)
        ]

    def _arrival(self, now_s: float, length: int, behind: int) -> float:
        departure_s = self._departure(max(now_s, self._free_at_s), length)
        self._free_at_s = departure_s + (length + HEADER_BYTES) * 8 / self._way.bandwidth_bps
        jitter_s = self._rng.expovariate(1 / self._way.jitter_s) if self._way.jitter_s else 0.0
        arrival_s = self._free_at_s + self._way.delay_s + jitter_s + self._penalty(behind)
        self._last_arrival_s = max(self._last_arrival_s, arrival_s)
        self._in_flight.append((self._last_arrival_s + self._return_s, length))
        return self._last_arrival_s

    def _departure(self, ready_s: float, length: int) -> float:
        """Wait until the congestion window has room."""
        used = sum(size for _, size in self._in_flight)
        while self._in_flight:
            acknowledged_s, size = self._in_flight[0]
            if acknowledged_s > ready_s and used + length <= self._window_bytes:
                break
            ready_s = max(ready_s, acknowledged_s)
            self._in_flight.popleft()
            used -= size
            self._window_bytes = min(self._window_bytes + size, MAX_WINDOW_BYTES)
        return ready_s

    def _penalty(self, behind: int) -> float:
        """How much later a segment arrives because it, or its retransmission, was lost."""
        penalty_s = 0.0
        timeout_s = self.retransmission_timeout_s
        fast = behind >= _FAST_RETRANSMIT_NEEDS
        while self._rng.random() < self._way.loss:
            self.losses += 1
            self._window_bytes = max(self._window_bytes // 2, 2 * SEGMENT_BYTES)
            penalty_s += self._round_trip_s if fast else timeout_s
            timeout_s *= 1 if fast else 2
            fast = False
        return penalty_s
