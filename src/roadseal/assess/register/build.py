"""Building a register: a document of plain values, the same bytes for the same input."""

from __future__ import annotations

from collections import Counter
from typing import Any

from roadseal.assess.inventory.estate import Asset
from roadseal.assess.inventory.imports.profiles import join_profiles
from roadseal.assess.register.attach import attach, uses_by_kind
from roadseal.assess.register.certificates import certificate_rows
from roadseal.assess.register.columns import columns_of
from roadseal.assess.register.json_pieces import register_bytes
from roadseal.assess.register.judge import FORMAT, Inputs, Looked, decimal_year, judge, use_row

__all__ = ["FORMAT", "Inputs", "asset_row", "build_register", "decimal_year", "register_bytes"]


def build_register(inputs: Inputs) -> dict[str, Any]:
    """Build a register.

    Returns:
        The document: ``format``, ``as_of``, ``score``, ``crqc``, ``estates``, ``coverage``,
        ``certificates``, ``stability``, ``uses``, ``cases``, ``assets``, ``timeline``.

    Raises:
        RoadsealError: ``crqc-unknown``.
    """
    attachment = attach(inputs.assets, join_profiles(inputs.findings), inputs.rules)
    uses = uses_by_kind(inputs.templates)
    columns = columns_of(
        inputs.assets,
        (uses(asset, attachment.by_asset.get(asset.id, ())) for asset in inputs.assets),
    )
    looked = Looked(
        len(inputs.assets),
        Counter(fact for asset in inputs.assets for fact in asset.gaps),
        len(attachment.by_asset),
        attachment.loose,
        certificate_rows(attachment),
    )
    judgement = judge(columns, inputs, looked)
    case = judgement.scores.case.tolist()
    return {
        **judgement.head,
        "uses": [use_row(use) for use in columns.uses],
        "cases": list(judgement.cases()),
        "assets": [asset_row(*each) for each in zip(inputs.assets, case, strict=True)],
    }


def asset_row(asset: Asset, case: int) -> dict[str, Any]:
    """An asset as the document has it."""
    return {
        "id": asset.id,
        "kind": asset.kind.value,
        "name": asset.name,
        "latitude": asset.latitude,
        "longitude": asset.longitude,
        "corridor": asset.corridor,
        "owner": asset.owner,
        "vendor": asset.vendor,
        "model": asset.model,
        "firmware": asset.firmware,
        "installed": asset.installed,
        "end_of_life": asset.end_of_life,
        "update_path": asset.update_path.value if asset.update_path else None,
        "exposure": [each.value for each in asset.exposure],
        "services": list(asset.services),
        "unknown": list(asset.gaps),
        "case": case,
    }
