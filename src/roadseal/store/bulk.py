"""Many rows at once: the way of the database at hand, in the caller's transaction.

Source: PostgreSQL documentation, "Populating a Database"; psycopg documentation, "COPY".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

_BATCH_ROWS: Final = 50_000


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows whose values are in the order of the table's columns; return how many.

    Args:
        connection: of a `Store.writing` block.
        table: where to.
        rows: any number; they are not held in memory.
    """
    if connection.dialect.name == "postgresql":
        return _copy(connection, table, rows)
    marks = ", ".join("?" * len(table.columns))
    statement = f"INSERT INTO {table.name} VALUES ({marks})"  # noqa: S608  a table of ours
    count = 0
    for batch in _batches(rows):
        connection.exec_driver_sql(statement, batch)
        count += len(batch)
    return count


def _copy(connection: sa.Connection, table: sa.Table, rows: Iterable[Sequence[Any]]) -> int:
    columns = ", ".join(column.name for column in table.columns)
    cursor: Any = connection.connection.cursor()
    count = 0
    with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    cursor.close()
    return count


def _batches(rows: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while batch := [tuple(row) for row in islice(iterator, _BATCH_ROWS)]:
        yield batch
