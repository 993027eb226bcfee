"""What the files of a key store share: one user, names that last, an end without traces."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from roadseal.errors import RoadsealError


def lock_directory(directory: Path) -> int:
    """Take a store for this process; closing the descriptor gives it back.

    Raises:
        RoadsealError: ``qkd-store-busy``.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise RoadsealError(
            "qkd-store-busy",
            f"Another process has the key store {directory} open.",
            advice="Stop it first; two KMEs on one store would give keys twice.",
        ) from None
    return descriptor


def sync_directory(path: Path) -> None:
    """Make a new file's name durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def corrupted(path: Path, what: str) -> RoadsealError:
    """The store cannot be trusted."""
    return RoadsealError(
        "qkd-store-corrupted",
        f"The key store's {path.name} cannot be trusted: {what}.",
        advice="Zeroise the store and import fresh keys at both ends; do not repair it by hand.",
    )


def rolled_back(path: Path) -> RoadsealError:
    """The store is older than its key says."""
    return RoadsealError(
        "qkd-store-rolled-back",
        f"The key store's {path.name} is older than its key-encryption key remembers.",
        advice="A restored snapshot would give keys twice: zeroise it and import fresh keys.",
    )


def zeroise_files(directory: Path, kek: Path) -> int:
    """Overwrite and remove a store that no process has open; a damaged one too.

    Without the key-encryption key, which goes first, the cells are noise: an overwritten file may
    live on in the flash below.

    Returns:
        The number of files.

    Raises:
        RoadsealError: ``qkd-store-busy``, ``qkd-zeroise``.
    """
    count = 0
    try:
        lock = lock_directory(directory)
        try:
            paths = (kek, *sorted(directory.glob("*.cells")), *sorted(directory.glob("journal*")))
            for path in paths:
                if not path.exists():
                    continue
                with path.open("r+b") as file:
                    file.write(bytes(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
                count += 1
        finally:
            os.close(lock)
    except OSError as error:
        raise RoadsealError(
            "qkd-zeroise",
            f"The store {directory} is not wholly erased: {error.strerror}.",
            advice="Mend the disk and zeroise again, or destroy the disk.",
        ) from None
    return count
