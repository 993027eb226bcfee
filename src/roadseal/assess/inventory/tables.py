"""What the inventory remembers: estates, their assets, what these use, and what cleaning did."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadseal.store import Schema

METADATA: Final = sa.MetaData()

ESTATE: Final = sa.Table(
    "assess_estate",
    METADATA,
    sa.Column("key", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("source", sa.Text, nullable=False),  # file name, or database without its user
    sa.Column("sha256", sa.Text, nullable=False),  # of the file; empty for a database
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("mapping", sa.Text, nullable=False),  # the TOML that was used
    sa.Column("rows", sa.Integer, nullable=False),
)

ASSET: Final = sa.Table(
    "assess_asset",
    METADATA,
    sa.Column("estate", sa.Integer, sa.ForeignKey("assess_estate.key"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("latitude", sa.Float),
    sa.Column("longitude", sa.Float),
    sa.Column("corridor", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("vendor", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("firmware", sa.Text),
    sa.Column("installed", sa.Text),
    sa.Column("end_of_life", sa.Text),
    sa.Column("update_path", sa.Text),
    sa.Column("exposure", sa.Text, nullable=False),  # joined with blanks
    sa.Column("services", sa.Text, nullable=False),  # joined with commas
    sa.Column("address", sa.Text),
)

NOTE: Final = sa.Table(
    "assess_note",
    METADATA,
    sa.Column("estate", sa.Integer, sa.ForeignKey("assess_estate.key"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
)

USE: Final = sa.Table(
    "assess_use",
    METADATA,
    sa.Column("estate", sa.Integer, sa.ForeignKey("assess_estate.key"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("says", sa.Text, nullable=False),
    sa.Column("anchor", sa.Text),
)

DEPENDENCY: Final = sa.Table(  # an asset uses a use once
    "assess_dependency",
    METADATA,
    sa.Column("estate", sa.Integer, sa.ForeignKey("assess_estate.key"), primary_key=True),
    sa.Column("asset", sa.Integer, primary_key=True),
    sa.Column("use", sa.Integer, primary_key=True),
    sqlite_with_rowid=False,
)

SCHEMA: Final = Schema("assess", METADATA, Path(__file__).parent / "migrations")
"""Estates, assets, notes, uses and dependencies."""
