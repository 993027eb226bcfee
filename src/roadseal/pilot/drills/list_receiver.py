"""A station that learns of trust and revocation lists, whole or in frames from the air."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from roadseal.clock import Time64
from roadseal.operate.pki.v2x import TrustAnchors
from roadseal.v2x import Reason, Reassembler, Verifier, fragments
from roadseal.v2x.fragment import ReassemblyLimits

_PATIENCE = ReassemblyLimits(timeout_us=10_000_000, per_source=8)  # lists are repeated for seconds


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A list, and the frames in which a unit sends it."""

    octets: bytes
    frames: tuple[bytes, ...]

    @classmethod
    def of(cls, lists: Iterable[bytes]) -> tuple[Broadcast, ...]:
        """Cut lists into frames of 1,400 bytes."""
        return tuple(cls(octets, tuple(fragments(octets))) for octets in lists)


@dataclass
class ListReceiver:
    """An engine, and what it was told to trust.

    Args:
        verifier: the engine.
        anchors: what the lists said that it has taken in.
    """

    verifier: Verifier
    anchors: TrustAnchors
    taken: set[bytes] = field(default_factory=set)
    reassembler: Reassembler = field(default_factory=lambda: Reassembler(_PATIENCE))

    def obey(self, octets: bytes, now: Time64) -> bool:
        """Take in a list that it has not taken in before; whether it counts."""
        counts = self._take(octets, now)
        if counts:
            self.anchors.enter(self.verifier)
        return counts

    def listen(
        self,
        broadcasts: Sequence[Broadcast],
        source: bytes,
        now: Time64,
        arrives: Callable[[], bool],
    ) -> None:
        """Hear what a unit sends of its lists.

        Args:
            broadcasts: the lists.
            source: who sends.
            now: when.
            arrives: whether the next frame does.
        """
        counts = False
        for broadcast in broadcasts:
            if broadcast.octets in self.taken:
                continue
            for frame in broadcast.frames:
                if not arrives():
                    continue
                message = self.reassembler.take(frame, source, now).message
                if message is not None:
                    counts |= self._take(message, now)
        if counts:
            self.anchors.enter(self.verifier)

    def _take(self, octets: bytes, now: Time64) -> bool:
        if octets in self.taken:
            return False
        self.anchors, reason = self.anchors.hear(octets, now)
        if reason is not Reason.OK:
            return False
        self.taken.add(octets)
        return True
