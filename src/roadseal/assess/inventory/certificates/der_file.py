"""Files of DER: one structure, or one after the other; what is of no known kind is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates import der, enrolment
from roadseal.assess.inventory.certificates.structures import cut_off, der_at, said_size
from roadseal.assess.inventory.collector import Context, Data, Output, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

_MAX_DER_BYTES: Final = 256 << 20
_LEAST_STRUCTURE, _LARGEST_STRUCTURE = 48, 1_000_000
_BUNDLE: Final = 1_000_000


def der_file(source: Source, context: Context, *, by_name: bool) -> Iterator[Output]:
    """Describe a file of one structure, or of certificates one after the other.

    Args:
        source: begins as DER may.
        context: for what identifies a private key.
        by_name: it is called what DER is called; what is in it is a gap if nobody knows it.
    """
    at, found = 0, 0
    data = source.data[:_MAX_DER_BYTES]
    for _ in range(_BUNDLE):
        one = der.element(data, at, len(data))
        # of an indefinite length, the octets that end it belong to it
        end = one.end + 2 * (data[one.start + 1] == 0x80) if one else len(data)
        for finding in der_at(Location(source.uri, offset=at), data[at:end], context):
            found += 1
            yield finding
        if one is None or not found or end >= len(data):
            break
        if by_name and data[end] != 0x30 and data[end:].strip(b"\0\xff\r\n\t "):
            detail = "What follows is no DER and is not read."
            yield Gap(Location(source.uri, offset=end), Cause.UNREADABLE, detail)
            break
        at = end
    if found:
        return
    if said_size(data[:8]) > len(data):
        for finding in cut_off(Location(source.uri, offset=0), data[:], context, der_at):
            found += 1
            yield finding
        if found:
            detail = "It is cut off: it says that it is longer."
            yield Gap(Location(source.uri, offset=len(data)), Cause.UNREADABLE, detail)
            return
    if by_name or _is_one_structure(data):
        yield from enrolment.within(Location(source.uri, offset=0), data[:])
        yield Gap(Location(source.uri), Cause.UNREADABLE, "DER of no kind that is known here.")


def _is_one_structure(data: Data) -> bool:
    """Whether a file is one element of DER to its last octet, and so are the elements in it."""
    if not _LEAST_STRUCTURE <= len(data) <= _LARGEST_STRUCTURE:
        return False
    octets = data[:]
    whole = der.element(octets, 0, len(octets))
    if whole is None or whole.end != len(octets) or octets[1] == 0x80:
        return False
    inside = der.shape(octets, whole, der.MAX_ELEMENTS)
    if not inside or inside[-1].end != whole.end:
        return False
    nested = [one for one in inside if one.tag == der.SEQUENCE]
    return bool(nested) and all(
        (parts := der.shape(octets, one, der.MAX_ELEMENTS)) and parts[-1].end == one.end
        for one in nested
    )
