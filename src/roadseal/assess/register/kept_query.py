"""A query in the words of the database: what is asked of cases, and what of assets."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from roadseal.assess.inventory.tables import ASSET, CASE, CASE_USE, STANDING
from roadseal.assess.register.query import Query
from roadseal.assess.register.shape import TIERS
from roadseal.store import Store

Condition = sa.ColumnElement[bool]

RANK: Final = (
    sa.case({tier: at for at, tier in enumerate(TIERS)}, value=CASE.c.tier, else_=len(TIERS)),
    CASE.c.p50.desc(),
    CASE.c.broken.desc(),
)
"""The order of cases, worst first."""
_IN_CASE: Final = (CASE.c.register == STANDING.c.register) & (
    CASE.c.number == STANDING.c.case_number
)
STANDINGS: Final = STANDING.outerjoin(CASE, _IN_CASE)
"""Who stands in which case; no case where nothing is known."""
JOINED_ASSETS: Final = STANDING.join(
    ASSET, (ASSET.c.estate == STANDING.c.estate) & (ASSET.c.number == STANDING.c.asset)
)
"""The assets of a register, and the number of their case."""
JOINED: Final = JOINED_ASSETS.outerjoin(CASE, _IN_CASE)
"""The same with their cases."""

_ALL_LETTERS: Final = "und-x-icu"  # a database in the locale C lowers ASCII only


def of_cases(register: int, query: Query) -> tuple[Condition, ...]:
    """What a query asks of the cases of a register."""
    found: list[Condition] = [CASE.c.register == register]
    if query.tiers:
        found.append(CASE.c.tier.in_(query.tiers))
    if query.lanes:
        lanes = CASE.c.lane.in_(query.lanes)
        found.append(lanes | (CASE.c.broken > 0) if "broken-today" in query.lanes else lanes)
    for wanted, column in ((query.algorithm, "algorithm"), (query.basis, "basis")):
        if wanted is not None:
            cases = sa.select(CASE_USE.c.case_number).where(
                CASE_USE.c.register == register, CASE_USE.c[column] == wanted
            )
            found.append(CASE.c.number.in_(cases))
    return tuple(found)


def takes_unassessed(query: Query) -> bool:
    """Whether assets without a case can fit."""
    of_case = query.lanes or query.algorithm is not None or query.basis is not None
    return not of_case and (not query.tiers or "unassessed" in query.tiers)


def of_assets(register: int, query: Query, letters: str | None) -> tuple[Condition, ...]:
    """What a query asks of the assets themselves.

    Args:
        register: its key.
        query: what is asked.
        letters: as `letters_of` has it.
    """
    found: list[Condition] = [STANDING.c.register == register]
    if query.kinds:
        found.append(ASSET.c.kind.in_(query.kinds))
    if query.corridor is not None:
        found.append(_contain(query.corridor, letters, ASSET.c.corridor))
    if query.text is not None:
        texts = (ASSET.c.id, ASSET.c.name, ASSET.c.vendor, ASSET.c.model)
        found.append(_contain(query.text, letters, *texts))
    if query.unknown is not None:
        found.append(unknown(query.unknown))
    return tuple(found)


def unknown(fact: str) -> Condition:
    """That an asset does not say a fact of `FACTS`."""
    match fact:
        case "kind":
            return ASSET.c.kind == "unknown"
        case "place":
            return ASSET.c.latitude.is_(None)
        case "exposure":
            return ASSET.c.exposure == ""
        case _:
            return ASSET.c[fact].is_(None)


def letters_of(store: Store) -> str | None:
    """The collation by which PostgreSQL knows the letters of every language, if it has one."""
    if store.is_sqlite:
        return None
    wanted = sa.text("SELECT collname FROM pg_collation WHERE collname = :name")
    with store.reading() as connection:
        known = connection.scalar(wanted, {"name": _ALL_LETTERS})
    return _ALL_LETTERS if known else None


def lower_all_letters(connection: sa.Connection) -> None:
    """Teach SQLite the letters of every language: its own ``lower`` knows those of English."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.create_function("lower", 1, lambda text: text and text.lower(), deterministic=True)


def _contain(text: str, letters: str | None, *columns: sa.ColumnElement[Any]) -> Condition:
    """That the columns, joined by blanks, hold a text; without case."""
    joined: Any = sa.func.coalesce(columns[0], "")
    for column in columns[1:]:
        joined = joined + " " + sa.func.coalesce(column, "")
    if letters:
        joined = sa.collate(joined, letters)
    return sa.func.lower(joined).contains(text.lower(), autoescape=True)
