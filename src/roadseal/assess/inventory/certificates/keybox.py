"""GnuPG's keybox: a row of blobs with keys of OpenPGP and certificates.

Source: GnuPG, kbx/keybox-blob.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates import openpgp
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import Context, Data, Output, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

MAGIC: Final = b"KBXf"
MAGIC_AT: Final = 8


def is_keybox(data: Data) -> bool:
    """Whether a file is a keybox."""
    return data[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC


def keybox(source: Source, context: Context) -> Iterator[Output]:
    """Describe every blob: those of kind 2 hold OpenPGP, 3 X.509."""
    at, size = 0, len(source.data)
    while at + 16 <= size:
        length = int.from_bytes(source.data[at : at + 4])
        kind = source.data[at + 4]
        if length < 16 or at + length > size:
            yield Gap(
                Location(source.uri, offset=at), Cause.UNREADABLE, "A keybox blob is cut off."
            )
            return
        start = at + int.from_bytes(source.data[at + 8 : at + 12])
        end = start + int.from_bytes(source.data[at + 12 : at + 16])
        if kind == 2 and end <= at + length:
            yield from openpgp.keys(
                Location(source.uri, offset=start), source.data[start:end], context, base=start
            )
        elif kind == 3 and end <= at + length:
            location = Location(source.uri, offset=start)
            if found := certificate(location, source.data[start:end], "keybox"):
                yield found
        at += length
