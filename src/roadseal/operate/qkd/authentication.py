"""The authenticated classical channel: Wegman–Carter tags, and the key they use up.

A tag is a polynomial hash over GF(2^128) under a one-time pad: whoever does not share the key
forges one with a chance of about blocks / 2^128, whatever computer he has. The hash key may
persist; no pad is used twice. The pool is kept apart from delivered keys. Its first content is
shared beforehand or agreed upon under post-quantum signatures; afterwards each block pays back what
it used.

Source: Wegman, Carter, JCSS 22 (1981); the polynomial is POLYVAL's (RFC 8452 clause 3).
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from typing import Final

from roadseal import _core
from roadseal.errors import RoadsealError

TAG_BYTES: Final = 16
PADS_PER_BLOCK: Final = 2


class Role(IntEnum):
    """Who speaks; each has pads of its own."""

    ALICE = 0
    BOB = 1


class AuthenticationPool:
    """Shared key for tags, alike at both ends.

    Args:
        shared: at least 48 bytes that both ends have and nobody else: the hash key, then pads.

    Raises:
        RoadsealError: ``qkd-authentication-key``.
    """

    def __init__(self, shared: bytes) -> None:
        if len(shared) < TAG_BYTES * (1 + PADS_PER_BLOCK):
            raise RoadsealError(
                "qkd-authentication-key",
                f"{len(shared)} bytes cannot authenticate a block.",
                advice="Share at least 48 bytes; 32 more for each block that may fail.",
            )
        self._key = bytes(shared[:TAG_BYTES])
        self._pads: list[bytes | None] = []
        self.replenish(shared[TAG_BYTES:])

    def __repr__(self) -> str:
        return f"AuthenticationPool({self.blocks_left} blocks left)"

    @property
    def blocks_left(self) -> int:
        """For how many blocks there are pads that nobody has used."""
        return sum(pad is not None for pad in self._pads) // PADS_PER_BLOCK

    def replenish(self, octets: bytes) -> None:
        """Add pads; both ends add the same at the same block."""
        whole = len(octets) // TAG_BYTES * TAG_BYTES
        self._pads += [octets[at : at + TAG_BYTES] for at in range(0, whole, TAG_BYTES)]

    def tag(self, block: int, role: Role, transcript: bytes) -> bytes | None:
        """Make the tag of `role` for a block and use up its pad; None if there is no pad for it."""
        place = PADS_PER_BLOCK * block + role
        pad = self._pads[place] if place < len(self._pads) else None
        if pad is None:
            return None
        self._pads[place] = None
        return _core.authentication_tag(self._key, pad, transcript)

    def holds(self, block: int, role: Role, transcript: bytes, tag: bytes) -> bool:
        """Check the tag of the other end, using up its pad."""
        expected = self.tag(block, role, transcript)
        return expected is not None and hmac.compare_digest(expected, tag)
