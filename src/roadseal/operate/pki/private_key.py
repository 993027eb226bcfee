"""Private ML-DSA keys in the three forms of RFC 9881 clause 6: seed, expanded, both.

OpenSSL expands the seed and compares; what is kept is the seed.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Final

from cryptography.hazmat.primitives.asymmetric import mldsa
from OpenSSL import crypto

from roadseal.errors import RoadsealError
from roadseal.operate.pki.der import contents, elements
from roadseal.operate.pki.keys import SigningKey

_KINDS: Final = (mldsa.MLDSA44PrivateKey, mldsa.MLDSA65PrivateKey, mldsa.MLDSA87PrivateKey)
_OID: Final = bytes.fromhex(
    "0609608648016503040311"
)  # ML-DSA-44; 65 and 87 follow in its last byte


def read_mldsa_key(encoded: bytes) -> SigningKey:
    """Read an unencrypted ML-DSA key, PKCS #8 in PEM or DER.

    Raises:
        RoadsealError: ``pki-key-inconsistent``: malformed, or seed and expanded key differ, or the
            expanded key contradicts itself; ``pki-key-seedless``: sound, but without its seed.
    """
    try:
        der = _der(encoded)
        crypto.load_privatekey(crypto.FILETYPE_ASN1, der)
        _, algorithm, wrapped = elements(contents(der))[:3]
        index = algorithm[2 + len(_OID) - 1] - _OID[-1]
        form = contents(wrapped)
        seed = _seed(form)
        key_kind = _KINDS[index] if index in range(3) else None
        known = algorithm[2 : 1 + len(_OID)] == _OID[:-1] and key_kind is not None
    except (crypto.Error, ValueError, IndexError):
        known, key_kind, seed = False, None, None
    if not known or key_kind is None:
        raise RoadsealError(
            "pki-key-inconsistent",
            "The private key is malformed, or its parts contradict each other.",
            advice="Do not use it; export it again as a seed, or make a new key.",
        )
    if seed is None:
        raise RoadsealError(
            "pki-key-seedless",
            "The private key comes without its seed.",
            advice="Export it in the seed form of RFC 9881; authorities keep seeds only.",
        )
    return key_kind.from_seed_bytes(seed)


def _der(encoded: bytes) -> bytes:
    if b"-----BEGIN PRIVATE KEY" not in encoded:
        return encoded
    lines = encoded.partition(b"-----BEGIN PRIVATE KEY-----")[2].partition(b"-----END")[0]
    return b64decode(lines)


def _seed(form: bytes) -> bytes | None:
    if form[:1] == b"\x80":
        return contents(form)
    if form[:1] == b"\x30":
        return contents(elements(contents(form))[0])
    return None
