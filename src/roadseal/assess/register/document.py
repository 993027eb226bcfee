"""A register that was written: read again, checked, and asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from pathlib import Path
from typing import Any, Final

import orjson

from roadseal.assess.register.json_pieces import register_bytes
from roadseal.assess.register.judge import FORMAT
from roadseal.assess.register.overview import Group, Place, Wanted
from roadseal.assess.register.shape import TIERS, check_shape
from roadseal.errors import RoadsealError, why_unreadable

MAX_BYTES: Final = 4 << 30

Row = Mapping[str, Any]


class AnyRegister(ABC):
    """What can be asked of a register, wherever it is kept."""

    document: Mapping[str, Any]
    """What it says besides its uses, cases and assets, at least."""

    @abstractmethod
    def case(self, asset: Row) -> Row | None:
        """The case of an asset, or ``None`` if nothing is known of its cryptography."""

    @abstractmethod
    def parts(self, asset: Row) -> Iterator[tuple[Row, Row]]:
        """Each part of the asset's score with the use it is about, heaviest first."""

    @abstractmethod
    def ranked(self, limit: int | None = None) -> list[Row]:
        """Assets by tier, then by median, then by how many things are broken today, then by id."""

    @abstractmethod
    def worst_first(self) -> Iterator[Row]:
        """All assets in the order of `ranked`; read as they are asked for."""

    @abstractmethod
    def by_name(self) -> Iterator[Row]:
        """Assets by their ids, as Unicode sorts them."""

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """How many assets stand in each tier."""

    @abstractmethod
    def broken(self) -> int:
        """In how many assets something is broken today."""

    @abstractmethod
    def groups(self) -> list[Group]:
        """How many assets of each kind stand in each case."""

    @abstractmethod
    def members(self, wanted: Sequence[Wanted], limit: int) -> list[list[Row]]:
        """The first assets of each, by their ids; an asset belongs to one of them at most."""

    @abstractmethod
    def placed(self) -> Iterator[Place]:
        """The assets with a known place, in the order of their estates; read as asked for."""

    @abstractmethod
    def find(self, name: str) -> Row:
        """An asset by its id, or by the part of it after the estate if that is unique.

        Raises:
            RoadsealError: ``asset-unknown``.
        """

    @abstractmethod
    def whole(self) -> Register:
        """All of it in memory."""

    @abstractmethod
    def pieces(self) -> Iterator[bytes]:
        """Its document as JSON, piece by piece: the same register, the same bytes."""

    def tier(self, asset: Row) -> str:
        """``T1`` to ``T4``, or ``unassessed``."""
        case = self.case(asset)
        return case["tier"] if case else "unassessed"

    def headline(self, asset: Row) -> tuple[float, float, float]:
        """P10, P50, P90 of the asset's worst quantum lane."""
        case = self.case(asset)
        if case is None:
            return 0.0, 0.0, 0.0
        low, middle, high = case["lanes"][case["headline"]]
        return low, middle, high


@dataclass(frozen=True)
class Register(AnyRegister):
    """A register as a document.

    Args:
        document: as `build_register` made it.
    """

    document: Mapping[str, Any]

    @property
    def assets(self) -> list[Row]:
        """Its assets, in the order of their estates."""
        return list(self.document["assets"])

    @cached_property
    def by_id(self) -> Mapping[str, Row]:
        """Its assets by their ids."""
        return {asset["id"]: asset for asset in self.document["assets"]}

    def case(self, asset: Row) -> Row | None:
        """The case of an asset, or ``None`` if nothing is known of its cryptography."""
        return self.document["cases"][asset["case"]] if asset["case"] >= 0 else None

    def parts(self, asset: Row) -> Iterator[tuple[Row, Row]]:
        """Each part of the asset's score with the use it is about, heaviest first."""
        for part in (self.case(asset) or {"parts": ()})["parts"]:
            yield part, self.document["uses"][part["use"]]

    def ranked(self, limit: int | None = None) -> list[Row]:
        """Assets by tier, then by median, then by how many things are broken today, then by id."""

        def key(asset: Row) -> tuple[Any, ...]:
            case = self.case(asset)
            broken = case["broken_today"] if case else 0
            return TIERS.index(self.tier(asset)), -self.headline(asset)[1], -broken, asset["id"]

        return sorted(self.assets, key=key)[:limit]

    def worst_first(self) -> Iterator[Row]:
        """All assets in the order of `ranked`."""
        return iter(self.ranked())

    def by_name(self) -> Iterator[Row]:
        """Assets by their ids, as Unicode sorts them."""
        return iter(sorted(self.assets, key=lambda asset: str(asset["id"])))

    def counts(self) -> dict[str, int]:
        """How many assets stand in each tier."""
        counted = dict.fromkeys(TIERS, 0)
        for asset in self.document["assets"]:
            counted[self.tier(asset)] += 1
        return counted

    def broken(self) -> int:
        """In how many assets something is broken today."""
        cases = filter(None, map(self.case, self.assets))
        return sum(1 for case in cases if case["broken_today"])

    def groups(self) -> list[Group]:
        """How many assets of each kind stand in each case."""
        counted: Counter[tuple[str, int]] = Counter()
        first: dict[tuple[str, int], str] = {}
        for asset in self.document["assets"]:
            key = asset["kind"], asset["case"]
            counted[key] += 1
            first[key] = min(first.get(key, asset["id"]), asset["id"])
        return [Group(*key, count, first[key]) for key, count in counted.items()]

    def members(self, wanted: Sequence[Wanted], limit: int) -> list[list[Row]]:
        """The first assets of each, by their ids; an asset belongs to one of them at most."""
        place = {(each.kind, case): at for at, each in enumerate(wanted) for case in each.cases}
        found: list[list[Row]] = [[] for _ in wanted]
        for asset in self.document["assets"]:
            if (at := place.get((asset["kind"], asset["case"]))) is not None:
                found[at].append(asset)
        return [nsmallest(limit, each, key=lambda asset: str(asset["id"])) for each in found]

    def placed(self) -> Iterator[Place]:
        """The assets with a known place, in the order of their estates."""
        for asset in self.document["assets"]:
            if asset["latitude"] is not None:
                yield Place(*(asset[name] for name in Place._fields))

    def whole(self) -> Register:
        """All of it in memory: itself."""
        return self

    def pieces(self) -> Iterator[bytes]:
        """Its document as JSON."""
        yield register_bytes(self.document)

    def find(self, name: str) -> Row:
        """An asset by its id, or by the part of it after the estate if that is unique.

        Raises:
            RoadsealError: ``asset-unknown``.
        """
        if name in self.by_id:
            return self.by_id[name]
        matches = [asset for asset in self.assets if asset["id"].split("/", 1)[-1] == name]
        if len(matches) == 1:
            return matches[0]
        raise asset_unknown(name, several=bool(matches))


def asset_unknown(name: str, *, several: bool) -> RoadsealError:
    """The error that no asset, or more than one, is called `name`."""
    return RoadsealError(
        "asset-unknown",
        f"{'Several assets are' if several else 'No asset is'} called {name!r}.",
        advice="Give ESTATE/REFERENCE; `roadseal register query` finds it.",
    )


def load_register(path: Path) -> Register:
    """Read a register from its file.

    Raises:
        RoadsealError: ``register-unreadable``.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        document = orjson.loads(path.read_bytes())
        if document["format"] != FORMAT:
            raise ValueError("another format")
        check_shape(document)
    except OSError as error:
        raise RoadsealError(
            "register-unreadable",
            f"{path} cannot be read: {why_unreadable(error)}.",
            advice="Build one with `roadseal register build`.",
        ) from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise RoadsealError(
            "register-unreadable",
            f"{path} is no register of the format {FORMAT}.",
            advice="Build one with `roadseal register build`.",
        ) from None
    return Register(document)
