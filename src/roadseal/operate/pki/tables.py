"""What the authorities remember. Instants are `Time64`, serials are hexadecimal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadseal.store import Schema

METADATA: Final = sa.MetaData()

AUTHORITY: Final = sa.Table(
    "pki_authority",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("chain", sa.LargeBinary, nullable=False),  # PEM, own certificate first
    sa.Column("key", sa.LargeBinary, nullable=False),  # a reference of `KeyStore`
    sa.Column("next_index", sa.Integer, nullable=False),
    sa.Column("status_sequence", sa.Integer, nullable=False),
    sa.Column("audit_sequence", sa.Integer, nullable=False),
    sa.Column("audit_hash", sa.LargeBinary, nullable=False),
)

CERTIFICATE: Final = sa.Table(
    "pki_certificate",
    METADATA,
    sa.Column("authority", sa.Text, sa.ForeignKey("pki_authority.name"), primary_key=True),
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.Column("request_hash", sa.LargeBinary, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("status_index", sa.Integer, nullable=False),
    sa.Column("key_hash", sa.LargeBinary, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=False),
    sa.Column("certificate", sa.LargeBinary),  # absent: reserved, and never left
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("reason", sa.Text),
    sa.UniqueConstraint("authority", "idempotency_key"),
    sa.UniqueConstraint("authority", "status_index"),
)

SUBORDINATE: Final = "authority/"
"""Begins the idempotency key of an authority's own certificate in its parent's ledger."""

BLOCKED_KEY: Final = sa.Table(
    "pki_blocked_key",
    METADATA,
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),  # SHA-256 of SubjectPublicKeyInfo
    sa.Column("since", sa.BigInteger, nullable=False),
)

AUDIT: Final = sa.Table(
    "pki_audit",
    METADATA,
    sa.Column("authority", sa.Text, sa.ForeignKey("pki_authority.name"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("entry", sa.LargeBinary, nullable=False),  # the JSON that was hashed
    sa.Column("hash", sa.LargeBinary, nullable=False),  # SHA-256 of the previous hash and entry
)

APPROVER: Final = sa.Table(
    "pki_approver",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("key", sa.LargeBinary, nullable=False),  # SubjectPublicKeyInfo
)

QUORUM: Final = sa.Table(
    "pki_quorum",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),  # one row, or none: no approvals
    sa.Column("needed", sa.Integer, nullable=False),
)

ACTION: Final = sa.Table(
    "pki_action",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),  # of the digest: an old signature fits no more
    sa.Column("asked_at", sa.BigInteger, nullable=False),
)

APPROVAL: Final = sa.Table(
    "pki_approval",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("approver", sa.Text, primary_key=True),
    sa.Column("approved_at", sa.BigInteger, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)

BOOTSTRAP: Final = sa.Table(
    "pki_bootstrap",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_for", sa.LargeBinary),  # SHA-256 of the key it was spent on
)

GRACE: Final = sa.Table(
    "pki_grace",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("serial", sa.Text, primary_key=True),  # of the expired certificate
    sa.Column("used_for", sa.LargeBinary, nullable=False),  # SHA-256 of the new key
)

MAKER: Final = sa.Table(
    "pki_maker",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("maker", sa.LargeBinary, primary_key=True),  # SHA-256 of its root
    sa.Column("root", sa.LargeBinary, nullable=False),
)

MADE: Final = sa.Table(
    "pki_made",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),
    sa.Column("maker", sa.LargeBinary, primary_key=True),
    sa.Column("serial", sa.Text, primary_key=True),  # as the maker's certificate names it
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("used_for", sa.LargeBinary),  # SHA-256 of the key it was spent on
    sa.UniqueConstraint("authority", "identity"),
)

IMPORTED: Final = sa.Table(
    "pki_imported",
    METADATA,
    sa.Column("fingerprint", sa.LargeBinary, primary_key=True),  # SHA-256
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("imported_at", sa.BigInteger, nullable=False),
)

ROTATION: Final = sa.Table(
    "pki_rotation",
    METADATA,
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("old", sa.Text, nullable=False),  # authority
    sa.Column("old_profile", sa.Text, nullable=False),
    sa.Column("new", sa.Text, nullable=False),  # authority
    sa.Column("new_profile", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),  # of the new keys
    sa.Column("nonce_key", sa.LargeBinary, nullable=False),  # makes the nonces of probes
)

ORDER: Final = sa.Table(
    "pki_order",
    METADATA,
    sa.Column("device", sa.Text, primary_key=True),  # a unit has one order, the newest
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON, without secrets
    sa.Column("posted_at", sa.BigInteger, nullable=False),
    sa.Column("answer", sa.Text),  # JSON; absent: none yet
    sa.Column("is_read", sa.Boolean, nullable=False),  # the answer, by a worker
)

UNIT: Final = sa.Table(
    "pki_unit",
    METADATA,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("seen_at", sa.BigInteger, nullable=False),  # it asked for orders
)

FOREIGN: Final = sa.Table(
    "pki_foreign_unit",  # speaks EST only: fetches no orders
    METADATA,
    sa.Column("device", sa.Text, primary_key=True),
)

PERMIT: Final = sa.Table(
    "pki_permit",
    METADATA,
    sa.Column("authority", sa.Text, primary_key=True),  # that may issue
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("predecessor", sa.Text, nullable=False),  # whose certificate the unit comes with
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
)

SCHEMA: Final = Schema("pki", METADATA, Path(__file__).parent / "migrations")
