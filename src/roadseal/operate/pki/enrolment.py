"""Who a device is when it comes to enrol: by its secret once, then by the certificate it has.

Each secret and each expired certificate is spent on one key; the same key may come again, because
the answer to the first request can be lost.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.errors import RoadsealError
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.tables import BOOTSTRAP, CERTIFICATE, GRACE
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
    """

    identity: str
    occasion: str
    names: tuple[str, ...] = ()
    template: str | None = None


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
        """Recognise a device by a certificate of this authority whose key TLS has seen used.

        Raises:
            RoadsealError: ``est-credential``: not issued here; ``pki-revoked``; ``est-grace``:
                expired too long ago, or renewed once before.
        """
        serial = f"{certificate.serial_number:x}"
        at = (CERTIFICATE.c.authority == self._authority) & (CERTIFICATE.c.serial == serial)
        with self._store.writing() as connection:
            row = connection.execute(CERTIFICATE.select().where(at)).first()
            if row is None or row.certificate != certificate.public_bytes(Encoding.DER):
                raise _no_credential()
            if row.revoked_at is not None:
                raise RoadsealError(
                    "pki-revoked",
                    f"The certificate of {row.identity} is revoked.",
                    advice="Find out why, then enrol the device with a new bootstrap credential.",
                )
            if now > row.not_after:
                self._spend_grace(connection, row, key, now, renews=renews, grace_s=grace_s)
        kind = template_like(certificate)
        return Enrolled(row.identity, serial, subject_names(certificate), kind)

    def _spend_grace(
        self,
        connection: sa.Connection,
        row: sa.Row[tuple[object, ...]],
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


def _hash(identity: str, secret: str) -> bytes:
    return hashlib.sha256(f"{identity}\0{secret}".encode()).digest()


def _no_credential() -> RoadsealError:
    return RoadsealError(
        "est-credential",
        "The credential is unknown, wrong, expired or spent.",
        advice="Come with a certificate of this authority, or get a new bootstrap secret.",
    )
