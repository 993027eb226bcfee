"""What assets use."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "assess_use",
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
    op.create_table(
        "assess_dependency",
        sa.Column("estate", sa.Integer, sa.ForeignKey("assess_estate.key"), primary_key=True),
        sa.Column("asset", sa.Integer, primary_key=True),
        sa.Column("use", sa.Integer, primary_key=True),
        sqlite_with_rowid=False,
    )
