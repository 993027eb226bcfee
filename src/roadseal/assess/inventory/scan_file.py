"""A scan's findings and coverage, read from the JSON that `roadseal scan --out` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

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
from roadseal.errors import RoadsealError

MAX_BYTES: Final = 2 << 30


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
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise RoadsealError(
            "scan-unreadable",
            f"{path} is no result of a scan.",
            advice="Write one with roadseal scan TARGET --out FILE.json.",
        ) from None
    return findings, coverage


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
