"""Encryption of IEEE 1609.2: ECIES wraps an AES key, AES-CCM encrypts (clauses 5.3.4 and 5.3.5).

ECIES is that of IEEE 1363a: ECDH, KDF2 with SHA-256 over the shared x coordinate and P1, the key is
XORed, the tag is the first half of HMAC-SHA-256. P1 is the hash of what the recipient is named by:
its certificate, or the empty string where it is named by a key alone.

The security rests on P-256: it is not quantum-safe, and no standard has another choice yet.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from roadseal import _core
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.dot2 import DATA, PUBLIC_ENCRYPTION_KEY, SYMMETRIC_KEY
from roadseal.operate.pki.v2x.points import (
    CURVES,
    encryption_key,
    generate_scalar,
    private_key,
    public_point,
    read_point,
    write_point,
)

_KEY, _TAG, _NONCE = 16, 16, 12
_EMPTY_HASH: Final = hashlib.sha256(b"").digest()
_CHOICES: Final = ("eciesNistP256", "eciesBrainpoolP256r1")

Random = Callable[[int], bytes]
"""That many octets of randomness; `os.urandom`."""

OpenFailure = Literal["malformed", "not_encrypted", "not_for_us", "unknown_cipher", "not_authentic"]


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted message, and its AES key: whoever sent a request opens the answer with it."""

    octets: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """What was inside, and the key that encrypted it: an answer is encrypted with the same."""

    plaintext: bytes
    key: bytes = field(repr=False)


def kdf2(secret: bytes, size: int, parameter: bytes) -> bytes:
    """KDF2 of IEEE 1363a with SHA-256: H(secret ‖ counter ‖ P1), the counter from 1."""
    blocks = (
        hashlib.sha256(secret + counter.to_bytes(4) + parameter).digest()
        for counter in range(1, size // 32 + 2)
    )
    return b"".join(blocks)[:size]


def wrap(
    key: bytes, recipient: bytes, parameter: bytes, ephemeral: bytes, curve: int = 0
) -> tuple[bytes, bytes, bytes]:
    """Encrypt a 16-byte key.

    Args:
        key: to encrypt.
        recipient: a point.
        parameter: P1, 32 bytes.
        ephemeral: a fresh private key, 32 bytes, used once.
        curve: 0 P-256, 1 brainpoolP256r1.

    Returns:
        The ephemeral point, compressed; the encrypted key; the tag.

    Raises:
        ValueError: the recipient is no point of the curve.
    """
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], recipient)
    shared = private_key(curve, ephemeral).exchange(ec.ECDH(), public)
    stream = kdf2(shared, _KEY + 32, parameter)
    encrypted = _xor(key, stream[:_KEY])
    tag = hmac.digest(stream[_KEY:], encrypted, "sha256")[:_TAG]
    return public_point(curve, ephemeral), encrypted, tag


def unwrap(
    scalar: bytes,
    ephemeral: bytes,
    encrypted: bytes,
    tag: bytes,
    parameter: bytes,
    curve: int = 0,
) -> bytes | None:
    """The key that `wrap` encrypted, or `None` if it was not for us or was changed."""
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], ephemeral)
        shared = private_key(curve, scalar).exchange(ec.ECDH(), public)
    except ValueError:
        return None
    stream = kdf2(shared, _KEY + 32, parameter)
    expected = hmac.digest(stream[_KEY:], encrypted, "sha256")[:_TAG]
    return _xor(encrypted, stream[:_KEY]) if hmac.compare_digest(expected, tag) else None


def encrypt_to_certificate(plaintext: bytes, certificate: bytes, random: Random) -> Sealed:
    """Encrypt to the key in a certificate.

    Raises:
        ValueError: the certificate holds no encryption key.
    """
    chosen = encryption_key(certificate)
    if chosen is None:
        raise ValueError("the certificate holds no encryption key")
    digest = _core.certificate_digest(certificate)[0]
    return _encrypt(plaintext, "certRecipInfo", digest[-8:], digest[:32], *chosen, random)


def recipients(octets: bytes) -> list[bytes]:
    """HashedId8 of the certificates that octets are encrypted to; none of octets that are not."""
    data = _encrypted(octets)
    if isinstance(data, str):
        return []
    return [one["recipientId"] for form, one in data["recipients"] if form == "certRecipInfo"]


def encrypt_to_key(plaintext: bytes, point: bytes, random: Random, curve: int = 0) -> bytes:
    """Encrypt to a bare key; the recipient is named by the hash of its `PublicEncryptionKey`."""
    name = response_key_id(point, curve)
    return _encrypt(plaintext, "rekRecipInfo", name, _EMPTY_HASH, curve, point, random).octets


def response_key_id(point: bytes, curve: int = 0) -> bytes:
    """HashedId8 of a `PublicEncryptionKey`."""
    written = {
        "supportedSymmAlg": "aes128Ccm",
        "publicKey": (_CHOICES[curve], write_point(point)),
    }
    return hashlib.sha256(PUBLIC_ENCRYPTION_KEY.encode(written)).digest()[-8:]


def encrypt_with_key(plaintext: bytes, key: bytes, random: Random) -> bytes:
    """Encrypt with a key that the recipient has: how an authority answers."""
    return _data([("pskRecipInfo", symmetric_key_id(key))], plaintext, key, random)


def symmetric_key_id(key: bytes) -> bytes:
    """HashedId8 of a `SymmetricEncryptionKey`."""
    return hashlib.sha256(SYMMETRIC_KEY.encode(("aes128Ccm", key))).digest()[-8:]


def open_with_certificate(
    octets: bytes, digest: bytes, scalar: bytes, curve: int = 0
) -> Opened | OpenFailure:
    """Decrypt what was encrypted to a certificate.

    Args:
        octets: `Ieee1609Dot2Data`.
        digest: the whole hash of our certificate.
        scalar: its decryption key.
        curve: of that key.
    """
    return _open(octets, "certRecipInfo", digest[-8:], digest[:32], scalar, curve)


def open_with_scalar(octets: bytes, scalar: bytes, curve: int = 0) -> Opened | OpenFailure:
    """Decrypt what was encrypted to a bare key."""
    name = response_key_id(public_point(curve, scalar), curve)
    return _open(octets, "rekRecipInfo", name, _EMPTY_HASH, scalar, curve)


def open_with_key(octets: bytes, key: bytes) -> Opened | OpenFailure:
    """Decrypt an answer that is encrypted with the request's key."""
    data = _encrypted(octets)
    if isinstance(data, str):
        return data
    if ("pskRecipInfo", symmetric_key_id(key)) not in data["recipients"]:
        return "not_for_us"
    return _decipher(data, key)


def _encrypt(
    plaintext: bytes,
    kind: str,
    name: bytes,
    parameter: bytes,
    curve: int,
    point: bytes,
    random: Random,
) -> Sealed:
    key = random(_KEY)
    ephemeral = generate_scalar(curve)
    v, c, t = wrap(key, point, parameter, ephemeral, curve)
    wrapped = {"v": write_point(v), "c": c, "t": t}
    recipient = (kind, {"recipientId": name, "encKey": (_CHOICES[curve], wrapped)})
    return Sealed(_data([recipient], plaintext, key, random), key)


def _data(recipients: list[Any], plaintext: bytes, key: bytes, random: Random) -> bytes:
    nonce = random(_NONCE)
    ciphertext = AESCCM(key, tag_length=_TAG).encrypt(nonce, plaintext, None)
    content = {
        "recipients": recipients,
        "ciphertext": ("aes128ccm", {"nonce": nonce, "ccmCiphertext": ciphertext}),
    }
    return DATA.encode({"protocolVersion": 3, "content": ("encryptedData", content)})


def _open(
    octets: bytes, kind: str, name: bytes, parameter: bytes, scalar: bytes, curve: int
) -> Opened | OpenFailure:
    data = _encrypted(octets)
    if isinstance(data, str):
        return data
    failure: OpenFailure = "not_for_us"
    for form, recipient in data["recipients"]:
        if form != kind or recipient["recipientId"] != name:
            continue
        choice, wrapped = recipient["encKey"]
        if choice != _CHOICES[curve]:
            failure = "unknown_cipher"
            continue
        point = read_point(wrapped["v"])
        key = point and unwrap(scalar, point, wrapped["c"], wrapped["t"], parameter, curve)
        if not key:
            return "not_authentic"
        return _decipher(data, key)
    return failure


def _encrypted(octets: bytes) -> dict[str, Any] | OpenFailure:
    try:
        kind, value = DATA.decode(octets)["content"]
    except CoerError:
        return "malformed"
    return value if kind == "encryptedData" else "not_encrypted"


def _decipher(data: dict[str, Any], key: bytes) -> Opened | OpenFailure:
    cipher, value = data["ciphertext"]
    if cipher != "aes128ccm":
        return "unknown_cipher"
    ciphertext = value["ccmCiphertext"]
    if len(ciphertext) < _TAG:
        return "malformed"
    try:
        plaintext = AESCCM(key, tag_length=_TAG).decrypt(value["nonce"], ciphertext, None)
    except InvalidTag:
        return "not_authentic"
    return Opened(plaintext, key)


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))
