"""Watches that no unit is ever without a valid certificate, and no serial is issued twice."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa
from cryptography import x509

from roadseal.clock import Time64, from_datetime
from roadseal.operate.pki.path.validation import PathRules, validate_path
from roadseal.operate.pki.tables import CERTIFICATE
from roadseal.operate.pki.unit.device import DeviceState
from roadseal.pilot.fleet.units import written_since
from roadseal.store import Store


@dataclass
class Watch:
    """What every unit shows to others, seen after each round of work.

    Args:
        bare: units that were without a valid certificate, and when that was first seen.
        checked: certificates that were validated.
    """

    bare: dict[str, Time64] = field(default_factory=dict)
    checked: int = 0
    _shown: dict[str, tuple[str, Time64]] = field(default_factory=dict)  # serial and its end
    _seen_until: Time64 = Time64(0)  # noqa: RUF009  # an int, and immutable
    _revoked: set[str] = field(default_factory=set)

    def look(self, store: Store, now: Time64) -> None:
        """Check who has changed, and everybody against revocation and expiry."""
        for device, unit in written_since(store, self._seen_until).items():
            credential = unit.state.preferred
            serial = credential.serial if credential else ""
            if self._shown.get(device, ("",))[0] == serial and serial:
                continue
            end = _valid_until(unit.state, now)
            self.checked += 1
            if end is None:
                self.bare.setdefault(device, now)
            else:
                self._shown[device] = serial, end
        self._seen_until = now
        with store.reading() as connection:
            revoked = connection.scalars(
                sa.select(CERTIFICATE.c.serial).where(CERTIFICATE.c.revoked_at.is_not(None))
            )
            self._revoked = set(revoked)
        for device, (serial, end) in self._shown.items():
            if serial in self._revoked or end <= now:
                self.bare.setdefault(device, now)

    @property
    def units(self) -> int:
        """How many units have shown a valid certificate."""
        return len(self._shown)


def duplicate_serials(store: Store) -> int:
    """Serials that stand in more than one certificate, of all that were ever issued."""
    with store.reading() as connection:
        rows = connection.scalars(
            sa.select(CERTIFICATE.c.certificate).where(CERTIFICATE.c.certificate.is_not(None))
        )
        serials = [x509.load_der_x509_certificate(one).serial_number for one in rows]
    return len(serials) - len(set(serials))


def doubled_units(store: Store, authority: str) -> int:
    """Units with more than one certificate of `authority` in force."""
    with store.reading() as connection:
        rows = connection.execute(
            sa.select(CERTIFICATE.c.identity, sa.func.count())
            .where(
                CERTIFICATE.c.authority == authority,
                CERTIFICATE.c.certificate.is_not(None),
                CERTIFICATE.c.revoked_at.is_(None),
                CERTIFICATE.c.identity.like("rsu-%"),
            )
            .group_by(CERTIFICATE.c.identity)
        ).all()
    return sum(count > 1 for _, count in rows)


def _valid_until(state: DeviceState, now: Time64) -> Time64 | None:
    if state.preferred is None:
        return None
    leaf = state.preferred.loaded
    load = x509.load_der_x509_certificate
    between = [load(one) for one in state.preferred.chain]
    roots = [load(one) for one in state.trust]
    if not validate_path(leaf, between, roots, PathRules(now)).ok:
        return None
    return from_datetime(leaf.not_valid_after_utc)
