"""What a page about a register needs of its assets: counted, first of each kind, and placed."""

from __future__ import annotations

from typing import NamedTuple


class Group(NamedTuple):
    """The assets of one kind in one case.

    Args:
        kind: of the assets.
        case: its number, or -1 where nothing is known.
        assets: how many.
        first_id: the first of their ids, as Unicode sorts them.
    """

    kind: str
    case: int
    assets: int
    first_id: str


class Place(NamedTuple):
    """An asset that stands somewhere.

    Args:
        latitude: degrees.
        longitude: degrees.
        case: number of its case, or -1.
        kind: what it is.
        id: its id.
        name: its name.
    """

    latitude: float
    longitude: float
    case: int
    kind: str
    id: str
    name: str


class Wanted(NamedTuple):
    """Assets whose names are asked for.

    Args:
        kind: of the assets.
        cases: in any of which they stand.
    """

    kind: str
    cases: frozenset[int]
