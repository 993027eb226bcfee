"""Downgrade: nobody who was once seen strong is later taken for weak.

The guard remembers, for each peer and purpose, the strongest algorithms it has seen, and only
ratchets up. Show it *authenticated* observations only: else anybody could raise a peer's level.

Memory is bounded, and forgetting must not open a door in silence:

- a peer is remembered only once it has shown something stronger than the weakest there is: a crowd
  of classical peers displaces nobody;
- when the memory is full, the peer not seen for longest is forgotten, and an event
  ``downgrade.forgotten`` says who and how strong;
- whoever is unknown, for the first time or again, is held to the profile: it is the floor.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from roadseal.clock import Time64
from roadseal.crypto.algorithms import registry
from roadseal.crypto.profile import Profile
from roadseal.crypto.purpose import Purpose
from roadseal.crypto.strength import at_least, stronger_than, strongest
from roadseal.crypto.waiver import (
    EVERYONE,
    Waiver,
    WaiverStatus,
    WaiverVerdict,
    open_waiver,
)
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event

SNAPSHOT_FORMAT = "roadseal-downgrade/1"
"""Written into every snapshot."""

MAX_WAIVERS = 4096
"""How many waivers a guard holds at once."""


class Outcome(StrEnum):
    """What became of an observation."""

    OK = "ok"
    WAIVED = "waived"
    NOT_ACCEPTED = "not-accepted"
    BELOW_SEEN = "below-seen"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to an observation.

    Args:
        outcome: `OK`, `WAIVED`, or why it is refused.
        strongest_seen: what the peer is remembered for, sorted; empty for an unknown peer.
        waiver: the waiver that decided, if one did.
    """

    outcome: Outcome
    strongest_seen: tuple[str, ...] = ()
    waiver: Waiver | None = None

    @property
    def allowed(self) -> bool:
        """Whether to go on with this peer."""
        return self.outcome in {Outcome.OK, Outcome.WAIVED}


class DowngradeGuard:
    """Refuses less than a peer was once seen to support. For one thread.

    Args:
        profile: what is accepted at all; may be replaced while migrating, memory stays.
        emit: hears every raise, refusal, waiver and eviction.
        issuers: keys of those whose waivers count, by name.
        capacity: how many peers are remembered.
    """

    def __init__(
        self,
        profile: Profile,
        emit: Emit,
        *,
        issuers: Mapping[str, MLDSA65PublicKey] | None = None,
        capacity: int = 65_536,
    ) -> None:
        if capacity < 1:
            raise RoadsealError(
                "downgrade-capacity", "A guard must remember someone.", advice="Use 1 or more."
            )
        self.profile = profile
        self._emit = emit
        self._issuers = dict(issuers or {})
        self._capacity = capacity
        self._seen: OrderedDict[str, dict[Purpose, frozenset[str]]] = OrderedDict()
        self._waivers: dict[tuple[str, Purpose, str], tuple[Waiver, ...]] = {}

    def observe(self, peer: str, purpose: Purpose, algorithm: str, *, now: Time64) -> Decision:
        """Judge that `peer` used `algorithm`, and remember it.

        Args:
            peer: an authenticated identity that is held to one level: a station, or a station and
                PSID where it signs commands more strongly than awareness messages.
            purpose: what it was used for.
            algorithm: id of what was used; an unknown one is not accepted.
            now: the current instant.
        """
        seen = self._seen.get(peer, {}).get(purpose, frozenset())
        if peer in self._seen:
            self._seen.move_to_end(peer)
        refusal = self._refusal(seen, purpose, algorithm)
        if refusal is None:
            self._remember(peer, purpose, seen, algorithm, now)
            return Decision(Outcome.OK, tuple(sorted(self._level(peer, purpose))))
        strongest_seen = tuple(sorted(seen))
        waiver = self._waiver_for(peer, purpose, algorithm, now)
        facts = {
            "purpose": str(purpose),
            "algorithm": algorithm,
            "strongest_seen": ", ".join(strongest_seen),
            "reason": str(refusal),
            "profile": self.profile.label,
        }
        if waiver is None:
            self._emit(Event(now, peer, "downgrade.refused", facts))
            return Decision(refusal, strongest_seen)
        facts |= {"issuer": waiver.issuer, "waiver_reason": waiver.reason}
        self._emit(Event(now, peer, "downgrade.waived", {**facts, "not_after": waiver.not_after}))
        return Decision(Outcome.WAIVED, strongest_seen, waiver)

    def admit(self, data: bytes, *, now: Time64) -> WaiverVerdict:
        """Take in a signed waiver, from anywhere; it counts from its first to its end date.

        Raises:
            RoadsealError: ``too-many-waivers``.
        """
        verdict = open_waiver(data, self._issuers)
        admitted = verdict.waiver
        if admitted is None:
            return verdict
        if now >= admitted.not_after:
            return WaiverVerdict(WaiverStatus.EXPIRED, admitted)
        held = {waiver for each in self._waivers.values() for waiver in each} | {admitted}
        held = {waiver for waiver in held if now < waiver.not_after}
        if len(held) > MAX_WAIVERS:
            raise RoadsealError(
                "too-many-waivers",
                f"The guard already holds {MAX_WAIVERS} waivers.",
                advice=f'Issue one for the subject "{EVERYONE}", or change the profile.',
            )
        self._waivers = {}
        for each in held:
            key = (each.subject, each.purpose, each.algorithm)
            self._waivers[key] = (*self._waivers.get(key, ()), each)
        return verdict

    def snapshot(self) -> dict[str, object]:
        """Return the memory as plain data for JSON, the peer not seen for longest first."""
        peers = [
            [peer, {str(purpose): sorted(level) for purpose, level in levels.items()}]
            for peer, levels in self._seen.items()
        ]
        return {"format": SNAPSHOT_FORMAT, "peers": peers}

    def restore(self, snapshot: Mapping[str, object]) -> None:
        """Replace the memory by a snapshot; waivers are not part of it, admit them again.

        Raises:
            RoadsealError: ``downgrade-snapshot``: unreadable or too large. The memory is unchanged:
                a guard that has lost its memory must not look like one that has seen nobody.
        """
        try:
            restored = OrderedDict(_read_peers(snapshot))
        except (ValueError, TypeError, KeyError, AttributeError, RoadsealError):
            raise _bad_snapshot("is damaged", "Restore it from a backup.") from None
        if len(restored) > self._capacity:
            raise _bad_snapshot("has more peers than the guard can hold", "Raise the capacity.")
        self._seen = restored

    def _level(self, peer: str, purpose: Purpose) -> frozenset[str]:
        return self._seen.get(peer, {}).get(purpose, frozenset())

    def _refusal(self, seen: frozenset[str], purpose: Purpose, algorithm: str) -> Outcome | None:
        accept = self.profile[purpose].accept
        if algorithm not in accept:
            return Outcome.NOT_ACCEPTED
        for strong in seen:
            if not stronger_than(strong, algorithm):
                continue
            # Quantum safety, once seen, is owed for ever. Half of a dual is owed only while our own
            # profile would still take more of what the peer can do: else the profile has moved on.
            lost = registry()[strong].quantum_safe and not registry()[algorithm].quantum_safe
            if lost or any(
                at_least(strong, more) and stronger_than(more, algorithm) for more in accept
            ):
                return Outcome.BELOW_SEEN
        return None

    def _remember(
        self, peer: str, purpose: Purpose, seen: frozenset[str], algorithm: str, now: Time64
    ) -> None:
        if algorithm in seen or not _worth_remembering(purpose, algorithm):
            return
        level = strongest(seen | {algorithm})
        if level == seen:
            return
        self._seen.setdefault(peer, {})[purpose] = level
        facts = {"purpose": str(purpose), "strongest_seen": ", ".join(sorted(level))}
        self._emit(Event(now, peer, "downgrade.raised", facts))
        if len(self._seen) > self._capacity:
            forgotten, levels = self._seen.popitem(last=False)
            self._emit(
                Event(
                    now,
                    forgotten,
                    "downgrade.forgotten",
                    {str(purpose): ", ".join(sorted(ids)) for purpose, ids in levels.items()},
                )
            )

    def _waiver_for(
        self, peer: str, purpose: Purpose, algorithm: str, now: Time64
    ) -> Waiver | None:
        for subject in (peer, EVERYONE):
            for waiver in self._waivers.get((subject, purpose, algorithm), ()):
                if waiver.not_before <= now < waiver.not_after:
                    return waiver
        return None


@cache
def _worth_remembering(purpose: Purpose, algorithm: str) -> bool:
    """Whether anything that could serve `purpose` is weaker, under whatever profile comes next."""
    return any(
        purpose.admits(other) and stronger_than(algorithm, other.id)
        for other in registry().values()
    )


def _read_peers(
    snapshot: Mapping[str, object],
) -> Iterator[tuple[str, dict[Purpose, frozenset[str]]]]:
    peers = snapshot["peers"]
    if snapshot["format"] != SNAPSHOT_FORMAT or not isinstance(peers, list):
        raise ValueError("not a snapshot")
    if len({peer for peer, _ in peers}) < len(peers):
        raise ValueError("a peer stands twice")
    for peer, levels in peers:
        if not isinstance(peer, str):
            raise TypeError("a peer is a string")
        yield peer, {Purpose(name): strongest(ids) for name, ids in levels.items()}


def _bad_snapshot(what: str, advice: str) -> RoadsealError:
    return RoadsealError("downgrade-snapshot", f"The downgrade memory {what}.", advice=advice)
