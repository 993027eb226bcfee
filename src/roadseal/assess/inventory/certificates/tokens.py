"""Keys that a text only names: they lie in a token, and only the token says what they are.

Source: RFC 7512 (PKCS #11 URI).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

SCHEME: Final = b"pkcs11:"

_OBJECT: Final = re.compile(
    rb"pkcs11:(?:[a-z-]+=[^;?\"'\s]*;)*(?:object|id|token|serial)=[^;?\"'\s]"
)
_MAX_NAMED: Final = 100


def named_keys(source: Source) -> Iterator[Gap]:
    """Say at which lines a text names a key of a token; its PIN may stand there and is not told."""
    if b"\0" in source.data[:4096]:
        return  # a program that can read such names
    named = 0
    for offset in source.hits.get(SCHEME, ()):
        if named < _MAX_NAMED and _OBJECT.match(source.data, offset):
            named += 1
            line = source.data[:offset].count(b"\n") + 1
            detail = "It names a key in a PKCS #11 token: only the token says what it is."
            yield Gap(Location(source.uri, line=line), Cause.NOT_SUPPORTED, detail)
