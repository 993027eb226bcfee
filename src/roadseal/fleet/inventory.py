"""The devices that there are: enlisted once, selected by what they have in common."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from roadseal.errors import RoadsealError
from roadseal.fleet.plan import Device
from roadseal.fleet.tables import DEVICE
from roadseal.store import Store

_COLUMNS: Final = ("id", "vendor", "firmware", "module")


def enlist(store: Store, devices: Iterable[Device]) -> int:
    """Record devices, replacing what was known of them; returns how many."""
    rows = [{name: getattr(device, name) for name in _COLUMNS} for device in devices]
    with store.writing() as connection:
        for some in _batches(rows):
            ids = [row["id"] for row in some]
            connection.execute(DEVICE.delete().where(DEVICE.c.id.in_(ids)))
            connection.execute(DEVICE.insert(), some)
    return len(rows)


def select(
    store: Store,
    *,
    vendor: str | None = None,
    firmware: str | None = None,
    module: str | None = None,
) -> list[Device]:
    """Return the devices that agree with everything given, by id."""
    query = sa.select(*(DEVICE.c[name] for name in _COLUMNS)).order_by(DEVICE.c.id)
    for name, wanted in (("vendor", vendor), ("firmware", firmware), ("module", module)):
        if wanted is not None:
            query = query.where(DEVICE.c[name] == wanted)
    with store.reading() as connection:
        return [Device(*row) for row in connection.execute(query)]


def read_inventory(text: str, name: str) -> list[Device]:
    """Read CSV with the columns id, vendor, firmware and, if there is one, module.

    Raises:
        RoadsealError: ``fleet-inventory``, with the line.
    """
    reader = csv.DictReader(io.StringIO(text))
    devices: dict[str, Device] = {}
    try:
        missing = set(_COLUMNS[:3]) - set(reader.fieldnames or ())
        if missing:
            raise _unusable(name, 1, f"has no column {', '.join(sorted(missing))}")
        for row in reader:
            values = [(row.get(column) or "").strip() for column in _COLUMNS]
            line = reader.line_num
            if values[0] in devices:
                raise _unusable(name, line, f"names {values[0]} again")
            try:
                devices[values[0]] = Device(*values)
            except RoadsealError as error:
                raise _unusable(name, line, f"is no device: {error.message}") from None
    except csv.Error as error:
        raise _unusable(name, reader.line_num, f"is no CSV: {error}") from None
    return list(devices.values())


def _batches(rows: Sequence[dict[str, str]]) -> Iterable[list[dict[str, str]]]:
    size = 500  # SQLite takes so many variables everywhere
    return ([*rows[start : start + size]] for start in range(0, len(rows), size))


def _unusable(name: str, line: int, what: str) -> RoadsealError:
    return RoadsealError("fleet-inventory", f"{name}:{line} {what}.", advice="Correct that line.")
