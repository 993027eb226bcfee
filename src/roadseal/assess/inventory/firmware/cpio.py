"""cpio archives, which initial RAM disks and RPM packages are (cpio(5): newc, crc, odc)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Member
from roadseal.assess.inventory.firmware.budget import Budget, safe_name

NEWC, CRC, ODC = b"070701", b"070702", b"070707"
MAGICS: Final = (NEWC, CRC, ODC)

_END: Final = b"TRAILER!!!"
_REGULAR: Final = 0o100000
_TYPE: Final = 0o170000
_MAX_NAME_BYTES: Final = 4096


def begins(data: bytes) -> bool:
    """Whether a whole header with plausible lengths stands at the begin of `data`."""
    try:
        return _header(data, 0) is not None
    except ValueError:
        return False


def read(data: bytes, budget: Budget, *, contained: bool = True) -> Iterator[Member]:
    """Yield the regular files of the archive that `data` begins with.

    Args:
        data: from its first header; anything may follow.
        budget: what it may cost.
        contained: as `Member` has it.

    Raises:
        ValueError: it breaks off.
        TooMuchError: it holds more than the limit.
    """
    at = 0
    while True:
        header = _header(data, at)
        if header is None:
            raise ValueError(at)
        mode, size, name, at = header
        body, pad = data[at : at + size], _pad(data, at + size)
        if name == _END:
            return
        if len(body) < size:
            raise ValueError(at)
        if mode & _TYPE == _REGULAR and size:
            budget.member()
            budget.take(size)
            yield Member(safe_name(name.decode("utf-8", "replace")), body, contained)
        at += size + pad


_ALIGNED: Final = 4


def _pad(data: bytes, at: int) -> int:
    return -at % _ALIGNED if not data.startswith(ODC) else 0


def _header(data: bytes, at: int) -> tuple[int, int, bytes, int] | None:
    """Mode, size of the data, name, and where the data begins."""
    magic = data[at : at + 6]
    if magic in {NEWC, CRC}:
        fields = data[at + 6 : at + 110]
        if len(fields) < 104:
            return None
        mode, size, name_len = (int(fields[n : n + 8], 16) for n in (8, 48, 88))
        name_at = at + 110
        start = name_at + name_len + -(name_at + name_len) % _ALIGNED
    elif magic == ODC:
        fields = data[at + 6 : at + 76]
        if len(fields) < 70:
            return None
        mode, name_len, size = int(fields[12:18], 8), int(fields[53:59], 8), int(fields[59:70], 8)
        name_at = at + 76
        start = name_at + name_len
    else:
        return None
    name = data[name_at : name_at + name_len]
    if not 1 <= name_len <= _MAX_NAME_BYTES or not name.endswith(b"\0"):
        return None
    return mode, size, name[:-1], start
