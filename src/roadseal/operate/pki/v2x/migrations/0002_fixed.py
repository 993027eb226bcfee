"""Stations that stay where they are, which have fewer tickets at once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; stations that are known count as mobile until they are entered anew."""
    fixed = sa.Column("fixed", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("scms_station", fixed)
