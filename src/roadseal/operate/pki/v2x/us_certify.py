"""How US authorities make a certificate: explicit or implicit, from a key or a cocoon key.

Source: IEEE 1609.2-2022 clause 6.4; IEEE 1609.2.1-2022 clause 9.3; SEC 4 for implicit ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from roadseal import _core
from roadseal.operate.pki.scms import (
    ORDER,
    add_base,
    compressed,
    ecqv_contribution,
    ecqv_hash_input,
)
from roadseal.operate.pki.v2x.ecies import Random
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.v2x.certificate import CertificateContents, issue

Kind = Literal["explicit", "implicit"]


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate, and what its holder needs to work out its private key.

    Args:
        certificate: COER.
        contribution: c of an explicit butterfly certificate or r of an implicit one, 32 bytes;
            `None` for an explicit certificate of the holder's own key.
    """

    certificate: bytes
    contribution: bytes | None = field(default=None, repr=False)


def certify(
    contents: CertificateContents,
    algorithm: str,
    key: bytes,
    issuer: AuthorityKeys,
    kind: Kind,
    random: Random,
    *,
    butterfly: bool = False,
) -> Certified:
    """Make a certificate.

    Args:
        contents: what it says.
        algorithm: of the holder's key.
        key: the holder's public key: its own, or a cocoon key.
        issuer: who issues; for implicit certificates its key is on P-256.
        kind: explicit certificates are signed, implicit ones are not.
        random: the operating system's randomness.
        butterfly: add c·G to the key, so that the RA cannot recognise it.

    Raises:
        ValueError: the key does not go with the kind, or the contents do not fit.
    """
    if kind not in get_args(Kind):
        raise ValueError("certificates are explicit or implicit")
    needs_point = kind == "implicit" or butterfly
    if needs_point and algorithm != "ecdsa-p256":
        raise ValueError("butterfly and implicit certificates have keys on P-256")
    if kind == "explicit" and not butterfly:
        return Certified(issue(contents, algorithm, key, issuer.credential))
    scalar = _fresh(random)
    point = compressed(add_base(key, scalar))
    if kind == "explicit":
        certificate = issue(contents, algorithm, point, issuer.credential)
        return Certified(certificate, scalar.to_bytes(32))
    if issuer.algorithm != "ecdsa-p256":
        raise ValueError("implicit certificates are issued with keys on P-256")
    credential = issuer.credential
    to_be_signed = _core.encode_to_be_signed_certificate(contents, algorithm, point, implicit=True)
    certificate = _core.encode_certificate(to_be_signed, issuer.algorithm, credential.hashed_id8)
    hashed = ecqv_hash_input(to_be_signed, credential.digest)
    return Certified(certificate, ecqv_contribution(hashed, scalar, issuer.signing, "ieee1609.2"))


def _fresh(random: Random) -> int:
    """A scalar from 1 to n − 1; 64 more bits than n make the bias negligible (FIPS 186-5 A.2.1)."""
    return int.from_bytes(random(40)) % (ORDER - 1) + 1
