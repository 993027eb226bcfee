"""What campaigns remember. Instants are `Time64`; there is no key and no certificate here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadseal.store import Schema

METADATA: Final = sa.MetaData()

DEVICE: Final = sa.Table(
    "fleet_device",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("firmware", sa.Text, nullable=False),
    sa.Column("module", sa.Text, nullable=False),
)

CAMPAIGN: Final = sa.Table(
    "fleet_campaign",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("forecast", sa.JSON, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("journal_sequence", sa.Integer, nullable=False),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("ended_at", sa.BigInteger),
)

STRATUM: Final = sa.Table(
    "fleet_stratum",
    METADATA,
    sa.Column("campaign", sa.Text, sa.ForeignKey("fleet_campaign.name"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("wave_sizes", sa.JSON, nullable=False),
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

TASK: Final = sa.Table(
    "fleet_task",
    METADATA,
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("stratum", sa.Text, nullable=False),
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Column("jitter", sa.Float, nullable=False),  # in [0, 1): its place in the spread of a wave
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("offline", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),  # raised when it is claimed or called back
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("bytes_sent", sa.BigInteger, nullable=False),
    sa.Column("cpu_us", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(
        ["campaign", "stratum"], ["fleet_stratum.campaign", "fleet_stratum.name"]
    ),
    sa.Index("fleet_task_queue", "campaign", "state", "due"),
    sa.Index("fleet_task_wave", "campaign", "stratum", "wave"),
)

JOURNAL: Final = sa.Table(
    "fleet_journal",
    METADATA,
    sa.Column("campaign", sa.Text, sa.ForeignKey("fleet_campaign.name"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
)

SCHEMA: Final = Schema("fleet", METADATA, Path(__file__).parent / "migrations")
