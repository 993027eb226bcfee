"""Batches as files: what the RA keeps of a period for a device, until it is fetched.

Source: IEEE 1609.2.1-2022 clause 8.2.2: named by the request's hash and the period.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Final

from roadseal.operate.pki.v2x.coer import CoerError

MAX_RESPONSES: Final = 256
MAX_BYTES: Final = 4 << 20


def batch_filename(name: bytes, i: int) -> str:
    """The file of a request's batch: its hash and the period, in hexadecimal."""
    return f"{name.hex().upper()}_{i:X}.zip"


def archive(responses: Mapping[int, bytes]) -> bytes:
    """A zip of fixed form, by j: certificates do not compress, and no time is in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for j, octets in sorted(responses.items()):
            file.writestr(zipfile.ZipInfo(f"{j:X}"), octets)
    return buffer.getvalue()


def read_batch(octets: bytes) -> dict[int, bytes]:
    """The ACA's responses in a batch, by j.

    Raises:
        CoerError: it is no batch.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as file:
            names = file.infolist()
            if len(names) > MAX_RESPONSES or sum(one.file_size for one in names) > MAX_BYTES:
                raise CoerError("the batch is too large")
            return {int(one.filename, 16): file.read(one) for one in names}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, RuntimeError):
        raise CoerError("it is no batch") from None
