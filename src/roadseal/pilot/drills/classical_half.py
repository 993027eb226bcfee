"""The part of a key that a quantum computer gives away."""

from __future__ import annotations

from roadseal.crypto import algorithm
from roadseal.errors import RoadsealError
from roadseal.v2x import Signer

_POINT_BYTES = 33  # a compressed point of P-256, which comes first in a dual key


def classical_part(algorithm_id: str) -> str | None:
    """The algorithm of the classical part of a key, `None` if it has none."""
    row = algorithm(algorithm_id)
    if not row.quantum_safe:
        return row.id
    return next((part for part in row.components if not algorithm(part).quantum_safe), None)


class ClassicalHalf:
    """A signer that signs with the classical part of another's key, and with nothing else.

    Whoever holds it can sign what an adversary with a quantum computer could: all of a classical
    key, the classical half of a dual one.

    Args:
        signer: the whole key.

    Raises:
        RoadsealError: ``no-classical-half``: the key is post-quantum alone.
    """

    def __init__(self, signer: Signer) -> None:
        part = classical_part(signer.algorithm)
        if part is None:
            raise RoadsealError(
                "no-classical-half",
                f"A {signer.algorithm} key has no classical part.",
                advice="Ask classical_part first.",
            )
        self._signer = signer
        self._part = part

    def __repr__(self) -> str:
        return f"ClassicalHalf({self._part})"

    @property
    def algorithm(self) -> str:
        """The classical algorithm."""
        return self._part

    @property
    def public_key(self) -> bytes:
        """Its public key."""
        whole = self._signer.public_key
        return whole if self._signer.algorithm == self._part else whole[:_POINT_BYTES]

    def sign(self, digest: bytes, algorithm_id: str | None = None, /) -> bytes:
        """Sign with the classical part.

        Raises:
            RoadsealError: ``no-classical-half``: something else is asked for.
        """
        if algorithm_id not in (None, self._part):
            raise RoadsealError(
                "no-classical-half",
                f"This holds a {self._part} key and no {algorithm_id} key.",
                advice="Sign with its own algorithm.",
            )
        return self._signer.sign(digest, self._part)
