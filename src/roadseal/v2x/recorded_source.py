r"""Octets written down as source code: arrays of `0x03, 0x81` and strings of `\x03\x81`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_OCTET: Final = rb"(?:0[xX][0-9A-Fa-f]{1,2}(?![0-9A-Fa-f])|\\x[0-9A-Fa-f]{2})"
_BETWEEN: Final = rb"""[\s,"']*"""  # a string may end, and go on in the next line


def source_runs(data: bytes, shortest: int) -> Iterator[tuple[int, bytes]]:
    """Offset and octets of each array or string.

    Args:
        data: a text.
        shortest: how many octets it has at least.
    """
    run = rb"%s(?:%s%s){%d,}" % (_OCTET, _BETWEEN, _OCTET, shortest - 1)
    for found in re.finditer(run, data):
        octets = re.findall(rb"[xX]([0-9A-Fa-f]{1,2})", found[0])
        yield found.start(), bytes(int(octet, 16) for octet in octets)
