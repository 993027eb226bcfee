"""Secrets of authorities at rest: AES-256-GCM, its key from the operator's passphrase (scrypt)."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from roadseal.errors import RoadsealError
from roadseal.operate.pki.v2x.ecies import Random

SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12


class Vault:
    """Seals and opens secrets.

    Args:
        passphrase: the operator's.
        salt: of this store, 16 bytes, kept in the clear.
        random: the operating system's randomness.
    """

    def __init__(self, passphrase: bytes, salt: bytes, random: Random) -> None:
        key = Scrypt(salt=salt, length=32, n=1 << 15, r=8, p=1).derive(passphrase)
        self._cipher = AESGCM(key)
        self._random = random

    def seal(self, secret: bytes) -> bytes:
        """Encrypt a secret."""
        nonce = self._random(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, None)

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypt a secret.

        Raises:
            RoadsealError: ``scms-passphrase``: it was sealed under another, or changed.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except InvalidTag:
            raise RoadsealError(
                "scms-passphrase",
                "The authorities' keys do not open with this passphrase.",
                advice="Give the passphrase that `roadseal scms init` was given.",
            ) from None

    def __repr__(self) -> str:
        return "Vault()"
