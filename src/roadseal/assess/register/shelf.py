"""What assets use, in the store: put there whole, and taken out as columns to score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from roadseal.assess.inventory.finding import Basis, Role
from roadseal.assess.inventory.tables import ASSET, DEPENDENCY, ESTATE, USE
from roadseal.assess.register.columns import (
    Columns,
    Ints,
    exposure_code,
    leaving_code,
    update_code,
)
from roadseal.assess.register.use import Use
from roadseal.errors import RoadsealError
from roadseal.store import Store, insert_rows


def save_uses(store: Store, estate: str, uses_of: Iterable[Sequence[Use]]) -> int:
    """Replace what the assets of an estate use; return how many dependencies there are.

    Args:
        store: where to.
        estate: its name.
        uses_of: one sequence an asset, in the order of the estate.

    Raises:
        RoadsealError: ``estate-unknown``.
    """
    index: dict[Use, int] = {}
    with store.writing() as connection:
        key = estate_key(connection, estate)
        pairs = (
            (asset, index.setdefault(use, len(index)))
            for asset, uses in enumerate(uses_of)
            for use in dict.fromkeys(uses)
        )
        return replace_uses(connection, key, pairs, index)


def replace_uses(
    connection: sa.Connection, key: int, pairs: Iterable[tuple[int, int]], uses: Iterable[Use]
) -> int:
    """Replace what the assets of an estate use; return how many dependencies there are.

    Args:
        connection: of a `Store.writing` block.
        key: of the estate.
        pairs: number of an asset, number of a use.
        uses: in the order of their numbers; read after `pairs`.
    """
    for table in (DEPENDENCY, USE):
        connection.execute(sa.delete(table).where(table.c.estate == key))
    count = insert_rows(connection, DEPENDENCY, ((key, *pair) for pair in pairs))
    insert_rows(connection, USE, (use_record(key, *each) for each in enumerate(uses)))
    return count


def load_columns(store: Store, estate: str) -> Columns:
    """Take what the score needs of an estate out of the store.

    Raises:
        RoadsealError: ``estate-unknown``.
    """
    facts = (ASSET.c.exposure, ASSET.c.update_path, ASSET.c.end_of_life, ASSET.c.installed)
    with store.reading() as connection:
        key = estate_key(connection, estate)
        assets = connection.execute(
            sa.select(*facts).where(ASSET.c.estate == key).order_by(ASSET.c.number)
        ).all()
        uses = connection.execute(
            sa.select(USE).where(USE.c.estate == key).order_by(USE.c.number)
        ).all()
        pairs = connection.execute(
            sa.select(DEPENDENCY.c.asset, DEPENDENCY.c.use)
            .where(DEPENDENCY.c.estate == key)
            .order_by(DEPENDENCY.c.asset, DEPENDENCY.c.use)
        ).all()
    codes: dict[tuple[str, str | None, str | None, str | None], tuple[int, int, int]] = {}
    for row in assets:
        if (facts_of := tuple(row)) not in codes:
            exposure, update, end_of_life, installed = facts_of
            codes[facts_of] = (
                exposure_code(exposure.split()),
                update_code(update),
                leaving_code(end_of_life, installed),
            )
    exposure, update, leaves = _array([codes[tuple(row)] for row in assets], 3)
    asset, use = _array(pairs, 2)
    return Columns(exposure, update, leaves, tuple(use_of_record(row) for row in uses), asset, use)


def _array(rows: Sequence[Sequence[int]], width: int) -> Ints:
    flat = np.fromiter((value for row in rows for value in row), np.int64, len(rows) * width)
    return np.ascontiguousarray(flat.reshape(-1, width).T)


def estate_key(connection: sa.Connection, estate: str) -> int:
    """The key of an estate.

    Raises:
        RoadsealError: ``estate-unknown``.
    """
    key = connection.scalar(sa.select(ESTATE.c.key).where(ESTATE.c.name == estate))
    if key is None:
        raise RoadsealError(
            "estate-unknown",
            f"There is no estate {estate!r}.",
            advice="See `roadseal estate list`.",
        )
    return int(key)


def use_record(key: int, number: int, use: Use) -> tuple[object, ...]:
    """A use as a row of its table."""
    return (
        key,
        number,
        use.role.value,
        use.algorithm,
        use.flow,
        use.basis.value,
        use.source,
        use.says,
        use.anchor,
    )


def use_of_record(row: sa.Row[Any]) -> Use:
    """A use out of a row of its table."""
    return Use(
        Role(row.role), row.algorithm, row.flow, Basis(row.basis), row.source, row.says, row.anchor
    )
