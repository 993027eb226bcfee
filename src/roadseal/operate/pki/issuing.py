"""The issuing transaction: check, reserve, sign, record.

A serial is reserved on the disk before anything is signed, and a certificate and its audit entry
are on the disk before the certificate leaves. Repeating a request with its idempotency key gives
the same certificate; a reserved serial whose signing was interrupted is used by the repetition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64, from_datetime, to_datetime
from roadseal.crypto import Profile
from roadseal.errors import RoadsealError
from roadseal.events import Event
from roadseal.operate.pki.key_policy import refuse_key
from roadseal.operate.pki.lint import refuse_unsound
from roadseal.operate.pki.office import Office
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.request import IssueRequest, requested_key
from roadseal.operate.pki.revocation import refuse_blocked
from roadseal.operate.pki.serials import serial_with
from roadseal.operate.pki.tables import CERTIFICATE
from roadseal.operate.pki.template import (
    alternative_names,
    common_name,
    key_identifiers,
    signed,
    template_of,
    to_be_signed,
    usage_extensions,
)

BACKDATE: Final = timedelta(minutes=5)
"""A device whose clock is behind takes its certificate."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that has been recorded.

    Args:
        serial: hexadecimal.
        identity: whom it is for.
        status_index: its bit in the status list.
        not_after: end of validity.
        certificate: DER.
    """

    serial: str
    identity: str
    status_index: int
    not_after: Time64
    certificate: bytes


class Issuing:
    """The issuing of one authority."""

    def __init__(self, office: Office, profile: Profile) -> None:
        self._office = office
        self._profile = profile
        self._issuer = office.certificate.subject.public_bytes()
        self._key_identifier = office.signer.public_key.identifier
        self._ends = from_datetime(office.certificate.not_valid_after_utc)

    def issue_many(self, requests: Sequence[IssueRequest]) -> list[Issued]:
        """See `Authority.issue_many`."""
        now = self._office.clock.now()
        keys = [self._check(request, now) for request in requests]
        with self._office.store.writing() as connection:
            rows = self._reserve(connection, requests, keys, now)
        # First all that is encoded, then all that is signed: signing empties the caches that the
        # rest lives in, and a batch of a hundred takes a tenth less this way.
        unsigned = {
            row["serial"]: (row, key, self._body(request, key, row, now))
            for request, key, row in zip(requests, keys, rows, strict=True)
            if row["certificate"] is None
        }
        algorithm = self._office.signer.public_key.algorithm
        signed_now: dict[str, tuple[dict[str, Any], PublicKey]] = {}
        for serial, (row, key, body) in unsigned.items():
            row["certificate"] = signed(body, algorithm, self._office.signer.sign(body))
            signed_now[serial] = row, key
        fresh = []
        if signed_now:
            with self._office.store.writing() as connection:
                fresh = self._record(connection, signed_now)
        for row in fresh:
            facts = {"serial": row["serial"], "profile": self._profile.label}
            self._office.emit(Event(now, row["identity"], "certificate.issued", facts))
        return [issued_of(row) for row in rows]

    def _check(self, request: IssueRequest, now: Time64) -> PublicKey:
        template = template_of(request.template)
        key = requested_key(request.csr)
        refuse_key(self._profile, key, request.template)
        if template.key_usage == ("key_encipherment",) and isinstance(request.csr, bytes):
            raise RoadsealError(
                "pki-template",
                "A KEM certificate is for an ML-KEM key, which signs no request.",
                advice="Ask for a challenge and answer it.",
            )
        end = Time64(now + request.life_s * MICROSECONDS_PER_SECOND)
        if request.life_s <= 0 or end > self._ends:
            raise RoadsealError(
                "pki-life",
                f"A life of {request.life_s} s ends outside the validity of {self._office.name}.",
                advice="Ask for a shorter life, or renew the authority.",
            )
        return key

    def _reserve(
        self,
        connection: sa.Connection,
        requests: Sequence[IssueRequest],
        keys: Sequence[PublicKey],
        now: Time64,
    ) -> list[dict[str, Any]]:
        index = self._office.ledger.lock(connection).next_index
        known = self._known(connection, (request.idempotency_key for request in requests))
        hashes = [key.hashes for key in keys]
        refuse_blocked(connection, [one for group in hashes for one in group])
        rows, new = [], []
        for request, key, hashed in zip(requests, keys, hashes, strict=True):
            digest = request.digest(key)
            row = known.get(request.idempotency_key)
            if row is None:
                row = {
                    "authority": self._office.name,
                    "serial": f"{serial_with(index):x}",
                    "idempotency_key": request.idempotency_key,
                    "request_hash": digest,
                    "identity": request.identity,
                    "status_index": index,
                    "key_hash": hashed[0],
                    "not_after": now + request.life_s * MICROSECONDS_PER_SECOND,
                    "certificate": None,
                    "revoked_at": None,
                }
                new.append(row)
                index += 1
                known[request.idempotency_key] = row
            elif row["request_hash"] != digest:
                raise RoadsealError(
                    "pki-idempotency",
                    f"The key {request.idempotency_key!r} belongs to another request.",
                    advice="Choose a new idempotency key for each new request.",
                )
            elif row["certificate"] is None:  # its signing was interrupted: it begins now
                row["not_after"] = now + request.life_s * MICROSECONDS_PER_SECOND
                at = CERTIFICATE.c.serial == row["serial"]
                mine = CERTIFICATE.c.authority == self._office.name
                connection.execute(
                    CERTIFICATE.update().where(mine, at).values(not_after=row["not_after"])
                )
            _refuse_revoked(row)
            rows.append(row)
        if new:
            connection.execute(CERTIFICATE.insert(), new)
            self._office.ledger.set(connection, next_index=index)
        return rows

    def _known(
        self, connection: sa.Connection, idempotency_keys: Iterable[str]
    ) -> dict[str, dict[str, Any]]:
        rows = connection.execute(
            CERTIFICATE.select().where(
                CERTIFICATE.c.authority == self._office.name,
                CERTIFICATE.c.idempotency_key.in_(sorted(set(idempotency_keys))),
            )
        )
        return {row.idempotency_key: dict(row._mapping) for row in rows}

    def _record(
        self,
        connection: sa.Connection,
        signed_now: dict[str, tuple[dict[str, Any], PublicKey]],
    ) -> list[dict[str, Any]]:
        """Store what was signed, unless it was revoked or its key blocked meanwhile.

        Where another process was first, its certificate is taken. Returns what is new.
        """
        self._office.ledger.lock(connection)
        refuse_blocked(connection, [one for _, key in signed_now.values() for one in key.hashes])
        stored = connection.execute(
            sa.select(
                CERTIFICATE.c.serial, CERTIFICATE.c.certificate, CERTIFICATE.c.revoked_at
            ).where(
                CERTIFICATE.c.authority == self._office.name,
                CERTIFICATE.c.serial.in_(sorted(signed_now)),
            )
        )
        fresh = []
        for found in stored:
            row, _ = signed_now[found.serial]
            _refuse_revoked({"serial": found.serial, "revoked_at": found.revoked_at})
            if found.certificate is None:
                fresh.append(row)
            else:
                row["certificate"] = found.certificate
        if fresh:
            at = (CERTIFICATE.c.authority == self._office.name) & (
                CERTIFICATE.c.serial == sa.bindparam("of_serial")
            )
            connection.execute(
                CERTIFICATE.update().where(at).values(certificate=sa.bindparam("signed")),
                [{"of_serial": row["serial"], "signed": row["certificate"]} for row in fresh],
            )
        self._office.ledger.record(
            connection,
            [
                {
                    "kind": "certificate.issued",
                    "subject": row["identity"],
                    "serial": row["serial"],
                    "key_hash": row["key_hash"].hex(),
                    "profile": self._profile.label,
                }
                for row in fresh
            ],
        )
        return fresh

    def _body(
        self, request: IssueRequest, key: PublicKey, row: dict[str, Any], now: Time64
    ) -> bytes:
        template = template_of(request.template)
        body = to_be_signed(
            serial=int(row["serial"], 16),
            signature_algorithm=self._office.signer.public_key.algorithm,
            issuer=self._issuer,
            validity=_validity(now, row["not_after"]),
            subject=common_name(request.identity),
            key=key,
            extensions=(
                *usage_extensions(template),
                alternative_names(request.names or (request.identity,)),
                *key_identifiers(key, self._key_identifier),
            ),
        )
        refuse_unsound(body, self._office.certificate)
        return body


@lru_cache(64)  # those of a batch begin and mostly end together
def _validity(now: Time64, not_after: Time64) -> tuple[datetime, datetime]:
    return to_datetime(now) - BACKDATE, to_datetime(not_after)


def issued_of(row: Any) -> Issued:
    """A row of the table of certificates as a value."""
    return Issued(
        row["serial"],
        row["identity"],
        row["status_index"],
        Time64(row["not_after"]),
        row["certificate"],
    )


def _refuse_revoked(row: dict[str, Any]) -> None:
    if row["revoked_at"] is not None:
        raise RoadsealError(
            "pki-revoked",
            f"The certificate of this request, {row['serial']}, is revoked.",
            advice="Ask again with a new idempotency key and a new key.",
        )
