"""An old post-quantum signature under something new."""

from __future__ import annotations

from roadseal.crypto import algorithm
from roadseal.v2x import Signer


class GraftedSigner:
    """Signs with the classical half it has, and puts an old signature where it has nothing.

    Args:
        algorithm_id: of the whole key.
        known: what there is of the key.
        genuine: something that the whole key signed; it ends in the post-quantum signature.
    """

    def __init__(self, algorithm_id: str, known: Signer, genuine: bytes) -> None:
        parts = algorithm(algorithm_id).components or (algorithm_id,)
        missing = next(part for part in parts if algorithm(part).quantum_safe)
        size = algorithm(missing).size_bytes.signature or 0
        self._classical = known if len(parts) > 1 else None
        self._missing = missing
        self._old = genuine[-size:]
        self.algorithm = algorithm_id
        self.public_key = known.public_key

    def sign(self, digest: bytes, algorithm_id: str | None = None, /) -> bytes:
        """Sign with the classical half anew; the other is as of old."""
        if algorithm_id == self._missing or self._classical is None:
            return self._old
        fresh = self._classical.sign(digest)
        return fresh if algorithm_id == self._classical.algorithm else fresh + self._old
