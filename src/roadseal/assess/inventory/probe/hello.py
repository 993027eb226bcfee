"""ClientHello messages that ask one thing and need no cryptography of ours.

A hello without key shares makes a TLS 1.3 server name the group it prefers, in a HelloRetryRequest
(RFC 8446 clause 4.1.4). Where a share is needed, any 32 octets are a public key of X25519
(RFC 7748 clause 5), a curve's base point one of that curve, and zeros one of ML-KEM (FIPS 203
clause 7.2): nothing is ever derived from them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

TLS_1_2_SUITES: Final = (
    *(0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC0AC, 0xC0AD, 0xC0AE, 0xC0AF),
    *(0x009E, 0x009F, 0xCCAA, 0xC023, 0xC027, 0xC024, 0xC028, 0xC009, 0xC013, 0xC00A, 0xC014),
    *(0x0067, 0x006B, 0x0033, 0x0039, 0x009C, 0x009D, 0xC09C, 0xC09D, 0x003C, 0x003D, 0x002F),
    *(0x0035, 0xC008, 0xC012, 0x0016, 0x000A, 0xC007, 0xC011, 0x0005, 0x0004, 0xC006, 0xC010),
    *(0x003B, 0x0002, 0x0001, 0x00A2, 0x00A3, 0x0032, 0x0038, 0x0013, 0x0041, 0x0084),
)
"""What servers before TLS 1.3 choose from, best first and broken ones last."""

TLS_1_3_SUITES: Final = (0x1302, 0x1303, 0x1301, 0x1304, 0x1305, 0x00C6, 0x00C7)

GROUPS: Final = (
    *(0x11EC, 0x11EB, 0x11ED, 0x0201, 0x0202, 0x0200, 0x6399, 0x639A),
    *(0x001D, 0x0017, 0x001E, 0x0018, 0x0019, 0x001F, 0x0020, 0x0021, 0x0029),
    *(0x0100, 0x0101, 0x0102, 0x0103, 0x0104, 0x001A, 0x001B, 0x001C, 0x0016),
)
"""Groups of TLS, post-quantum ones first (IANA registry "TLS Supported Groups")."""

SCHEMES: Final = (
    *(0x0904, 0x0905, 0x0906, 0x0911, 0x0912, 0x0913, 0x0914, 0x0915, 0x0916),
    *(0x0917, 0x0918, 0x0919, 0x091A, 0x091B, 0x091C),
    *(0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080A, 0x080B, 0x0804, 0x0805, 0x0806),
    *(
        0x081A,
        0x081B,
        0x081C,
        0x0401,
        0x0501,
        0x0601,
        0x0301,
        0x0303,
        0x0203,
        0x0201,
        0x0402,
        0x0202,
    ),
)
"""Signature schemes, post-quantum ones first (IANA registry "TLS SignatureScheme")."""

_P256_G = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_P384_G = bytes.fromhex(
    "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e38"
    "72760ab73617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a"
    "431d7c90ea0e5f"
)
_ML_KEM_768_BYTES, _ML_KEM_1024_BYTES = 1184, 1568


def key_share(group: int, random: bytes) -> bytes | None:
    """A public value of a group that a server takes, or None where we have none without computing.

    Args:
        group: code point.
        random: 32 octets.
    """
    return {
        0x001D: random,
        0x0017: _P256_G,
        0x0018: _P384_G,
        0x0201: bytes(_ML_KEM_768_BYTES),
        0x0202: bytes(_ML_KEM_1024_BYTES),
        0x11EC: bytes(_ML_KEM_768_BYTES) + random,
        0x11EB: _P256_G + bytes(_ML_KEM_768_BYTES),
        0x11ED: _P384_G + bytes(_ML_KEM_1024_BYTES),
    }.get(group)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a ClientHello asks for.

    Args:
        random: 64 octets: random, and session identifier (RFC 8446 appendix D.4).
        versions: best first; 0x0304 among them makes it one of TLS 1.3.
        suites: cipher suites offered.
        groups: groups offered.
        schemes: signature schemes offered.
        shares: groups and public values that are sent along.
        server_name: the host asked for.
    """

    random: bytes = field(repr=False)
    versions: Sequence[int] = (0x0304, 0x0303)
    suites: Sequence[int] = TLS_1_3_SUITES + TLS_1_2_SUITES
    groups: Sequence[int] = GROUPS
    schemes: Sequence[int] = SCHEMES
    shares: Sequence[tuple[int, bytes]] = ()
    server_name: str | None = None

    def record(self) -> bytes:
        """The message in its record (RFC 8446 clause 4.1.2 and 5.1)."""
        legacy = min(max(self.versions), 0x0303)
        extensions = b"".join(self._extensions())
        body = b"".join(
            (
                legacy.to_bytes(2, "big"),
                self.random[:32],
                _vector(self.random[32:64], 1),
                _vector(_codes([*self.suites, 0x00FF]), 2),
                _vector(b"\0", 1),
                _vector(extensions, 2) if extensions else b"",
            )
        )
        message = b"\x01" + _vector(body, 3)
        return b"\x16\x03\x01" + _vector(message, 2)

    def _extensions(self) -> list[bytes]:
        if max(self.versions) <= 0x0300:
            return []  # SSL 3.0 has none
        parts = []
        if self.server_name:
            name = b"\0" + _vector(self.server_name.encode("idna"), 2)
            parts.append(_extension(0, _vector(name, 2)))
        parts.append(_extension(10, _vector(_codes(self.groups), 2)))
        parts.append(_extension(11, _vector(b"\0", 1)))
        if max(self.versions) >= 0x0303:
            parts.append(_extension(13, _vector(_codes(self.schemes), 2)))
        if max(self.versions) >= 0x0304:
            parts.append(_extension(43, _vector(_codes(self.versions), 1)))
            shares = b"".join(
                group.to_bytes(2, "big") + _vector(value, 2) for group, value in self.shares
            )
            parts.append(_extension(45, _vector(b"\x01", 1)))
            parts.append(_extension(51, _vector(shares, 2)))
        return parts


def _extension(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + _vector(value, 2)


def _vector(value: bytes, length_bytes: int) -> bytes:
    return len(value).to_bytes(length_bytes, "big") + value


def _codes(values: Sequence[int]) -> bytes:
    return struct.pack(f">{len(values)}H", *values)
