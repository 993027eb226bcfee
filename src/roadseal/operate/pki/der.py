"""Just enough DER to put certificates together and to look into them as they were received.

Issuing puts hundreds of kilobytes a second through this, and composite keys have no other home;
everything with structure inside (names, extensions) is encoded by `cryptography`.

Source: ITU-T X.690.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

INTEGER, BIT_STRING, OCTET_STRING, OID, ENUMERATED = 0x02, 0x03, 0x04, 0x06, 0x0A
SEQUENCE, SET, UTC_TIME, GENERALIZED_TIME = 0x30, 0x31, 0x17, 0x18
TRUE: Final = b"\x01\x01\xff"


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element around `parts`."""
    body = b"".join(parts)
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size) + body


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of encoded elements."""
    return tlv(SEQUENCE, *parts)


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def octet_bits(octets: bytes) -> bytes:
    """A BIT STRING of whole octets."""
    return tlv(BIT_STRING, b"\0", octets)


@lru_cache(256)
def object_identifier(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    return tlv(OID, b"".join(map(_base128, (40 * first + second, *rest))))


@lru_cache(64)  # certificates are issued in batches that begin and end together
def time(instant: datetime) -> bytes:
    """A Time as RFC 5280 clause 4.1.2.5 wants it: UTCTime through 2049; seconds are cut off."""
    if instant.year < 2050:
        return tlv(UTC_TIME, f"{instant:%y%m%d%H%M%SZ}".encode())
    return tlv(GENERALIZED_TIME, f"{instant:%Y%m%d%H%M%SZ}".encode())


def elements(encoded: bytes) -> list[bytes]:
    """Split concatenated DER elements.

    Raises:
        ValueError: a length goes past the end.
    """
    found = []
    at = 0
    while at < len(encoded):
        start, end = _extent(encoded, at)
        if start > end or end > len(encoded):
            raise ValueError
        found.append(encoded[at:end])
        at = end
    return found


def contents(element: bytes) -> bytes:
    """What is inside one DER element.

    Raises:
        ValueError: it has no whole head.
    """
    start, end = _extent(element, 0)
    return element[start:end]


def _extent(encoded: bytes, at: int) -> tuple[int, int]:
    if at + 2 > len(encoded):
        raise ValueError
    first = encoded[at + 1]
    if first < 0x80:
        return at + 2, at + 2 + first
    start = at + 2 + (first & 0x7F)
    return start, start + int.from_bytes(encoded[at + 2 : start])


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))
