"""DER and BER of small structures, tolerant and bounded: a step gives an element or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OID: Final = 0x06
OCTET_STRINGS: Final = frozenset({OCTET_STRING, OCTET_STRING | 0x20})
"""In one piece, and by BER in several."""
SEQUENCE: Final = 0x30
SET: Final = 0x31

MAX_ELEMENTS: Final = 100_000
"""Elements read of one container."""


class Element(NamedTuple):
    """One element: where it starts and ends, and where its content does."""

    tag: int
    start: int
    content: int
    end: int


def element(data: bytes, at: int, end: int) -> Element | None:
    """Read the element at `at`, which must not reach beyond `end`; None if there is none."""
    if at + 2 > end:
        return None
    tag, first = data[at], data[at + 1]
    if tag & 0x1F == 0x1F or tag == 0:
        return None
    content = at + 2
    if first < 0x80:
        length = first
    elif first == 0x80:
        length = _indefinite_length(data, content, end)
        if length < 0:
            return None
    elif first <= 0x84:
        content += first & 0x7F
        if content > end:
            return None
        length = int.from_bytes(data[at + 2 : content])
    else:
        return None
    if content + length > end:
        return None
    return Element(tag, at, content, content + length)


def children(data: bytes, parent: Element) -> Iterator[Element]:
    """Read the elements in `parent`, as far as they can be read."""
    at = parent.content
    for _ in range(MAX_ELEMENTS):
        one = element(data, at, parent.end)
        if one is None:
            return
        yield one
        at = one.end + (2 if data[one.start + 1] == 0x80 else 0)


def shape(data: bytes, parent: Element, most: int = 12) -> list[Element]:
    """Return the first elements in `parent`."""
    found: list[Element] = []
    for one in children(data, parent):
        found.append(one)
        if len(found) == most:
            break
    return found


def octets(data: bytes, one: Element) -> bytes:
    """Return the content of an OCTET STRING; by BER it may come in pieces (X.690 §8.7.3)."""
    if not one.tag & 0x20:
        return data[one.content : one.end]
    pieces = (each for each in children(data, one) if each.tag == OCTET_STRING)
    return b"".join(data[each.content : each.end] for each in pieces)


def integer_bits(data: bytes, one: Element) -> int:
    """Return the significant bits of an INTEGER."""
    return int.from_bytes(data[one.content : one.end]).bit_length()


def dotted(data: bytes, one: Element) -> str:
    """Return an object identifier, dotted; an empty text if it is none."""
    content = data[one.content : one.end]
    if not content or len(content) > 64 or content[-1] & 0x80:
        return ""
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            if arcs:
                arcs.append(arc)
            else:
                first = min(arc // 40, 2)
                arcs = [first, arc - 40 * first]
            arc = 0
    return ".".join(map(str, arcs))


def _indefinite_length(data: bytes, start: int, end: int) -> int:
    """Find the length up to the matching end-of-contents; -1 if there is none."""
    at, depth = start, 1
    for _ in range(MAX_ELEMENTS):
        if at + 2 > end:
            return -1
        tag, first = data[at], data[at + 1]
        if tag == 0 and first == 0:
            depth -= 1
            if depth == 0:
                return at - start
            at += 2
        elif first == 0x80:
            depth += 1
            at += 2
        else:
            octets = first & 0x7F if first & 0x80 else 0
            if octets > 4:
                return -1
            length = int.from_bytes(data[at + 2 : at + 2 + octets]) if octets else first
            at += 2 + octets + length
    return -1
