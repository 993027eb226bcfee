"""PEM blocks of every label, found in any text (RFC 7468), also inside quoted strings."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from roadseal import _core
from roadseal.assess.inventory.collector import Data

MAX_BLOCK_BYTES: Final = 8 << 20
MAX_CUT_BYTES: Final = 1 << 16
_ESCAPES: Final = frozenset(b"\\%&<\"'")
_LINES: Final = re.compile(rb"\s*(?:[A-Za-z0-9+/=]{4,}\s*)*")
_BEGIN: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9](?:[A-Z0-9 .#/_+]|-(?!-)){0,60}|OpenVPN [A-Za-z0-9 -]{1,40})-----"
)
_NEXT: Final = b"-----BEGIN "
_HEADER: Final = re.compile(rb"^[A-Za-z][A-Za-z0-9-]*:[^\n]*(?:\n[ \t][^\n]*)*\n", re.MULTILINE)
_NOISE: Final = re.compile(rb"[^A-Za-z0-9+/=]")
_CHECKSUM: Final = re.compile(rb"\n=[A-Za-z0-9+/]{4}\s*$")
_ESCAPED_NEWLINE: Final = re.compile(rb"\\r\\n|\\n|\\r|(?:%0[dD])?%0[aA]|(?:&#13;)?&#10;|<br ?/?>")
_JOINT: Final = re.compile(rb"[\"'][ \t\\]*[+.,&]?[ \t\\]*\r?\n\s*[\"']")  # of strings of a program
_PERCENT: Final = re.compile(rb"%(2[bBfF]|3[dD])")


class Block(NamedTuple):
    """One block; `octets` is None where its base64 cannot be read.

    `clean` says that nothing stood in it but well-formed base64, `cut` that its end is missing.
    """

    label: str
    offset: int
    line: int
    headers: bytes
    octets: bytes | None
    clean: bool = False
    cut: bool = False


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
        body = data[begin.end() : end if end >= 0 else begin.end() + MAX_CUT_BYTES]
        following = body.find(_NEXT)
        if end < 0 or following >= 0:  # cut off: what there is of it, to the next
            body = body[: following if following >= 0 else len(body)]
            yield Block(label, offset, line, b"", _decode(_start_of(body), label), cut=True)
            continue
        if octets := _core.base64_lines(body):
            yield Block(label, offset, line, b"", octets, clean=True)
            continue
        body = body.replace(b"\r\n", b"\n").lstrip(b"\n")
        if _ESCAPES & set(body):
            body = _ESCAPED_NEWLINE.sub(b"\n", body).lstrip(b"\n")
            body = _JOINT.sub(b"\n", body)
            body = _PERCENT.sub(lambda match: bytes.fromhex(match[1].decode()), body)
        headers = b""
        while match := _HEADER.match(body):
            headers += match[0]
            body = body[match.end() :].lstrip(b"\n")
        yield Block(label, offset, line, headers, _decode(body, label))


def _start_of(body: bytes) -> bytes:
    """The lines of base64 at the start of a block without an end."""
    text = _ESCAPED_NEWLINE.sub(b"\n", body)
    match = _LINES.match(text)
    lines = match[0] if match else b""
    whole = len(_NOISE.sub(b"", lines)) // 4 * 4
    return _NOISE.sub(b"", lines)[:whole]


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
