"""Simulated units."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "pilot_unit",
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("flash", sa.Text, nullable=False),
        sa.Column("faults", sa.Text, nullable=False),
        sa.Column("writes", sa.Integer, nullable=False),
        sa.Column("written_at", sa.BigInteger, nullable=False),
    )
    op.create_index("pilot_unit_written", "pilot_unit", ["written_at"])
