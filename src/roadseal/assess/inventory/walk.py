"""What lies under the targets of a scan: every regular file once, nothing outside the root.

Links are not followed: what they name is either under the root, and found there, or outside, and a
gap. An absolute link is read as the image would read it that the root was unpacked from.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roadseal.assess.inventory.finding import Cause, Gap, Location

_CONTROL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode that move a cursor, break a line or turn the direction."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to scan.

    Args:
        uri: relative to its root, with ``/``; of several roots, the root's name goes before.
        path: where the system finds it.
        size_bytes: when it was seen.
        root: the folder that was named, without links; empty where the file itself was.
        prefix: before the uris of that root.
    """

    uri: str
    path: str
    size_bytes: int
    root: str = ""
    prefix: str = ""


def walk(roots: tuple[Path, ...]) -> Iterator[Entry | Gap]:
    """Yield what is under each root, in the order of names; each root is a folder or a file."""
    for root in roots:
        prefix = f"{root.name or root.resolve().name}/" if len(roots) > 1 else ""
        if root.is_dir():
            yield from _folder(root.resolve(), prefix)
        else:
            yield from _file(root, printable(prefix.rstrip("/") or root.name))


def _file(path: Path, uri: str) -> Iterator[Entry | Gap]:
    try:
        path = path.resolve(strict=True)  # a target that is named is meant, even by a link
        yield Entry(uri, str(path), path.stat().st_size)
    except OSError as error:
        yield Gap(Location(uri), Cause.UNREADABLE, _reason(error))


def _folder(root: Path, prefix: str) -> Iterator[Entry | Gap]:
    """Without recursion: a tree may be deeper than the stack."""
    pending, home = [""], str(root)
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Gap(Location(printable(prefix + folder)), Cause.UNREADABLE, _reason(error))
            continue
        folders = []
        for entry in entries:
            inner = f"{folder}{entry.name}"
            location = Location(printable(prefix + inner))
            try:
                mode = entry.stat(follow_symlinks=False)
            except OSError as error:
                yield Gap(location, Cause.UNREADABLE, _reason(error))
                continue
            if stat.S_ISDIR(mode.st_mode):
                folders.append(f"{inner}/")
            elif stat.S_ISREG(mode.st_mode):
                yield Entry(location.uri, entry.path, mode.st_size, home, prefix)
            elif stat.S_ISLNK(mode.st_mode):
                yield from _link(root, Path(entry.path), location)
            else:
                yield Gap(location, Cause.NOT_SUPPORTED, "A device, socket or pipe.")
        pending.extend(reversed(folders))


def _link(root: Path, path: Path, location: Location) -> Iterator[Gap]:
    try:
        named = path.readlink()
        parent = path.parent.resolve()
        target = root / str(named).lstrip("/") if named.is_absolute() else parent / named
        target = Path(os.path.normpath(target))
    except (OSError, ValueError) as error:
        yield Gap(location, Cause.UNREADABLE, _reason(error))
        return
    if not target.is_relative_to(root):
        yield Gap(location, Cause.OUTSIDE, "A link that leaves the scanned root.")
    elif not os.path.lexists(target):
        cause = Cause.OUTSIDE if named.is_absolute() else Cause.UNREADABLE
        yield Gap(location, cause, "A link to nothing under the scanned root.")


def printable(uri: str) -> str:
    """Names that are no UTF-8 keep their octets as escapes, and so do characters that control."""
    text = uri.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        ascii(each)[1:-1] if unicodedata.category(each) in _CONTROL else each for each in text
    )


def _reason(error: Exception) -> str:
    """What went wrong, without the path: that stands in the location."""
    return (getattr(error, "strerror", None) or type(error).__name__) + "."
