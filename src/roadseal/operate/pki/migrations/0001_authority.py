"""Authorities, their certificates, blocked keys and the audit chain."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pki_authority",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("next_index", sa.Integer, nullable=False),
        sa.Column("status_sequence", sa.Integer, nullable=False),
        sa.Column("audit_sequence", sa.Integer, nullable=False),
        sa.Column("audit_hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pki_certificate",
        sa.Column("authority", sa.Text, sa.ForeignKey("pki_authority.name"), primary_key=True),
        sa.Column("serial", sa.Text, primary_key=True),
        sa.Column("idempotency_key", sa.Text, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("status_index", sa.Integer, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("not_after", sa.BigInteger, nullable=False),
        sa.Column("certificate", sa.LargeBinary),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.UniqueConstraint("authority", "idempotency_key"),
        sa.UniqueConstraint("authority", "status_index"),
    )
    op.create_table(
        "pki_blocked_key",
        sa.Column("key_hash", sa.LargeBinary, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "pki_audit",
        sa.Column("authority", sa.Text, sa.ForeignKey("pki_authority.name"), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
