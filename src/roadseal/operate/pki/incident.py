"""A key module is compromised: see whom it concerns, then revoke and block, then renew.

The selection is the inventory's (vendor, firmware, module); what is in force is the authority's.
Nothing is done by looking: `affected` is the dry run, `revoke_affected` acts. The devices get new
keys by a rotation campaign of a new name, so that no idempotency key is used across the incident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from cryptography import x509

from roadseal.clock import Time64
from roadseal.fleet import Device
from roadseal.operate.pki.authority import Authority
from roadseal.operate.pki.tables import CERTIFICATE
from roadseal.store import Store

_VARIABLES: Final = 500  # SQLite takes so many everywhere


@dataclass(frozen=True, slots=True)
class Affected:
    """A certificate in force whose key lies in a compromised module.

    Args:
        identity: the device.
        serial: hexadecimal.
        not_after: end of validity.
    """

    identity: str
    serial: str
    not_after: Time64


def affected(
    store: Store, authority: str, devices: Sequence[Device], now: Time64
) -> list[Affected]:
    """Certificates of `authority` in force for `devices`: what an incident would revoke."""
    found = []
    names = sorted(device.id for device in devices)
    with store.reading() as connection:
        for start in range(0, len(names), _VARIABLES):
            rows = connection.execute(
                sa.select(CERTIFICATE.c.identity, CERTIFICATE.c.serial, CERTIFICATE.c.not_after)
                .where(
                    CERTIFICATE.c.authority == authority,
                    CERTIFICATE.c.identity.in_(names[start : start + _VARIABLES]),
                    CERTIFICATE.c.certificate.is_not(None),
                    CERTIFICATE.c.revoked_at.is_(None),
                    CERTIFICATE.c.not_after >= now,
                )
                .order_by(CERTIFICATE.c.identity, CERTIFICATE.c.status_index)
            )
            found += [Affected(*row) for row in rows]
    return found


def revoke_affected(authority: Authority, certificates: Sequence[Affected]) -> int:
    """Revoke them for key compromise and block their keys; returns how many. Repeating is harmless.

    Raises:
        RoadsealError: ``pki-serial``, ``pki-approval``.
    """
    serials = [one.serial for one in certificates]
    if serials:  # all at once: where there is a roster, its approval is for the whole incident
        authority.revoke_many(serials, x509.ReasonFlags.key_compromise, block_key=True)
    return len(serials)
