"""Asking a register: which assets fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from roadseal.assess.register.document import Register


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
    """

    tiers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ()
    corridor: str | None = None
    text: str | None = None
    algorithm: str | None = None
    basis: str | None = None
    unknown: str | None = None


def ask(register: Register, query: Query) -> Iterator[Mapping[str, Any]]:
    """The assets that fit, worst first."""
    for asset in register.ranked():
        if _fits(register, asset, query):
            yield asset


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
