"""Estates in the store: put there whole or not at all, and taken out again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from roadseal.assess.inventory.estate.asset import Asset, Exposure, Kind, UpdatePath
from roadseal.assess.inventory.estate.importer import Import
from roadseal.assess.inventory.estate.note import Action, Note
from roadseal.assess.inventory.tables import ASSET, DEPENDENCY, ESTATE, NOTE, STANDING, USE
from roadseal.errors import RoadsealError
from roadseal.store import Store, insert_rows

RETIRED: Final = "~"
"""Stands in the name of an estate that was replaced; in no name that is given."""


@dataclass(frozen=True, slots=True)
class Estate:
    """An imported estate.

    Args:
        name: as it was named, the first part of its assets' ids.
        source: the file's name.
        sha256: of the file, hexadecimal; empty for a database.
        format: what it was.
        mapping: the TOML that was used.
        rows: rows that were read.
    """

    name: str
    source: str
    sha256: str
    format: str
    mapping: str
    rows: int


def save_estate(store: Store, estate: Estate, imported: Import) -> None:
    """Put an estate into the store; one of the same name is replaced in the same transaction.

    An estate on which a register stands is retired, and kept for it under another name.
    """
    with store.writing() as connection:
        known = sa.select(ESTATE.c.key).where(ESTATE.c.name == estate.name)
        if (old := connection.scalar(known)) is not None:
            if (
                connection.scalar(
                    sa.select(STANDING.c.asset).where(STANDING.c.estate == old).limit(1)
                )
                is None
            ):
                drop_estate(connection, old)
            else:
                retired = {"name": f"{estate.name}{RETIRED}{old}"}
                connection.execute(sa.update(ESTATE).where(ESTATE.c.key == old).values(**retired))
        values = {name: getattr(estate, name) for name in Estate.__slots__}
        added = connection.execute(sa.insert(ESTATE).values(**values))
        key = int((added.inserted_primary_key or (0,))[0])
        insert_rows(connection, ASSET, _asset_rows(key, imported))
        insert_rows(connection, NOTE, _note_rows(key, imported))


def drop_estate(connection: sa.Connection, key: int) -> None:
    """Delete an estate on which no register stands."""
    for table in (DEPENDENCY, USE, NOTE, ASSET):
        connection.execute(sa.delete(table).where(table.c.estate == key))
    connection.execute(sa.delete(ESTATE).where(ESTATE.c.key == key))


def list_estates(store: Store) -> list[tuple[Estate, int]]:
    """Every estate with its number of assets, by name; not those that are retired."""
    counted = sa.select(ASSET.c.estate, sa.func.count().label("assets")).group_by(ASSET.c.estate)
    counts = counted.subquery()
    query = (
        sa.select(ESTATE, sa.func.coalesce(counts.c.assets, 0).label("assets"))
        .outerjoin(counts, counts.c.estate == ESTATE.c.key)
        .where(~ESTATE.c.name.contains(RETIRED))
        .order_by(ESTATE.c.name)
    )
    with store.reading() as connection:
        rows = connection.execute(query).mappings().all()
    return [(_estate(row), int(row["assets"])) for row in rows]


def load_estate(store: Store, name: str) -> tuple[Estate, Import]:
    """Take an estate out of the store.

    Raises:
        RoadsealError: ``estate-unknown``.
    """
    with store.reading() as connection:
        row = connection.execute(sa.select(ESTATE).where(ESTATE.c.name == name)).mappings().first()
        if row is None:
            raise RoadsealError(
                "estate-unknown",
                f"There is no estate {name!r}.",
                advice="See `roadseal estate list`, or import it.",
            )
        assets = connection.execute(
            sa.select(ASSET).where(ASSET.c.estate == row["key"]).order_by(ASSET.c.number)
        ).all()
        notes = connection.execute(
            sa.select(NOTE).where(NOTE.c.estate == row["key"]).order_by(NOTE.c.number)
        ).all()
    imported = Import(
        tuple(asset_of_row(*each) for each in assets),
        tuple(_note(*each) for each in notes),
        row["rows"],
    )
    return _estate(row), imported


def load_asset(store: Store, asset_id: str) -> Asset:
    """Take one asset out of the store.

    Raises:
        RoadsealError: ``asset-unknown``.
    """
    with store.reading() as connection:
        of_estate = sa.select(ESTATE.c.key).where(ESTATE.c.name == asset_id.split("/", 1)[0])
        wanted = sa.select(ASSET).where(
            ASSET.c.id == asset_id, ASSET.c.estate == of_estate.scalar_subquery()
        )
        row = connection.execute(wanted).first()
    if row is None:
        raise RoadsealError(
            "asset-unknown",
            f"There is no asset {asset_id!r}.",
            advice="Its id is ESTATE/REFERENCE; see `roadseal estate show ESTATE`.",
        )
    return asset_of_row(*row)


def _asset_rows(key: int, imported: Import) -> Iterator[tuple[object, ...]]:
    for number, asset in enumerate(imported.assets):
        yield (
            key,
            number,
            asset.id,
            asset.kind.value,
            asset.name,
            asset.row,
            asset.latitude,
            asset.longitude,
            asset.corridor,
            asset.owner,
            asset.vendor,
            asset.model,
            asset.firmware,
            asset.installed,
            asset.end_of_life,
            asset.update_path.value if asset.update_path else None,
            " ".join(asset.exposure),
            ",".join(asset.services),
            asset.address,
        )


def asset_of_row(
    _estate: int,
    _number: int,
    asset_id: str,
    kind: str,
    name: str,
    row: int,
    latitude: float | None,
    longitude: float | None,
    corridor: str | None,
    owner: str | None,
    vendor: str | None,
    model: str | None,
    firmware: str | None,
    installed: str | None,
    end_of_life: str | None,
    update_path: str | None,
    exposure: str,
    services: str,
    address: str | None,
) -> Asset:
    """An asset out of the columns of its row."""
    return Asset(
        asset_id,
        Kind(kind),
        name,
        row,
        latitude,
        longitude,
        corridor,
        owner,
        vendor,
        model,
        firmware,
        installed,
        end_of_life,
        UpdatePath(update_path) if update_path else None,
        tuple(Exposure(each) for each in exposure.split()),
        tuple(filter(None, services.split(","))),
        address,
    )


def _note_rows(key: int, imported: Import) -> Iterator[tuple[object, ...]]:
    for number, each in enumerate(imported.notes):
        yield (
            key,
            number,
            each.row,
            each.field,
            each.action.value,
            each.rule,
            each.before,
            each.after,
        )


def _note(
    _estate: int,
    _number: int,
    row: int,
    field: str,
    action: str,
    rule: str,
    before: str,
    after: str,
) -> Note:
    return Note(row, field, Action(action), rule, before, after)


def _estate(row: sa.RowMapping) -> Estate:
    return Estate(**{name: row[name] for name in Estate.__slots__})
