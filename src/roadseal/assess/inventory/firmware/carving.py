"""Certificates and keys that lie in raw images, by their shape: an anchor inside tells the whole.

Source: X.690 §8.1.3 (lengths); RFC 5280 §4.1 (a certificate of version 3 begins with its version).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from roadseal.assess.inventory.certificates import der
from roadseal.assess.inventory.certificates.keys import der_key
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import MAX_HITS, Context, Output, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

_CERTIFICATE: Final = b"\xa0\x03\x02\x01\x02\x02"
_KEY_OIDS: Final = tuple(
    map(bytes.fromhex, (
        "06092a864886f70d010101", "06072a8648ce3d0201", "06032b656e", "06032b656f", "06032b6570",
        "06032b6571", *(f"0609608648016503040{arc:03x}" for arc in (0x311, 0x312, 0x313)),
        *(f"0609608648016503040{arc:03x}" for arc in (0x401, 0x402, 0x403)),
        *(f"06096086480165030403{arc:02x}" for arc in range(0x14, 0x20)),
    ))
)  # fmt: skip
ANCHORS: Final = (_CERTIFICATE, *_KEY_OIDS)
"""What the matcher looks for."""

_BLANK: Final = bytes(16)
_HEADERS: Final = (4, 3, 2)
"""Octets of a tag and its length: a small certificate on a curve has short ones."""


def carve(source: Source, context: Context) -> Iterator[Output]:
    """Describe the certificates and keys in `source`.

    Args:
        source: of any kind that no collector reads to its end.
        context: for what identifies a private key.
    """
    if any(len(source.hits.get(each, ())) >= MAX_HITS for each in ANCHORS):
        detail = f"More than {MAX_HITS} places that may hold a key."
        yield Gap(Location(source.uri), Cause.TRUNCATED, detail)
    certificates: list[range] = []
    end = -1
    for anchor in source.hits.get(_CERTIFICATE, ()):
        extent = _extent(source, anchor)
        if extent is None or extent.start < end:
            continue
        certificates.append(extent)
        encoded = source.data[extent.start : extent.stop]
        found = certificate(Location(source.uri, offset=extent.start), encoded, "carved")
        if found and "defects" not in found.facts:
            end = extent.stop
            yield found
    yield from _keys(source, context, certificates)


def _extent(source: Source, anchor: int) -> range | None:
    """Where the certificate lies whose version stands at `anchor`; it may be cut off."""
    for outer, inner in product(_HEADERS, _HEADERS):
        start = anchor - outer - inner
        if start < 0:
            continue
        head = source.data[start:anchor]
        whole, body = _length(head, 0, outer), _length(head, outer, inner)
        if whole is not None and body is not None and inner + body < whole:
            return range(start, start + outer + whole)
    return None


def _length(head: bytes, at: int, size: int) -> int | None:
    """What a SEQUENCE says of its length in a header of `size` octets; ``None`` if it is none."""
    if head[at] != der.SEQUENCE:
        return None
    if size == 2:
        return head[at + 1] if head[at + 1] < 0x80 else None
    octets = head[at + 2 : at + size]
    return int.from_bytes(octets) if head[at + 1] == 0x80 | len(octets) else None


def _keys(source: Source, context: Context, certificates: list[range]) -> Iterator[Output]:
    covered = -1
    for anchor in sorted(each for oid in _KEY_OIDS for each in source.hits.get(oid, ())):
        if anchor < covered:
            continue
        for start in _starts(source, anchor - 2):
            whole = _whole(source, start)
            if whole is None or any(start in extent for extent in certificates):
                continue
            if _BLANK in whole:
                continue  # the form of a key, which a library fills in: keys look random
            if key := der_key(Location(source.uri, offset=start), whole, context):
                covered = start + len(whole)
                yield key
                break


def _starts(source: Source, algorithm: int) -> Iterator[int]:
    """Where a key could begin whose AlgorithmIdentifier stands at `algorithm`."""
    if algorithm < 2 or source.data[algorithm] != 0x30:
        return
    version = (
        3 if source.data[max(0, algorithm - 3) : algorithm] in {b"\x02\x01\0", b"\x02\x01\1"} else 0
    )
    for header in (2, 3, 4):
        start = algorithm - version - header
        if start >= 0 and source.data[start] == 0x30:
            yield start


def _whole(source: Source, start: int) -> bytes | None:
    head = source.data[start : start + 65_536]
    one = der.element(head, 0, len(head))
    return head[: one.end] if one else None
