"""The authenticated classical channel: Wegman–Carter tags, and the key they use up.

A tag is a polynomial hash over GF(2^128) under a one-time pad: whoever does not share the key
forges one with a chance of about blocks / 2^128, whatever computer he has. The hash key may
persist; no pad is used twice. The pool is kept apart from delivered keys. Its first content is
shared beforehand or agreed upon under post-quantum signatures; afterwards each block pays back what
it used.

Pads come in sets, one for a block, and a set has a name: the block that paid for it. Alice says
which set a block uses. So a block that one end concluded and the other did not leaves a set that is
never named, and the ends do not fall out of step.

Source: Wegman, Carter, JCSS 22 (1981); the polynomial is POLYVAL's (RFC 8452 clause 3).
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from typing import Final

from roadseal import _core
from roadseal.errors import RoadsealError

TAG_BYTES: Final = 16
SET_BYTES: Final = 4 * TAG_BYTES
"""Pads of a block: one for each role and purpose."""


class Role(IntEnum):
    """Who speaks; each has pads of its own."""

    ALICE = 0
    BOB = 1


class Purpose(IntEnum):
    """What a tag says; no tag of one purpose passes for the other."""

    TRANSCRIPT = 0
    ABORT = 1


class AuthenticationPool:
    """Shared key for tags, alike at both ends.

    Args:
        shared: at least 80 bytes that both ends have and nobody else: the hash key, then pads.

    Raises:
        RoadsealError: ``qkd-authentication-key``.
    """

    def __init__(self, shared: bytes) -> None:
        if len(shared) < TAG_BYTES + SET_BYTES:
            raise RoadsealError(
                "qkd-authentication-key",
                f"{len(shared)} bytes cannot authenticate a block.",
                advice="Share at least 80 bytes; 64 more for each block that may fail.",
            )
        self._key = bytes(shared[:TAG_BYTES])
        self._sets: dict[int, list[bytes | None]] = {}
        for number, at in enumerate(range(TAG_BYTES, len(shared) - SET_BYTES + 1, SET_BYTES), 1):
            self.replenish(-number, shared[at : at + SET_BYTES])

    def __repr__(self) -> str:
        return f"AuthenticationPool({self.blocks_left} blocks left)"

    @property
    def blocks_left(self) -> int:
        """For how many blocks there are pads."""
        return len(self._sets)

    def next_set(self) -> int | None:
        """The name of the oldest set; None if there is none."""
        return next(iter(self._sets), None)

    def __contains__(self, name: object) -> bool:
        return name in self._sets

    def replenish(self, name: int, octets: bytes) -> None:
        """Add the set that block `name` paid for; negative names are those shared beforehand."""
        self._sets[name] = [octets[at : at + TAG_BYTES] for at in range(0, SET_BYTES, TAG_BYTES)]

    def spend(self, name: int) -> None:
        """Drop a set; what is left of it is never used."""
        self._sets.pop(name, None)

    def tag(self, name: int, role: Role, purpose: Purpose, said: bytes) -> bytes | None:
        """Make a tag and use up its pad; None if that pad is not there any more."""
        pads = self._sets.get(name)
        place = 2 * purpose + role
        pad = pads[place] if pads is not None else None
        if pads is None or pad is None:
            return None
        pads[place] = None
        return _core.authentication_tag(self._key, pad, bytes([purpose]) + said)

    def holds(self, name: int, role: Role, purpose: Purpose, said: bytes, tag: bytes) -> bool:
        """Check the tag of the other end, using up its pad."""
        expected = self.tag(name, role, purpose, said)
        return expected is not None and hmac.compare_digest(expected, tag)
