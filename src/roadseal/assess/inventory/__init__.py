"""The inventory: estates, and what cryptography was found in them."""

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

__all__ = [
    "AlgorithmUse",
    "AssetType",
    "Basis",
    "Cause",
    "Coverage",
    "Finding",
    "Gap",
    "Location",
    "Role",
]
