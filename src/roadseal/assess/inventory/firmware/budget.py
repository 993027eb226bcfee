"""What may be unpacked of one container, whatever its format."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from typing import Final, Protocol

from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.walk import printable

_PIECE_BYTES: Final = 1 << 20

FAILURES: Final = (
    OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError,
    zipfile.BadZipFile, NotImplementedError, RuntimeError, KeyError,
)  # fmt: skip
"""What readers raise where a container is damaged."""


class TooMuchError(Exception):
    """It unpacks to more than the limit."""


class Readable(Protocol):
    """A stream of octets."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` octets, none at the end."""
        ...


class Budget:
    """Counts members and octets down to the limit.

    Args:
        context: gives the limits.
    """

    def __init__(self, context: Context) -> None:
        self.left = context.limits.unpacked_bytes
        self.members = context.limits.members

    def take(self, octets: int) -> None:
        """Count octets that were unpacked.

        Raises:
            TooMuchError: they are more than is left.
        """
        self.left -= octets
        if self.left < 0:
            raise TooMuchError

    def member(self) -> None:
        """Count a member.

        Raises:
            TooMuchError: there are more than the limit.
        """
        self.members -= 1
        if self.members < 0:
            raise TooMuchError

    def read(self, stream: Readable) -> bytes:
        """Read a member to its end, piece by piece: a reader takes room for all it is asked for.

        Raises:
            TooMuchError: as `take` and `member`.
        """
        self.member()
        pieces: list[bytes] = []
        while piece := stream.read(_PIECE_BYTES):
            self.take(len(piece))
            pieces.append(piece)
        return b"".join(pieces)


def safe_name(name: str) -> str:
    """Return a member's name for showing: never a path that leaves its container."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return printable("/".join(parts))[:1000] or "unnamed"
