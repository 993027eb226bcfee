"""The roadside units of a jpo-cvmanager, from a plain dump or from its database.

Tables and columns as in its ``CVManager_CreateTables.sql``; of its credentials nothing is read.
Source: usdot-jpo-ode/jpo-cvmanager, resources/sql_scripts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.assess.inventory.estate.pg_dump import Rows, read_dump
from roadseal.assess.inventory.estate.table import Table, table_of_records, unreadable

_KEYS: Final = {
    "manufacturers": "manufacturer_id",
    "rsu_models": "rsu_model_id",
    "firmware_images": "firmware_id",
    "snmp_versions": "snmp_version_id",
    "snmp_protocols": "snmp_protocol_id",
    "organizations": "organization_id",
    "rsus": "rsu_id",
    "rsu_organization": "rsu_organization_id",
}
"""The tables that are read, and the serial key of each."""


def is_cvmanager_dump(head: str) -> bool:
    """Whether the start of a file, or the whole of it, is SQL that speaks of roadside units."""
    lowered = head.casefold()
    return "rsus" in lowered and (
        "create table" in lowered or "insert into" in lowered or "copy " in lowered
    )


def read_cvmanager_dump(path: Path) -> Table:
    """Read a dump made by ``pg_dump --format=plain``.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``.
    """
    with path.open(encoding="utf-8", errors="replace") as lines:
        return _table(read_dump(lines, _KEYS), path.name)


def read_cvmanager_database(url: str) -> Table:
    """Read the database itself, in one read-only transaction.

    Args:
        url: such as ``postgresql+psycopg://user@host/postgres``.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``.
    """
    rows: Rows = {}
    try:
        engine = sa.create_engine(url)
        with engine.connect() as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            tables = set(sa.inspect(connection).get_table_names())
            for table in _KEYS.keys() & tables:
                found = connection.execute(sa.text(f"SELECT * FROM {table}")).mappings()  # noqa: S608  a name of _KEYS
                rows[table] = [{key: _text(value) for key, value in row.items()} for row in found]
        engine.dispose()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise unreadable(
            "The database", reason, "Check its URL and that you may read it."
        ) from None
    return _table(rows, "The database")


def _table(rows: Rows, name: str) -> Table:
    notes = tuple(_number(rows))
    if not rows.get("rsus"):
        raise unreadable(name, "it holds no rows of the table rsus", "Dump with its data.")
    models = {row.get("rsu_model_id"): row for row in rows.get("rsu_models", ())}
    makers = {row.get("manufacturer_id"): row.get("name") for row in rows.get("manufacturers", ())}
    firmware = {
        row.get("firmware_id"): row.get("version") for row in rows.get("firmware_images", ())
    }
    owners = _owners(rows)
    records = []
    for row in rows["rsus"]:
        model = models.get(row.get("model"), {})
        record = {
            "rsu_id": row.get("rsu_id"),
            "serial_number": row.get("serial_number"),
            "iss_scms_id": row.get("iss_scms_id"),
            "primary_route": row.get("primary_route"),
            "milepost": row.get("milepost"),
            "geography": row.get("geography"),
            "ipv4_address": (row.get("ipv4_address") or "").split("/")[0],
            "manufacturer": makers.get(model.get("manufacturer")),
            "model": model.get("name"),
            "supported_radio": model.get("supported_radio"),
            "firmware_version": firmware.get(row.get("firmware_version")),
            "target_firmware_version": firmware.get(row.get("target_firmware_version")),
            "snmp": _snmp(row, rows),
            "organization": owners.get(row.get("rsu_id")),
        }
        records.append({key: value or "" for key, value in record.items()})
    return table_of_records(
        "cvmanager", list[Mapping[str, str]](records), notes=notes, place="geography"
    )


def _number(rows: Rows) -> Iterator[Note]:
    """Give the rows of scripts that leave serial keys to the database the keys it would give."""
    for table, key in _KEYS.items():
        unnumbered = [row for row in rows.get(table, ()) if key not in row]
        for number, row in enumerate(unnumbered, 1):
            row[key] = str(number)
        if unnumbered:
            yield note(
                0, "file", Action.REPAIRED, "serial-by-order", table, f"1 to {len(unnumbered)}"
            )


def _owners(rows: Rows) -> dict[str | None, str]:
    names = {row.get("organization_id"): row.get("name") for row in rows.get("organizations", ())}
    owners: dict[str | None, list[str]] = {}
    for row in rows.get("rsu_organization", ()):
        if name := names.get(row.get("organization_id")):
            owners.setdefault(row.get("rsu_id"), []).append(name)
    return {rsu: ", ".join(sorted(each)) for rsu, each in owners.items()}


def _snmp(row: Mapping[str, str | None], rows: Rows) -> str | None:
    """The nickname of the SNMP dialect; the table changed its name over the versions."""
    for table, key, column in (
        ("snmp_protocols", "snmp_protocol_id", "protocol_code"),
        ("snmp_versions", "snmp_version_id", "version_code"),
    ):
        for each in rows.get(table, ()):
            if row.get(key) and each.get(key) == row.get(key):
                return each.get(column)
    return None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
