"""What an authority says about revocation: status list, CRL and its shards, OCSP; and blocked keys.

Source: RFC 5280 §5, RFC 6960 (OCSP).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.dialects import postgresql, sqlite

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64, to_datetime
from roadseal.errors import RoadsealError
from roadseal.events import Event
from roadseal.operate.pki import der
from roadseal.operate.pki.approval import Action, require_approval
from roadseal.operate.pki.ocsp import OcspAnswer, answer_ocsp
from roadseal.operate.pki.office import Office
from roadseal.operate.pki.public_key import SIGNATURE_IDENTIFIERS, PublicKey
from roadseal.operate.pki.serials import shard_uri
from roadseal.operate.pki.signature import subject_key_info
from roadseal.operate.pki.status_list import StatusList, make_bitmap, sign_status_list
from roadseal.operate.pki.tables import BLOCKED_KEY, CERTIFICATE
from roadseal.operate.pki.template import encode, signed

BULK: Final = 100
"""More revocations at once than this need approval."""


class Revocations:
    """The revocations of one authority."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def revoke(self, serials: Sequence[str], reason: x509.ReasonFlags, *, block_key: bool) -> None:
        """Revoke all of `serials` or none.

        Raises:
            RoadsealError: ``pki-serial``, ``pki-approval``, ``pki-reason``.
        """
        if reason is x509.ReasonFlags.remove_from_crl:
            raise RoadsealError(
                "pki-reason",
                "removeFromCRL takes a revocation back and is no reason for one.",
                advice="Use keyCompromise, superseded, cessationOfOperation or unspecified.",
            )
        now = self._office.clock.now()
        if len(serials) > BULK:
            action = {"kind": "revoke-many", "authority": self._office.name, "reason": reason.value}
            require_approval(self._office.store, Action.of(**action, serials=sorted(serials)), now)
        at = (CERTIFICATE.c.authority == self._office.name) & CERTIFICATE.c.serial.in_(set(serials))
        with self._office.store.writing() as connection:
            self._office.ledger.lock(connection)
            rows = connection.execute(CERTIFICATE.select().where(at)).all()
            if missing := set(serials) - {row.serial for row in rows}:
                raise RoadsealError(
                    "pki-serial",
                    f"{self._office.name} has issued no certificate with serial {min(missing)}.",
                    advice="Look it up with `roadseal pki expiring`.",
                )
            if block_key:
                _block(connection, [one for row in rows for one in _key_hashes(row)], now)
            connection.execute(
                CERTIFICATE.update()
                .where(at, CERTIFICATE.c.revoked_at.is_(None))
                .values(revoked_at=now, reason=reason.value)
            )
            self._office.ledger.record(
                connection,
                [
                    {
                        "kind": "certificate.revoked",
                        "subject": row.identity,
                        "serial": row.serial,
                        "reason": reason.value,
                        "key_blocked": block_key,
                    }
                    for row in rows
                ],
            )
        for row in rows:
            facts = {"serial": row.serial, "reason": reason.value, "key_blocked": block_key}
            self._office.emit(Event(now, row.identity, "certificate.revoked", facts))

    def publish_status(self, life_s: int) -> bytes:
        """Sign one bit a certificate."""
        now = self._office.clock.now()
        with self._office.store.writing() as connection:
            head = self._next_sequence(connection)
            revoked = connection.scalars(
                sa.select(CERTIFICATE.c.status_index).where(
                    CERTIFICATE.c.authority == self._office.name,
                    CERTIFICATE.c.revoked_at.is_not(None),
                )
            ).all()
        due = Time64(now + life_s * MICROSECONDS_PER_SECOND)
        bitmap = make_bitmap(head.next_index, revoked)
        status = StatusList(
            self._office.name, head.status_sequence + 1, now, due, head.next_index, bitmap
        )
        return sign_status_list(status, self._office.signer)

    def crl(self, life_s: int, shard: tuple[int, int] | None) -> bytes:
        """Sign a CRL, whole or one shard of it."""
        now = self._office.clock.now()
        chosen = [
            CERTIFICATE.c.authority == self._office.name,
            CERTIFICATE.c.revoked_at.is_not(None),
            CERTIFICATE.c.not_after >= now,
        ]
        if shard is not None:
            number, count = shard
            chosen.append(CERTIFICATE.c.status_index % count == number)
        with self._office.store.writing() as connection:
            head = self._next_sequence(connection)
            rows = connection.execute(CERTIFICATE.select().where(*chosen)).all()
        algorithm = self._office.signer.public_key.algorithm
        this_update = to_datetime(now)
        entries = [_crl_entry(row) for row in rows]
        key_identifier = self._office.signer.public_key.identifier
        extensions = [
            encode(x509.AuthorityKeyIdentifier(key_identifier, None, None)),
            encode(x509.CRLNumber(head.status_sequence + 1)),
        ]
        if shard is not None:  # critical: nobody takes a part for the whole (RFC 5280 §5.2.5)
            extensions.append(encode(_scope_of(*shard), critical=True))
        body = der.sequence(
            der.integer(1),  # version 2
            SIGNATURE_IDENTIFIERS[algorithm],
            self._office.certificate.subject.public_bytes(),
            der.time(this_update),
            der.time(this_update + timedelta(seconds=life_s)),
            der.sequence(*entries) if entries else b"",  # RFC 5280 §5.1.2.6: absent, not empty
            der.tlv(0xA0, der.sequence(*extensions)),
        )
        return signed(body, algorithm, self._office.signer.sign(body))

    def ocsp(self, request: bytes, life_s: int) -> bytes:
        """Answer an OCSP request."""
        return answer_ocsp(
            request,
            self._office.certificate,
            self._office.signer,
            self._look_up,
            self._office.clock.now(),
            life_s,
        )

    def _look_up(self, serial: int) -> OcspAnswer | None:
        at = (CERTIFICATE.c.authority == self._office.name) & (
            CERTIFICATE.c.serial == f"{serial:x}"
        )
        with self._office.store.reading() as connection:
            row = connection.execute(CERTIFICATE.select().where(at)).first()
        if row is None or row.certificate is None:
            return None
        if row.revoked_at is None:
            return OcspAnswer()
        return OcspAnswer(Time64(row.revoked_at), x509.ReasonFlags(row.reason))

    def _next_sequence(self, connection: sa.Connection) -> Any:
        head = self._office.ledger.lock(connection)
        self._office.ledger.set(connection, status_sequence=head.status_sequence + 1)
        return head


def _scope_of(number: int, count: int) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(shard_uri(number, count))],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


def refuse_blocked(connection: sa.Connection, hashes: Sequence[bytes]) -> None:
    """Refuse keys that are blocked, by the hash of the key or of a composite's half.

    Raises:
        RoadsealError: ``pki-key-blocked``.
    """
    at = BLOCKED_KEY.c.key_hash.in_(set(hashes))
    if connection.scalar(sa.select(BLOCKED_KEY.c.since).where(at).limit(1)) is not None:
        raise RoadsealError(
            "pki-key-blocked",
            "A key of this request, or a half of it, is blocked.",
            advice="Make a new key on the device.",
        )


def _block(connection: sa.Connection, hashes: Sequence[bytes], now: Time64) -> None:
    # Another authority may block the same key at this moment, which must not undo a revocation.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [{"key_hash": one, "since": now} for one in sorted(set(hashes))]
    connection.execute(insert(BLOCKED_KEY).on_conflict_do_nothing(), rows)


def _key_hashes(row: Any) -> tuple[bytes, ...]:
    if row.certificate is None:
        return (row.key_hash,)
    certificate = x509.load_der_x509_certificate(row.certificate)
    return PublicKey.read(subject_key_info(certificate)).hashes


def _crl_entry(row: Any) -> bytes:
    extensions = b""
    if row.reason != x509.ReasonFlags.unspecified.value:  # RFC 5280 §5.3.1: leave it out
        extensions = der.sequence(encode(x509.CRLReason(x509.ReasonFlags(row.reason))))
    revoked_at = der.time(to_datetime(Time64(row.revoked_at)))
    return der.sequence(der.integer(int(row.serial, 16)), revoked_at, extensions)
