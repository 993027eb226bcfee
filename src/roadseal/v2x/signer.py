"""Who signs: software keys here, hardware elsewhere, through one interface."""

from __future__ import annotations

from typing import Protocol

from roadseal._core import SigningKey

__all__ = ["Signer", "SigningKey"]


class Signer(Protocol):
    """A private key that signs and is never read.

    `SigningKey` is one in software. A PKCS#11 module is another: what it signs is always a digest,
    e = H(H(tbs) ‖ H(certificate)) of IEEE 1609.2 clause 5.3.1, 32 or 48 bytes as `algorithm` asks.
    """

    @property
    def algorithm(self) -> str:
        """The algorithm's id, as in `roadseal.crypto`."""
        ...

    @property
    def public_key(self) -> bytes:
        """A compressed SEC 1 point, an encoded post-quantum key, or one after the other (dual)."""
        ...

    def sign(self, digest: bytes, algorithm_id: str | None = None, /) -> bytes:
        """Sign `digest`.

        Args:
            digest: 32 or 48 bytes.
            algorithm_id: for a dual key, the half of it that shall sign; both if absent.

        Returns:
            r ‖ s, an encoded post-quantum signature, or one after the other.
        """
        ...
