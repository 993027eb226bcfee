"""Who signed a module of the Linux kernel: a message behind the program, and a mark behind that.

Source: Linux, include/linux/module_signature.h and scripts/sign-file.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from roadseal.assess.inventory.certificates import cms
from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Location, Role

MARK: Final = b"~Module signature appended~\n"

_DESCRIPTION_BYTES: Final = 12
_PKCS7: Final = 2


def module(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the signature whose mark stands at `offset`; nothing if it is not the last thing."""
    described = source.data[offset - _DESCRIPTION_BYTES : offset]
    if offset + len(MARK) != len(source.data) or len(described) < _DESCRIPTION_BYTES:
        return  # the kernel itself has the words
    end = offset - _DESCRIPTION_BYTES
    size = int.from_bytes(described[8:12])
    location = Location(source.uri, offset=end - size)
    if described[2] != _PKCS7 or not 0 < size <= end:
        yield Gap(location, Cause.UNREADABLE, "The signature of a kernel module cannot be read.")
        return
    for one in cms.message(location, source.data[end - size : end], Role.FIRMWARE_SIGNATURE):
        if isinstance(one, Finding) and one.collector == "certificate/cms":
            title = "signed kernel module"
            yield replace(one, collector="firmware/kernel-module", title=title, excerpt=title)
        else:
            yield one
