"""Raw key files as devices and other software write them: octets, or text of several kinds."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from roadseal.errors import RoadsealError

_SPACE: Final = b" \t\r\n,"
_BITS: Final = re.compile(rb"[01]+")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_BASE64: Final = re.compile(rb"[0-9A-Za-z+/]+={0,2}")


class Encoding(StrEnum):
    """How a file holds key bits."""

    RAW = "raw"
    HEX = "hex"
    BASE64 = "base64"
    BITS = "bits"


def decode_keys(content: bytes, encoding: Encoding) -> bytearray:
    """The octets that a file holds; blanks, line ends and commas between digits do not count.

    Of `Encoding.BITS`, the characters 0 and 1, the first is the highest of its octet; bits beyond
    the last whole octet are left out. Both ends of a link have to read their files alike.

    Raises:
        RoadsealError: ``qkd-raw-keys``.
    """
    if encoding is Encoding.RAW:
        return bytearray(content)
    digits = content.removeprefix(b"\xef\xbb\xbf").translate(None, _SPACE)
    if encoding is Encoding.HEX:
        digits = digits.removeprefix(b"0x")
    pattern, decode = _TEXTS[encoding]
    try:
        if pattern.fullmatch(digits) is None:
            raise ValueError
        return bytearray(decode(digits))
    except ValueError:
        raise RoadsealError(
            "qkd-raw-keys",
            f"The file is not {encoding}.",
            advice="Say how it holds its bits: raw octets, or hex, base64 or bits as text.",
        ) from None


def likely_encoding(content: bytes) -> Encoding:
    """What a file looks like: text of one of the kinds, or raw octets."""
    head = content[:4096].removeprefix(b"\xef\xbb\xbf").translate(None, _SPACE)
    for encoding in (Encoding.BITS, Encoding.HEX, Encoding.BASE64):
        if _TEXTS[encoding][0].fullmatch(head.removeprefix(b"0x")) is not None:
            return encoding
    return Encoding.RAW


def _from_bits(digits: bytes) -> bytes:
    whole = len(digits) // 8
    return int(b"0" + digits[: 8 * whole], 2).to_bytes(whole, "big")


def _from_hex(digits: bytes) -> bytes:
    return bytes.fromhex(digits.decode("ascii"))


def _from_base64(digits: bytes) -> bytes:
    return b64decode(digits, validate=True)


_TEXTS: Final[dict[Encoding, tuple[re.Pattern[bytes], Callable[[bytes], bytes]]]] = {
    Encoding.BITS: (_BITS, _from_bits),
    Encoding.HEX: (_HEX, _from_hex),
    Encoding.BASE64: (_BASE64, _from_base64),
}
