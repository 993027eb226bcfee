"""Keys of P-256 and brainpoolP256r1 as the wire has them: compressed points, 32-byte scalars."""

from __future__ import annotations

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from roadseal import _core
from roadseal.operate.pki.v2x.coer import CoerError

CURVES: Final = (ec.SECP256R1(), ec.BrainpoolP256R1())
"""By their index in `BasePublicEncryptionKey`."""

_ECIES: Final = {"ecies-p256": 0, "ecies-brainpoolp256r1": 1}


def generate_scalar(curve: int) -> bytes:
    """A fresh private key, 32 bytes."""
    return ec.generate_private_key(CURVES[curve]).private_numbers().private_value.to_bytes(32)


def private_key(curve: int, scalar: bytes) -> ec.EllipticCurvePrivateKey:
    """The key with this scalar.

    Raises:
        ValueError: it is zero, or at or above the order.
    """
    return ec.derive_private_key(int.from_bytes(scalar), CURVES[curve])


def public_point(curve: int, scalar: bytes) -> bytes:
    """The compressed point of a private key.

    Raises:
        ValueError: the scalar is none.
    """
    public = private_key(curve, scalar).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def certificate_digest(certificate: bytes) -> bytes:
    """The whole hash of a certificate that came in a message.

    Raises:
        CoerError: the engine does not take it for a certificate.
    """
    try:
        return _core.certificate_digest(certificate)[0]
    except ValueError:
        raise CoerError("it brings something that is no certificate") from None


def verification_key(certificate: bytes) -> tuple[str, bytes] | None:
    """Algorithm and octets of the key in an explicit certificate, as `Signer.public_key` has them.

    `None` for an implicit certificate and for octets that are none.
    """
    tree = _core.describe_certificate(certificate)
    key = tree.get("verificationKey")
    if key is None:
        return None
    algorithm, octets = str(key["algorithm"]), _octets(key)
    if second := tree.get("altVerificationKey"):
        return f"{algorithm}+{second['algorithm']}", octets + _octets(second)
    return algorithm, octets


def encryption_key(certificate: bytes) -> tuple[int, bytes] | None:
    """Curve index and compressed point of the encryption key in a certificate, if it has one."""
    key = _core.describe_certificate(certificate).get("encryptionKey")
    if key is None or key["algorithm"] not in _ECIES:
        return None
    return _ECIES[key["algorithm"]], _octets(key)


def _octets(key: dict[str, Any]) -> bytes:
    if "key" in key:
        return bytes.fromhex(key["key"])
    form, _, digits = key["point"].partition(" ")
    octets = bytes.fromhex(digits)
    match form:
        case "compressed-y-0":
            return b"\2" + octets
        case "compressed-y-1":
            return b"\3" + octets
    half = len(octets) // 2  # uncompressed: canonical form is compressed
    return bytes([2 + (octets[-1] & 1)]) + octets[:half]


def write_point(octets: bytes) -> tuple[str, Any]:
    """A compressed or uncompressed point as the value of its CHOICE, compressed."""
    if octets[0] in (2, 3):
        return f"compressed-y-{octets[0] & 1}", octets[1:]
    half = len(octets) // 2
    return f"compressed-y-{octets[-1] & 1}", octets[1 : half + 1]


def read_point(value: tuple[str, Any]) -> bytes | None:
    """The compressed octets of a point's CHOICE; `None` for one without a y."""
    form, inner = value
    match form:
        case "compressed-y-0":
            return bytes([2, *inner])
        case "compressed-y-1":
            return bytes([3, *inner])
        case "uncompressedP256" | "uncompressedP384":
            return bytes([2 + (inner["y"][-1] & 1), *inner["x"]])
    return None
