"""An estate as columns: what the score needs of a million assets, in a few arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadseal.assess.inventory.estate import Asset, Exposure, UpdatePath
from roadseal.assess.register.use import Use

EXPOSURES: Final = (*(each.value for each in Exposure), "unknown")
"""Worst first; of several the worst counts. Unknown stands last only as a number."""
UPDATES: Final = (*(each.value for each in UpdatePath), "unknown")

LEAVES_UNKNOWN: Final = 0
"""Code of an asset of which neither end of life nor age is known."""
_INSTALLED: Final = 5_000  # code of an asset installed in year y: _INSTALLED + y
_ATTRIBUTES: Final = 1 << 24

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the score needs.

    Args:
        exposure: index in `EXPOSURES`, one an asset.
        update: index in `UPDATES`, one an asset.
        leaves: the year of its end of life, `_INSTALLED` plus that of its installation, or
            `LEAVES_UNKNOWN`; one an asset.
        uses: the distinct uses.
        asset: number of an asset, one a dependency, ascending.
        use: index in `uses`, one a dependency.
    """

    exposure: Ints
    update: Ints
    leaves: Ints
    uses: tuple[Use, ...]
    asset: Ints
    use: Ints

    @property
    def attributes(self) -> Ints:
        """One number an asset for all that changes its score besides its uses."""
        # Only a device that cannot be changed leaves by its age.
        leaves = np.where(self.update == UPDATES.index("none"), self.leaves, 0)
        return (leaves * len(UPDATES) + self.update) * len(EXPOSURES) + self.exposure

    def classes(self) -> tuple[Ints, Ints]:
        """The distinct (use, attributes) and, one a dependency, its index among them."""
        keys = self.use * _ATTRIBUTES + self.attributes[self.asset]
        distinct, inverse = np.unique(keys, return_inverse=True)
        return distinct, inverse

    def one(self, asset: int) -> Columns:
        """The same of a single asset; a shared anchor has to be counted on the whole."""
        first, last = np.searchsorted(self.asset, [asset, asset + 1])
        here = slice(asset, asset + 1)
        dependencies = np.zeros(last - first, np.int64)
        return Columns(
            self.exposure[here],
            self.update[here],
            self.leaves[here],
            self.uses,
            dependencies,
            self.use[first:last],
        )

    def shared(self) -> Ints:
        """On how many assets each use's anchor stands; 1 where it has none."""
        counts = np.bincount(self.use, minlength=len(self.uses))
        by_anchor: dict[str, int] = {}
        for use, count in zip(self.uses, counts, strict=True):
            if use.anchor:
                by_anchor[use.anchor] = by_anchor.get(use.anchor, 0) + int(count)
        return np.array([by_anchor.get(use.anchor or "", 1) or 1 for use in self.uses], np.int64)


def split_class(key: int) -> tuple[int, str, str, int]:
    """The use, exposure, update path and leaving code of a class."""
    use, rest = divmod(key, _ATTRIBUTES)
    rest, exposure = divmod(rest, len(EXPOSURES))
    leaves, update = divmod(rest, len(UPDATES))
    return use, EXPOSURES[exposure], UPDATES[update], leaves


def leaving(code: int) -> tuple[str, int]:
    """What a leaving code says: ``end-of-life`` or ``installed`` with the year, or ``unknown``."""
    if code == LEAVES_UNKNOWN:
        return "unknown", 0
    return ("installed", code - _INSTALLED) if code >= _INSTALLED else ("end-of-life", code)


def columns_of(assets: Sequence[Asset], uses_of: Iterable[Sequence[Use]]) -> Columns:
    """Make columns of assets and, one sequence an asset, what they use."""
    index: dict[Use, int] = {}
    owner: list[int] = []
    used: list[int] = []
    for number, uses in enumerate(uses_of):
        for use in uses:
            owner.append(number)
            used.append(index.setdefault(use, len(index)))
    return Columns(
        np.array([exposure_code(asset.exposure) for asset in assets], np.int64),
        np.array([update_code(asset.update_path) for asset in assets], np.int64),
        np.array([leaving_code(asset.end_of_life, asset.installed) for asset in assets], np.int64),
        tuple(index),
        np.array(owner, np.int64),
        np.array(used, np.int64),
    )


def exposure_code(exposure: Sequence[str]) -> int:
    """The worst of several media, or unknown."""
    return min((EXPOSURES.index(each) for each in exposure), default=EXPOSURES.index("unknown"))


def update_code(update_path: str | None) -> int:
    """An update path, or unknown."""
    return UPDATES.index(update_path or "unknown")


def leaving_code(end_of_life: str | None, installed: str | None) -> int:
    """When the asset leaves, or since when it stands, by the year."""
    if end_of_life:
        return int(end_of_life[:4])
    return _INSTALLED + int(installed[:4]) if installed else LEAVES_UNKNOWN
