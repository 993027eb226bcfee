"""Manufacturers whose certificates are a first credential, and the devices expected of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pki_maker",
        sa.Column("authority", sa.Text, primary_key=True),
        sa.Column("maker", sa.LargeBinary, primary_key=True),
        sa.Column("root", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pki_made",
        sa.Column("authority", sa.Text, primary_key=True),
        sa.Column("maker", sa.LargeBinary, primary_key=True),
        sa.Column("serial", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("used_for", sa.LargeBinary),
        sa.UniqueConstraint("authority", "identity"),
    )
