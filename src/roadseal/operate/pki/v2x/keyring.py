"""The authorities' certificates and secrets in a store, the secrets sealed under a passphrase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roadseal.errors import RoadsealError
from roadseal.operate.pki.v2x.coer import CoerError, Octets, Record, Text
from roadseal.operate.pki.v2x.ecies import Random
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.ledger import Ledger
from roadseal.operate.pki.v2x.sealing import SALT_BYTES, Vault
from roadseal.store.database import Store

_KIND: Final = "authority"
_ROW: Final = Record(
    {"role": Text(), "algorithm": Text(), "certificate": Octets(), "sealed": Octets()}
)
_SECRETS: Final = Record({"signing": Octets(), "decrypting": Octets()})


class Keyring:
    """Opens with the operator's passphrase.

    Args:
        store: opened with `SCHEMA`.
        passphrase: asked for once, and only if there is none in the store yet to compare with.
        random: the operating system's randomness.
    """

    def __init__(self, store: Store, passphrase: Callable[[], bytes], random: Random) -> None:
        self._ledger = Ledger(store, "keyring")
        self._random = random
        salt = self._ledger.get("salt", b"")
        if salt is None:
            salt = random(SALT_BYTES)
            self._ledger.put("salt", [(b"", salt)])
        self.vault = Vault(passphrase(), salt, random)

    def keep(self, name: str, keys: AuthorityKeys) -> None:
        """Keep an authority."""
        secrets = _SECRETS.encode({"signing": keys.signing, "decrypting": keys.decrypting})
        row = {
            "role": keys.role,
            "algorithm": keys.algorithm,
            "certificate": keys.certificate,
            "sealed": self.vault.seal(secrets),
        }
        self._ledger.put(_KIND, [(name.encode(), _ROW.encode(row))])

    def load(self, name: str) -> AuthorityKeys:
        """An authority that was kept.

        Raises:
            RoadsealError: ``scms-absent``, ``scms-passphrase``, ``scms-damaged``.
        """
        octets = self._ledger.get(_KIND, name.encode())
        if octets is None:
            raise RoadsealError(
                "scms-absent",
                f"There is no authority {name!r} in this database.",
                advice="Make one with `roadseal scms init`, or give the database with --db.",
            )
        try:
            row = _ROW.decode(octets)
            secrets = _SECRETS.decode(self.vault.unseal(row["sealed"]))
        except CoerError:
            raise RoadsealError(
                "scms-damaged", f"What is kept of {name!r} is damaged.", advice="Restore a backup."
            ) from None
        return AuthorityKeys(
            row["role"],
            row["certificate"],
            row["algorithm"],
            secrets["signing"],
            secrets["decrypting"],
        )

    def shared_key(self, name: str) -> bytes:
        """An AES key that two authorities share, 16 bytes; made at the first call."""
        sealed = self._ledger.get("shared", name.encode())
        if sealed is None:
            sealed = self.vault.seal(self._random(16))
            self._ledger.put("shared", [(name.encode(), sealed)])
        return self.vault.unseal(sealed)

    def names(self, prefix: str = "") -> list[str]:
        """The authorities that are kept."""
        names = [name.decode() for name, _ in self._ledger.items(_KIND)]
        return [name for name in names if name.startswith(prefix)]
