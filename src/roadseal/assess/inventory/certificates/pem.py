"""PEM blocks of every label, found in any text (RFC 7468), also inside quoted strings."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from roadseal import _core
from roadseal.assess.inventory.collector import Data

MAX_BLOCK_BYTES: Final = 8 << 20
_BEGIN: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9][A-Z0-9 .#]{0,60}|OpenVPN [A-Za-z0-9 -]{1,40})-----"
)
_HEADER: Final = re.compile(rb"^[A-Za-z][A-Za-z0-9-]*:[^\n]*(?:\n[ \t][^\n]*)*\n", re.MULTILINE)
_NOISE: Final = re.compile(rb"[^A-Za-z0-9+/=]")
_CHECKSUM: Final = re.compile(rb"\n=[A-Za-z0-9+/]{4}\s*$")
_ESCAPED_NEWLINE: Final = re.compile(rb"\\r\\n|\\n|\\r")


class Block(NamedTuple):
    """One block; `octets` is None where its base64 cannot be read.

    `clean` says that nothing stood in it but well-formed base64.
    """

    label: str
    offset: int
    line: int
    headers: bytes
    octets: bytes | None
    clean: bool = False


def blocks(data: Data, offsets: Iterable[int]) -> Iterator[Block]:
    """Yield the blocks that begin at `offsets`, ascending; also those inside a quoted string."""
    line, counted = 1, 0
    for offset in offsets:
        begin = _BEGIN.match(data, offset)
        if begin is None:
            continue
        line += _newlines(data, counted, offset)
        counted = offset
        label = begin[1].decode("ascii")
        end_mark = b"-----END " + begin[1] + b"-----"
        end = data.find(end_mark, begin.end(), begin.end() + MAX_BLOCK_BYTES)
        if end < 0:
            yield Block(label, offset, line, b"", None)
            continue
        body = data[begin.end() : end]
        if octets := _core.base64_lines(body):
            yield Block(label, offset, line, b"", octets, clean=True)
            continue
        body = body.replace(b"\r\n", b"\n").lstrip(b"\n")
        if b"\\" in body:
            body = _ESCAPED_NEWLINE.sub(b"\n", body).lstrip(b"\n")
        headers = b""
        while match := _HEADER.match(body):
            headers += match[0]
            body = body[match.end() :].lstrip(b"\n")
        yield Block(label, offset, line, headers, _decode(body, label))


def _decode(body: bytes, label: str) -> bytes | None:
    if label.startswith("PGP "):  # the armour ends in its checksum: "=" and four characters
        body = _CHECKSUM.sub(b"", body)
    try:
        return binascii.a2b_base64(body)  # passes over whatever is no base64
    except binascii.Error:
        pass
    text = _NOISE.sub(b"", body).rstrip(b"=")  # a missing padding is no reason
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None


def _newlines(data: Data, start: int, end: int) -> int:
    return data[start:end].count(b"\n")
