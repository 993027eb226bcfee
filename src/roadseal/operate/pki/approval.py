"""Approval by several people for what is dangerous: each signs the action with their own key.

Without a roster nothing asks for approval. With one, an action that lacks signatures is noted as
pending and refused; once enough approvers have signed its digest it goes through, once.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.errors import RoadsealError
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.tables import ACTION, APPROVAL, APPROVER, QUORUM
from roadseal.store import Store

_SIGNED: Final = b"roadseal approval 1\0"
_LIFE_S: Final = 7 * 86_400  # an approval that nobody used for a week is no longer meant


@dataclass(frozen=True, slots=True)
class Action:
    """Something that needs approval.

    Args:
        text: canonical JSON of what will happen.
    """

    text: str

    @classmethod
    def of(cls, **facts: Any) -> Action:
        """The action with these facts."""
        return cls(json.dumps(facts, sort_keys=True, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class Pending:
    """An action that waits.

    Args:
        action: what will happen.
        digest: what approvers sign, hexadecimal; another one each time it is asked for.
        approvers: who has signed it.
    """

    action: Action
    digest: str
    approvers: tuple[str, ...]


def to_sign(digest: str) -> bytes:
    """The bytes an approver signs to approve the action with this digest."""
    return _SIGNED + bytes.fromhex(digest)


def set_roster(store: Store, approvers: Mapping[str, PublicKey], quorum: int, now: Time64) -> None:
    """Say who approves, and how many must; to change a roster the old one must approve.

    Raises:
        RoadsealError: ``pki-quorum``, ``pki-approval``.
    """
    if not 1 <= quorum <= len(approvers) or len({key.info for key in approvers.values()}) < len(
        approvers
    ):
        raise RoadsealError(
            "pki-quorum",
            f"{quorum} of {len(approvers)} approvers cannot be asked for.",
            advice="Name at least as many approvers as must sign, each with a key of their own.",
        )
    names = {name: key.hashes[0].hex() for name, key in approvers.items()}
    require_approval(store, Action.of(kind="set-roster", approvers=names, quorum=quorum), now)
    with store.writing() as connection:
        connection.execute(APPROVAL.delete())
        connection.execute(APPROVER.delete())
        connection.execute(QUORUM.delete())
        rows = [{"name": name, "key": key.info} for name, key in approvers.items()]
        connection.execute(APPROVER.insert(), rows)
        connection.execute(QUORUM.insert().values(id=1, needed=quorum))


def approve(store: Store, digest: str, approver: str, signature: bytes, now: Time64) -> int:
    """Record an approval; return how many the action now has.

    Raises:
        RoadsealError: ``pki-action``: nothing with this digest is pending; ``pki-approver``: no
            such approver, or not their signature.
    """
    with store.writing() as connection:
        if connection.scalar(sa.select(ACTION.c.text).where(ACTION.c.digest == digest)) is None:
            raise RoadsealError(
                "pki-action",
                f"Nothing with the digest {digest[:16]}… is pending.",
                advice="Look at what is pending with `roadseal pki approvals`.",
            )
        at = APPROVER.c.name == approver
        info = connection.scalar(sa.select(APPROVER.c.key).where(at))
        if info is None or not PublicKey.read(info).verify(to_sign(digest), signature):
            raise RoadsealError(
                "pki-approver",
                f"{approver!r} is no approver, or this is not their signature.",
                advice="Sign the digest with the approver's own key.",
            )
        mine = (APPROVAL.c.digest == digest) & (APPROVAL.c.approver == approver)
        connection.execute(APPROVAL.delete().where(mine))
        connection.execute(
            APPROVAL.insert().values(
                digest=digest, approver=approver, approved_at=now, signature=signature
            )
        )
        return len(_valid(connection, digest, now))


def pending(store: Store, now: Time64) -> list[Pending]:
    """What waits for approval, oldest first."""
    with store.reading() as connection:
        rows = connection.execute(ACTION.select().order_by(ACTION.c.asked_at)).all()
        return [
            Pending(Action(row.text), row.digest, tuple(_valid(connection, row.digest, now)))
            for row in rows
        ]


def require_approval(store: Store, action: Action, now: Time64) -> None:
    """Let an approved action through, once.

    Raises:
        RoadsealError: ``pki-approval``: signatures are missing; it is pending now.
    """
    with store.writing() as connection:
        # Locked, so that two processes do not let one approval through twice.
        needed = connection.scalar(sa.select(QUORUM.c.needed).with_for_update())
        if needed is None:
            return
        at = ACTION.c.text == action.text
        row = connection.execute(ACTION.select().where(at)).first()
        approvers = _valid(connection, row.digest, now) if row else []
        approved = len(approvers) >= needed
        stale = row is not None and row.asked_at <= now - _LIFE_S * MICROSECONDS_PER_SECOND
        if row is not None and (approved or stale):
            connection.execute(APPROVAL.delete().where(APPROVAL.c.digest == row.digest))
            connection.execute(ACTION.delete().where(at))
        if row is None or (stale and not approved):
            digest = _ask(connection, action, now)
        else:
            digest = row.digest
    if not approved:
        raise RoadsealError(
            "pki-approval",
            f"This needs {needed} approvals and has {len(approvers)}: {action.text[:300]}",
            advice=f"Let approvers run `roadseal pki approve {digest}`, then repeat it.",
        )


def _ask(connection: sa.Connection, action: Action, now: Time64) -> str:
    """Note an action as pending; returns its digest."""
    nonce = secrets.token_hex(16)
    digest = hashlib.sha256(f"{nonce}\0{action.text}".encode()).hexdigest()
    row = {"digest": digest, "text": action.text, "nonce": nonce, "asked_at": now}
    connection.execute(ACTION.insert().values(**row))
    return digest


def _valid(connection: sa.Connection, digest: str, now: Time64) -> list[str]:
    """Approvers whose signature still verifies under the present roster."""
    since = now - _LIFE_S * MICROSECONDS_PER_SECOND
    rows = connection.execute(
        sa.select(APPROVAL.c.approver, APPROVAL.c.signature, APPROVER.c.key)
        .join(APPROVER, APPROVER.c.name == APPROVAL.c.approver)
        .where(APPROVAL.c.digest == digest, APPROVAL.c.approved_at > since)
        .order_by(APPROVAL.c.approver)
    )
    return [
        row.approver
        for row in rows
        if PublicKey.read(row.key).verify(to_sign(digest), row.signature)
    ]
