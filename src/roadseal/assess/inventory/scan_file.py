"""A scan as a file: the JSON that `roadseal scan --out` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from roadseal.assess.inventory.classifier import classify
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Coverage,
    Finding,
    Gap,
    Location,
    Role,
)
from roadseal.assess.inventory.scan import ScanResult
from roadseal.errors import RoadsealError, why_unreadable

MAX_BYTES: Final = 2 << 30
FORMAT: Final = "roadseal-scan/1"


def load_scan(path: Path) -> tuple[tuple[Finding, ...], Coverage]:
    """Read what a scan found and what it did not look at.

    Raises:
        RoadsealError: ``scan-unreadable``.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        document = orjson.loads(path.read_bytes())
        findings = tuple(_finding(row) for row in document["findings"])
        coverage = _coverage(document["coverage"])
    except OSError as error:
        raise RoadsealError(
            "scan-unreadable",
            f"{path} cannot be read: {why_unreadable(error)}.",
            advice="Write one with `roadseal scan TARGET --out FILE.json`.",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RoadsealError(
            "scan-unreadable",
            f"{path} is no result of a scan.",
            advice="Write one with `roadseal scan TARGET --out FILE.json`.",
        ) from None
    return findings, coverage


def write_scan(result: ScanResult) -> bytes:
    """Return a scan as JSON: the same bytes for the same result."""
    coverage = result.coverage
    document = {
        "format": FORMAT,
        "coverage": {
            "complete": coverage.complete,
            "scope": list(coverage.scope),
            "read": coverage.read,
            "read_bytes": coverage.read_bytes,
            "gaps": [
                {"location": _location_row(gap.location), "cause": gap.cause, "detail": gap.detail}
                for gap in coverage.gaps
            ],
        },
        "findings": [_finding_row(finding) for finding in result.findings],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(
        str(row["collector"]),
        _location(row["location"]),
        AssetType(row["asset_type"]),
        str(row["title"]),
        tuple(
            AlgorithmUse(str(each["name"]), Role(each["role"]), bool(each.get("preferred", True)))
            for each in row["algorithms"]
        ),
        Basis(row["basis"]),
        float(row.get("confidence", 1.0)),
        str(row.get("excerpt", "")),
        dict(row.get("facts", {})),
    )


def _location(row: dict[str, Any]) -> Location:
    return Location(str(row["uri"]), row.get("offset"), row.get("line"), row.get("frame"))


def _coverage(row: dict[str, Any]) -> Coverage:
    gaps = tuple(
        Gap(_location(each["location"]), Cause(each["cause"]), str(each["detail"]))
        for each in row["gaps"]
    )
    return Coverage(tuple(map(str, row["scope"])), int(row["read"]), int(row["read_bytes"]), gaps)


def _location_row(location: Location) -> dict[str, Any]:
    parts = {
        "uri": location.uri,
        "offset": location.offset,
        "line": location.line,
        "frame": location.frame,
    }
    return {key: value for key, value in parts.items() if value is not None}


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "collector": finding.collector,
        "location": _location_row(finding.location),
        "asset_type": finding.asset_type,
        "title": finding.title,
        "algorithms": [
            {
                "name": use.name,
                "role": use.role,
                "preferred": use.preferred,
                "bearing": classify(use.name).bearing,
            }
            for use in finding.algorithms
        ],
        "basis": finding.basis,
        "confidence": finding.confidence,
        "excerpt": finding.excerpt,
        "facts": dict(sorted(finding.facts.items())),
    }
