"""An authority: issues from certification requests, revokes, and says what is revoked.

A serial is reserved on the disk before anything is signed, and a certificate and its audit entry
are on the disk before the certificate leaves. Repeating a request with its idempotency key gives
the same certificate; a reserved serial whose signing was interrupted is used by the repetition.

Source: RFC 5280 (certificates, CRL), RFC 2986 (requests), RFC 9881 (ML-DSA).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock, Time64, from_datetime, to_datetime
from roadseal.crypto import Profile
from roadseal.crypto.algorithms import algorithm as registered
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.operate.pki.approval import Action, require_approval
from roadseal.operate.pki.key_store import SOFTWARE, KeyStore, Token
from roadseal.operate.pki.ledger import Ledger
from roadseal.operate.pki.lint import refuse_unsound
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.request import DAY_S, IssueRequest, requested_key
from roadseal.operate.pki.revocation import Revocations, refuse_blocked
from roadseal.operate.pki.serials import authority_serial, serial_with
from roadseal.operate.pki.signer import Signer
from roadseal.operate.pki.tables import AUTHORITY, CERTIFICATE, SUBORDINATE
from roadseal.operate.pki.template import (
    AUTHORITY as AUTHORITY_TEMPLATE,
)
from roadseal.operate.pki.template import (
    alternative_names,
    common_name,
    key_identifiers,
    signed,
    subject_names,
    template_like,
    template_of,
    to_be_signed,
    usage_extensions,
)
from roadseal.store import Store

_BACKDATE: Final = timedelta(minutes=5)  # a device whose clock is behind takes its certificate


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


class Authority:
    """A certification authority; made by `create` or `open`."""

    def __init__(
        self,
        store: Store,
        name: str,
        chain: Sequence[x509.Certificate],
        signer: Signer,
        profile: Profile,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self.name = name
        self.chain = tuple(chain)
        self.profile = profile
        self._store = store
        self._signer = signer
        self._clock = clock
        self._emit = emit
        self._ledger = Ledger(store, name, clock)
        self._revocations = Revocations(
            store, self._ledger, name, self.chain[0], signer, clock, emit
        )
        self._issuer = self.chain[0].subject.public_bytes()
        self._key_identifier = signer.public_key.identifier
        self._ends = from_datetime(self.chain[0].not_valid_after_utc)

    @classmethod
    def create(
        cls,
        store: Store,
        name: str,
        *,
        algorithm: str,
        passphrase: bytes,
        profile: Profile,
        clock: Clock,
        emit: Emit,
        parent: Authority | None = None,
        life_s: int = 3650 * DAY_S,
        places: Sequence[str] = (SOFTWARE,),
        token: Token | None = None,
    ) -> Authority:
        """Make a key and an authority: a root, or under `parent` an issuing one.

        Args:
            store: a database opened with `SCHEMA`.
            name: of the authority; common name of its certificate.
            algorithm: registry id; a composite signs with both its halves.
            passphrase: seals keys that live in software.
            profile: what keys of subscribers must be accepted by.
            clock: for validity and audit.
            emit: hears what changes trust.
            parent: who signs its certificate; None: it itself.
            life_s: validity, seconds; no longer than the parent's.
            places: where the key is made, ``software`` or ``pkcs11``; two for a composite's halves.
            token: the PKCS #11 token.

        Raises:
            RoadsealError: ``pki-algorithm``, ``pki-exists``, ``pki-module``, ``pki-approval``.
        """
        now = clock.now()
        action = Action.of(
            kind="create-authority",
            under=parent.name if parent else None,
            name=name,
            algorithm=algorithm,
            places=list(places),
            life_s=life_s,
            profile=profile.label,
        )
        require_approval(store, action, now)
        signer, reference = KeyStore(passphrase, token).generate(algorithm, places)
        try:
            with store.writing() as connection:
                index = parent._ledger.lock(connection).next_index if parent else None
                serial = authority_serial() if index is None else serial_with(index)
                certificate = _authority_certificate(name, signer, parent, now, life_s, serial)
                chain = (certificate, *(parent.chain if parent else ()))
                authority = cls(store, name, chain, signer, profile, clock, emit)
                connection.execute(
                    AUTHORITY.insert().values(
                        name=name,
                        chain=b"".join(one.public_bytes(Encoding.PEM) for one in chain),
                        key=reference,
                        next_index=0,
                        status_sequence=0,
                        audit_sequence=0,
                        audit_hash=bytes(32),
                    )
                )
                entry = {"kind": "authority.created", "subject": name, "algorithm": algorithm}
                authority._ledger.record(connection, [entry])
                if parent is not None and index is not None:
                    parent._certified(connection, authority, index)
        except sa.exc.IntegrityError:
            raise RoadsealError(
                "pki-exists",
                f"There is already an authority called {name!r}.",
                advice="Open it, or choose another name.",
            ) from None
        emit(Event(now, name, "authority.created", {"algorithm": algorithm}))
        return authority

    @classmethod
    def open(
        cls,
        store: Store,
        name: str,
        *,
        passphrase: bytes,
        profile: Profile,
        clock: Clock,
        emit: Emit,
        token: Token | None = None,
    ) -> Authority:
        """Open an authority that `create` made.

        Raises:
            RoadsealError: ``pki-unknown``, ``pki-passphrase``, ``pki-module``.
        """
        with store.reading() as connection:
            row = connection.execute(AUTHORITY.select().where(AUTHORITY.c.name == name)).first()
        if row is None:
            raise RoadsealError(
                "pki-unknown",
                f"There is no authority called {name!r}.",
                advice="Create it with `roadseal pki init`.",
            )
        chain = x509.load_pem_x509_certificates(row.chain)
        signer = KeyStore(passphrase, token).open(row.key)
        return cls(store, name, chain, signer, profile, clock, emit)

    @property
    def public_key(self) -> PublicKey:
        """The key that its certificates, lists and answers are signed with."""
        return self._signer.public_key

    def issue(self, request: IssueRequest) -> Issued:
        """Issue one certificate; see `issue_many`."""
        return self.issue_many([request])[0]

    def issue_many(self, requests: Sequence[IssueRequest]) -> list[Issued]:
        """Issue certificates, in order, with two disk flushes for all of them.

        Raises:
            RoadsealError: ``pki-csr``, ``pki-possession``, ``pki-key-profile``, ``pki-identity``,
                ``pki-name``, ``pki-template``, ``pki-key-blocked``, ``pki-idempotency``,
                ``pki-life``, ``pki-revoked``, ``pki-lint``; nothing is issued then.
        """
        now = self._clock.now()
        keys = [self._check(request, now) for request in requests]
        with self._store.writing() as connection:
            rows = self._reserve(connection, requests, keys, now)
        signed_now: dict[str, tuple[dict[str, Any], PublicKey]] = {}
        for request, key, row in zip(requests, keys, rows, strict=True):
            if row["certificate"] is None:
                row["certificate"] = self._certificate(request, key, row, now)
                signed_now[row["serial"]] = row, key
        fresh = []
        if signed_now:
            with self._store.writing() as connection:
                fresh = self._record(connection, signed_now)
        for row in fresh:
            facts = {"serial": row["serial"], "profile": self.profile.label}
            self._emit(Event(now, row["identity"], "certificate.issued", facts))
        return [_issued(row) for row in rows]

    def renewal(self, serial: str, csr: bytes, idempotency_key: str) -> IssueRequest:
        """The request for a next certificate: a new key for the same identity, names and life.

        Raises:
            RoadsealError: ``pki-serial``: no such certificate, or it is revoked.
        """
        at = (CERTIFICATE.c.authority == self.name) & (CERTIFICATE.c.serial == serial)
        with self._store.reading() as connection:
            row = connection.execute(CERTIFICATE.select().where(at)).first()
        if row is None or row.certificate is None or row.revoked_at is not None:
            raise RoadsealError(
                "pki-serial",
                f"{self.name} has no certificate with serial {serial} to renew.",
                advice="Look it up with `roadseal pki expiring`; a revoked one is not renewed.",
            )
        present = x509.load_der_x509_certificate(row.certificate)
        life = present.not_valid_after_utc - present.not_valid_before_utc - _BACKDATE
        names, kind = subject_names(present), template_like(present)
        return IssueRequest(
            csr, row.identity, idempotency_key, names, int(life.total_seconds()), kind
        )

    def revoke(self, serial: str, reason: x509.ReasonFlags, *, block_key: bool = False) -> None:
        """Revoke a certificate, and on demand never certify its key again; repeating is harmless.

        Raises:
            RoadsealError: ``pki-serial``.
        """
        self._revocations.revoke([serial], reason, block_key=block_key)

    def revoke_many(
        self, serials: Sequence[str], reason: x509.ReasonFlags, *, block_key: bool = False
    ) -> None:
        """Revoke all or none; more than a hundred at once need approval where there is a roster.

        Raises:
            RoadsealError: ``pki-serial``, ``pki-approval``.
        """
        self._revocations.revoke(serials, reason, block_key=block_key)

    def publish_status(self, *, life_s: int = 600) -> bytes:
        """Sign the revocation state of every certificate, with the next sequence number."""
        return self._revocations.publish_status(life_s)

    def crl(self, *, life_s: int = DAY_S, shard: tuple[int, int] | None = None) -> bytes:
        """Return a CRL (DER) of the revoked certificates that have not expired.

        Args:
            life_s: until nextUpdate.
            shard: number and count: only certificates whose status index modulo count is number.
        """
        return self._revocations.crl(life_s, shard)

    def ocsp(self, request: bytes, *, life_s: int = 600) -> bytes:
        """Answer an OCSP request (DER) with an OCSP response (DER), whatever it is."""
        return self._revocations.ocsp(request, life_s)

    def sign_statement(self, statement: bytes) -> bytes:
        """Sign what is no certificate, such as a ceremony's transcript.

        Raises:
            ValueError: it begins as DER does, and could be taken for something else.
        """
        if statement[:1] == b"\x30":
            raise ValueError
        return self._signer.sign(statement)

    def revision(self) -> int:
        """A number that rises with everything that is issued or revoked."""
        return self._ledger.length()

    def certificates(self) -> list[Issued]:
        """Every certificate that is neither revoked nor expired, soonest expiry first."""
        with self._store.reading() as connection:
            rows = connection.execute(
                CERTIFICATE.select()
                .where(
                    CERTIFICATE.c.authority == self.name,
                    CERTIFICATE.c.certificate.is_not(None),
                    CERTIFICATE.c.revoked_at.is_(None),
                    CERTIFICATE.c.not_after >= self._clock.now(),
                )
                .order_by(CERTIFICATE.c.not_after, CERTIFICATE.c.status_index)
            ).all()
        return [_issued(row._mapping) for row in rows]

    def audit_holds(self) -> bool:
        """Whether the audit chain is whole: nothing changed, left out or cut off."""
        return self._ledger.holds()

    def refuse_key(self, key: PublicKey, template: str) -> None:
        """Refuse a key that the profile does not accept for certificates of this kind.

        Raises:
            RoadsealError: ``pki-template``, ``pki-key-profile``.
        """
        accepted = self.profile[template_of(template).purpose].accept
        if not any(_serves(key.algorithm, name) for name in accepted):
            raise RoadsealError(
                "pki-key-profile",
                f"{self.profile.label} does not accept a key of {key.algorithm}.",
                advice=f"Make a key of {' or '.join(accepted)}.",
            )

    def _certified(self, connection: sa.Connection, child: Authority, index: int) -> None:
        """Enter a subordinate authority's certificate, so that it can be revoked."""
        certificate = child.chain[0]
        row = {
            "authority": self.name,
            "serial": f"{certificate.serial_number:x}",
            "idempotency_key": f"{SUBORDINATE}{child.name}",
            "request_hash": b"",
            "identity": child.name,
            "status_index": index,
            "key_hash": child.public_key.hashes[0],
            "not_after": from_datetime(certificate.not_valid_after_utc),
            "certificate": certificate.public_bytes(Encoding.DER),
        }
        connection.execute(CERTIFICATE.insert().values(**row))
        self._ledger.set(connection, next_index=index + 1)
        entry = {"kind": "authority.certified", "subject": child.name, "serial": row["serial"]}
        self._ledger.record(connection, [entry])

    def _check(self, request: IssueRequest, now: Time64) -> PublicKey:
        template = template_of(request.template)
        key = requested_key(request.csr)
        self.refuse_key(key, request.template)
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
                f"A life of {request.life_s} s ends outside the validity of {self.name}.",
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
        index = self._ledger.lock(connection).next_index
        known = self._known(connection, (request.idempotency_key for request in requests))
        hashes = [key.hashes for key in keys]
        refuse_blocked(connection, [one for group in hashes for one in group])
        rows, new = [], []
        for request, key, hashed in zip(requests, keys, hashes, strict=True):
            digest = request.digest(key)
            row = known.get(request.idempotency_key)
            if row is None:
                row = {
                    "authority": self.name,
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
                mine = CERTIFICATE.c.authority == self.name
                connection.execute(
                    CERTIFICATE.update().where(mine, at).values(not_after=row["not_after"])
                )
            _refuse_revoked(row)
            rows.append(row)
        if new:
            connection.execute(CERTIFICATE.insert(), new)
            self._ledger.set(connection, next_index=index)
        return rows

    def _known(
        self, connection: sa.Connection, idempotency_keys: Iterable[str]
    ) -> dict[str, dict[str, Any]]:
        rows = connection.execute(
            CERTIFICATE.select().where(
                CERTIFICATE.c.authority == self.name,
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
        self._ledger.lock(connection)
        refuse_blocked(connection, [one for _, key in signed_now.values() for one in key.hashes])
        stored = connection.execute(
            CERTIFICATE.select().where(
                CERTIFICATE.c.authority == self.name, CERTIFICATE.c.serial.in_(sorted(signed_now))
            )
        )
        fresh = []
        for found in stored:
            row, _ = signed_now[found.serial]
            _refuse_revoked(dict(found._mapping))
            if found.certificate is None:
                fresh.append(row)
            else:
                row["certificate"] = found.certificate
        if fresh:
            at = (CERTIFICATE.c.authority == self.name) & (
                CERTIFICATE.c.serial == sa.bindparam("of_serial")
            )
            connection.execute(
                CERTIFICATE.update().where(at).values(certificate=sa.bindparam("signed")),
                [{"of_serial": row["serial"], "signed": row["certificate"]} for row in fresh],
            )
        self._ledger.record(
            connection,
            [
                {
                    "kind": "certificate.issued",
                    "subject": row["identity"],
                    "serial": row["serial"],
                    "key_hash": row["key_hash"].hex(),
                    "profile": self.profile.label,
                }
                for row in fresh
            ],
        )
        return fresh

    def _certificate(
        self, request: IssueRequest, key: PublicKey, row: dict[str, Any], now: Time64
    ) -> bytes:
        template = template_of(request.template)
        body = to_be_signed(
            serial=int(row["serial"], 16),
            signature_algorithm=self._signer.public_key.algorithm,
            issuer=self._issuer,
            validity=(to_datetime(now) - _BACKDATE, to_datetime(Time64(row["not_after"]))),
            subject=common_name(request.identity),
            key=key,
            extensions=(
                *usage_extensions(template),
                alternative_names(request.names or (request.identity,)),
                *key_identifiers(key, self._key_identifier),
            ),
        )
        refuse_unsound(body, self.chain[0])
        return signed(body, self._signer.public_key.algorithm, self._signer.sign(body))


def _authority_certificate(
    name: str,
    signer: Signer,
    parent: Authority | None,
    now: Time64,
    life_s: int,
    serial: int,
) -> x509.Certificate:
    issuing = parent._signer if parent else signer
    end = to_datetime(now) + timedelta(seconds=life_s)
    if parent:
        end = min(end, parent.chain[0].not_valid_after_utc)
    subject = common_name(name)
    body = to_be_signed(
        serial=serial,
        signature_algorithm=issuing.public_key.algorithm,
        issuer=parent._issuer if parent else subject,
        validity=(to_datetime(now) - _BACKDATE, end),
        subject=subject,
        key=signer.public_key,
        extensions=(
            *usage_extensions(AUTHORITY_TEMPLATE, 0 if parent else None),
            *key_identifiers(signer.public_key, issuing.public_key.identifier if parent else None),
        ),
    )
    return x509.load_der_x509_certificate(
        signed(body, issuing.public_key.algorithm, issuing.sign(body))
    )


def _serves(algorithm: str, accepted: str) -> bool:
    """Whether a profile that accepts `accepted` takes a key of `algorithm`: a KEM may be a part."""
    parts = registered(accepted).components
    return algorithm == accepted or (algorithm.startswith("ml-kem") and algorithm in parts)


def _refuse_revoked(row: dict[str, Any]) -> None:
    if row["revoked_at"] is not None:
        raise RoadsealError(
            "pki-revoked",
            f"The certificate of this request, {row['serial']}, is revoked.",
            advice="Ask again with a new idempotency key and a new key.",
        )


def _issued(row: Any) -> Issued:
    return Issued(
        row["serial"],
        row["identity"],
        row["status_index"],
        Time64(row["not_after"]),
        row["certificate"],
    )
