"""What V2X authorities remember. Instants are `Time64`; hashes and keys are octets."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadseal.store import Schema

METADATA: Final = sa.MetaData()

STATION: Final = sa.Table(
    "scms_station",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("its_id", sa.LargeBinary, primary_key=True),
    sa.Column("algorithm", sa.Text, nullable=False),  # of the canonical key
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("permissions", sa.LargeBinary, nullable=False),  # COER, SEQUENCE OF PsidSsp
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("fixed", sa.Boolean, nullable=False, server_default=sa.false()),
)

CERTIFICATE: Final = sa.Table(
    "scms_certificate",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("hashed_id8", sa.LargeBinary, primary_key=True),
    sa.Column("holder", sa.LargeBinary, nullable=False),  # its id; of tickets nothing
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("ends", sa.BigInteger, nullable=False),
    sa.Column("revoked", sa.BigInteger),
)

ANSWER: Final = sa.Table(
    "scms_answer",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.LargeBinary, primary_key=True),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
)

NUMBER: Final = sa.Table(
    "scms_number",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

ITEM: Final = sa.Table(
    "scms_item",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.LargeBinary, primary_key=True),
    sa.Column("octets", sa.LargeBinary, nullable=False),  # secrets among them are sealed
)

SCHEMA: Final = Schema("scms", METADATA, Path(__file__).parent / "migrations")
"""Stations, certificates, answers that were given, and numbers that only rise."""
