"""Bundles of RAUC: a file system, a message that signs it, and how long that is.

Source: RAUC, "Reference", Bundle Formats (plain, verity, crypt) and Manifest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from roadseal.assess.inventory.certificates import cms
from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

_MAX_MESSAGE_BYTES: Final = 64 << 20
_LENGTH_BYTES: Final = 8
_FORMAT: Final = re.compile(rb"^format\s*=\s*([a-z]+)\s*$", re.MULTILINE)
_OF_FORMAT: Final = {
    "verity": [AlgorithmUse("sha-256", Role.INTEGRITY)],  # dm-verity's tree, and dm-crypt below
    "crypt": [AlgorithmUse("sha-256", Role.INTEGRITY), AlgorithmUse("aes-256-cbc", Role.STORAGE)],
}


def bundle(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe what signs a bundle; nothing if `source` is only a file system."""
    end = len(source.data) - _LENGTH_BYTES
    size = int.from_bytes(source.data[max(0, end) :])
    message = source.data[end - size : end] if 16 < size <= min(end, _MAX_MESSAGE_BYTES) else b""
    location = Location(source.uri, offset=end - size)
    outputs = list(cms.message(location, message, Role.FIRMWARE_SIGNATURE)) if message else []
    if not any(isinstance(one, Finding) for one in outputs):
        if source.name.lower().endswith(".raucb"):
            detail = "A bundle of RAUC without a signature that can be read."
            yield Gap(Location(source.uri), Cause.UNREADABLE, detail)
        return
    manifest = _FORMAT.search(cms.content_of(message) or b"")
    form = manifest[1].decode("ascii") if manifest else "plain"
    for one in outputs:
        if isinstance(one, Finding) and one.collector == "certificate/cms":
            closed = one.title == "encrypted message"
            title = f"RAUC bundle, {'manifest encrypted' if closed else f'format {form}'}"
            uses = (*one.algorithms, *_OF_FORMAT.get("crypt" if closed else form, []))
            one = replace(
                one, collector="firmware/rauc", title=title, excerpt=title,
                algorithms=tuple(dict.fromkeys(uses)),
            )  # fmt: skip
        yield one
