"""Exports of Windows' registry: binary values in hexadecimal digits, certificates among them.

Source: Microsoft, "How to add, modify, or delete registry subkeys and values by using a .reg file";
wincrypt.h, CERT_CERT_PROP_ID and its kin (what a ``Blob`` of a certificate store is made of).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Member, Output, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

STARTS: Final = (b"Windows Registry Editor Version 5.00", b"REGEDIT4")

_VALUE: Final = re.compile(
    rb'^(?:"((?:[^"\\\r\n]|\\.){0,256})"|@)=hex(?:\([0-9a-f]{1,8}\))?:((?:[0-9a-fA-F, ]|\\\r?\n)*)',
    re.MULTILINE,
)
_NO_DIGIT: Final = re.compile(rb"[^0-9a-fA-F]")
_NO_NAME: Final = re.compile(r"[^\w. -]")
_ENCODED: Final = range(32, 35)  # a certificate, a revocation list, a trust list
_LEAST_BYTES: Final = 40
_MAX_VALUES: Final = 10_000


def exported_values(source: Source) -> Iterator[Output]:
    """Yield the binary values of an export, and of a certificate store what they hold."""
    for count, match in enumerate(_VALUE.finditer(source.data)):
        if count >= _MAX_VALUES:
            detail = f"More than {_MAX_VALUES} binary values."
            yield Gap(Location(source.uri, offset=match.start()), Cause.TRUNCATED, detail)
            return
        digits = _NO_DIGIT.sub(b"", match[2])
        data = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
        if len(data) < _LEAST_BYTES:
            continue
        name = _NO_NAME.sub("_", (match[1] or b"default").decode("utf-8", "replace"))
        for encoded in _properties(data) or [data]:
            yield Member(f"{name}@{match.start()}", encoded, contained=False)


def _properties(data: bytes) -> list[bytes]:
    """Records of a number, a one, a length and octets; none if `data` is not made of them."""
    found: list[bytes] = []
    at = 0
    while at + 12 <= len(data):
        kind, one, length = (
            int.from_bytes(data[each : each + 4], "little") for each in range(at, at + 12, 4)
        )
        if one != 1 or at + 12 + length > len(data):
            return []
        if kind in _ENCODED:
            found.append(data[at + 12 : at + 12 + length])
        at += 12 + length
    return found
