"""Keys by reference, approvals, and what enrolment over EST remembers."""

import json
from base64 import b64encode

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Wrap stored keys into references; create the tables."""
    authority = sa.table("pki_authority", sa.column("name"), sa.column("key"))
    connection = op.get_bind()
    for name, key in connection.execute(sa.select(authority.c.name, authority.c.key)).all():
        reference = {"module": "software", "sealed": b64encode(key).decode()}
        connection.execute(
            authority.update()
            .where(authority.c.name == name)
            .values(key=json.dumps(reference).encode())
        )
    op.create_table(
        "pki_approver",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pki_quorum",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("needed", sa.Integer, nullable=False),
    )
    op.create_table(
        "pki_action",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "pki_approval",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("approver", sa.Text, primary_key=True),
        sa.Column("approved_at", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pki_bootstrap",
        sa.Column("authority", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, primary_key=True),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_for", sa.LargeBinary),
    )
    op.create_table(
        "pki_grace",
        sa.Column("authority", sa.Text, primary_key=True),
        sa.Column("serial", sa.Text, primary_key=True),
        sa.Column("used_for", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pki_imported",
        sa.Column("fingerprint", sa.LargeBinary, primary_key=True),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("imported_at", sa.BigInteger, nullable=False),
    )
