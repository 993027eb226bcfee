"""Archives and file systems opened within bounds: what they hold is scanned like files.

No member is written where its name says: names are only shown.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, Final

from roadseal.assess.inventory.certificates import openpgp
from roadseal.assess.inventory.collector import Context, Member, Output, Signature, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location
from roadseal.assess.inventory.firmware import apk, cpio, jffs2, outside, rpm, streams, ubi, ubifs
from roadseal.assess.inventory.firmware.budget import FAILURES, Budget, TooMuchError, safe_name
from roadseal.assess.inventory.firmware.described import NOT_SIGNED, image
from roadseal.assess.inventory.firmware.updates import with_update

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
# a first object of each kind, in the root folder (yaffs2, yaffs_guts.h); in either byte order
_YAFFS2: Final = tuple(
    kind.to_bytes(4, order) + (1).to_bytes(4, order) + b"\xff\xff"
    for kind in range(1, 6)
    for order in ("little", "big")
)
_USTAR, _AR = b"ustar", b"!<arch>\n"

_CARVED: Final = (
    *(each for each in streams.MAGICS if each != streams.BZIP2),
    b"BZh91AY&SY",
    *cpio.MAGICS,
)
"""What is looked for inside of images: kernels, initial RAM disks, payloads of boot images."""
_MAX_CARVED: Final = 32
_PROBED_BYTES: Final = 4096
_SMALLEST_CARVED: Final = 512
"""Octets that a stream must unpack to, to be more than a chance of three octets."""


@dataclass(frozen=True)
class ArchiveCollector:
    """Opens archives, compressed streams, and file systems."""

    name: str = "archive"
    signatures: Sequence[Signature] = (
        *(Signature(magic, 0) for magic in (*_ZIP, _AR, rpm.MAGIC, ubifs.MAGIC, streams.BZIP2)),
        *(Signature(magic, 0) for magic in (*jffs2.MAGICS, *_YAFFS2)),
        Signature(_USTAR, 257),
        *(Signature(magic, at) for magic, at in outside.SEVEN_ZIP),
        *map(Signature, (outside.SQUASHFS, ubi.MAGIC, *_CARVED)),
    )
    names: Sequence[str] = ()

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield the members of `source`."""
        try:
            opened = False
            for output in chain(_whole(source, context), _ubi(source, context)):
                opened = True
                yield output
            covered = []
            for offset in source.hits.get(outside.SQUASHFS, ()):
                if octets := outside.squashfs_octets(source, offset):
                    covered.append(range(offset, offset + octets))
                    yield from outside.squashfs(source, offset, octets, context)
            if not opened and b"\0" in source.data[:4096]:
                yield from _carved(source, covered, context)
        except TooMuchError:
            detail = "Unpacks to more than the limit."
            yield Gap(Location(source.uri), Cause.TRUNCATED, detail)
        except FAILURES as error:
            detail = f"The archive cannot be read to its end: {type(error).__name__}."
            yield Gap(Location(source.uri), Cause.UNREADABLE, detail)


def _whole(source: Source, context: Context) -> Iterator[Output]:
    """What a file is from its first octet."""
    head = source.data[:16]
    budget = Budget(context)
    if head.startswith(_ZIP):
        yield from _zip(source, budget)
        yield from apk.signing_block(source.uri, source.data)
    elif source.data[257:262] == _USTAR:
        members = _tar(io.BytesIO(source.data[:]), budget)
        yield from with_update(source.uri, members)
    elif streams.kind_of(head):
        yield from _compressed(source, budget)
    elif head.startswith(_AR):
        yield from _ar(source, context)
    elif head.startswith(rpm.MAGIC):
        yield from _rpm_signature(source, context)
        packed = rpm.payload(source.data[:])
        yield from cpio.read(streams.unpack(packed, budget)[0], Budget(context))
    elif head.startswith(cpio.MAGICS) and cpio.begins(source.data[:4400]):
        yield from with_update(source.uri, cpio.read(source.data[:], budget))
    elif head.startswith(ubifs.MAGIC):
        yield from ubifs.files(source.data[:], budget)
    elif head.startswith(jffs2.MAGICS):
        yield from jffs2.files(source.data[:], budget)
    elif head.startswith(_YAFFS2):
        detail = "An image of YAFFS2: its files are not read."
        yield Gap(Location(source.uri), Cause.NOT_SUPPORTED, detail)
    elif kind := outside.kind_of(source):
        yield from outside.seven_zip(source, kind, context)


def _zip(source: Source, budget: Budget) -> Iterator[Output]:
    with zipfile.ZipFile(io.BytesIO(source.data[:])) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            where = Location(f"{source.uri}!/{safe_name(info.filename)}")
            if info.flag_bits & 0x1:
                yield Gap(where, Cause.UNREADABLE, "Encrypted with a password.")
                continue
            try:
                with archive.open(info) as stream:
                    yield Member(safe_name(info.filename), budget.read(stream))
            except FAILURES as error:
                detail = f"A member cannot be read: {type(error).__name__}."
                yield Gap(where, Cause.UNREADABLE, detail)


def _tar(stream: IO[bytes], budget: Budget) -> Iterator[Output]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            if info.isfile() and (member := archive.extractfile(info)):
                yield Member(safe_name(info.name), budget.read(member))


def _rpm_signature(source: Source, context: Context) -> Iterator[Output]:
    """Who signed a package of RPM: a row of packets of OpenPGP in its first header."""
    where = Location(source.uri, offset=0)
    signed = False
    for octets in rpm.signatures(source.data[: rpm.MAX_SIGNATURE_BYTES]):
        for one in openpgp.keys(where, octets, context):
            signed = True
            yield one
    if not signed:
        yield image(where, "rpm", "RPM package, not signed", [NOT_SIGNED], {"signed": False})


def _compressed(source: Source, budget: Budget) -> Iterator[Output]:
    budget.member()
    content, whole = streams.unpack(source.data[:], budget)
    if content:
        # the inside is a member like any other: if it is a tar, it is opened in its turn
        yield Member(safe_name(source.name.rsplit(".", 1)[0]), content)
    if not whole:
        detail = f"The {streams.kind_of(source.data[:16])} stream cannot be read to its end."
        yield Gap(Location(source.uri), Cause.UNREADABLE, detail)


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
        yield Member(safe_name(name), source.data[at + 60 : at + 60 + length])
        at += 60 + length + (length & 1)


def _ubi(source: Source, context: Context) -> Iterator[Output]:
    headers = source.hits.get(ubi.MAGIC, ())
    if not headers:
        return
    try:
        yield from ubi.volumes(source.data[:], headers, Budget(context))
    except ValueError:
        if headers[0] == 0:
            detail = "A UBI image without a volume that can be read."
            yield Gap(Location(source.uri), Cause.UNREADABLE, detail)


def _carved(source: Source, covered: Sequence[range], context: Context) -> Iterator[Output]:
    """Streams and cpio archives inside of an image; what does not unpack was none."""
    places = sorted(
        {
            (offset, magic)
            for magic in _CARVED
            for offset in source.hits.get(magic, ())[:_MAX_CARVED]
            if offset and not any(offset in extent for extent in covered)
        }
    )
    end = 0
    for offset, magic in places:
        if offset < end:
            continue
        if magic in cpio.MAGICS:
            if cpio.begins(source.data[offset : offset + 4400]):
                yield from _cpio(source, offset, context)
            continue
        if not streams.begins(source.data[offset : offset + _PROBED_BYTES]):
            continue
        window = source.data[offset : offset + context.limits.unpacked_bytes]
        content, whole = streams.unpack(window, Budget(context))
        if whole and len(content) >= _SMALLEST_CARVED:
            name = f"{streams.kind_of(magic)}-at-{offset}"
            yield Member(name, content, contained=False)
            end = offset + 1


def _cpio(source: Source, offset: int, context: Context) -> Iterator[Output]:
    try:
        yield from cpio.read(source.data[offset:], Budget(context), contained=False)
    except ValueError:
        detail = "A cpio archive in it cannot be read to its end."
        yield Gap(Location(source.uri, offset=offset), Cause.UNREADABLE, detail)


ARCHIVES: Final = ArchiveCollector()
"""Opens archives."""
