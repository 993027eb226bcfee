"""The certificates of an estate: what ends when, and under which crypto profile it was issued."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadseal.assess.inventory.finding import AssetType, Finding
from roadseal.assess.register.attach import Attachment

ENDLESS = "9999"
"""Sorts after every date."""


def certificate_rows(attachment: Attachment) -> list[dict[str, Any]]:
    """Every certificate that was found, soonest end first; one row an asset and certificate."""
    found: dict[tuple[str | None, str], dict[str, Any]] = {}
    for asset, finding in _found(attachment):
        row = _row(asset, finding)
        found.setdefault((asset, row["sha256"] or row["where"]), row)
    return sorted(
        found.values(),
        key=lambda row: (
            row["not_after"] or ENDLESS,
            row["asset"] or "",
            row["title"],
            row["where"],
        ),
    )


def _found(attachment: Attachment) -> Iterator[tuple[str | None, Finding]]:
    each: list[tuple[str | None, Finding]] = [
        (asset, finding) for asset, findings in attachment.by_asset.items() for finding in findings
    ]
    each += [(None, finding) for finding in attachment.loose]
    for asset, finding in each:
        facts = finding.facts
        if finding.asset_type is AssetType.CERTIFICATE and (
            "not_after" in facts or "issued_under" in facts
        ):
            yield asset, finding


def _row(asset: str | None, finding: Finding) -> dict[str, Any]:
    facts = finding.facts

    def said(name: str) -> str | None:
        return str(facts[name]) if facts.get(name) not in (None, "") else None

    return {
        "asset": asset,
        "title": finding.title,
        "algorithm": finding.algorithms[0].name if finding.algorithms else None,
        "issuer": said("issuer") or said("authority"),
        "serial": said("serial"),
        "sha256": said("sha256"),
        "not_after": said("not_after"),
        "issued_under": said("issued_under"),
        "issued_under_source": said("issued_under_source"),
        "where": finding.location.uri,
    }
