"""RSA keys that are bound to RSASSA-PSS, and perhaps to a hash and a length of salt.

`cryptography` loads such a key as any RSA key and forgets what it is bound to.

Source: RFC 4055 §§ 1.2, 3.1 and 3.3.
"""

from __future__ import annotations

from typing import Final

from roadseal.operate.pki.der import contents, elements, integer, object_identifier, sequence

_PSS: Final = object_identifier("1.2.840.113549.1.1.10")
_SHA1: Final = sequence(object_identifier("1.3.14.3.2.26"))
_MGF1_SHA1: Final = sequence(object_identifier("1.2.840.113549.1.1.8"), _SHA1)
_SALT: Final = integer(20)


def may_sign(key: bytes, signature: bytes) -> bool:
    """Whether a key's AlgorithmIdentifier allows a signature with that AlgorithmIdentifier.

    Raises:
        ValueError: one of them is malformed.
    """
    bound, *to = elements(contents(key))
    if bound != _PSS:
        return True
    made, *by = elements(contents(signature))
    if made != _PSS:
        return False
    if not to:
        return True
    if not by:
        return False
    hash_of_key, mask_of_key, least = _parameters(to[0])
    hash_of_signature, mask_of_signature, salt = _parameters(by[0])
    return hash_of_key == hash_of_signature and mask_of_key == mask_of_signature and least <= salt


def _parameters(encoded: bytes) -> tuple[bytes, tuple[bytes, bytes], int]:
    """The hash, the mask generation and its hash, and the salt's octets, with their defaults."""
    given = {one[0]: contents(one) for one in elements(contents(encoded))}
    mask, *inner = elements(contents(given.get(0xA1, _MGF1_SHA1)))
    salt = contents(given.get(0xA2, _SALT))
    return (
        elements(contents(given.get(0xA0, _SHA1)))[0],
        (mask, elements(contents(inner[0]))[0] if inner else b""),
        int.from_bytes(salt),
    )
