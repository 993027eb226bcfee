"""The arithmetic of the US security credential management system (SCMS) on P-256.

Butterfly key expansion, linkage values and implicit certificates (ECQV), each by the published
conventions, so that other implementations' numbers can be compared one by one. All integers in
octet strings are big-endian; points are SEC 1 octets, compressed or uncompressed where they come
in and uncompressed (65 bytes) where they go out; private keys and scalars are 32 bytes or `int`.

Only the original butterfly expansion is here. Unified butterfly keys, activation codes and the
post-quantum proposals are patented or unsettled, and are not built (ADR 11).

Sources: CAMP, "SCMS Proof-of-Concept, EE requirements and specifications" release 1.1, crypto
primitives SCP1 (butterfly) and SCP2 (linkage); IEEE 1609.2-2022 clause 5.1.3.4; IEEE 1609.2.1-2022
clause 9.3; SEC 4 version 1.0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import ECB

from roadseal import _core

Purpose = Literal["signing", "encryption"]
Layout = Literal["camp", "ieee1609.2-2022"]
EcqvRule = Literal["sec4", "ieee1609.2"]
"""How a hash becomes the scalar e: SEC 4 drops its last bit, deployed authorities do not."""

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n, the order of P-256 (SP 800-186 clause 3.2.1.3)."""

SEED_BYTES: Final = 16
LINKAGE_VALUE_BYTES: Final = 9


def expansion(key: bytes, i: int, j: int, purpose: Purpose) -> int:
    """f_k(i, j): what is added to a caterpillar key to make the cocoon key of (i, j).

    x = prefix ‖ i ‖ j ‖ 0³², 32 bits each, prefix 0³² for signing and 1³² for encryption;
    f_k = [AES_k(x+1)⊕(x+1) ‖ AES_k(x+2)⊕(x+2) ‖ AES_k(x+3)⊕(x+3)] mod n.

    Args:
        key: the AES-128 expansion key (16 bytes) of this purpose.
        i: the period.
        j: the certificate within the period.
        purpose: what the expanded keys are for.
    """
    (value,) = _core.butterfly_expansions(key, purpose == "encryption", [(i, j)])
    return int.from_bytes(value)


def cocoon_public(caterpillar: bytes, key: bytes, i: int, j: int, purpose: Purpose) -> bytes:
    """The cocoon public key of (i, j): caterpillar + f_k(i, j)·G, uncompressed.

    Raises:
        ValueError: the caterpillar is no point of P-256.
    """
    return cocoons(caterpillar, key, [(i, j)], purpose)[0]


def cocoons(
    caterpillar: bytes, key: bytes, indices: Sequence[tuple[int, int]], purpose: Purpose
) -> list[bytes]:
    """The cocoon public keys of many (i, j), in order; other threads run meanwhile.

    Raises:
        ValueError: the caterpillar is no point of P-256.
    """
    return _core.butterfly_cocoons(caterpillar, key, purpose == "encryption", list(indices))


def cocoon_private(caterpillar: int, key: bytes, i: int, j: int, purpose: Purpose) -> int:
    """The private key that goes with `cocoon_public`: caterpillar + f_k(i, j) mod n."""
    return (caterpillar + expansion(key, i, j, purpose)) % ORDER


def butterfly_private(cocoon: int, contribution: bytes) -> int:
    """The private key of an explicit butterfly certificate: cocoon + c mod n.

    Args:
        cocoon: from `cocoon_private`.
        contribution: c, the 32 bytes that the ACA sent along with the certificate.
    """
    return (cocoon + int.from_bytes(contribution)) % ORDER


def linkage_seed(la_id: bytes, seed: bytes, layout: Layout = "camp") -> bytes:
    """ls(i) from ls(i−1): half of SHA-256(la_id ‖ ls(i−1) ‖ 0¹¹²), 16 bytes.

    Args:
        la_id: the linkage authority, 2 bytes.
        seed: ls(i−1), 16 bytes.
        layout: CAMP takes the first half of the hash. The other layout is what is reported of
            IEEE 1609.2-2022 clause 5.1.3.4.6: the last half.
    """
    _demand(la_id, 2, seed, SEED_BYTES)
    digest = hashlib.sha256(la_id + seed + bytes(14)).digest()
    return digest[:SEED_BYTES] if layout == "camp" else digest[-SEED_BYTES:]


def prelinkage_value(la_id: bytes, seed: bytes, j: int, layout: Layout = "camp") -> bytes:
    """plv(i, j) of one linkage authority: 9 bytes of AES_ls(i)(block) ⊕ block.

    Args:
        la_id: the linkage authority, 2 bytes.
        seed: ls(i), 16 bytes.
        j: the certificate within the period, 32 bits.
        layout: CAMP enciphers la_id ‖ j ‖ 0⁸⁰ and takes the first 9 bytes. The other layout is what
            is reported of IEEE 1609.2-2022 clause 5.1.3.4.8: 0⁸⁰ ‖ la_id ‖ j, the last 9 bytes.
    """
    _demand(la_id, 2, seed, SEED_BYTES)
    name, padding = la_id + j.to_bytes(4), bytes(10)
    block = name + padding if layout == "camp" else padding + name
    # One block under a key of its own: ECB is AES itself.
    cipher = Cipher(algorithms.AES(seed), ECB()).encryptor()  # noqa: S305
    value = _xor(cipher.update(block), block)
    return value[:LINKAGE_VALUE_BYTES] if layout == "camp" else value[-LINKAGE_VALUE_BYTES:]


def linkage_value(plv1: bytes, plv2: bytes) -> bytes:
    """lv(i, j) = plv₁(i, j) ⊕ plv₂(i, j), 9 bytes: what the certificate carries."""
    _demand(plv1, LINKAGE_VALUE_BYTES, plv2, LINKAGE_VALUE_BYTES)
    return _xor(plv1, plv2)


def ecqv_hash_input(to_be_signed: bytes, issuer_certificate_hash: bytes) -> bytes:
    """What is hashed for an implicit certificate of IEEE 1609.2 (clause 6.4.3).

    H(CertU) = H(H(ToBeSignedCertificate) ‖ H(issuer's certificate)): these are the two hashes.

    Args:
        to_be_signed: the COER octets of `ToBeSignedCertificate` in canonical form.
        issuer_certificate_hash: SHA-256 of the issuer's whole certificate in canonical form.
    """
    return hashlib.sha256(to_be_signed).digest() + issuer_certificate_hash


def ecqv_scalar(certificate_hash_input: bytes, rule: EcqvRule = "sec4") -> int:
    """e: SHA-256 of the input as a number.

    Args:
        certificate_hash_input: what is hashed.
        rule: `sec4` keeps the leftmost ⌊log₂ n⌋ = 255 bits (SEC 4 clause 2.3; CAMP's vectors).
            `ieee1609.2` keeps all 256: the certificates of deployed authorities and the Korean
            standard's vectors agree on that, and so does `roadseal.v2x`.
    """
    number = int.from_bytes(hashlib.sha256(certificate_hash_input).digest())
    return number >> 1 if rule == "sec4" else number % ORDER


def ecqv_reconstruct_public(
    certificate_hash_input: bytes,
    reconstruction_value: bytes,
    issuer_public: bytes,
    rule: EcqvRule = "sec4",
) -> bytes:
    """Q_U = e·P_U + Q_CA, uncompressed (SEC 4 clause 2.5).

    Args:
        certificate_hash_input: what is hashed to e: the octets of Cert_U in SEC 4,
            `ecqv_hash_input` in IEEE 1609.2.
        reconstruction_value: P_U, a point.
        issuer_public: Q_CA, a point.
        rule: how the hash becomes e.

    Raises:
        ValueError: one of the points is not on P-256, or the result is at infinity.
    """
    scalar = ecqv_scalar(certificate_hash_input, rule).to_bytes(32)
    return _core.p256_multiply_add(scalar, reconstruction_value, issuer_public)


def ecqv_reconstruct_private(
    certificate_hash_input: bytes,
    request_private: int | bytes,
    contribution: int | bytes,
    rule: EcqvRule = "sec4",
) -> bytes:
    """d_U = e·k_U + r mod n, 32 bytes (SEC 4 clause 2.4).

    Args:
        certificate_hash_input: as for `ecqv_reconstruct_public`.
        request_private: k_U, the private key of the request.
        contribution: r, the private key reconstruction data that the issuer sent.
        rule: how the hash becomes e.
    """
    e = ecqv_scalar(certificate_hash_input, rule)
    return ((e * _number(request_private) + _number(contribution)) % ORDER).to_bytes(32)


def ecqv_contribution(
    certificate_hash_input: bytes,
    ephemeral: int | bytes,
    issuer_private: int | bytes,
    rule: EcqvRule = "sec4",
) -> bytes:
    """R = e·k + d_CA mod n, 32 bytes: what the issuer sends to the requester (SEC 4 clause 2.3)."""
    return ecqv_reconstruct_private(certificate_hash_input, ephemeral, issuer_private, rule)


def add_base(point: bytes, scalar: int | bytes) -> bytes:
    """Point + scalar·G, uncompressed; for P_U = R_U + k·G and for butterfly keys.

    Raises:
        ValueError: the point is not on P-256, or the sum is at infinity.
    """
    return _core.p256_add_base(point, _number(scalar).to_bytes(32))


def compressed(point: bytes) -> bytes:
    """The 33-byte form of an uncompressed point."""
    if len(point) == 65:
        return bytes([2 + (point[-1] & 1)]) + point[1:33]
    return point


def _number(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value)


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def _demand(first: bytes, first_bytes: int, second: bytes, second_bytes: int) -> None:
    if (len(first), len(second)) != (first_bytes, second_bytes):
        raise ValueError(f"expected {first_bytes} and {second_bytes} bytes")
