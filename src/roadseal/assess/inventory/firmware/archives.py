"""Archives and file systems opened within bounds: what they hold is scanned like files.

No member is written where its name says: names are only shown. squashfs is unpacked by Debian's
``unsquashfs`` into a folder of its own, after its listing was found small enough.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from roadseal.assess.inventory.collector import Context, Member, Output, Signature, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP, _BZIP2, _XZ = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00"
_USTAR, _AR = b"ustar", b"!<arch>\n"
_SQUASHFS: Final = b"hsqs"
_UNREAD: Final = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!\x1a\x07": "RAR", b"\x28\xb5\x2f\xfd": "Zstandard",
    b"070701": "cpio", b"UBI#": "UBI", b"\x31\x18\x10\x06": "UBIFS", b"\x85\x19": "JFFS2",
}  # fmt: skip
_LISTED: Final = re.compile(rb"^-\S{9} \S+ +(\d+) ", re.MULTILINE)
_FAILURES: Final = (
    OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError,
    zipfile.BadZipFile, NotImplementedError, RuntimeError, KeyError,
)  # fmt: skip


_PIECE_BYTES: Final = 1 << 20


class _TooMuchError(Exception):
    """It unpacks to more than the limit."""


@dataclass(frozen=True)
class ArchiveCollector:
    """Opens archives, compressed files and squashfs images."""

    name: str = "archive"
    signatures: Sequence[Signature] = (
        *(Signature(magic, 0) for magic in (*_ZIP, _GZIP, _BZIP2, _XZ, _AR)),
        Signature(_USTAR, 257),
        Signature(_SQUASHFS),
        *(Signature(magic, 0) for magic in _UNREAD if magic != b"\x85\x19"),
    )
    names: Sequence[str] = ()

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield the members of `source`."""
        head = source.data[:8]
        try:
            if head.startswith(_ZIP):
                yield from _zip(source, context)
            elif source.data[257:262] == _USTAR:
                yield from _tar(source, io.BytesIO(source.data[:]), context)
            elif head.startswith((_GZIP, _BZIP2, _XZ)):
                yield from _compressed(source, context)
            elif head == _AR:
                yield from _ar(source, context)
            else:
                for magic, kind in _UNREAD.items():
                    if head.startswith(magic):
                        yield Gap(Location(source.uri), Cause.NOT_SUPPORTED, f"A {kind} archive.")
            for offset in source.hits.get(_SQUASHFS, ()):
                yield from _squashfs(source, offset, context)
        except _TooMuchError:
            detail = "Unpacks to more than the limit."
            yield Gap(Location(source.uri), Cause.TRUNCATED, detail)
        except _FAILURES as error:
            detail = f"The archive cannot be read to its end: {type(error).__name__}."
            yield Gap(Location(source.uri), Cause.UNREADABLE, detail)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Budget:
    """What may still be unpacked of one container."""

    def __init__(self, context: Context) -> None:
        self.left = context.limits.unpacked_bytes
        self.members = context.limits.members

    def read(self, stream: _Readable) -> bytes:
        self.members -= 1
        pieces: list[bytes] = []
        # piece by piece: a reader takes room for all that it is asked for
        while piece := stream.read(_PIECE_BYTES):
            self.left -= len(piece)
            if self.left < 0:
                raise _TooMuchError
            pieces.append(piece)
        if self.members < 0:
            raise _TooMuchError
        return b"".join(pieces)


def _safe(name: str) -> str:
    """A member's name for showing: never a path that leaves its archive."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return "/".join(parts).encode("utf-8", "backslashreplace").decode()[:1000] or "unnamed"


def _zip(source: Source, context: Context) -> Iterator[Output]:
    budget = _Budget(context)
    with zipfile.ZipFile(io.BytesIO(source.data[:])) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            where = Location(f"{source.uri}!/{_safe(info.filename)}")
            if info.flag_bits & 0x1:
                yield Gap(where, Cause.UNREADABLE, "Encrypted with a password.")
                continue
            try:
                with archive.open(info) as stream:
                    yield Member(_safe(info.filename), budget.read(stream))
            except _FAILURES as error:
                detail = f"A member cannot be read: {type(error).__name__}."
                yield Gap(where, Cause.UNREADABLE, detail)


def _tar(source: Source, stream: IO[bytes], context: Context) -> Iterator[Output]:
    budget = _Budget(context)
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            if info.isfile() and (member := archive.extractfile(info)):
                yield Member(_safe(info.name), budget.read(member))
            elif info.ischr() or info.isblk() or info.isfifo():
                continue


def _compressed(source: Source, context: Context) -> Iterator[Output]:
    raw = io.BytesIO(source.data[:])
    head = source.data[:6]
    stream: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
    if head.startswith(_GZIP):
        stream = gzip.GzipFile(fileobj=raw)
    elif head.startswith(_BZIP2):
        stream = bz2.BZ2File(raw)
    else:
        stream = lzma.LZMAFile(raw)  # noqa: SIM115 - it owns nothing but memory
    budget = _Budget(context)
    inner = _safe(source.name.rsplit(".", 1)[0])
    # the inside is a member like any other: if it is a tar, it is opened in its turn
    yield Member(inner, budget.read(stream))


def _ar(source: Source, context: Context) -> Iterator[Output]:
    """The container of Debian packages and static libraries, ar(5)."""
    at, size = len(_AR), len(source.data)
    for _ in range(context.limits.members):
        header = source.data[at : at + 60]
        if len(header) < 60:
            return
        name = header[:16].decode("latin-1").strip().rstrip("/")
        length = int(header[48:58])
        if length < 0 or at + 60 + length > size:
            raise ValueError(name)
        yield Member(_safe(name), source.data[at + 60 : at + 60 + length])
        at += 60 + length + (length & 1)


def _squashfs(source: Source, offset: int, context: Context) -> Iterator[Output]:
    header = source.data[offset : offset + 96]
    major = int.from_bytes(header[28:30], "little")
    used = int.from_bytes(header[40:48], "little")
    if len(header) < 96 or major != 4 or not 96 <= used <= len(source.data) - offset:
        return  # four letters in something else
    where = Location(source.uri, offset=offset)
    tool = shutil.which("unsquashfs")
    if tool is None:
        yield Gap(where, Cause.NOT_SUPPORTED, "A squashfs image: unsquashfs is not installed.")
        return
    seconds = max(1.0, context.limits.time_s * 0.4)
    with tempfile.TemporaryDirectory(prefix="roadseal-") as folder:
        image = Path(folder, "image")
        image.write_bytes(source.data[offset : offset + used])
        out = Path(folder, "tree")
        try:
            listing = subprocess.run(  # noqa: S603 - a fixed program, and a file of our own
                [tool, "-lln", str(image)], capture_output=True, timeout=seconds, check=False
            ).stdout
            sizes = [int(size) for size in _LISTED.findall(listing)]
            if sum(sizes) > context.limits.unpacked_bytes or len(sizes) > context.limits.members:
                raise _TooMuchError
            subprocess.run(  # noqa: S603 - as above
                [tool, "-no-xattrs", "-n", "-q", "-p", "1", "-d", str(out), str(image)],
                capture_output=True, timeout=seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            yield Gap(where, Cause.TRUNCATED, "The squashfs image took too long.")
            return
        read = 0
        for path in sorted(out.rglob("*")):
            if path.is_file() and not path.is_symlink():
                read += 1
                name = _safe(str(path.relative_to(out)))
                yield Member(name, path.read_bytes(), contained=False)
        if read < len(sizes) or not sizes:
            detail = f"{read} of {len(sizes)} files of the squashfs image could be read."
            yield Gap(where, Cause.UNREADABLE, detail)


ARCHIVES: Final = ArchiveCollector()
"""Opens archives."""
