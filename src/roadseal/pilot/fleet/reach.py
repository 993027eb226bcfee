"""How fast a revocation reaches the units: real status lists, polled in simulated time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.fleet.plan import draw
from roadseal.operate.pki import StatusListVerdict, read_status_list
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.tables import CERTIFICATE
from roadseal.pilot.fleet.site import Site

POLL_S: Final = 50.0
"""How often a unit asks, ± 10 %."""
FETCH_S: Final = 2.0
"""Assumed for the way of a list over a slow roadside link."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How a revocation spread.

    Args:
        units: that learned of it.
        p50_s: half of them after this.
        p99_s: 99 of 100 after this.
        worst_s: the last one.
        status_bytes: size of the signed list of the whole fleet.
    """

    units: int
    p50_s: float
    p99_s: float
    worst_s: float
    status_bytes: int


def revocation_reach(site: Site, units: Sequence[str], seed: int) -> Reach:
    """Revoke one unit's certificate, and count until each reachable unit's list has it.

    The list is signed by the authority and verified by each unit; polling and links are simulated.
    """
    victim = _in_force(site, units[0])
    begun = site.clock.now()
    site.new.revoke(victim.serial, x509.ReasonFlags.key_compromise, block_key=True)
    encoded = site.new.publish_status()
    info = (
        site.new.chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    key = PublicKey.read(info)
    delays = []
    for unit in units[1:]:
        period_s = POLL_S * (0.9 + 0.2 * draw(unit, f"period/{seed}"))
        asks_s = period_s * draw(unit, f"phase/{seed}")
        verdict, status = read_status_list(encoded, site.new.name, key)
        asked_at = Time64(begun + round(asks_s * MICROSECONDS_PER_SECOND))
        if (
            verdict is StatusListVerdict.OK
            and status is not None
            and status.revoked(victim.status_index)
            and status.this_update <= asked_at <= status.next_update
        ):
            delays.append(asks_s + FETCH_S)
    delays.sort()

    def quantile(share: float) -> float:
        return delays[min(int(share * len(delays)), len(delays) - 1)] if delays else float("inf")

    return Reach(len(delays), quantile(0.5), quantile(0.99), quantile(1.0), len(encoded))


def _in_force(site: Site, unit: str) -> Any:
    with site.store.reading() as connection:
        return connection.execute(
            CERTIFICATE.select().where(
                CERTIFICATE.c.authority == site.new.name,
                CERTIFICATE.c.identity == unit,
                CERTIFICATE.c.revoked_at.is_(None),
            )
        ).one()
