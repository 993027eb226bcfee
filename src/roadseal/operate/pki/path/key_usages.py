"""Key usage that a key's algorithm can serve.

Source: RFC 9881 clause 5 and RFC 9909 clause 6 (signing keys), RFC 9935 clause 5 (ML-KEM keys),
RFC 9295 clause 3 (Curve25519 and Curve448).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography import x509

from roadseal.operate.pki.composite import COMPOSITES
from roadseal.operate.pki.path.rules import PathReason

_ML_KEM: Final = "2.16.840.1.101.3.4.4."
_COMPOSITE_ML_KEM: Final = frozenset(f"1.3.6.1.5.5.7.6.{number}" for number in range(55, 67))
_SIGNING_ONLY: Final = "2.16.840.1.101.3.4.3."  # ML-DSA, SLH-DSA
_EDDSA: Final = frozenset({"1.3.101.112", "1.3.101.113"})
_X25519_X448: Final = frozenset({"1.3.101.110", "1.3.101.111"})


def usage_problems(
    certificate: x509.Certificate, usage: x509.KeyUsage, called: str
) -> Iterator[tuple[PathReason, str]]:
    """Key usage that the key's algorithm cannot serve."""
    oid = certificate.public_key_algorithm_oid.dotted_string
    signs = (
        usage.digital_signature or usage.content_commitment or usage.key_cert_sign or usage.crl_sign
    )
    others = usage.data_encipherment or usage.key_agreement
    is_kem = oid.startswith(_ML_KEM) or oid in _COMPOSITE_ML_KEM
    if is_kem and (signs or others or not usage.key_encipherment):
        yield PathReason.KEY_USAGE, f"{called}: an ML-KEM key has keyEncipherment only (RFC 9935)"
    if oid in _X25519_X448 and (
        signs or usage.data_encipherment or usage.key_encipherment or not usage.key_agreement
    ):
        yield PathReason.KEY_USAGE, f"{called}: its key only agrees on keys (RFC 9295)"
    only_signs = oid.startswith(_SIGNING_ONLY) or oid in COMPOSITES or oid in _EDDSA
    if only_signs and (not signs or others or usage.key_encipherment):
        yield (
            PathReason.KEY_USAGE,
            f"{called}: its key only signs (RFC 9881, RFC 9909, RFC 9295)",
        )
