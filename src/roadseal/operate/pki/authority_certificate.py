"""The certificate of an authority itself: self-signed, or by its parent."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509

from roadseal.clock import Time64, to_datetime
from roadseal.operate.pki.issuing import BACKDATE
from roadseal.operate.pki.signer import Signer
from roadseal.operate.pki.template import (
    AUTHORITY,
    common_name,
    key_identifiers,
    signed,
    to_be_signed,
    usage_extensions,
)

Parent = tuple[x509.Certificate, Signer]
"""Certificate and signer of who certifies."""


def authority_certificate(
    name: str, signer: Signer, parent: Parent | None, now: Time64, life_s: int, serial: int
) -> x509.Certificate:
    """Certify an authority's key; no longer than its parent's certificate, None: by itself."""
    certificate, issuing = parent or (None, signer)
    end = to_datetime(now) + timedelta(seconds=life_s)
    if certificate:
        end = min(end, certificate.not_valid_after_utc)
    subject = common_name(name)
    body = to_be_signed(
        serial=serial,
        signature_algorithm=issuing.public_key.algorithm,
        issuer=certificate.subject.public_bytes() if certificate else subject,
        validity=(to_datetime(now) - BACKDATE, end),
        subject=subject,
        key=signer.public_key,
        extensions=(
            *usage_extensions(AUTHORITY, 0 if parent else None),
            *key_identifiers(signer.public_key, issuing.public_key.identifier if parent else None),
        ),
    )
    return x509.load_der_x509_certificate(
        signed(body, issuing.public_key.algorithm, issuing.sign(body))
    )
