"""Boot images for NXP's i.MX: what the ROM's High Assurance Boot is to check.

Source: NXP, "i.MX 6 Linux High Assurance Boot (HAB) User's Guide" and "HAB 4 API" (image vector
table, command sequence file, blocks of signatures); U-Boot, include/imximage.h and doc/imx/habv4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from roadseal.assess.inventory.certificates import cms
from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Location, Role
from roadseal.assess.inventory.firmware.described import NOT_SIGNED, image

TABLES: Final = tuple(bytes((0xD1, 0x00, 0x20, version)) for version in range(0x40, 0x46))
"""An image vector table: its tag, its length, and a version of HAB 4."""

_TABLE: Final = struct.Struct("<8I")
_SEQUENCE, _AUTHENTICATE, _SIGNATURE = 0xD4, 0xCA, 0xD8
_MAX_COMMANDS: Final = 64


def boot_image(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the image whose vector table stands at `offset`."""
    octets = source.data[offset : offset + _TABLE.size]
    if len(octets) < _TABLE.size:
        return
    _, entry, reserved, _, boot_data, itself, sequence, last = _TABLE.unpack(octets)
    if reserved or last or not itself or not entry or itself % 4 or boot_data % 4:
        return  # four octets in something else
    location = Location(source.uri, offset=offset)
    if not sequence:
        yield image(location, "imx", "i.MX boot image, not signed", [NOT_SIGNED], {"signed": False})
        return
    at = offset + sequence - itself
    signatures = list(_signatures(source, at)) if 0 < at < len(source.data) else []
    if not signatures:
        detail = "A boot image for i.MX without the commands that it is to be checked by."
        yield Gap(location, Cause.UNREADABLE, detail)
    for start, message in signatures:
        where = Location(source.uri, offset=start)
        for one in cms.message(where, message, Role.FIRMWARE_SIGNATURE):
            if isinstance(one, Finding) and one.collector == "certificate/cms":
                title = "i.MX boot image, signed"
                yield replace(one, collector="firmware/imx", title=title, excerpt=title)
            else:
                yield one


def _signatures(source: Source, start: int) -> Iterator[tuple[int, bytes]]:
    """Messages that the commands to authenticate point to, by offsets from the first command."""
    tag, length = _header(source, start)
    if tag != _SEQUENCE:
        return
    at, end = start + 4, start + length
    for _ in range(_MAX_COMMANDS):
        tag, length = _header(source, at)
        if at >= end or length < 4:
            return
        if tag == _AUTHENTICATE and length >= 12:  # key, protocol, engine, settings, place
            place = start + int.from_bytes(source.data[at + 8 : at + 12])
            kind, size = _header(source, place)
            if kind == _SIGNATURE:
                yield place + 4, source.data[place + 4 : place + size]
        at += length


def _header(source: Source, at: int) -> tuple[int, int]:
    """A tag and the length of what it begins; zeros at the end."""
    octets = source.data[at : at + 4]
    return (octets[0], int.from_bytes(octets[1:3])) if len(octets) == 4 else (0, 0)
