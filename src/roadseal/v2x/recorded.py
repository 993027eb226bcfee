"""What a file of messages holds, once it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["message", "hex", "json-lines", "json", "text", "capture", "log"]
"""What a file holds. A text has hexadecimal or base64 among other words, a log any bytes."""

LEGACY_NOTE: Final = "protocol version 2"

VERSION: Final = 3  # of Ieee1609Dot2Data
CONTENTS: Final = frozenset(range(0x80, 0x85))


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
        missing: bytes of its frame that the capture did not keep.
        fragments: where its IP packet came in fragments, the frames of them in their order in the
            packet. `frame` is the one that completed it, `offset` that of the message's first byte.
    """

    spdu: bytes = field(repr=False)
    offset: int = 0
    line: int | None = None
    frame: int | None = None
    network: str | None = None
    broken: str | None = None
    note: str | None = None
    missing: int = 0
    fragments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds.

    Args:
        kind: how it was read.
        data: its bytes, decompressed: what offsets count in.
        messages: in the order of the file.
        frames: of a capture, how many frames were read.
        damage: what ended the reading before the end of the file.
        unsecured: of a capture, how many network packets without security were passed over.
        incomplete: of a capture, how many IP packets lack fragments or have contradictory ones.
    """

    kind: Kind
    data: bytes = field(repr=False)
    messages: tuple[RecordedMessage, ...]
    frames: int | None = None
    damage: str | None = None
    unsecured: int = 0
    incomplete: int = 0


def begins_like_message(data: bytes) -> bool:
    """Whether the first two bytes are those of an `Ieee1609Dot2Data` (clause 6.3.2)."""
    return len(data) > 1 and data[0] == VERSION and data[1] in CONTENTS
