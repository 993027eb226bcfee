"""Registers; two versions of an estate may stand side by side."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables; the id of an asset is unique in its estate, and no more than that."""
    if op.get_context().dialect.name == "sqlite":
        names = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
        with op.batch_alter_table("assess_asset", naming_convention=names) as batch:
            batch.drop_constraint("uq_assess_asset_id", type_="unique")
    else:
        op.drop_constraint("assess_asset_id_key", "assess_asset", type_="unique")
    op.create_index("ix_assess_asset_id", "assess_asset", ["id"])
    op.create_table(
        "assess_register",
        sa.Column("key", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("anchors", sa.Text, nullable=False),
    )
    op.create_table(
        "assess_case",
        sa.Column("register", sa.Integer, sa.ForeignKey("assess_register.key"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("p50", sa.Float, nullable=False),
        sa.Column("broken", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("assess_case_worst", "assess_case", ["register", "tier", "p50"])
    op.create_index("assess_case_digest", "assess_case", ["register", "digest"])
    op.create_table(
        "assess_case_use",
        sa.Column("register", sa.Integer, sa.ForeignKey("assess_register.key"), primary_key=True),
        sa.Column("case_number", sa.Integer, primary_key=True),
        sa.Column("algorithm", sa.Text, primary_key=True),
        sa.Column("basis", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "assess_standing",
        sa.Column("register", sa.Integer, sa.ForeignKey("assess_register.key"), primary_key=True),
        sa.Column("estate", sa.Integer, sa.ForeignKey("assess_estate.key"), primary_key=True),
        sa.Column("asset", sa.Integer, primary_key=True),
        sa.Column("case_number", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("assess_standing_case", "assess_standing", ["register", "case_number"])
