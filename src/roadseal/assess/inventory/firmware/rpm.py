"""RPM packages: lead, signature, header, and a compressed cpio archive.

Source: rpm.org, "RPM V4 Package format".
"""

from __future__ import annotations

from typing import Final

MAGIC: Final = b"\xed\xab\xee\xdb"

_LEAD_BYTES: Final = 96
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
