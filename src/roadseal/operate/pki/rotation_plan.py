"""What a campaign on the network rotates: recorded when it is planned, the same for each worker."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from roadseal.errors import RoadsealError
from roadseal.operate.pki.tables import ROTATION
from roadseal.store import Store


@dataclass(frozen=True, slots=True)
class Rotation:
    """From which authority to which.

    Args:
        old: authority whose certificates the units have; the same as `new` to renew keys only.
        old_profile: crypto profile of the old one.
        new: authority that issues the new certificates.
        new_profile: crypto profile that they must hold under.
        algorithm: registry id of the new keys.
    """

    old: str
    old_profile: str
    new: str
    new_profile: str
    algorithm: str


def record_rotation(store: Store, campaign: str, rotation: Rotation) -> None:
    """Write down what `campaign` rotates."""
    row = {name: getattr(rotation, name) for name in Rotation.__slots__}
    with store.writing() as connection:
        connection.execute(ROTATION.delete().where(ROTATION.c.campaign == campaign))
        connection.execute(
            ROTATION.insert().values(campaign=campaign, nonce_key=secrets.token_bytes(32), **row)
        )


def recorded_rotation(store: Store, campaign: str) -> tuple[Rotation, bytes]:
    """What `campaign` rotates, and the key that makes its nonces.

    Raises:
        RoadsealError: ``campaign-units``: nothing is recorded of it.
    """
    with store.reading() as connection:
        row = connection.execute(sa.select(ROTATION).where(ROTATION.c.campaign == campaign)).first()
    if row is None:
        raise RoadsealError(
            "campaign-units",
            f"It is not recorded what the campaign {campaign!r} rotates.",
            advice="Plan it with --to, or simulate a fleet.",
        )
    return Rotation(*(getattr(row, name) for name in Rotation.__slots__)), row.nonce_key
