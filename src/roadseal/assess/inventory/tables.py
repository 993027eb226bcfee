"""What the inventory remembers: estates, what their assets use, and the registers of them."""

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
    sa.Column("id", sa.Text, nullable=False, index=True),  # one in an estate, see `save_estate`
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

REGISTER: Final = sa.Table(
    "assess_register",
    METADATA,
    sa.Column("key", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("head", sa.Text, nullable=False),  # its document without uses, cases and assets
    sa.Column("anchors", sa.Text, nullable=False),  # trust anchor → on how many assets it stands
)

CASE: Final = sa.Table(
    "assess_case",
    METADATA,
    sa.Column("register", sa.Integer, sa.ForeignKey("assess_register.key"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),  # the worst
    sa.Column("p50", sa.Float, nullable=False),  # of the worst lane
    sa.Column("broken", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # of the body
    sa.Column("body", sa.Text, nullable=False),  # with the uses in its parts
    sa.Index("assess_case_worst", "register", "tier", "p50"),
    sa.Index("assess_case_digest", "register", "digest"),
)

CASE_USE: Final = sa.Table(
    "assess_case_use",
    METADATA,
    sa.Column("register", sa.Integer, sa.ForeignKey("assess_register.key"), primary_key=True),
    sa.Column("case_number", sa.Integer, primary_key=True),
    sa.Column("algorithm", sa.Text, primary_key=True),
    sa.Column("basis", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

STANDING: Final = sa.Table(  # which case an asset is
    "assess_standing",
    METADATA,
    sa.Column("register", sa.Integer, sa.ForeignKey("assess_register.key"), primary_key=True),
    sa.Column("estate", sa.Integer, sa.ForeignKey("assess_estate.key"), primary_key=True),
    sa.Column("asset", sa.Integer, primary_key=True),
    sa.Column("case_number", sa.Integer, nullable=False),  # -1: unassessed
    sa.Index("assess_standing_case", "register", "case_number"),
    sqlite_with_rowid=False,
)

SCHEMA: Final = Schema("assess", METADATA, Path(__file__).parent / "migrations")
"""Estates, assets, notes, uses, dependencies; registers and who stands where in them."""
