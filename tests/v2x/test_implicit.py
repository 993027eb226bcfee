"""Implicit certificates: an ECQV issuer from the formulas of SEC 4, in integers, against ours.

No public vectors of 1609.2 implicit certificates with their issuer were at hand; the field data
has the certificates but not the authority. So the issuer here shares nothing with the engine but
the formulas: points are Python integers, hashes are hashlib's.
"""

from __future__ import annotations

import secrets
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from v2x_material import HEARD, NOW, SENT, authority, message

from roadseal import _core
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Identification,
    Policy,
    SigningKey,
    self_signed,
)
from roadseal.v2x.certificate import GroupPermissions
from roadseal.v2x.testing import VEHICLE

# NIST P-256 (SP 800-186 clause 3.2.1.3)
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int] | None

WITH = Identification.CERTIFICATE
CONTENTS = CertificateContents(
    start=NOW, duration=Duration.hours(168), binary_id=b"implicit", app_permissions=VEHICLE
)


def add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * (a[0] ** 2 - 1) * pow(2 * a[1], -1, P) % P  # the curve's a is −3
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope**2 - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(scalar: int, point: Point) -> Point:
    result: Point = None
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def compressed(point: Point) -> bytes:
    assert point is not None
    return bytes([2 + (point[1] & 1)]) + point[0].to_bytes(32, "big")


class EcqvIssuer:
    """A certificate authority with a scalar that it knows."""

    def __init__(self) -> None:
        self.scalar = secrets.randbelow(N - 1) + 1
        signer = SigningKey.from_secret("ecdsa-p256", self.scalar.to_bytes(32, "big"))
        contents = CertificateContents(
            start=NOW,
            duration=Duration.hours(1_000),
            name="ecqv",
            issue_permissions=(GroupPermissions(None),),
        )
        self.credential = self_signed(contents, signer)

    def issue(self, shift: int = 0) -> tuple[bytes, int]:
        """SEC 4 clauses 2.3 to 2.5: the certificate and the holder's private key.

        `shift` makes Hₙ: 1 leaves the leftmost 255 bits of the hash (clause 2.3: ⌊log₂ n⌋), 0 takes
        all of it, as the certificates of deployed authorities show (test_scms_vectors.py).
        """
        k_holder, k_issuer = (secrets.randbelow(N - 1) + 1 for _ in range(2))
        value = multiply(k_holder + k_issuer, G)  # P_U = R_U + k·G
        to_be_signed = _core.encode_to_be_signed_certificate(
            CONTENTS, "ecdsa-p256", compressed(value), True
        )
        certificate = _core.encode_certificate(
            to_be_signed, "ecdsa-p256", self.credential.hashed_id8
        )
        issuer_hash = sha256(self.credential.certificate).digest()
        digest = sha256(sha256(to_be_signed).digest() + issuer_hash).digest()
        e = int.from_bytes(digest, "big") >> shift
        contribution = (e * k_issuer + self.scalar) % N
        return certificate, (e * k_holder + contribution) % N


def holder(certificate: bytes, private: int) -> Credential:
    key = SigningKey.from_secret("ecdsa-p256", private.to_bytes(32, "big"))
    return Credential(certificate, key)


@pytest.mark.parametrize("_", range(10))
def test_the_holders_key_is_reconstructed(_: int) -> None:
    issuer = EcqvIssuer()
    certificate, private = issuer.issue()
    verifier = _core.Verifier(Policy(), 1)
    assert verifier.add_root(issuer.credential.certificate) == "ok"
    found = verifier.look_into(certificate)
    public = ec.derive_private_key(private, ec.SECP256R1()).public_key().public_numbers()
    expected = b"\x04" + public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big")
    assert (found.chain, found.signature, found.public_point) == ("ok", None, expected)

    station = holder(certificate, private)
    octets = message(station, WITH)
    assert verifier.verify(octets, at=HEARD).ok
    assert verifier.verify(message(station, at=SENT + 1), at=HEARD).ok
    digest = sha256(certificate).digest()
    assert station.digest == digest


@pytest.mark.parametrize("shift", [0, 1])
def test_either_width_of_the_hash_is_understood(shift: int) -> None:
    """Deployed authorities take 256 bits, SEC 4 takes 255."""
    issuer = EcqvIssuer()
    verifier = _core.Verifier(Policy(), 1)
    verifier.add_root(issuer.credential.certificate)
    station = holder(*issuer.issue(shift))
    assert verifier.verify(message(station, WITH), at=HEARD).ok
    assert verifier.verify(message(station, at=SENT + 1), at=HEARD).ok


@pytest.mark.parametrize("shift", [2, 8])
def test_another_width_of_the_hash_is_another_key(shift: int) -> None:
    issuer = EcqvIssuer()
    verifier = _core.Verifier(Policy(), 1)
    verifier.add_root(issuer.credential.certificate)
    octets = message(holder(*issuer.issue(shift)), WITH)
    assert verifier.verify(octets, at=HEARD).overall == "bad_signature"


def test_whatever_is_changed_in_it_changes_the_key() -> None:
    issuer = EcqvIssuer()
    certificate, private = issuer.issue()
    verifier = _core.Verifier(Policy(), 1)
    verifier.add_root(issuer.credential.certificate)
    octets = message(holder(certificate, private), WITH)
    at = octets.index(certificate)
    mutants = []
    for bit in range(at * 8, (at + len(certificate)) * 8):
        mutant = bytearray(octets)
        mutant[bit // 8] ^= 1 << bit % 8
        mutants.append(bytes(mutant))
    verdicts = {verdict.overall for verdict in verifier.verify_batch(mutants, at=HEARD)}
    assert "ok" not in verdicts
    assert "bad_signature" in verdicts


def test_without_its_issuer_nothing_can_be_said() -> None:
    issuer = EcqvIssuer()
    found = (
        authority("ecdsa-p256").verifier().verify(message(holder(*issuer.issue()), WITH), at=HEARD)
    )
    assert found.overall == "unknown_issuer"
    assert found.missing == issuer.credential.hashed_id8
