"""Opening a database, transactions on it, and the migrations of the rooms that share it.

SQLite runs in WAL mode with `synchronous=FULL`: a transaction that has ended is on the disk. There
is one writer at a time, and it queues at its start (`BEGIN IMMEDIATE`) rather than fail in the
middle. On PostgreSQL writers run side by side and claim rows with `FOR UPDATE SKIP LOCKED`, which
SQLAlchemy leaves out for SQLite.

Source: SQLite documentation, "Write-Ahead Logging" and "PRAGMA synchronous"; PostgreSQL
documentation, "The Locking Clause".
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from roadseal.errors import RoadsealError

_ENVIRONMENT: Final = Path(__file__).parent / "migrations"
_BUSY_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one room.

    Args:
        room: prefix of its tables, and the name of its history.
        metadata: the tables as they are now.
        versions: folder of its Alembic revisions, oldest first by their numbers.
    """

    room: str
    metadata: MetaData
    versions: Path


class Store:
    """An open database; made by `open_store`. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def is_sqlite(self) -> bool:
        """Whether there is a single writer."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and leaves nothing."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on the disk when the block ends, and has not been if it raises."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(roadseal_writes=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def open_store(url: str | Path, *schemas: Schema, durable: bool = True) -> Store:
    """Open the database at `url` and bring the tables of `schemas` up to date.

    Args:
        url: a path, which becomes an SQLite file, or a URL such as
            ``postgresql+psycopg://user@host/name``.
        schemas: the rooms that will use it.
        durable: whether a transaction that has ended survives a loss of power; an SQLite file that
            is thrown away with its process need not.

    Raises:
        RoadsealError: ``store-url``, ``store-driver``, ``store-unreachable``, ``store-newer``.
    """
    engine = _engine(_url(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite if durable else _configure_throw_away)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        for schema in schemas:
            with engine.connect() as connection:
                command.upgrade(_alembic(schema, connection), "head")
    except CommandError:
        engine.dispose()
        raise RoadsealError(
            "store-newer",
            f"The database {engine.url.render_as_string()} was written by a newer Roadseal.",
            advice="Use that version, or another database.",
        ) from None
    except DatabaseError as error:
        engine.dispose()
        reason = str(error.orig).splitlines()[0]
        raise RoadsealError(
            "store-unreachable",
            f"The database {engine.url.render_as_string()} cannot be opened: {reason}.",
            advice="Check that its folder exists or its server runs, and that you may write there.",
        ) from None
    return Store(engine)


def exists(url: str | Path) -> bool:
    """Whether there is a database at `url`, as far as can be seen from here.

    Of a server and of memory this is only seen by opening: they are taken to be there.

    Raises:
        RoadsealError: ``store-url``.
    """
    parsed = _url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return True
    return Path(str(parsed.database)).exists()


def _url(url: str | Path) -> URL:
    if isinstance(url, Path) or "://" not in url:
        return URL.create("sqlite", database=str(url))
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise _no_url() from None


def _engine(url: URL) -> Engine:
    try:
        return create_engine(url)
    except (ArgumentError, NoSuchModuleError):
        raise _no_url() from None
    except ImportError as error:
        raise RoadsealError(
            "store-driver",
            f"There is no driver for {url.drivername}: {error.name} is not installed.",
            advice="Give an SQLite path, or postgresql+psycopg://user@host/roadseal.",
        ) from None


def _no_url() -> RoadsealError:
    return RoadsealError(
        "store-url",
        "The database URL is not one.",
        advice="Give a path, or a URL such as postgresql+psycopg://user@host/roadseal.",
    )


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver begins transactions by itself, too late
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        f"busy_timeout = {_BUSY_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _configure_throw_away(connection: Any, record: Any) -> None:
    _configure_sqlite(connection, record)
    connection.execute("PRAGMA synchronous = OFF")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("roadseal_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _alembic(schema: Schema, connection: Connection) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(_ENVIRONMENT))
    config.set_main_option("version_locations", str(schema.versions))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(
        connection=connection,
        metadata=schema.metadata,
        version_table=f"{schema.room}_schema_version",
    )
    return config
