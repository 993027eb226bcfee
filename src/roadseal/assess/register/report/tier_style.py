"""How a tier looks: a colour and a shape, so that neither has to be told by the other alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class TierStyle:
    """A tier's look.

    Args:
        tier: ``T1`` … ``T4``, ``unassessed``.
        says: what it asks for.
        shape: SVG path of its mark, within −1.25 … 1.25.
        hollow: whether it is drawn as an outline.
    """

    tier: str
    says: str
    shape: str
    hollow: bool = False

    @property
    def mark(self) -> Markup:
        """The mark beside words."""
        return Markup(
            '<svg class="mark {tier}" viewBox="-1.5 -1.5 3 3" aria-hidden="true">'
            '<path d="{shape}"/></svg>'
        ).format(tier=self.tier, shape=self.shape)


TIER_STYLES: Final = {
    each.tier: each
    for each in (
        TierStyle("T1", "move first", "M0,-1.25L1.25,0L0,1.25L-1.25,0Z"),
        TierStyle("T2", "plan now", "M0,-1.15L1.15,.9L-1.15,.9Z"),
        TierStyle("T3", "with the next renewal", "M-.85,-.85L.85,-.85L.85,.85L-.85,.85Z"),
        TierStyle("T4", "watch", "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1Z"),
        TierStyle(
            "unassessed",
            "somebody has to look",
            "M-.9,-.9L.9,.9M.9,-.9L-.9,.9",
            hollow=True,
        ),
    )
}
"""Worst first."""
