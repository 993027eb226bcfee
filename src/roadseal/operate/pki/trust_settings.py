"""What OpenSSL's trusted certificates say about trust: for which purposes, and for which never.

Bundles of systems hold roots that are there to be refused. Who takes the certificate and leaves
what stands behind it believes them.

Source: OpenSSL, `X509_CERT_AUX` of x509_aux.c and openssl-verification-options(1), Trust Anchors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography import x509

from roadseal.operate.pki.der import contents, elements, object_identifier
from roadseal.operate.pki.encodings import TRUSTED, pem_blocks

_ANY: Final = object_identifier("2.5.29.37.0")


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """What stands behind one certificate.

    Args:
        trusted: purposes that it is trusted for, encoded; None: any.
        rejected: purposes that it is refused for, encoded.
    """

    trusted: frozenset[bytes] | None
    rejected: frozenset[bytes]

    def allow(self, purpose: str | None) -> bool:
        """Whether it may be used for a purpose, dotted; None: whether for anything at all."""
        if purpose is None:
            return _ANY not in self.rejected
        asked = {object_identifier(purpose), _ANY}
        return not asked & self.rejected and (self.trusted is None or bool(asked & self.trusted))


def distrusted_in(encoded: bytes, purpose: str | None) -> list[x509.Certificate]:
    """Every trusted certificate of a PEM file whose settings do not allow `purpose`.

    Raises:
        ValueError: settings or a certificate are malformed.
    """
    found = []
    for kind, octets in pem_blocks(encoded):
        if kind == TRUSTED:
            certificate, *behind = elements(octets)
            if behind and not _settings(behind[0]).allow(purpose):
                found.append(x509.load_der_x509_certificate(certificate))
    return found


def _settings(encoded: bytes) -> TrustSettings:
    trusted, rejected = None, frozenset[bytes]()
    for one in elements(contents(encoded)):
        if one[0] == 0x30:
            trusted = frozenset(elements(contents(one)))
        elif one[0] == 0xA0:
            rejected = frozenset(elements(contents(one)))
    return TrustSettings(trusted, rejected)
