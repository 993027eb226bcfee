"""Keys in a PKCS #11 token: made there, marked so that they cannot leave, used there.

ECDSA on P-256 and P-384. Tokens with ML-DSA (PKCS #11 3.2) are still rare: such a half is for
`ExternalMuSigner` or software.

Source: OASIS PKCS #11 v2.40, mechanisms CKM_EC_KEY_PAIR_GEN and CKM_ECDSA.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pkcs11
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from roadseal.errors import RoadsealError
from roadseal.operate.pki.public_key import PublicKey, ecdsa_hash
from roadseal.operate.pki.signer import Signer, module_failed

_CURVES: Final = {"ecdsa-p256": "secp256r1", "ecdsa-p384": "secp384r1"}


class Pkcs11Token:
    """One token, logged in.

    Args:
        library: the module's shared library.
        label: of the token.
        pin: of its user.

    Raises:
        RoadsealError: ``pki-module``: no such library or token, or a wrong PIN.
    """

    def __init__(self, library: Path, label: str, pin: str) -> None:
        try:
            token = pkcs11.lib(str(library)).get_token(token_label=label)
            self._session: Any = token.open(rw=True, user_pin=pin)
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise module_failed(f"does not open ({type(error).__name__})") from None

    def generate(self, algorithm: str, label: str) -> Signer:
        """Make a key pair in the token.

        Raises:
            RoadsealError: ``pki-algorithm``, ``pki-module``.
        """
        if algorithm not in _CURVES:
            raise RoadsealError(
                "pki-algorithm",
                f"A key of {algorithm} is not made in a PKCS #11 token here.",
                advice=f"Use {' or '.join(_CURVES)} there, and software for the rest.",
            )
        attribute = pkcs11.Attribute
        private = {attribute.EXTRACTABLE: False, attribute.SENSITIVE: True, attribute.SIGN: True}
        try:
            parameters = self._session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[algorithm])},
                local=True,
            )
            parameters.generate_keypair(label=label, store=True, private_template=private)
        except pkcs11.PKCS11Error as error:
            raise module_failed(f"makes no key ({type(error).__name__})") from None
        return self.open(label)

    def open(self, label: str) -> Signer:
        """Find the key pair called `label`.

        Raises:
            RoadsealError: ``pki-module``.
        """
        kind = pkcs11.ObjectClass
        try:
            private = self._session.get_key(kind.PRIVATE_KEY, label=label)
            info = encode_ec_public_key(self._session.get_key(kind.PUBLIC_KEY, label=label))
            return _TokenSigner(private, PublicKey.read(info))
        except (pkcs11.PKCS11Error, ValueError) as error:
            raise module_failed(f"has no key {label!r} ({type(error).__name__})") from None

    def close(self) -> None:
        """Log out."""
        self._session.close()


class _TokenSigner:
    def __init__(self, key: Any, public_key: PublicKey) -> None:
        self.public_key = public_key
        self._key = key

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        digest = hashes.Hash(ecdsa_hash(self.public_key.algorithm))
        digest.update(message)
        try:
            raw = self._key.sign(digest.finalize(), mechanism=pkcs11.Mechanism.ECDSA)
        except pkcs11.PKCS11Error as error:
            raise module_failed(f"does not sign ({type(error).__name__})") from None
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
