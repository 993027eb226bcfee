"""The table of what moves first: assets that a reader could not tell apart share a row."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from roadseal.assess.register.document import AnyRegister, Row
from roadseal.assess.register.overview import Group, Wanted
from roadseal.assess.register.shape import TIERS

TOP: Final = 40
"""Rows: assets of one kind with the same uses and score share one."""
NAMED: Final = 60
"""Assets that such a row names."""


@dataclass(slots=True)
class Exposure:
    """One row.

    Args:
        kind: of its assets.
        case: of the first; what the score says of it.
        count: how many they are.
        cases: in which they stand.
        named: the first of them by their ids.
    """

    kind: str
    case: Row | None
    count: int = 0
    cases: set[int] = field(default_factory=set)
    named: Sequence[Row] = ()


def find_exposures(register: AnyRegister, groups: Sequence[Group]) -> list[Exposure]:
    """The worst `TOP` rows, worst first."""
    found: dict[Hashable, Exposure] = {}
    last: tuple[Any, ...] | None = None
    for rank, group in sorted((_rank(register, group), group) for group in groups):
        if len(found) > TOP and rank[:2] != last:
            break  # whoever looks like a row above has its tier and its median
        last = rank[:2]
        case = register.case({"case": group.case})
        row = found.setdefault((group.kind, _look(register, group)), Exposure(group.kind, case))
        row.count += group.assets
        row.cases.add(group.case)
    top = list(found.values())[:TOP]
    wanted = [Wanted(row.kind, frozenset(row.cases)) for row in top]
    for row, named in zip(top, register.members(wanted, NAMED), strict=True):
        row.named = named
    return top


def _rank(register: AnyRegister, group: Group) -> tuple[int, float, int, str]:
    asset: Mapping[str, Any] = {"case": group.case}
    case = register.case(asset)
    broken = case["broken_today"] if case else 0
    tier = TIERS.index(register.tier(asset))
    return tier, -register.headline(asset)[1], -broken, group.first_id


def _look(register: AnyRegister, group: Group) -> Hashable:
    """What a reader can tell a case by: where a use was found is no difference in kind."""
    asset: Mapping[str, Any] = {"case": group.case}
    case = register.case(asset)
    if case is None:
        return None
    uses = {
        (use["algorithm"], use["role"], use["flow"], use["basis"], part["lane"])
        for part, use in register.parts(asset)
    }
    scores = [tuple(case["lanes"][lane]) for lane in sorted(case["lanes"])]
    return case["tier"], case["exposure"], case["update_path"], tuple(scores), frozenset(uses)
