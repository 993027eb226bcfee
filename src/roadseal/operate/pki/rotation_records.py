"""What a rotation does with an authority's records: issue together, find and revoke the old."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from cryptography import x509

from roadseal.errors import RoadsealError
from roadseal.operate.pki.authority import Authority, Issued
from roadseal.operate.pki.request import IssueRequest
from roadseal.operate.pki.revocation import BULK
from roadseal.operate.pki.tables import CERTIFICATE
from roadseal.store import Store


def issue_each(
    authority: Authority, requests: Sequence[IssueRequest]
) -> list[Issued | RoadsealError]:
    """Issue together; if one is refused, one by one, so that it harms no other."""
    try:
        return [*authority.issue_many(requests)] if requests else []
    except RoadsealError:
        return [_issue_one(authority, one) for one in requests]


def superseded(store: Store, old: str, new: str, devices: Sequence[str]) -> list[tuple[str, str]]:
    """Devices and their serials of `old` in force; without the newest if `new` is the same."""
    query = (
        sa.select(CERTIFICATE.c.identity, CERTIFICATE.c.serial)
        .where(
            CERTIFICATE.c.authority == old,
            CERTIFICATE.c.identity.in_(devices),
            CERTIFICATE.c.certificate.is_not(None),
            CERTIFICATE.c.revoked_at.is_(None),
        )
        .order_by(CERTIFICATE.c.identity, CERTIFICATE.c.status_index)
    )
    with store.reading() as connection:
        rows = connection.execute(query).all()
    if old != new:
        return [(row.identity, row.serial) for row in rows]
    newest = {row.identity: row.serial for row in rows}
    return [(row.identity, row.serial) for row in rows if row.serial != newest[row.identity]]


def revoke_superseded(authority: Authority, serials: Sequence[str]) -> None:
    """Revoke what nobody uses any more."""
    # In portions that need no approval: no device has the keys of these any more.
    for start in range(0, len(serials), BULK):
        authority.revoke_many(serials[start : start + BULK], x509.ReasonFlags.superseded)


def _issue_one(authority: Authority, request: IssueRequest) -> Issued | RoadsealError:
    try:
        return authority.issue(request)
    except RoadsealError as error:
        return error
