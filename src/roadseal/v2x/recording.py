"""Reading files into messages: logs, captures, JSON, hexadecimal text, single messages.

What a file is, its content tells, never its name. Nothing in a file raises: what cannot be read is
a message with `broken` set, and what ends the reading early is the recording's `damage`.
"""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import replace
from typing import Final

from roadseal import _core
from roadseal.v2x.recorded import (
    LEGACY_NOTE,
    Kind,
    RecordedMessage,
    Recording,
    begins_like_message,
)
from roadseal.v2x.recorded_text import in_utf_8, is_message, octets_of, read_text, scan

__all__ = [
    "LEGACY_NOTE",
    "MAX_RECORDING_BYTES",
    "Kind",
    "RecordedMessage",
    "Recording",
    "begins_like_message",
    "octets_of",
    "read_recording",
]

MAX_RECORDING_BYTES: Final = 1 << 30
"""Most bytes that a compressed file may unfold to; the rest is left unread and said so."""

_GZIP: Final = b"\x1f\x8b"
_MAX_NESTED_GZIP = 3
_CHUNK_BYTES = 1 << 20
_CAPTURE_MAGICS = tuple(
    bytes.fromhex(magic)
    for magic in (
        *("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "a1b2cd34", "34cdb2a1"),  # pcap
        "0a0d0d0a",  # pcapng
    )
)


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
    data = in_utf_8(data)
    if (text := read_text(data)) is not None:
        return text
    if is_message(data):
        return Recording("message", data, (RecordedMessage(data),))
    found = tuple(scan(data))
    if not found and begins_like_message(data):
        found = (RecordedMessage(data),)  # the verdict says what is wrong
        return Recording("message", data, found)
    return Recording("log", data, found)


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
    contents = _core.read_capture(data)
    messages = tuple(
        RecordedMessage(
            found.joined or data[found.offset : found.offset + found.length],
            found.offset,
            frame=found.frame,
            network=found.network,
            note=LEGACY_NOTE if found.legacy_v2 else None,
            missing=found.missing,
            fragments=tuple(found.fragments),
        )
        for found in contents.messages
    )
    return Recording(
        "capture",
        data,
        messages,
        contents.frames,
        contents.damage,
        contents.unsecured,
        contents.incomplete,
    )
