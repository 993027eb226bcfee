"""One compressed stream: gzip, bzip2, xz, LZMA, lzip, Zstandard, LZ4, lzop, wherever it begins.

Sources: RFC 1952, RFC 8878; the file formats of bzip2, xz and LZMA; lz4_Frame_format.md, whose
"legacy frame" is what Linux kernels are packed in; the manual of lzip, "File format"; lzop 1.04,
src/lzop.c (there is no other text).
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from roadseal.assess.inventory.firmware.budget import Budget

GZIP, BZIP2, XZ = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00"
ZSTD, LZ4, LZ4_LEGACY = b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"
LZIP, LZOP = b"LZIP\x01", b"\x89LZO\0\r\n\x1a\n"
LZMA: Final = tuple(
    bytes([properties, 0, 0, *dictionary])
    for properties in (0x5D, 0x6D)
    for dictionary in ((0x10, 0), (0x40, 0), (0x80, 0), (0, 1), (0, 2), (0, 4))
)
"""LZMA has no magic: its usual properties, and dictionaries of 1 to 64 MiB."""

MAGICS: Final = (GZIP, BZIP2, XZ, ZSTD, LZ4, LZ4_LEGACY, LZIP, LZOP, *LZMA)

_PIECE_BYTES: Final = 1 << 20
_MAX_WINDOW_BYTES: Final = 1 << 27
_ZSTD_FEED_BYTES: Final = 1 << 10
_MAX_LZ4_BLOCK_BYTES: Final = 8 << 20
_MAX_LZOP_BLOCK_BYTES: Final = 64 << 20
_LZIP_TRAILER_BYTES: Final = 20  # CRC-32, size, size of the member
_LZOP_FILTERED, _LZOP_EXTRA = 0x800, 0x40


def kind_of(head: bytes) -> str | None:
    r"""Name the compression that `head` begins with.

    >>> kind_of(b"\x28\xb5\x2f\xfd")
    'zstd'
    """
    return next((_KINDS[magic][0] for magic in MAGICS if head.startswith(magic)), None)


def unpack(data: bytes, budget: Budget) -> tuple[bytes, bool]:
    """Unpack the stream that `data` begins with; what follows it is not looked at.

    Args:
        data: from the stream's first octet; it may go on behind it.
        budget: what it may cost.

    Returns:
        What it holds, and whether it came to its end.

    Raises:
        TooMuchError: it holds more than the limit.
        ValueError: no compression begins there.
    """
    magic = next((magic for magic in MAGICS if data.startswith(magic)), None)
    if magic is None:
        raise ValueError(magic)
    pieces: list[bytes] = []
    whole = True
    try:
        for piece in _KINDS[magic][1](data):
            budget.take(len(piece))
            pieces.append(piece)
    except _DAMAGE:
        whole = False
    return b"".join(pieces), whole


def begins(head: bytes) -> bool:
    """Whether what `head` begins with is a stream, as far as its first octets tell.

    Args:
        head: some kilobytes; a stream that goes on behind them is one.
    """
    magic = next((magic for magic in MAGICS if head.startswith(magic)), None)
    if magic is None:
        return False
    try:
        for _ in _KINDS[magic][1](head):
            pass
    except EOFError:
        return True
    except _DAMAGE:
        return False
    return True


def unpack_lzo(packed: bytes, size: int) -> bytes:
    """Unpack a block of LZO1X of about `size` octets.

    Raises:
        ValueError: it is damaged.
    """
    import lzallright

    try:
        return bytes(lzallright.LZOCompressor.decompress(packed, output_size_hint=size))
    except lzallright.LZOError as error:
        raise ValueError(str(error)) from error


def unpack_zstd(packed: bytes, most: int) -> bytes:
    """Unpack a block of Zstandard of at most `most` octets.

    Raises:
        ValueError: it is damaged, or holds more.
    """
    import zstandard

    try:
        unpacked: bytes = zstandard.ZstdDecompressor().decompress(packed, max_output_size=most)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    return unpacked


_DAMAGE: Final = (
    EOFError, ValueError, RuntimeError, OSError, zlib.error, lzma.LZMAError,
)  # fmt: skip


class _Decompressor(Protocol):
    def decompress(self, data: bytes, /, max_length: int = ...) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...


_Unpack = Callable[[bytes], Iterator[bytes]]


def _pieces(stream: _Decompressor, feed: bytes) -> Iterator[bytes]:
    """What one stream unpacks to, up to its end."""
    while not stream.eof:
        piece = stream.decompress(feed, max_length=_PIECE_BYTES)
        feed = b""
        if piece:
            yield piece
        elif stream.needs_input and not stream.eof:
            raise EOFError


def _stepwise(make: Callable[[], _Decompressor], magic: bytes) -> _Unpack:
    """Decompressors of one form; one stream may follow another."""

    def unpack(data: bytes) -> Iterator[bytes]:
        while data.startswith(magic):
            stream = make()
            yield from _pieces(stream, data)
            data = bytes(stream.unused_data or b"")

    return unpack


def _gzip(data: bytes) -> Iterator[bytes]:
    while data.startswith(GZIP):
        stream = zlib.decompressobj(wbits=31)
        feed = data
        while not stream.eof:
            piece = stream.decompress(feed, _PIECE_BYTES)
            feed = stream.unconsumed_tail
            if piece:
                yield piece
            elif not feed and not stream.eof:
                raise EOFError
        data = stream.unused_data


def _zstd(data: bytes) -> Iterator[bytes]:
    """A block of four octets may hold 128 KiB: little goes in at a time."""
    import zstandard  # the decoders of rare formats are loaded where one is met

    while data.startswith(ZSTD):
        stream = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
        at = 0
        while not stream.eof:
            if at >= len(data):
                raise EOFError
            try:
                yield stream.decompress(data[at : at + _ZSTD_FEED_BYTES])
            except zstandard.ZstdError as error:
                raise ValueError(str(error)) from error
            at += _ZSTD_FEED_BYTES
        data = data[at - len(stream.unused_data) :]


def _lz4_frame() -> _Decompressor:
    import lz4.frame

    stream: _Decompressor = lz4.frame.LZ4FrameDecompressor()
    return stream


def _lz4_legacy(data: bytes) -> Iterator[bytes]:
    import lz4.block

    at = 4
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        if data[at : at + 4] == LZ4_LEGACY:
            at += 4
            continue
        block = data[at + 4 : at + 4 + size]
        if not 0 < size <= _MAX_LZ4_BLOCK_BYTES + (1 << 16) or len(block) < size:
            return  # what follows the last block: a kernel has its size there
        try:
            yield lz4.block.decompress(block, uncompressed_size=_MAX_LZ4_BLOCK_BYTES)
        except lz4.block.LZ4BlockError as error:
            raise ValueError(str(error)) from error
        at += 4 + size


def _lzip(data: bytes) -> Iterator[bytes]:
    """A member is LZMA without its header: a coded dictionary before it, a trailer behind it."""
    while data.startswith(LZIP):
        if len(data) < 6:
            raise EOFError
        power, eighths = data[5] & 0x1F, data[5] >> 5
        dictionary = (1 << power) - eighths * ((1 << power) // 16)
        head = b"\x5d" + dictionary.to_bytes(4, "little") + b"\xff" * 8
        stream = lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=1 << 28)
        yield from _pieces(stream, head + data[6:])
        data = stream.unused_data[_LZIP_TRAILER_BYTES:]


def _lzop(data: bytes) -> Iterator[bytes]:
    """Blocks, each with its sizes, and checksums as the flags of the header say."""
    version = int.from_bytes(data[9:11])
    # version of the library and, since 0.940, the least to extract and a level; a method
    at = 9 + (8 if version >= 0x0940 else 5)
    flags = int.from_bytes(data[at : at + 4])
    at += 4 + (4 if flags & _LZOP_FILTERED else 0)
    at += 8 + (4 if version >= 0x0940 else 0)  # mode and time
    at += 1 + data[at] + 4  # name, checksum
    if flags & _LZOP_EXTRA:
        at += 8 + int.from_bytes(data[at : at + 4])
    of_whole = 4 * (bool(flags & 0x001) + bool(flags & 0x100))  # Adler-32, CRC-32
    of_packed = 4 * (bool(flags & 0x002) + bool(flags & 0x200))
    while True:
        size, packed = (int.from_bytes(data[each : each + 4]) for each in (at, at + 4))
        if at + 4 > len(data):
            raise EOFError
        if size == 0:  # the end, without a second size
            return
        if size > _MAX_LZOP_BLOCK_BYTES or packed > size:
            raise ValueError(size)
        at += 8 + of_whole + (of_packed if packed < size else 0)
        block = data[at : at + packed]
        if len(block) < packed:
            raise EOFError
        yield unpack_lzo(block, size) if packed < size else block
        at += packed


_KINDS: Final[dict[bytes, tuple[str, _Unpack]]] = {
    GZIP: ("gzip", _gzip),
    BZIP2: ("bzip2", _stepwise(bz2.BZ2Decompressor, BZIP2)),
    XZ: ("xz", _stepwise(lambda: lzma.LZMADecompressor(memlimit=1 << 28), XZ)),
    ZSTD: ("zstd", _zstd),
    LZ4: ("lz4", _stepwise(_lz4_frame, LZ4)),
    LZ4_LEGACY: ("lz4", _lz4_legacy),
    LZIP: ("lzip", _lzip),
    LZOP: ("lzop", _lzop),
    **{
        magic: (
            "lzma",
            _stepwise(
                lambda: lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=1 << 28), magic
            ),
        )
        for magic in LZMA
    },
}
