"""What a judgement has to know of an algorithm, from its canonical name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from roadseal.assess.inventory.classifier import Bearing, classify


@dataclass(frozen=True, slots=True)
class Nature:
    """An algorithm as a judge sees it.

    Args:
        name: canonical.
        bearing: what a quantum computer does to it.
        bits: classical strength, if it is fixed.
        families: of it and of its parts, in the words of CycloneDX.
        names: its canonical name and those of its parts.
        hybrid: whether it is a classical and a post-quantum algorithm together.
    """

    name: str
    bearing: Bearing
    bits: int | None
    families: frozenset[str]
    names: frozenset[str]
    hybrid: bool = False


@lru_cache(maxsize=4_096)
def nature_of(name: str) -> Nature:
    """What is known of `name`; a name that is not known is ``unknown``, and never safe."""
    whole = classify(name)
    parts = [classify(part) for part in whole.components]
    bearings = {part.bearing for part in parts}
    return Nature(
        name,
        whole.bearing,
        whole.classical_bits,
        frozenset(each.family for each in (whole, *parts) if each.family),
        frozenset({name, *whole.components}),
        hybrid={Bearing.SHOR, Bearing.NONE} <= bearings,
    )
