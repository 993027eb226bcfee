"""Writing a file whole or not at all: whoever reads it sees the old one or the new one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from roadseal.errors import RoadsealError


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Write `pieces` beside `path`, flush them to the disk, and put them in its place.

    Raises:
        RoadsealError: ``file-unwritable``.
    """
    fill_whole(path, lambda file: file.writelines(pieces))


def fill_whole(path: Path, fill: Callable[[IO[bytes]], None]) -> None:
    """The same for what writes into an open file by itself.

    Raises:
        RoadsealError: ``file-unwritable``.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RoadsealError(
            "file-unwritable",
            f"{path} cannot be written: {error.strerror}.",
            advice="Check that its folder exists and that you may write there.",
        ) from None
