"""Who a device is when it comes to enrol: by its secret once, then by the certificate it has.

Each secret and each expired certificate is spent on one key; the same key may come again, because
the answer to the first request can be lost.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.errors import RoadsealError
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.tables import BOOTSTRAP, CERTIFICATE, GRACE, PERMIT
from roadseal.operate.pki.template import subject_names, template_like
from roadseal.store import Store


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who was recognised.

    Args:
        identity: its name.
        occasion: what the new certificate is asked for with: a serial number, or a secret's hash.
        names: its names in the subjectAltName; empty: its identity.
        template: kind of the certificate it came with; None for a bootstrap credential.
        idempotency_key: names the request, where a campaign has ordered it.
    """

    identity: str
    occasion: str
    names: tuple[str, ...] = ()
    template: str | None = None
    idempotency_key: str | None = None


class Enrolments:
    """What an authority remembers of enrolment."""

    def __init__(self, store: Store, authority: str) -> None:
        self._store = store
        self._authority = authority

    def invite(self, identity: str, expires_at: Time64) -> str:
        """Make a bootstrap secret for `identity`; an earlier one of it is void.

        Returns:
            the secret, which is not kept.
        """
        secret = secrets.token_urlsafe(24)
        row = {
            "authority": self._authority,
            "identity": identity,
            "secret_hash": _hash(identity, secret),
            "expires_at": expires_at,
            "used_for": None,
        }
        with self._store.writing() as connection:
            connection.execute(BOOTSTRAP.delete().where(self._invited(identity)))
            connection.execute(BOOTSTRAP.insert().values(**row))
        return secret

    def permit(self, identity: str, predecessor: str, request: str, expires_at: Time64) -> None:
        """Let a unit move here once with the certificate that `predecessor` gave it.

        One key gets one certificate for `request`; an earlier permit of the unit is void.
        """
        at = (PERMIT.c.authority == self._authority) & (PERMIT.c.identity == identity)
        with self._store.writing() as connection:
            connection.execute(PERMIT.delete().where(at))
            connection.execute(
                PERMIT.insert().values(
                    authority=self._authority,
                    identity=identity,
                    predecessor=predecessor,
                    request=request,
                    expires_at=expires_at,
                )
            )

    def by_secret(self, identity: str, secret: str, key: PublicKey, now: Time64) -> Enrolled:
        """Recognise a device by its bootstrap secret, and spend it on `key`.

        Raises:
            RoadsealError: ``est-credential``: unknown, wrong, expired or spent on another key.
        """
        at = self._invited(identity)
        with self._store.writing() as connection:
            row = connection.execute(BOOTSTRAP.select().where(at).with_for_update()).first()
            right = row is not None and hmac.compare_digest(
                row.secret_hash, _hash(identity, secret)
            )
            if row is None or not right or now >= row.expires_at:
                raise _no_credential()
            if row.used_for is None:
                connection.execute(BOOTSTRAP.update().where(at).values(used_for=key.hashes[0]))
            elif row.used_for != key.hashes[0]:
                raise _no_credential()
        return Enrolled(identity, row.secret_hash.hex()[:32])

    def _invited(self, identity: str) -> sa.ColumnElement[bool]:
        return (BOOTSTRAP.c.authority == self._authority) & (BOOTSTRAP.c.identity == identity)

    def by_certificate(
        self,
        certificate: x509.Certificate,
        key: PublicKey,
        now: Time64,
        *,
        renews: bool,
        grace_s: int,
    ) -> Enrolled:
        """Recognise a device by a certificate whose key TLS has seen used.

        The certificate is of this authority, or of one that a permit lets the device come from.

        Raises:
            RoadsealError: ``est-credential``: neither; ``pki-revoked``; ``est-grace``: expired too
                long ago, or renewed once before.
        """
        with self._store.writing() as connection:
            row = _issued(connection, certificate)
            moves = row.authority != self._authority
            request = self._permitted(connection, row, now) if moves and renews else None
            if moves and request is None:
                raise _no_credential()
            if now > row.not_after:
                self._spend_grace(connection, row, key, now, renews=renews, grace_s=grace_s)
        return Enrolled(
            row.identity,
            f"{certificate.serial_number:x}",
            subject_names(certificate),
            template_like(certificate),
            f"{request}/enrol" if request else None,
        )

    def _permitted(self, connection: sa.Connection, row: sa.Row[Any], now: Time64) -> str | None:
        """The request that a permit lets this certificate's device make here."""
        return connection.scalar(
            sa.select(PERMIT.c.request).where(
                PERMIT.c.authority == self._authority,
                PERMIT.c.identity == row.identity,
                PERMIT.c.predecessor == row.authority,
                PERMIT.c.expires_at > now,
            )
        )

    def _spend_grace(
        self,
        connection: sa.Connection,
        row: sa.Row[Any],
        key: PublicKey,
        now: Time64,
        *,
        renews: bool,
        grace_s: int,
    ) -> None:
        late = now > row.not_after + grace_s * MICROSECONDS_PER_SECOND
        at = (GRACE.c.authority == self._authority) & (GRACE.c.serial == row.serial)
        used_for = connection.scalar(sa.select(GRACE.c.used_for).where(at))
        if late or not renews or used_for not in (None, key.hashes[0]):
            raise RoadsealError(
                "est-grace",
                f"The certificate of {row.identity} has expired and does not renew itself again.",
                advice="Enrol the device with a new bootstrap credential.",
            )
        if used_for is None:
            spent = {"serial": row.serial, "used_for": key.hashes[0]}
            connection.execute(GRACE.insert().values(authority=self._authority, **spent))


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate was issued to, and by which authority."""

    identity: str
    authority: str


def holder_of(store: Store, certificate: x509.Certificate, now: Time64) -> Holder:
    """Who comes with `certificate`, of whichever authority in this database; TLS has seen its key.

    Raises:
        RoadsealError: ``est-credential``: unknown or expired; ``pki-revoked``.
    """
    with store.reading() as connection:
        row = _issued(connection, certificate)
    if now > row.not_after:
        raise _no_credential()
    return Holder(row.identity, row.authority)


def issuer_of(store: Store, certificate: x509.Certificate) -> str | None:
    """The authority in this database that issued `certificate`, revoked or not; None: none did."""
    with store.reading() as connection:
        row = _recorded(connection, certificate)
    return None if row is None else str(row.authority)


def _recorded(connection: sa.Connection, certificate: x509.Certificate) -> sa.Row[Any] | None:
    serial, encoded = f"{certificate.serial_number:x}", certificate.public_bytes(Encoding.DER)
    rows = connection.execute(CERTIFICATE.select().where(CERTIFICATE.c.serial == serial))
    return next((one for one in rows if one.certificate == encoded), None)


def _issued(connection: sa.Connection, certificate: x509.Certificate) -> sa.Row[Any]:
    """The row of a certificate that is in force, but for its end."""
    row = _recorded(connection, certificate)
    if row is None:
        raise _no_credential()
    if row.revoked_at is not None:
        raise RoadsealError(
            "pki-revoked",
            f"The certificate of {row.identity} is revoked.",
            advice="Find out why, then enrol the device with a new bootstrap credential.",
        )
    return row


def _hash(identity: str, secret: str) -> bytes:
    return hashlib.sha256(f"{identity}\0{secret}".encode()).digest()


def _no_credential() -> RoadsealError:
    return RoadsealError(
        "est-credential",
        "The credential is unknown, wrong, expired or spent.",
        advice="Come with a certificate of this authority, or get a new bootstrap secret.",
    )
