"""Serial numbers: 94 random bits, and in the low 32 the certificate's bit in the status list.

So a relying party finds the bit without asking, and without an extension of our own.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

_INDEX_BITS: Final = 32
_SHARD: Final = "urn:roadseal:crl-shard:"
_SHARD_PARTS: Final = re.compile(re.escape(_SHARD) + r"(\d{1,4})-of-(\d{1,4})")
_RANDOM_BITS: Final = 94


def serial_with(status_index: int) -> int:
    """A new serial number, 16 octets, positive (RFC 5280 §4.1.2.2)."""
    top = 1 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return top << _INDEX_BITS | status_index


def shard_uri(number: int, count: int) -> str:
    """How a shard of a CRL names what it covers: an issuing distribution point."""
    return f"{_SHARD}{number}-of-{count}"


def in_shard(uri: str, serial: int) -> bool:
    """Whether the shard with this name covers the certificate with this serial number."""
    match = _SHARD_PARTS.fullmatch(uri)
    if match is None:
        return False
    number, count = map(int, match.groups())
    return count > 0 and status_index(serial) % count == number


def authority_serial() -> int:
    """A new serial number for a root, which no status list covers."""
    return serial_with((1 << _INDEX_BITS) - 1)


def status_index(serial: int) -> int:
    """The certificate's bit in its issuer's status list."""
    return serial & ((1 << _INDEX_BITS) - 1)
