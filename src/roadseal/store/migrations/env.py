"""Alembic's environment for every room: it runs on the connection that `open_store` gives it."""

from __future__ import annotations

from alembic import context

_given = context.config.attributes

with _given["connection"].execution_options(roadseal_writes=True) as _connection:
    context.configure(
        connection=_connection,
        target_metadata=_given["metadata"],
        version_table=_given["version_table"],
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    _connection.commit()
