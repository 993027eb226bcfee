"""RPM packages: lead, signature, header, and a compressed cpio archive.

Source: rpm.org, "RPM V4 Package format".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

MAGIC: Final = b"\xed\xab\xee\xdb"

MAX_SIGNATURE_BYTES: Final = 1 << 20
"""How far from the begin of a package its first header is looked at."""

_LEAD_BYTES: Final = 96
_SIGNATURE_TAGS: Final = frozenset({267, 268, 1002, 1005})  # over the header, and over all
_HEADER: Final = b"\x8e\xad\xe8\x01"


def payload(data: bytes) -> bytes:
    """Return what follows the two headers of a package.

    Raises:
        ValueError: they are not there.
    """
    at = _LEAD_BYTES
    for aligned in (8, 1):
        head = data[at : at + 16]
        if len(head) < 16 or not head.startswith(_HEADER):
            raise ValueError(at)
        entries, octets = int.from_bytes(head[8:12]), int.from_bytes(head[12:16])
        at += 16 + 16 * entries + octets
        at += -at % aligned
    return data[at:]


def signatures(data: bytes) -> Iterator[bytes]:
    """Yield the packets of OpenPGP in the first header of a package."""
    at = _LEAD_BYTES
    entries = int.from_bytes(data[at + 8 : at + 12])
    store = at + 16 + 16 * entries
    for entry in range(at + 16, min(store, len(data)), 16):
        tag, _, offset, count = (
            int.from_bytes(data[each : each + 4]) for each in range(entry, entry + 16, 4)
        )
        if tag in _SIGNATURE_TAGS:
            yield data[store + offset : store + offset + count]
