"""A linkage authority: seeds that tie a device's certificates together, for revocation alone.

Two of them stand beside each other, so that neither can link certificates by itself. Each chain of
seeds is kept sealed; a pre-linkage value leaves encrypted with a key that the LA shares with the
ACA, since the RA passes it on.

Source: CAMP SCP2; IEEE 1609.2.1-2022 clause 9.4. Messages between LAs and the MA are calls here:
the authorities of one operator run in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from roadseal.operate.pki.scms import SEED_BYTES, Layout, linkage_seed, prelinkage_value
from roadseal.operate.pki.v2x.ecies import Random, encrypt_with_key
from roadseal.operate.pki.v2x.ledger import Ledger

_CHAIN: Final = "linkage-chain"
_GIVEN: Final = "prelinkage-value"

Seal = Callable[[bytes], bytes]


class LinkageAuthority:
    """An LA.

    Args:
        la_id: its 2-byte name.
        ledger: its rows.
        random: the operating system's randomness.
        seal: encrypts a secret for the ledger.
        unseal: decrypts it.
        shared_key: AES key that the ACA has, too, 16 bytes.
        layout: of seeds and values.
    """

    def __init__(
        self,
        la_id: bytes,
        ledger: Ledger,
        *,
        random: Random,
        seal: Seal,
        unseal: Seal,
        shared_key: bytes,
        layout: Layout = "camp",
    ) -> None:
        self.la_id = la_id
        self.ledger = ledger
        self.layout = layout
        self._random = random
        self._seal = seal
        self._unseal = unseal
        self._shared_key = shared_key

    def prelinkage_values(
        self, chain: bytes, first_i: int, i: int, count: int
    ) -> list[dict[str, Any]]:
        """Pre-linkage values of (i, 0) to (i, count − 1), each encrypted for the ACA.

        Args:
            chain: names the device's chain towards this LA; made at the first call.
            first_i: the period at which the chain begins.
            i: the period.
            count: how many.
        """
        sealed = self.ledger.get(_CHAIN, chain)
        if sealed is None:
            sealed = first_i.to_bytes(2) + self._seal(self._random(SEED_BYTES))
            self.ledger.put(_CHAIN, [(chain, sealed)])
        seed = self._seed_at(sealed, i)
        values = [prelinkage_value(self.la_id, seed, j, self.layout) for j in range(count)]
        # What will lead from a value back to its chain, when the MA asks.
        place = i.to_bytes(2) + chain
        self.ledger.put(_GIVEN, [(i.to_bytes(2) + value, place) for value in values])
        return [self._encrypted(value) for value in values]

    def reveal(self, value: bytes, i: int, i_rev: int) -> bytes | None:
        """The seed of period `i_rev` of the chain that a pre-linkage value of period `i` is from.

        `None` if the value is not of this authority, or the period lies before the chain.
        """
        place = self.ledger.get(_GIVEN, i.to_bytes(2) + value)
        sealed = self.ledger.get(_CHAIN, place[2:]) if place else None
        if sealed is None or i_rev < int.from_bytes(sealed[:2]):
            return None
        return self._seed_at(sealed, i_rev)

    def advance(self, seed: bytes, periods: int) -> bytes:
        """A seed of this authority, some periods later."""
        for _ in range(periods):
            seed = linkage_seed(self.la_id, seed, self.layout)
        return seed

    def _seed_at(self, sealed: bytes, i: int) -> bytes:
        return self.advance(self._unseal(sealed[2:]), i - int.from_bytes(sealed[:2]))

    def _encrypted(self, value: bytes) -> dict[str, Any]:
        sealed = encrypt_with_key(value, self._shared_key, self._random)
        return {"version": 2, "laId": self.la_id, "encPlv": sealed}
