"""The arithmetic of the US security credential management system (SCMS) on P-256.

Butterfly key expansion, linkage values and implicit certificates (ECQV), each by the published
conventions, so that other implementations' numbers can be compared one by one. All integers in
octet strings are big-endian; points are SEC 1 octets, compressed or uncompressed where they come
in and uncompressed (65 bytes) where they go out; private keys and scalars are 32 bytes or `int`,
and taken modulo n. Octets may be any of `bytes`, `bytearray`, `memoryview`. What is out of range,
of another length, or no word of a choice raises `ValueError`.

Only the original butterfly expansion is here. Unified butterfly keys, activation codes and the
post-quantum proposals are patented or unsettled, and are not built (ADR 11).

Sources: CAMP, "SCMS Proof-of-Concept, EE requirements and specifications" release 1.1, crypto
primitives SCP1 (butterfly) and SCP2 (linkage); IEEE 1609.2-2022 clause 5.1.3.4; IEEE 1609.2.1-2022
clause 9.3; SEC 4 version 1.0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal, get_args

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import ECB

from roadseal import _core

Purpose = Literal["signing", "encryption"]
Layout = Literal["camp", "ieee1609.2-2022"]
Octets = bytes | bytearray | memoryview
EcqvRule = Literal["sec4", "ieee1609.2"]
"""How a hash becomes the scalar e: SEC 4 drops its last bit, deployed authorities do not."""

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n, the order of P-256 (SP 800-186 clause 3.2.1.3)."""

KEY_BYTES: Final = 16
SEED_BYTES: Final = 16
LA_ID_BYTES: Final = 2
LINKAGE_VALUE_BYTES: Final = 9


def expansion(key: Octets, i: int, j: int, purpose: Purpose) -> int:
    """f_k(i, j): what is added to a caterpillar key to make the cocoon key of (i, j).

    x = prefix ‖ i ‖ j ‖ 0³², 32 bits each, prefix 0³² for signing and 1³² for encryption;
    f_k = [AES_k(x+1)⊕(x+1) ‖ AES_k(x+2)⊕(x+2) ‖ AES_k(x+3)⊕(x+3)] mod n.

    Args:
        key: the AES-128 expansion key (16 bytes) of this purpose.
        i: the period, 32 bits.
        j: the certificate within the period, 32 bits.
        purpose: what the expanded keys are for.

    Raises:
        ValueError: the key has another length, or an index another range.
    """
    secret, indices = _octets(key, KEY_BYTES, "the expansion key"), _indices([(i, j)])
    (value,) = _core.butterfly_expansions(secret, _encrypts(purpose), indices)
    return int.from_bytes(value)


def cocoon_public(caterpillar: Octets, key: Octets, i: int, j: int, purpose: Purpose) -> bytes:
    """The cocoon public key of (i, j): caterpillar + f_k(i, j)·G, uncompressed.

    Args:
        caterpillar: the device's public point, A for signing and H for encryption.
        key: as for `expansion`.
        i: the period, 32 bits.
        j: the certificate within the period, 32 bits.
        purpose: what the keys are for.

    Raises:
        ValueError: the caterpillar is no point of P-256, or at infinity; or as for `expansion`.
    """
    return cocoons(caterpillar, key, [(i, j)], purpose)[0]


def cocoons(
    caterpillar: Octets, key: Octets, indices: Sequence[tuple[int, int]], purpose: Purpose
) -> list[bytes]:
    """The cocoon public keys of many (i, j), in order; other threads run meanwhile.

    Raises:
        ValueError: as for `cocoon_public`.
    """
    secret = _octets(key, KEY_BYTES, "the expansion key")
    return _core.butterfly_cocoons(
        bytes(caterpillar), secret, _encrypts(purpose), _indices(indices)
    )


def cocoon_private(caterpillar: int | Octets, key: Octets, i: int, j: int, purpose: Purpose) -> int:
    """The private key that goes with `cocoon_public`: caterpillar + f_k(i, j) mod n."""
    return (_number(caterpillar) + expansion(key, i, j, purpose)) % ORDER


def butterfly_private(cocoon: int | Octets, contribution: int | Octets) -> int:
    """The private key of an explicit butterfly certificate: cocoon + c mod n.

    Args:
        cocoon: from `cocoon_private`.
        contribution: c, the 32 bytes that the ACA sent along with the certificate.
    """
    return (_number(cocoon) + _number(contribution)) % ORDER


def linkage_seed(la_id: Octets, seed: Octets, layout: Layout = "camp") -> bytes:
    """ls(i) from ls(i−1): half of SHA-256(la_id ‖ ls(i−1) ‖ 0¹¹²), 16 bytes.

    Args:
        la_id: the linkage authority, 2 bytes.
        seed: ls(i−1), 16 bytes.
        layout: CAMP takes the first half of the hash. The other layout is what is reported of
            IEEE 1609.2-2022 clause 5.1.3.4.6: the last half.

    Raises:
        ValueError: a length or the layout is another.
    """
    is_camp, authority = _is_camp(layout), _octets(la_id, LA_ID_BYTES, "la_id")
    last = _octets(seed, SEED_BYTES, "a linkage seed")
    digest = hashlib.sha256(authority + last + bytes(14)).digest()
    return digest[:SEED_BYTES] if is_camp else digest[-SEED_BYTES:]


def prelinkage_value(la_id: Octets, seed: Octets, j: int, layout: Layout = "camp") -> bytes:
    """plv(i, j) of one linkage authority: 9 bytes of AES_ls(i)(block) ⊕ block.

    With the seed of a group and the 32-bit `jValue` of a certificate it is the group's gplv(i, j).

    Args:
        la_id: the linkage authority, 2 bytes.
        seed: ls(i), 16 bytes.
        j: the certificate within the period, 32 bits.
        layout: CAMP enciphers la_id ‖ j ‖ 0⁸⁰ and takes the first 9 bytes. The other layout is what
            is reported of IEEE 1609.2-2022 clause 5.1.3.4.8: 0⁸⁰ ‖ la_id ‖ j, the last 9 bytes.

    Raises:
        ValueError: a length, the range of j or the layout is another.
    """
    is_camp, key = _is_camp(layout), _octets(seed, SEED_BYTES, "a linkage seed")
    name, padding = _octets(la_id, LA_ID_BYTES, "la_id") + _word(j).to_bytes(4), bytes(10)
    block = name + padding if is_camp else padding + name
    # One block under a key of its own: ECB is AES itself.
    cipher = Cipher(algorithms.AES(key), ECB()).encryptor()  # noqa: S305
    value = _xor(cipher.update(block), block)
    return value[:LINKAGE_VALUE_BYTES] if is_camp else value[-LINKAGE_VALUE_BYTES:]


def linkage_value(plv1: Octets, plv2: Octets) -> bytes:
    """lv(i, j) = plv₁(i, j) ⊕ plv₂(i, j), 9 bytes: what the certificate carries.

    Raises:
        ValueError: one of them has another length.
    """
    name = "a pre-linkage value"
    return _xor(_octets(plv1, LINKAGE_VALUE_BYTES, name), _octets(plv2, LINKAGE_VALUE_BYTES, name))


def ecqv_hash_input(to_be_signed: Octets, issuer_certificate_hash: Octets) -> bytes:
    """What is hashed for an implicit certificate of IEEE 1609.2 (clause 6.4.3).

    H(CertU) = H(H(ToBeSignedCertificate) ‖ H(issuer's certificate)): these are the two hashes.

    Args:
        to_be_signed: the COER octets of `ToBeSignedCertificate` in canonical form.
        issuer_certificate_hash: SHA-256 of the issuer's whole certificate in canonical form.
    """
    return hashlib.sha256(to_be_signed).digest() + bytes(issuer_certificate_hash)


def ecqv_scalar(certificate_hash_input: Octets, rule: EcqvRule = "sec4") -> int:
    """e: SHA-256 of the input as a number.

    Args:
        certificate_hash_input: what is hashed.
        rule: `sec4` keeps the leftmost ⌊log₂ n⌋ = 255 bits (SEC 4 clause 2.3; CAMP's vectors).
            `ieee1609.2` keeps all 256: the certificates of deployed authorities and the Korean
            standard's vectors agree on that, and so does `roadseal.v2x`.
    """
    _demand(rule, EcqvRule, "the rule")
    number = int.from_bytes(hashlib.sha256(certificate_hash_input).digest())
    return number >> 1 if rule == "sec4" else number % ORDER


def ecqv_reconstruct_public(
    certificate_hash_input: Octets,
    reconstruction_value: Octets,
    issuer_public: Octets,
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
        ValueError: one of the points is not on P-256, or one or the result is at infinity.
    """
    scalar = ecqv_scalar(certificate_hash_input, rule).to_bytes(32)
    return _core.p256_multiply_add(scalar, bytes(reconstruction_value), bytes(issuer_public))


def ecqv_reconstruct_private(
    certificate_hash_input: Octets,
    request_private: int | Octets,
    contribution: int | Octets,
    rule: EcqvRule = "sec4",
) -> bytes:
    """d_U = e·k_U + r mod n, 32 bytes (SEC 4 clause 2.4).

    Args:
        certificate_hash_input: as for `ecqv_reconstruct_public`.
        request_private: k_U, the private key of the request.
        contribution: r, the private key reconstruction data that the issuer sent.
        rule: how the hash becomes e.

    Raises:
        ValueError: a number is negative or longer than 32 bytes, or the key would be zero.
    """
    e = ecqv_scalar(certificate_hash_input, rule)
    key = (e * _number(request_private) + _number(contribution)) % ORDER
    if key == 0:
        raise ValueError("these make no private key: it would be zero")
    return key.to_bytes(32)


def ecqv_contribution(
    certificate_hash_input: Octets,
    ephemeral: int | Octets,
    issuer_private: int | Octets,
    rule: EcqvRule = "sec4",
) -> bytes:
    """R = e·k + d_CA mod n, 32 bytes: what the issuer sends to the requester (SEC 4 clause 2.3)."""
    return ecqv_reconstruct_private(certificate_hash_input, ephemeral, issuer_private, rule)


def add_base(point: Octets, scalar: int | Octets) -> bytes:
    """Point + scalar·G, uncompressed; for P_U = R_U + k·G and for butterfly keys.

    Raises:
        ValueError: the point is not on P-256, or it or the sum is at infinity.
    """
    return _core.p256_add_base(bytes(point), _number(scalar).to_bytes(32))


def compressed(point: bytes) -> bytes:
    """The 33-byte form of an uncompressed point."""
    if len(point) == 65:
        return bytes([2 + (point[-1] & 1)]) + point[1:33]
    return point


def _number(value: int | Octets) -> int:
    number = value if isinstance(value, int) else int.from_bytes(value)
    if not 0 <= number < 1 << 256:
        raise ValueError("a scalar is a number of at most 32 bytes")
    return number


def _octets(value: Octets, length: int, name: str) -> bytes:
    octets = bytes(memoryview(value))  # no number, of which `bytes` would make zeros
    if len(octets) != length:
        raise ValueError(f"expected {length} bytes for {name}, not {len(octets)}")
    return octets


def _indices(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(_word(i), _word(j)) for i, j in pairs]


def _word(index: int) -> int:
    if not 0 <= index < 1 << 32:
        raise ValueError("i and j are numbers of 32 bits")
    return index


def _encrypts(purpose: Purpose) -> bool:
    _demand(purpose, Purpose, "the purpose")
    return purpose == "encryption"


def _is_camp(layout: Layout) -> bool:
    if layout != "camp":
        _demand(layout, Layout, "the layout")
    return layout == "camp"


def _demand(word: str, words: object, name: str) -> None:
    """A word that is none of the choice would quietly mean the other one."""
    if word not in get_args(words):
        raise ValueError(f"{name} is one of {', '.join(get_args(words))}, not {word!r}")


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))
