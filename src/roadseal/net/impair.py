"""What a link does to one direction of a TCP connection: a model, sans-I/O.

A relay between two loopback sockets carries a byte stream, so it cannot lose or reorder packets; it
can deliver bytes when Linux's TCP over such a link would have. The model, per segment of 1,448 B:

- **set-up**: SYN and SYN-ACK take a round trip. If one of them is lost they are sent again after a
  second, then two, four and so on (RFC 6298 2.1).
- **bandwidth**: segments leave one after another, each with 52 B of IPv4 and TCP header.
- **window**: slow start from ten segments (RFC 6928), growing by what is acknowledged while more
  than half of it is in use (RFC 7661 4.3: small messages do not widen it). A loss halves it, once a
  round trip and never below two segments; from then on it grows by a segment a round trip (RFC 5681
  3.1). Growth stops at 1 MiB. Pure acknowledgements cost no bandwidth.
- **delay and jitter**: the floor plus an exponentially distributed queueing delay; order is kept.
- **loss**: the segment arrives late. With three segments behind it in the same burst, by one round
  trip (fast retransmit, RFC 5681 3.2), with fewer by a quarter more (RACK, RFC 8985 6.2); as the
  last of a burst by a retransmission timeout, RTT + max(200 ms, 4 × jitter) (RFC 6298 with the
  lower bound that Linux uses), which doubles when the retransmission is lost as well. A lost
  acknowledgement costs nothing, since the next one covers it.

Not modelled: delayed acknowledgements, and the HyStart of Linux's CUBIC, which leaves slow start
early where jitter looks like a queue; long transfers are too fast for it. docs/backhaul.md compares
the model with the kernel.
"""

from __future__ import annotations

import math
import random
from collections import deque
from typing import Final

from roadseal.net.link import Direction, Link

SEGMENT_BYTES: Final = 1448
HEADER_BYTES: Final = 52
INITIAL_WINDOW_BYTES: Final = 10 * SEGMENT_BYTES
MAX_WINDOW_BYTES: Final = 1 << 20
MIN_RETRANSMISSION_TIMEOUT_S: Final = 0.2
_SET_UP_TIMEOUT_S: Final = 1.0
_FAST_RETRANSMIT_NEEDS: Final = 3
_REORDERING_WINDOW: Final = 0.25  # of a round trip


def set_up_s(link: Link, rng: random.Random) -> float:
    """How long SYN and SYN-ACK take over `link`."""
    taken_s, timeout_s = link.round_trip_s, _SET_UP_TIMEOUT_S
    arrives = (1 - link.up.loss) * (1 - link.down.loss)
    while rng.random() >= arrives:
        taken_s += timeout_s
        timeout_s *= 2
    return taken_s


class ImpairedPath:
    """One direction of one connection; made anew for each.

    Args:
        way: the direction's properties.
        link: the link it belongs to, for the round-trip time.
        rng: jitter and loss are drawn from it.
        open_at_s: when the connection is set up.
    """

    def __init__(self, way: Direction, link: Link, *, rng: random.Random, open_at_s: float) -> None:
        self._way = way
        self._round_trip_s = link.round_trip_s
        self._return_s = link.round_trip_s - way.delay_s - way.jitter_s
        self._rng = rng
        self._free_at_s = open_at_s
        self._last_arrival_s = open_at_s
        self._window_bytes = INITIAL_WINDOW_BYTES
        self._slow_start_bytes = MAX_WINDOW_BYTES  # the window up to which it doubles
        self._halved_at_s = -math.inf
        self._most_in_flight = 0  # bytes, since the sender was last idle
        self._in_flight: deque[tuple[float, int]] = deque()  # (acknowledged at, bytes)
        self.losses = 0

    @property
    def retransmission_timeout_s(self) -> float:
        """How long a sender waits for an acknowledgement."""
        return self._round_trip_s + max(MIN_RETRANSMISSION_TIMEOUT_S, 4 * self._way.jitter_s)

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
        arrival_s = self._free_at_s + self._way.delay_s + jitter_s
        arrival_s += self._penalty(departure_s, behind)
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
            if self._window_bytes < 2 * self._most_in_flight:
                self._widen(size)
        self._most_in_flight = max(self._most_in_flight if used else 0, used + length)
        return ready_s

    def _widen(self, acknowledged: int) -> None:
        growth = acknowledged
        if self._window_bytes >= self._slow_start_bytes:
            growth = acknowledged * SEGMENT_BYTES // self._window_bytes
        self._window_bytes = min(self._window_bytes + growth, MAX_WINDOW_BYTES)

    def _halve(self, now_s: float) -> None:
        if now_s - self._halved_at_s >= self._round_trip_s:
            self._halved_at_s = now_s
            self._window_bytes = max(self._window_bytes // 2, 2 * SEGMENT_BYTES)
            self._slow_start_bytes = self._window_bytes

    def _penalty(self, departure_s: float, behind: int) -> float:
        """How much later a segment arrives because it, or its retransmission, was lost."""
        penalty_s = 0.0
        timeout_s = self.retransmission_timeout_s
        trips = 1.0 if behind >= _FAST_RETRANSMIT_NEEDS else 1 + _REORDERING_WINDOW
        noticed = behind > 0  # by the acknowledgement of what comes after it
        while self._rng.random() < self._way.loss:
            self.losses += 1
            self._halve(departure_s)
            penalty_s += trips * self._round_trip_s if noticed else timeout_s
            timeout_s *= 1 if noticed else 2
            noticed = False
        return penalty_s
