"""Formats that programs of Debian open: squashfs by ``unsquashfs``, and what 7-Zip knows.

Both list first; what is larger than the limits is not unpacked. 7-Zip writes to a pipe, in the
order of its listing, so that no name in an archive ever becomes a path on disk.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from roadseal.assess.inventory.collector import Context, Member, Output, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location
from roadseal.assess.inventory.firmware.budget import Budget, TooMuchError, safe_name

SQUASHFS: Final = b"hsqs"
COMPOUND: Final = "compound document"
"""Installers of Windows (.msi), and documents."""

SEVEN_ZIP: Final[Mapping[tuple[bytes, int], str]] = {
    (b"7z\xbc\xaf\x27\x1c", 0): "7-Zip archive",
    (b"Rar!\x1a\x07", 0): "RAR archive",
    (b"\x45\x3d\xcd\x28", 0): "CramFS image",
    (b"\x28\xcd\x3d\x45", 0): "CramFS image",
    (b"MSCF\0\0\0\0", 0): "cabinet",
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0): COMPOUND,
    (b"NTFS    ", 3): "NTFS image",
    (b"FAT12   ", 54): "FAT image",
    (b"FAT16   ", 54): "FAT image",
    (b"FAT32   ", 82): "FAT image",
    (b"EFI PART", 512): "disk image",
    (b"\x53\xef", 1080): "ext2, ext3 or ext4 image",
    (b"\x55\xaa", 510): "disk image",
    (b"CD001", 32769): "ISO 9660 image",
    (b"QFI\xfb", 0): "QCOW image",
}
"""What 7-Zip is asked to open, by the octets at a place."""

_LISTED: Final = re.compile(rb"^-\S{9} \S+ +(\d+) ", re.MULTILINE)
_PIECE_BYTES: Final = 1 << 20
_SHARE_OF_TIME: Final = 0.4


def squashfs_octets(source: Source, offset: int) -> int:
    """Return how long the squashfs image at an offset is; 0 where its magic is something else's."""
    header = source.data[offset : offset + 96]
    major = int.from_bytes(header[28:30], "little")
    used = int.from_bytes(header[40:48], "little")
    fits = len(header) == 96 and major == 4 and 96 <= used <= len(source.data) - offset
    return used if fits else 0


def squashfs(source: Source, offset: int, octets: int, context: Context) -> Iterator[Output]:
    """Yield the files of the squashfs image at an offset."""
    where = Location(source.uri, offset=offset)
    tool = shutil.which("unsquashfs")
    if tool is None:
        yield Gap(where, Cause.NOT_SUPPORTED, "A squashfs image: unsquashfs is not installed.")
        return
    seconds = max(1.0, context.limits.time_s * _SHARE_OF_TIME)
    with tempfile.TemporaryDirectory(prefix="roadseal-") as folder:
        image = Path(folder, "image")
        image.write_bytes(source.data[offset : offset + octets])
        out = Path(folder, "tree")
        try:
            listing = subprocess.run(  # noqa: S603 - a fixed program, and a file of our own
                [tool, "-lln", str(image)], capture_output=True, timeout=seconds, check=False
            ).stdout
            sizes = [int(size) for size in _LISTED.findall(listing)]
            if sum(sizes) > context.limits.unpacked_bytes or len(sizes) > context.limits.members:
                raise TooMuchError
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
                name = safe_name(str(path.relative_to(out)))
                yield Member(name, path.read_bytes(), contained=False)
        if read < len(sizes) or not sizes:
            detail = f"{read} of {len(sizes)} files of the squashfs image could be read."
            yield Gap(where, Cause.UNREADABLE, detail)


def kind_of(source: Source) -> str | None:
    """Name what 7-Zip is to open, if it is that."""
    for (magic, at), kind in SEVEN_ZIP.items():
        if source.data[at : at + len(magic)] == magic and _confirmed(at, source.data[:1152]):
            return kind
    return None


def _confirmed(at: int, head: bytes) -> bool:
    """Two octets prove little: the fields beside them must fit."""
    if at == 1080:  # superblock: size of blocks, state, revision (Linux, fs/ext4/ext4.h)
        block_size, state, revision = head[1048:1052], head[1082:1084], head[1100:1104]
        fields = [int.from_bytes(field, "little") for field in (block_size, state, revision)]
        return fields[0] <= 6 and fields[1] <= 7 and fields[2] <= 1
    if at == 510:  # four entries of a partition table: active or not, one at least in use
        entries = [head[446 + 16 * number : 462 + 16 * number] for number in range(4)]
        used = [entry for entry in entries if entry[4] and any(entry[8:12]) and any(entry[12:16])]
        return bool(used) and all(entry[0] in {0, 0x80} for entry in entries)
    return True


def seven_zip(source: Source, kind: str, context: Context) -> Iterator[Output]:
    """Yield the files of an archive or image that 7-Zip opens; without it, a gap."""
    where = Location(source.uri)
    tool = next(filter(None, map(shutil.which, ("7zz", "7z", "7za"))), None)
    if tool is None:
        article = "An" if kind[0] in "aeiouI" else "A"
        yield Gap(where, Cause.NOT_SUPPORTED, f"{article} {kind}: 7-Zip is not installed.")
        return
    budget = Budget(context)
    seconds = max(1.0, context.limits.time_s * _SHARE_OF_TIME)
    with tempfile.TemporaryDirectory(prefix="roadseal-") as folder:
        image = Path(folder, "image")
        image.write_bytes(source.data[:])
        try:
            # of an installer, 7-Zip would show what the cabinet in it holds, and no signature
            form = ["-tcompound"] if kind == COMPOUND else []
            listed = _listing([tool, "l", *form], image, seconds)
            wanted = [(name, size) for name, size, readable in listed if readable]
            for _, size in wanted:
                budget.member()
                budget.take(size)
            unpacked = _unpacked(
                [tool, "x", *form], image, sum(size for _, size in wanted), seconds
            )
        except subprocess.TimeoutExpired:
            yield Gap(where, Cause.TRUNCATED, f"Opening the {kind} took too long.")
            return
    if len(wanted) < len(listed):
        detail = f"{len(listed) - len(wanted)} members of the {kind} are encrypted."
        yield Gap(where, Cause.UNREADABLE, detail)
    at = 0
    for name, size in wanted:
        body = unpacked[at : at + size]
        at += size
        if len(body) < size:
            detail = f"The {kind} cannot be read to its end."
            yield Gap(Location(f"{source.uri}!/{safe_name(name)}"), Cause.UNREADABLE, detail)
            return
        if body:
            yield Member(safe_name(name), body)
    if not listed:
        yield Gap(where, Cause.UNREADABLE, f"7-Zip finds nothing in the {kind}.")


def _listing(command: list[str], image: Path, seconds: float) -> list[tuple[str, int, bool]]:
    """Name and size of each file, and whether no password is needed."""
    text = subprocess.run(  # noqa: S603 - a fixed program, and a file of our own
        [*command, "-slt", "-ba", "-p", "-sccUTF-8", str(image)],
        capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL,
    ).stdout.decode("utf-8", "replace")  # fmt: skip
    rows = []
    for block in re.split(r"\n\s*\n", text.replace("\r", "")):
        fields = dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
        is_folder = fields.get("Folder") == "+" or fields.get("Attributes", "").startswith("D")
        is_link = bool(fields.get("Symbolic Link")) or fields.get("Mode", "").startswith("l")
        size = fields.get("Size", "")
        if is_folder or is_link or not size.isdigit():
            continue
        rows.append((fields.get("Path", ""), int(size), fields.get("Encrypted") != "+"))
    return rows


def _unpacked(command: list[str], image: Path, expected: int, seconds: float) -> bytes:
    """The contents of all files, one after the other."""
    with tempfile.TemporaryFile() as out:
        subprocess.run(  # noqa: S603 - as above
            [*command, "-so", "-p", str(image)],
            stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            timeout=seconds, check=False,
        )  # fmt: skip
        out.seek(0)
        return out.read(expected)
