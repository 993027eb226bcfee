"""Asking a register: which assets fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from roadseal.assess.inventory.estate import FACTS, Kind
from roadseal.assess.inventory.finding import Basis
from roadseal.assess.register.document import Register
from roadseal.assess.register.shape import QUANTUM, TIERS
from roadseal.errors import RoadsealError

LANES: Final = (*QUANTUM, "broken-today")


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; every condition that is given has to hold.

    Args:
        tiers: any of these.
        kinds: any of these.
        lanes: the worst lane is one of these; ``broken-today`` where something is.
        corridor: part of its name, without case.
        text: part of id, name, vendor or model, without case.
        algorithm: something in it uses this.
        basis: something in it is known so.
        unknown: this fact is not known.

    Raises:
        RoadsealError: ``query-unknown``: it asks for a word that no register has, so that an empty
            answer would say nothing.
    """

    tiers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ()
    corridor: str | None = None
    text: str | None = None
    algorithm: str | None = None
    basis: str | None = None
    unknown: str | None = None

    def __post_init__(self) -> None:
        _known("tier", self.tiers, TIERS)
        _known("kind", self.kinds, [each.value for each in Kind])
        _known("lane", self.lanes, LANES)
        _known("basis", filter(None, [self.basis]), [each.value for each in Basis])
        _known("fact", filter(None, [self.unknown]), FACTS)


def ask(register: Register, query: Query) -> Iterator[Mapping[str, Any]]:
    """The assets that fit, worst first."""
    for asset in register.ranked():
        if _fits(register, asset, query):
            yield asset


def _known(what: str, asked: Iterable[str], words: Iterable[str]) -> None:
    allowed = list(words)
    for word in asked:
        if word not in allowed:
            raise RoadsealError(
                "query-unknown",
                f"There is no {what} {word!r}.",
                advice=f"Ask for {', '.join(allowed)}.",
            )


def _fits(register: Register, asset: Mapping[str, Any], query: Query) -> bool:
    case = register.case(asset)
    lanes = {case["headline"]} if case else set()
    if case and case["broken_today"]:
        lanes.add("broken-today")
    uses = [use for _, use in register.parts(asset)]
    words = " ".join(str(asset[key] or "") for key in ("id", "name", "vendor", "model"))
    return (
        (not query.tiers or register.tier(asset) in query.tiers)
        and (not query.kinds or asset["kind"] in query.kinds)
        and (not query.lanes or bool(lanes & set(query.lanes)))
        and (
            query.corridor is None
            or query.corridor.casefold() in (asset["corridor"] or "").casefold()
        )
        and (query.text is None or query.text.casefold() in words.casefold())
        and (query.algorithm is None or any(use["algorithm"] == query.algorithm for use in uses))
        and (query.basis is None or any(use["basis"] == query.basis for use in uses))
        and (query.unknown is None or query.unknown in asset["unknown"])
    )
