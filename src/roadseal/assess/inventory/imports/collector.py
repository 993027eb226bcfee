"""The collector of `roadseal scan` for reports of other tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from roadseal.assess.inventory.collector import Context, Output, Signature, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location
from roadseal.assess.inventory.imports.profiles import FORMAT as PROFILES
from roadseal.assess.inventory.imports.recognise import HEAD_BYTES, import_report, recognise_report
from roadseal.errors import RoadsealError


class ReportCollector:
    """Reads CycloneDX, SARIF, Zeek, nDPI and ssh-audit where a scan comes across them."""

    name = "import"
    names: Sequence[str] = ("*.cdx.json", "*.cdx.xml", "bom.json", "bom.xml", "*.sarif")
    signatures: Sequence[Signature] = (
        Signature(PROFILES.encode()),
        Signature(b"CycloneDX"),
        Signature(b"cyclonedx.org/schema/bom"),
        Signature(b"#separator", at=0),
        Signature(b"\x0a\x031.", at=0),
        Signature(b'"id.orig_h"'),
        Signature(b"sarif-schema"),
        Signature(b'"banner"'),
        Signature(b"[proto: "),
        Signature(b'"ndpi"'),
    )

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what a report says; what is no report is left to other collectors."""
        del context  # the limits of a report are those of `document`
        if recognise_report(bytes(source.data[:HEAD_BYTES])) is None:
            return
        try:
            yield from import_report(bytes(source.data[:]), source.uri)
        except RoadsealError as error:
            known = error.code == "report-protobuf"
            cause = Cause.NOT_SUPPORTED if known else Cause.UNREADABLE
            yield Gap(Location(source.uri), cause, error.message)


REPORTS: Final = ReportCollector()
