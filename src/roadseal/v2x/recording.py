"""Reading files into messages: logs, captures, JSON Lines, hexadecimal text, single messages.

What a file is, its content tells, never its name. Nothing in a file raises: what cannot be read is
a message with `broken` set, and what ends the reading early is the recording's `damage`.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from roadseal import _core

MAX_RECORDING_BYTES: Final = 1 << 30
"""Most bytes that a compressed file may unfold to; the rest is left unread and said so."""

Kind = Literal["message", "hex", "json-lines", "capture", "log"]
"""What a file holds; a log is any bytes with messages somewhere in them."""

LEGACY_NOTE: Final = "protocol version 2"

_GZIP: Final = b"\x1f\x8b"
_MAX_NESTED_GZIP = 3
_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 16
_CAPTURE_MAGICS = tuple(
    bytes.fromhex(magic)
    for magic in (
        *("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "a1b2cd34", "34cdb2a1"),  # pcap
        "0a0d0d0a",  # pcapng
    )
)
_CONTROL = bytes({*range(0x20), 0x7F} - set(b"\t\r\n\f"))  # what no text has
_HEX = b"0123456789abcdefABCDEF: \t\r\n\f"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_VERSION = 3  # of Ieee1609Dot2Data
_CONTENTS = frozenset(range(0x80, 0x85))


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """A message as it lies in a file.

    Args:
        spdu: its bytes; empty where the file promises a message and does not give one.
        offset: of its first byte, or of its line, in the file as it is after decompression.
        line: where the file has lines, which one, counted from 1.
        frame: where the file is a capture, which frame, counted from 1 as Wireshark does.
        network: where the file is a capture, what carried the message.
        broken: why there is no message to look at.
        note: what else is known of it.
    """

    spdu: bytes = field(repr=False)
    offset: int = 0
    line: int | None = None
    frame: int | None = None
    network: str | None = None
    broken: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds.

    Args:
        kind: how it was read.
        data: its bytes, decompressed: what offsets count in.
        messages: in the order of the file.
        frames: of a capture, how many frames were read.
        damage: what ended the reading before the end of the file.
    """

    kind: Kind
    data: bytes = field(repr=False)
    messages: tuple[RecordedMessage, ...]
    frames: int | None = None
    damage: str | None = None


def read_recording(data: bytes, *, max_bytes: int = MAX_RECORDING_BYTES) -> Recording:
    """Find the messages in a file.

    Args:
        data: the file, perhaps compressed with gzip.
        max_bytes: most bytes that it may unfold to.
    """
    data, damage = _decompressed(data, max_bytes)
    recording = _read(data)
    return replace(recording, damage=recording.damage or damage)


def _read(data: bytes) -> Recording:
    if data.startswith(_CAPTURE_MAGICS):
        return _read_capture(data)
    if _is_json_lines(data):
        return Recording("json-lines", data, tuple(_read_json_lines(data)))
    if _is_hex(data):
        return Recording("hex", data, tuple(_read_hex(data)))
    if _is_message(data):
        return Recording("message", data, (RecordedMessage(data),))
    found = tuple(_scan(data))
    if not found and begins_like_message(data):
        return Recording(
            "message", data, (RecordedMessage(data),)
        )  # the verdict says what is wrong
    return Recording("log", data, found)


def begins_like_message(data: bytes) -> bool:
    """Whether the first two bytes are those of an `Ieee1609Dot2Data` (clause 6.3.2)."""
    return len(data) > 1 and data[0] == _VERSION and data[1] in _CONTENTS


def octets_of(data: bytes) -> bytes:
    """The bytes that a file stands for: itself, or what its hexadecimal text says."""
    octets = _from_hex(data.decode("ascii")) if _is_hex(data) else None
    return data if octets is None else octets


def _decompressed(data: bytes, max_bytes: int) -> tuple[bytes, str | None]:
    """Unfold gzip as far as it goes, and say what was left."""
    damage = None
    for _ in range(_MAX_NESTED_GZIP):
        if not data.startswith(_GZIP) or damage:
            break
        data, damage = _gunzip(data, max_bytes)
    return data, damage


def _gunzip(data: bytes, max_bytes: int) -> tuple[bytes, str | None]:
    unfolded, damage = bytearray(), None
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        try:
            while piece := stream.read1(_CHUNK_BYTES):
                unfolded += piece
                if len(unfolded) > max_bytes:
                    damage = f"it unfolds to more than {max_bytes} bytes"
                    break
        except EOFError:
            damage = f"the compressed data breaks off after {len(unfolded)} bytes"
        except (OSError, zlib.error):
            damage = f"the compressed data is damaged after {len(unfolded)} bytes"
    return bytes(unfolded[:max_bytes]) or data, damage


def _read_capture(data: bytes) -> Recording:
    located, frames, damage = _core.read_capture(data)
    messages = tuple(
        RecordedMessage(
            data[found.offset : found.offset + found.length],
            found.offset,
            frame=found.frame,
            network=found.network,
            note=LEGACY_NOTE if found.legacy_v2 else None,
        )
        for found in located
    )
    return Recording("capture", data, messages, frames, damage)


def _scan(data: bytes) -> Iterator[RecordedMessage]:
    for offset, length in _core.find_messages(data):
        yield RecordedMessage(data[offset : offset + length], offset)


def _is_message(data: bytes) -> bool:
    return begins_like_message(data) and "error" not in _core.describe_message(data)


def _is_json_lines(data: bytes) -> bool:
    head = data[:_HEAD_BYTES].removeprefix(_BYTE_ORDER_MARK).lstrip()
    lines = [line for line in head.splitlines() if line.strip()]
    objects = sum(isinstance(_json(line), dict) for line in lines)
    if 0 < len(lines) <= 2 * objects:
        return True
    is_text = len(head.translate(None, delete=_CONTROL)) == len(head)
    return is_text and (objects > 0 or head.startswith(b"{"))


def _json(line: bytes) -> object:
    try:
        return json.loads(line.decode())
    except (ValueError, RecursionError):
        return None


def _lines(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and content of every line that is not blank."""
    offset = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if content := line.removeprefix(_BYTE_ORDER_MARK if number == 1 else b"").strip():
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
        elif (octets := _from_hex(text)) is None:
            broken = f"line {number}: the field 'spdu' is not hexadecimal"
        else:
            spdu = octets
        yield RecordedMessage(spdu, offset, number, broken=broken)


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.replace(":", "").strip().removeprefix("0x"))
    except ValueError:
        return None


def _is_hex(data: bytes) -> bool:
    few = data[:_HEAD_BYTES].translate(None, delete=_HEX)
    return bool(data.strip()) and not few and not data.translate(None, delete=_HEX)


def _read_hex(data: bytes) -> Iterator[RecordedMessage]:
    """One message over all lines, one a line, or whatever can be found in it."""
    octets = octets_of(data)
    lines = [(number, offset, _from_hex(line.decode())) for number, offset, line in _lines(data)]
    number, offset, _ = lines[0]
    begun = sum(begins_like_message(line or b"") for _, _, line in lines)
    if _is_message(octets) or len(lines) == begun == 1:
        yield RecordedMessage(octets, offset, number)
    elif 2 * begun > len(lines):
        for number, offset, line in lines:
            broken = f"line {number} is not hexadecimal" if line is None else None
            yield RecordedMessage(line or b"", offset, number, broken=broken)
    else:
        yield from _scan(octets)
