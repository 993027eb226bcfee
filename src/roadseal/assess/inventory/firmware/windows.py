"""Who signed a Windows or EFI program (Authenticode).

Source: Microsoft, "Windows Authenticode Portable Executable Signature Format"; UEFI 2.10 §32.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from roadseal.assess.inventory.certificates import cms
from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Location, Role
from roadseal.assess.inventory.firmware import pe

MAGIC: Final = pe.MAGIC
_NESTED: Final = bytes.fromhex("060a2b060104018237020401")  # SPC_NESTED_SIGNATURE
_MAX_NESTED: Final = 8


def program(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the signatures of a program; one without may be signed by a catalogue elsewhere."""
    try:
        signatures = list(pe.Program(source.data).signatures())
    except (struct.error, ValueError):
        return
    for at, message in signatures:
        for start in (0, *_nested(message)):
            location = Location(source.uri, offset=at + start)
            yield from _signature(location, message[start:])


def _nested(message: bytes) -> Iterator[int]:
    """Where further signatures begin, each in a SET after its identifier."""
    at = message.find(_NESTED)
    for _ in range(_MAX_NESTED):
        if at < 0:
            return
        start = message.find(b"\x30", at + len(_NESTED) + 1, at + len(_NESTED) + 8)
        if start >= 0:
            yield start
        at = message.find(_NESTED, at + 1)


def _signature(location: Location, message: bytes) -> Iterator[Output]:
    read = False
    for one in cms.message(location, message, Role.FIRMWARE_SIGNATURE):
        read = True
        if isinstance(one, Finding) and one.collector == "certificate/cms":
            title = "signed program (Authenticode)"
            yield replace(one, collector="firmware/authenticode", title=title, excerpt=title)
        else:
            yield one
    if not read:
        yield Gap(location, Cause.UNREADABLE, "The signature of a program cannot be read.")
