"""Constants that give away which cryptography a program brings along, in the forms that code keeps.

Tables of words stand in the order of the machine; numbers of curves as octets, most or least
significant first, in limbs whose order differs from that of their octets, or as text.

Sources: FIPS 197, 180-4, 203, 204; RFC 1321; RFC 8439; SEC 2; RFC 5639; RFC 8032; GB/T 32907,
32918.5; the published tables of OpenSSL (AES, DES), of CRYSTALS' reference code and its kin (roots
of unity, in and out of Montgomery's form), and of wolfSSL.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

_OCTETS: Final = (
    ("aes", "the S-box of AES", "637c777bf26b6fc53001672bfed7ab76"),
    ("aes", "the inverse S-box of AES", "52096ad53036a538bf40a39e81f3d7fb"),
    ("chacha20", "the constant of ChaCha20", b"expand 32-byte k".hex()),
    ("sm4", "the S-box of SM4", "d690e9fecce13db716b614c228fb2c05"),
    ("camellia", "the S-box of Camellia", "70822cecb327c0e5e4855735ea0cae41"),
)
_WORDS: Final[Sequence[tuple[str, str, str, Sequence[int]]]] = (
    # name, what it is, form of a word, words
    ("aes", "a table of AES rounds", "I", (0xC66363A5, 0xF87C7C84, 0xEE777799)),
    ("aes", "a table of AES rounds", "I", (0xA56363C6, 0xA56363C6, 0x847C7CF8, 0x847C7CF8)),
    ("aes", "an inverse table of AES rounds", "I", (0x51F4A750, 0x7E416553, 0x1A17A4C3)),
    ("des", "a table of DES", "I", (0x02080800, 0x00080000, 0x02000002, 0x02080802)),
    ("des", "a table of DES", "I", (0x01010400, 0x00000000, 0x00010000, 0x01010404)),
    ("md5", "the table of MD5", "I", (0xD76AA478, 0xE8C7B756, 0x242070DB, 0xC1BDCEEE)),
    ("sha-1", "the constants of SHA-1", "I", (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)),
    ("sha-1", "the constants of SHA-1", "I", (0x5A827999,) * 4),
    ("sha-256", "the table of SHA-256", "I", (0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5)),
    ("sha-512", "the table of SHA-512", "Q", (0x428A2F98D728AE22, 0x7137449123EF65CD)),
    ("blowfish-cbc", "the P-array of Blowfish", "I", (0x243F6A88, 0x85A308D3, 0x13198A2E)),
    ("chacha20", "the constant of ChaCha20", "I", (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)),
    ("ml-kem-768", "roots of unity of ML-KEM", "h", (-1044, -758, -359, -1517)),
    ("ml-kem-768", "roots of unity of ML-KEM", "H", (1, 1729, 2580, 3289)),
    ("ml-kem-768", "roots of unity of ML-KEM", "H", (2571, 2970, 1812, 1493)),
    ("ml-dsa-65", "roots of unity of ML-DSA", "i", (25847, -2608894, -518909)),
    ("ml-dsa-65", "roots of unity of ML-DSA", "I", (25847, 5771523, 7861508)),
    ("ml-dsa-65", "roots of unity of ML-DSA", "I", (1, 4808194, 3765607)),
)
_NUMBERS: Final = (
    ("ec-p256", "P-256", "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"),
    ("ec-p384", "P-384",
     "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef"),
    ("ec-secp256k1", "secp256k1",
     "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
    ("ec-brainpoolp256r1", "brainpoolP256r1",
     "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377"),
    ("ec-brainpoolp384r1", "brainpoolP384r1",
     "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53"),
    ("ed25519", "edwards25519", "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3"),
    ("sm2", "the curve of SM2", "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"),
)  # fmt: skip
"""A parameter of each curve: b, a coordinate of its generator, its prime, or d."""


@cache
def constants() -> Mapping[bytes, tuple[str, str]]:
    """Octets to look for = canonical name of the algorithm, what they are."""
    found: dict[bytes, tuple[str, str]] = {}
    for name, what, table in _OCTETS:
        found[bytes.fromhex(table)] = (name, what)
    for name, what, form, words in _WORDS:
        for order in "<>":
            found[struct.pack(f"{order}{len(words)}{form}", *words)] = (name, what)
    for name, what, number in _NUMBERS:
        for octets in _stored(bytes.fromhex(number)):
            found[octets] = (name, what)
    return found


def _stored(number: bytes) -> Iterator[bytes]:
    """A number as code stores it."""
    yield number
    yield number[::-1]
    yield number.hex().encode()
    yield number.hex().upper().encode()
    for limb in (4, 8):
        limbs = [number[at : at + limb] for at in range(0, len(number), limb)]
        yield b"".join(reversed(limbs))  # least significant limb first, on a big-endian machine
