"""Octets in base64: files in PEM's manner, answers of web services, lines of logs.

Source: RFC 4648 clauses 4 and 5, RFC 7468 for the lines around it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

_ARMOUR: Final = re.compile(rb"-----(?:BEGIN|END) [^-\r\n]{1,64}-----")
_WHITE: Final = b" \t\r\n\f"
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_RUN: Final = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{54,}={0,2}")  # 40 octets and more


def octets_of_base64(text: bytes) -> bytes | None:
    """What a text says that is nothing but base64, wrapped or not; `None` if it is more or none."""
    bare = _ARMOUR.sub(b"", text).translate(_URL_SAFE, delete=_WHITE).rstrip(b"=")
    if not bare or len(bare) % 4 == 1:
        return None
    try:
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True)
    except binascii.Error:
        return None


def base64_runs(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Offset and octets of everything in a text that may be base64 of a message."""
    for run in _RUN.finditer(text):
        if (octets := octets_of_base64(run[0])) is not None:
            yield run.start(), octets
