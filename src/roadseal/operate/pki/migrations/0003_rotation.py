"""Rotations of units on the network: what they change, orders that wait, who was heard, permits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pki_rotation",
        sa.Column("campaign", sa.Text, primary_key=True),
        sa.Column("old", sa.Text, nullable=False),
        sa.Column("old_profile", sa.Text, nullable=False),
        sa.Column("new", sa.Text, nullable=False),
        sa.Column("new_profile", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("nonce_key", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pki_order",
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("campaign", sa.Text, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("posted_at", sa.BigInteger, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("is_read", sa.Boolean, nullable=False),
    )
    op.create_table(
        "pki_unit",
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table("pki_foreign_unit", sa.Column("device", sa.Text, primary_key=True))
    op.create_table(
        "pki_permit",
        sa.Column("authority", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, primary_key=True),
        sa.Column("predecessor", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
