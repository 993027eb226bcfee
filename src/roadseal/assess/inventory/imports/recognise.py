"""Which report a file is, by what stands in it and not by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from roadseal.assess.inventory.imports import cyclonedx, ndpi, profiles, sarif, ssh_audit, zeek
from roadseal.assess.inventory.imports.document import Imported
from roadseal.errors import RoadsealError

HEAD_BYTES: Final = 65_536
"""What is looked at to tell reports apart."""

_READERS: Mapping[str, Callable[[bytes, str], Imported]] = {
    "cyclonedx": cyclonedx.read,
    "sarif": sarif.read,
    "zeek": zeek.read,
    "ssh-audit": ssh_audit.read,
    "ndpi": ndpi.read,
    "profiles": profiles.read,
}


PROTOBUF: Final = "cyclonedx-protobuf"
_PROTOBUF: Final = re.compile(rb"\x0a\x031\.[3-9](?:\x10|\x1a|\x22|\x2a)")
"""Field 1 of its ``Bom``, the version, and the tag of another field (bom-1.x.proto)."""


def recognise_report(head: bytes) -> str | None:
    r"""Name the kind of report that a file begins as, or None.

    >>> recognise_report(b'{"bomFormat": "CycloneDX", "specVersion": "1.6"}')
    'cyclonedx'
    >>> recognise_report(b"#separator x")
    'zeek'
    """
    if _PROTOBUF.match(head):
        return PROTOBUF
    head = head[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"#separator"):
        return "zeek"
    if head.startswith(b"<"):
        return "cyclonedx" if b"cyclonedx.org/schema/bom" in head else None
    if head.startswith(b"{"):
        for kind, marks in _MARKS.items():
            if any(all(mark in head for mark in group) for group in marks):
                return kind
    return "ndpi" if b"DPI Packets" in head or b"[proto: " in head else None


_MARKS: Mapping[str, tuple[tuple[bytes, ...], ...]] = {
    "profiles": ((profiles.FORMAT.encode(),),),
    "cyclonedx": ((b'"bomFormat"', b"CycloneDX"), (b'"specVersion"', b'"components"')),
    "sarif": ((b'"runs"', b'"version"', b"sarif"), (b'"runs"', b'"tool"', b'"driver"')),
    "ssh-audit": ((b'"banner"', b'"kex"'), (b'"banner"', b'"enc"')),
    "zeek": ((b'"id.orig_h"',),),
    "ndpi": ((b'"ndpi"',),),
}


def import_report(data: bytes, uri: str) -> Imported:
    """Read a report of any kind that is known.

    Args:
        data: the file.
        uri: how findings name it.

    Raises:
        RoadsealError: ``report-unknown`` where it is no report that is known,
            ``report-malformed`` or ``report-too-large``.
    """
    kind = recognise_report(data)
    if kind == PROTOBUF:
        raise RoadsealError(
            "report-protobuf",
            f"{uri} is CycloneDX in Protocol Buffers, which Roadseal does not read.",
            advice="Export it as JSON, or convert it: cyclonedx convert --output-format json.",
        )
    if kind is None:
        raise RoadsealError(
            "report-unknown",
            f"{uri} is no report that Roadseal reads.",
            advice="Give CycloneDX, SARIF, a Zeek log, nDPI's output or ssh-audit's JSON.",
        )
    return _READERS[kind](data, uri)
