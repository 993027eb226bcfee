"""How a boot image or an update is told as a finding."""

from __future__ import annotations

from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Finding,
    Location,
    Role,
)
from roadseal.events import Fact

NOT_SIGNED = AlgorithmUse("null", Role.FIRMWARE_SIGNATURE)
"""What an image has that anyone can write."""


def image(
    location: Location,
    rule: str,
    title: str,
    uses: list[AlgorithmUse],
    facts: dict[str, Fact] | None = None,
) -> Finding:
    """A finding about an image; the excerpt is its title."""
    return Finding(
        f"firmware/{rule}",
        location,
        AssetType.MATERIAL,
        title,
        tuple(dict.fromkeys(uses)),
        Basis.OBSERVED,
        excerpt=title,
        facts=facts or {},
    )
