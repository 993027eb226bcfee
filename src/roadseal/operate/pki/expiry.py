"""What ends when: each identity's present certificate, and what was imported from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64, from_datetime
from roadseal.crypto.algorithms import registry
from roadseal.operate.pki.signature import key_name, signature_name
from roadseal.operate.pki.tables import AUTHORITY, CERTIFICATE, IMPORTED, SUBORDINATE
from roadseal.store import Store

_DAY_US = 86_400 * MICROSECONDS_PER_SECOND
RENEW_AT = 2 / 3
"""Share of its life after which a certificate should have been renewed."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One certificate that is in use.

    Args:
        source: the authority's name, ``authority`` for its own, or the file it was imported from.
        identity: whom it is for.
        serial: hexadecimal.
        not_after: end of validity.
        days_left: until then; negative when it is over.
        lived: share of its life that is over.
        key: algorithm of its key.
        signature: algorithm it is signed with.
    """

    source: str
    identity: str
    serial: str
    not_after: Time64
    days_left: float
    lived: float
    key: str
    signature: str

    @property
    def overdue(self) -> bool:
        """Whether it should have been renewed."""
        return self.lived > RENEW_AT

    @property
    def quantum_safe(self) -> bool | None:
        """Whether key and signature withstand a quantum computer; None: not known here."""
        known = [registry().get(name) for name in (self.key, self.signature)]
        if any(one is None for one in known):
            return None
        return all(one.quantum_safe for one in known if one is not None)


def endings(store: Store, now: Time64) -> list[Ending]:
    """Every certificate in use, soonest end first; renewed and revoked ones are left out."""
    found = [_ending(*one, now) for one in certificates_in_use(store)]
    return sorted(found, key=lambda one: (one.not_after, one.identity, one.serial))


def certificates_in_use(store: Store) -> Iterator[tuple[str, str, x509.Certificate]]:
    """Source, identity and certificate of everything that is neither renewed nor revoked."""
    with store.reading() as connection:
        for row in connection.execute(AUTHORITY.select()):
            own = x509.load_pem_x509_certificates(row.chain)[0]
            yield "authority", row.name, own
        newest = (
            sa.select(
                CERTIFICATE.c.authority,
                CERTIFICATE.c.identity,
                sa.func.max(CERTIFICATE.c.status_index).label("newest"),
            )
            .where(CERTIFICATE.c.certificate.is_not(None), CERTIFICATE.c.revoked_at.is_(None))
            .group_by(CERTIFICATE.c.authority, CERTIFICATE.c.identity)
            .subquery()
        )
        in_use = sa.select(CERTIFICATE).join(
            newest,
            (CERTIFICATE.c.authority == newest.c.authority)
            & (CERTIFICATE.c.status_index == newest.c.newest),
        )
        for row in connection.execute(in_use):
            if row.idempotency_key.startswith(SUBORDINATE):
                continue  # it was among the authorities
            certificate = x509.load_der_x509_certificate(row.certificate)
            yield row.authority, row.identity, certificate
        for row in connection.execute(IMPORTED.select()):
            certificate = x509.load_der_x509_certificate(row.certificate)
            name = certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"
            yield row.source, name, certificate


def import_certificates(
    store: Store, certificates: Iterable[tuple[str, x509.Certificate]], now: Time64
) -> int:
    """Watch certificates that others issued; returns how many are new.

    Args:
        store: a database opened with `SCHEMA`.
        certificates: each with the name of the file it comes from.
        now: the instant.
    """
    rows = {
        one.fingerprint(hashes.SHA256()): {"source": source, "encoded": one.public_bytes(_DER)}
        for source, one in certificates
    }
    with store.writing() as connection:
        at = IMPORTED.c.fingerprint.in_(list(rows))
        known = set(connection.scalars(sa.select(IMPORTED.c.fingerprint).where(at)))
        new = [
            {"fingerprint": fingerprint, "certificate": row["encoded"], "source": row["source"]}
            for fingerprint, row in rows.items()
            if fingerprint not in known
        ]
        if new:
            connection.execute(IMPORTED.insert(), [{**row, "imported_at": now} for row in new])
    return len(new)


_DER = Encoding.DER


def _ending(source: str, identity: str, certificate: x509.Certificate, now: Time64) -> Ending:
    start = from_datetime(certificate.not_valid_before_utc)
    end = from_datetime(certificate.not_valid_after_utc)
    return Ending(
        source,
        identity,
        f"{certificate.serial_number:x}",
        end,
        (end - now) / _DAY_US,
        (now - start) / max(1, end - start),
        key_name(certificate),
        signature_name(certificate),
    )
