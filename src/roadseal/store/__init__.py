"""What is remembered: one database, SQLite unless it is outgrown, PostgreSQL by its URL.

A room declares its tables in a `Schema` and opens a `Store` on them. `reading` and `writing` are
the only two ways in; what `writing` has left is on the disk.
"""

from roadseal.store.bulk import insert_rows
from roadseal.store.database import Schema, Store, exists, open_store

__all__ = ["Schema", "Store", "exists", "insert_rows", "open_store"]
