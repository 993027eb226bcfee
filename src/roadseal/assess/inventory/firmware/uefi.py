"""Signature lists of UEFI: whose programs may boot, and whose may not.

Source: UEFI 2.10 §32.4.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Gap, Location, Role
from roadseal.assess.inventory.firmware.described import image

X509: Final = bytes.fromhex("a159c0a5e494a74a87b5ab155c2bf072")
SHA256: Final = bytes.fromhex("2616c4c14c509240aca941f936934328")


def signature_list(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the signature list at an offset."""
    header = source.data[offset + 16 : offset + 28]
    if len(header) < 12:
        return
    size, extra, each = struct.unpack("<III", header)
    start, end = offset + 28 + extra, offset + size
    if not 28 < size <= len(source.data) - offset or each <= 16 or (end - start) % each:
        return  # the identifier alone, in a program
    location = Location(source.uri, offset=offset)
    if source.data[offset : offset + 16] == SHA256:
        uses = [AlgorithmUse("sha-256", Role.FIRMWARE_SIGNATURE)]
        title = f"UEFI signature list of {(end - start) // each} SHA-256 hashes"
        yield image(location, "uefi", title, uses)
        return
    for at in range(start, end, each):
        where = Location(source.uri, offset=at + 16)
        if found := certificate(where, source.data[at + 16 : at + each], "uefi"):
            yield found
        else:
            yield Gap(where, Cause.UNREADABLE, "A certificate in a UEFI signature list.")
