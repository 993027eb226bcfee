"""Identities and trust anchors from PEM files."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from roadseal.errors import RoadsealError, why_unreadable
from roadseal.net.identity import Identity

_CURVES = {"secp256r1": "ecdsa_secp256r1_sha256", "secp384r1": "ecdsa_secp384r1_sha384"}


def load_identity(path: Path, key: Path | None = None) -> Identity:
    """Read a certificate, its chain and its key.

    Args:
        path: PEM with the certificate first, then intermediates; the key too if `key` is None.
        key: PEM with the private key, not encrypted.

    Raises:
        RoadsealError: ``identity-unusable``.
    """
    try:
        text = path.read_bytes()
        leaf, *chain = x509.load_pem_x509_certificates(text)
        private = load_pem_private_key((key.read_bytes() if key else text), None)
    except OSError as error:
        raise _unusable(path, why_unreadable(error)) from None
    except (ValueError, TypeError):
        raise _unusable(path, "it is no certificate with an unencrypted key") from None
    if isinstance(private, MLDSA65PrivateKey):
        return Identity("mldsa65", leaf, private, tuple(chain))
    if isinstance(private, EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return Identity(_CURVES[private.curve.name], leaf, private, tuple(chain))
    if isinstance(private, RSAPrivateKey):
        return Identity("rsa_pss_rsae_sha256", leaf, private, tuple(chain))
    raise _unusable(path, "its key is none of ECDSA on P-256 or P-384, RSA, and ML-DSA-65")


def load_roots(path: Path) -> list[x509.Certificate]:
    """Read trust anchors.

    Raises:
        RoadsealError: ``identity-unusable``.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise _unusable(path, why_unreadable(error)) from None
    except ValueError:
        raise _unusable(path, "it holds no certificate in PEM") from None


def _unusable(path: Path, why: str) -> RoadsealError:
    return RoadsealError(
        "identity-unusable",
        f"{path} cannot be used: {why}.",
        advice="Give PEM: the certificate first, its chain, and an unencrypted key.",
    )
