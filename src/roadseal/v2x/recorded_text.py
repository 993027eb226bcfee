"""Messages written down as text: JSON, hexadecimal, base64, and what logs have around."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from roadseal import _core
from roadseal.v2x.recorded import RecordedMessage, Recording, begins_like_message
from roadseal.v2x.recorded_base64 import base64_runs, octets_of_base64
from roadseal.v2x.recorded_source import source_runs

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_HEAD_BYTES = 1 << 16
_CONTROL = bytes({*range(0x20), 0x7F} - set(b"\t\r\n\f"))  # what no text has
_HEX = b"0123456789abcdefABCDEF: \t\r\n\f"
_SHORTEST = 40  # bytes; no signed message is shorter
_RUN = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:[ :-]?[0-9A-Fa-f]{2}){%d,}" % (_SHORTEST - 1))
_DUMP_ROW = re.compile(
    rb"[ \t]*(?:0[xX])?([0-9A-Fa-f]{4,8})[:|]?"
    rb"(?:$|[ \t]+([0-9A-Fa-f]{2}(?: {0,2}[0-9A-Fa-f]{2})*))"
)
_CERTIFICATE = (b"\x80\x03", b"\x00\x03")  # with a signature and without; version 3
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def read_text(data: bytes) -> Recording | None:
    """The messages that a text holds; `None` if it is no text, or none with messages in it."""
    if _is_json_lines(data):
        rows = tuple(_read_json_lines(data))
        # Other systems call their fields otherwise.
        others = _read_among(data) if all(row.broken for row in rows) else ()
        return Recording("text" if others else "json-lines", data, others or rows)
    if not _is_text(data):
        return None
    if found := _read_dump(data):
        return Recording("text", data, tuple(found))
    if is_hex(data):
        return Recording("hex", data, tuple(_read_hex(data)))
    if rows := tuple(_read_json(data)):
        return Recording("json", data, rows)
    if rows := tuple(_read_base64(data)) or _read_among(data):
        return Recording("text", data, rows)
    return None


def in_utf_8(data: bytes) -> bytes:
    """The same text in UTF-8 where its byte order mark says UTF-16, as some shells write."""
    encoding = _UTF_16.get(data[:2])
    if encoding is None:
        return data
    try:
        return data[2:].decode(encoding).encode()
    except UnicodeDecodeError:
        return data


def octets_of(data: bytes) -> bytes:
    """The bytes that a file stands for: itself, or what its hexadecimal or base64 text says."""
    data = in_utf_8(data)
    if is_hex(data):
        octets = _from_hex(data.decode("ascii"))
        return data if octets is None else octets
    written = [octets for _, octets in source_runs(data[:_HEAD_BYTES], _SHORTEST)]
    octets = octets_of_base64(data) or (written[0] if len(written) == 1 else b"")
    return octets if begins_like_message(octets) or octets[:2] in _CERTIFICATE else data


def is_hex(data: bytes) -> bool:
    """Whether nothing but hexadecimal digits and what separates them is in it."""
    few = data[:_HEAD_BYTES].translate(None, delete=_HEX)
    return bool(data.strip()) and not few and not data.translate(None, delete=_HEX)


def is_message(data: bytes) -> bool:
    """Whether it is one whole message."""
    return begins_like_message(data) and "error" not in _core.describe_message(data)


def scan(data: bytes) -> Iterator[RecordedMessage]:
    """Every signed or encrypted message in it."""
    for offset, length in _core.find_messages(data):
        yield RecordedMessage(data[offset : offset + length], offset)


def _is_text(data: bytes) -> bool:
    head = data[:_HEAD_BYTES]
    return len(head.translate(None, delete=_CONTROL)) == len(head)


def _is_json_lines(data: bytes) -> bool:
    head = data[:_HEAD_BYTES].removeprefix(BYTE_ORDER_MARK).lstrip()
    lines = [line for line in head.splitlines() if line.strip()]
    objects = sum(isinstance(_json(line), dict) for line in lines)
    if 0 < len(lines) <= 2 * objects:
        return True
    return _is_text(head) and (objects > 0 or (head.startswith(b"{") and not _is_json(data)))


def _is_json(data: bytes) -> bool:
    return any(True for _ in _json_values(data))


def _json(line: bytes) -> object:
    try:
        return json.loads(line.decode())
    except (ValueError, RecursionError):
        return None


def _lines(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and content of every line that is not blank."""
    offset = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if content := line.removeprefix(BYTE_ORDER_MARK if number == 1 else b"").strip():
            yield number, offset, content
        offset += len(line) + 1


def _read_json_lines(data: bytes) -> Iterator[RecordedMessage]:
    for number, offset, line in _lines(data):
        value = _json(line)
        spdu, broken = b"", None
        if not isinstance(value, dict):
            broken = f"line {number} is not a JSON object"
        elif not isinstance(text := value.get("spdu"), str):
            broken = f"line {number} has no text in a field 'spdu'"
        elif (octets := _octets_in(text)) is None:
            broken = f"line {number}: the field 'spdu' is not hexadecimal"
        else:
            spdu = octets
        yield RecordedMessage(spdu, offset, number, broken=broken)


def _read_json(data: bytes) -> Iterator[RecordedMessage]:
    """Objects with a field `spdu`, one after the other or in one array."""
    line_of = _line_numbers(data)
    for offset, value in _json_values(data):
        if isinstance(value, dict) and isinstance(text := value.get("spdu"), str):
            number = line_of(offset)
            octets = _octets_in(text)
            broken = None if octets is not None else f"line {number}: 'spdu' is not hexadecimal"
            yield RecordedMessage(octets or b"", offset, number, broken=broken)


def _json_values(data: bytes) -> Iterator[tuple[int, object]]:
    """Offset and value of each value of a text of them; of each element where it is one array."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    decoder, at = json.JSONDecoder(), 0
    passed, offset = 0, len(data) - len(text.encode())  # characters counted, and their bytes
    between = re.compile(r"[\s,]*\[?\s*" if text.lstrip().startswith("[") else r"[\s,]*")
    while match := between.match(text, at):
        at = match.end()
        if at == len(text) or text[at] == "]":
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        offset += len(text[passed:at].encode())
        passed = at
        yield offset, value
        at = end


def _read_dump(data: bytes) -> list[RecordedMessage]:
    """Rows of a hex dump: an offset, octets, and perhaps the same octets as characters."""
    rows: list[tuple[int, bytes]] = []
    place = (0, 0)
    for number, offset, line in _lines(data):
        row = _DUMP_ROW.match(line)
        start = int(row[1], 16) if row else -1
        follows = rows and rows[-1][0] < start <= rows[-1][0] + len(rows[-1][1])
        if row is None or not (follows or start == 0 == len(rows)):
            return []
        rows.append((start, bytes.fromhex((row[2] or b"").replace(b" ", b"").decode())))
        place = place if len(rows) > 1 else (number, offset)
    # Characters may look like octets: where the next row begins, this one has ended.
    ends = [start for start, _ in rows[1:]]
    parts = (octets[: end - start] for (start, octets), end in zip(rows, ends, strict=False))
    octets = b"".join((*parts, rows[-1][1] if rows else b""))
    if len(rows) < 2:
        return []
    found = [message.spdu for message in scan(octets)]
    if not found and begins_like_message(octets):
        found = [octets]  # the verdict says where it breaks
    return [RecordedMessage(spdu, place[1], place[0]) for spdu in found]


def _read_base64(data: bytes) -> Iterator[RecordedMessage]:
    """A message, or a log of them, that is base64 as a whole, or one on each line."""
    octets = octets_of_base64(data)
    if octets is not None and (is_message(octets) or begins_like_message(octets)):
        yield RecordedMessage(octets, 0, 1)
        return
    lines = [(number, at, octets_of_base64(line)) for number, at, line in _lines(data)]
    begun = sum(begins_like_message(line or b"") for _, _, line in lines)
    if 2 * begun > len(lines):
        for number, offset, line in lines:
            broken = f"line {number} is not base64" if line is None else None
            yield RecordedMessage(line or b"", offset, number, broken=broken)


def _read_among(data: bytes) -> tuple[RecordedMessage, ...]:
    """Messages in hexadecimal, or else in base64, among other text."""
    if found := tuple(_read_runs(data)):
        return found
    line_of = _line_numbers(data)
    return tuple(
        RecordedMessage(message.spdu, offset, line_of(offset))
        for offset, octets in base64_runs(data)
        for message in scan(octets)
    )


def _octets_in(text: str) -> bytes | None:
    """Octets in hexadecimal, or base64 that begins like a message."""
    octets = _from_hex(text)
    if octets is None and text.isascii():
        octets = octets_of_base64(text.encode())
        octets = octets if begins_like_message(octets or b"") else None
    return octets


def _read_runs(data: bytes) -> Iterator[RecordedMessage]:
    """Messages in hexadecimal among other text: tables, logs, source code, what units forward."""
    line_of = _line_numbers(data)
    for start, octets in sorted([*_hex_runs(data), *source_runs(data, _SHORTEST)]):
        found = [message.spdu for message in scan(octets)]
        if not found and begins_like_message(octets):
            found = [octets]  # the verdict says where it breaks
        for spdu in found:
            yield RecordedMessage(spdu, start, line_of(start))


def _hex_runs(data: bytes) -> Iterator[tuple[int, bytes]]:
    for run in _RUN.finditer(data):
        yield run.start(), bytes.fromhex(re.sub(rb"[ :-]", b"", run[0]).decode())


def _line_numbers(data: bytes) -> Callable[[int], int]:
    """What tells the line of an offset."""
    ends = list(accumulate(len(line) + 1 for line in data.split(b"\n")))
    return lambda offset: bisect_right(ends, offset) + 1


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.replace(":", "").strip().lower().removeprefix("0x"))
    except ValueError:
        return None


def _read_hex(data: bytes) -> Iterator[RecordedMessage]:
    """One message over all lines, one a line, or whatever can be found in it."""
    octets = octets_of(data)
    lines = [(number, offset, _from_hex(line.decode())) for number, offset, line in _lines(data)]
    number, offset, _ = lines[0]
    begun = sum(begins_like_message(line or b"") for _, _, line in lines)
    if is_message(octets) or len(lines) == begun == 1:
        yield RecordedMessage(octets, offset, number)
    elif 2 * begun > len(lines):
        for number, offset, line in lines:
            broken = f"line {number} is not hexadecimal" if line is None else None
            yield RecordedMessage(line or b"", offset, number, broken=broken)
    elif octets is data and begins_like_message(_from_hex(data.lstrip()[:4].decode()) or b""):
        broken = "it has an odd number of hexadecimal digits: one is missing, or one too many"
        yield RecordedMessage(b"", offset, number, broken=broken)
    else:
        yield from scan(octets)
