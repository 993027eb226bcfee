"""Where authorities' keys are made and found again: a reference is stored, never a bare key.

A reference is JSON: a sealed software key, the label of a key in a PKCS #11 token, or both halves
of a composite, each with a reference of its own.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final, Protocol

from roadseal.errors import RoadsealError
from roadseal.operate.pki.public_key import composite_of
from roadseal.operate.pki.signer import CompositeSigner, Signer, SoftwareSigner

SOFTWARE: Final = "software"
PKCS11: Final = "pkcs11"


class Token(Protocol):
    """A module that makes and keeps keys, such as `Pkcs11Token`."""

    def generate(self, algorithm: str, label: str) -> Signer:
        """Make a key that stays in the module."""
        ...

    def open(self, label: str) -> Signer:
        """Find a key again."""
        ...


class KeyStore:
    """Makes and opens signing keys.

    Args:
        passphrase: seals what is kept in software.
        token: the PKCS #11 token, if there is one.
    """

    def __init__(self, passphrase: bytes, token: Token | None = None) -> None:
        self._passphrase = passphrase
        self._token = token

    def generate(self, algorithm: str, places: Sequence[str] = (SOFTWARE,)) -> tuple[Signer, bytes]:
        """Make a key where it will live; return it with the reference to store.

        Args:
            algorithm: registry id.
            places: ``software`` or ``pkcs11``; two of them place the halves of a composite.

        Raises:
            RoadsealError: ``pki-algorithm``, ``pki-module``.
        """
        signer, reference = self._generate(algorithm, tuple(places))
        return signer, json.dumps(reference).encode()

    def open(self, reference: bytes) -> Signer:
        """Open the key of a stored reference.

        Raises:
            RoadsealError: ``pki-passphrase``, ``pki-module``.
        """
        return self._open(json.loads(reference))

    def _generate(self, algorithm: str, places: tuple[str, ...]) -> tuple[Signer, dict[str, Any]]:
        if composite := composite_of(algorithm):
            pairs = zip(composite.halves, (*places, *places)[:2], strict=True)
            made = [self._generate(half, (place,)) for half, place in pairs]
            joined = CompositeSigner(composite, made[0][0], made[1][0])
            return joined, {"composite": algorithm, "halves": [reference for _, reference in made]}
        if places == (PKCS11,):
            label = f"{algorithm}-{secrets.token_hex(8)}"
            return self._module().generate(algorithm, label), {"module": PKCS11, "label": label}
        if places != (SOFTWARE,):
            raise RoadsealError(
                "pki-module",
                f"A key of {algorithm} cannot live in {' and '.join(places)}.",
                advice="Use software or pkcs11; two places are for a composite.",
            )
        signer = SoftwareSigner.generate(algorithm)
        sealed = b64encode(signer.seal(self._passphrase)).decode()
        return signer, {"module": SOFTWARE, "sealed": sealed}

    def _open(self, reference: dict[str, Any]) -> Signer:
        if name := reference.get("composite"):
            composite = composite_of(name)
            if composite is None:
                raise RoadsealError(
                    "pki-algorithm",
                    f"The stored key is of {name}, which this version does not know.",
                    advice="Open it with the version that made it.",
                )
            return CompositeSigner(composite, *map(self._open, reference["halves"]))
        if reference["module"] == PKCS11:
            return self._module().open(reference["label"])
        return SoftwareSigner.unseal(b64decode(reference["sealed"]), self._passphrase)

    def _module(self) -> Token:
        if self._token is None:
            raise RoadsealError(
                "pki-module",
                "The key is, or should be, in a PKCS #11 token, and none is given.",
                advice="Give the module's library, the token's label and its PIN.",
            )
        return self._token
