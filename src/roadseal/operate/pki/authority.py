"""An authority: issues from certification requests, revokes, and says what is revoked.

A serial is reserved on the disk before anything is signed, and a certificate and its audit entry
are on the disk before the certificate leaves. Repeating a request with its idempotency key gives
the same certificate; a reserved serial whose signing was interrupted is used by the repetition.

Source: RFC 5280 (certificates, CRL), RFC 2986 (requests), RFC 9881 (ML-DSA).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock, Time64, from_datetime, to_datetime
from roadseal.crypto import Profile, Purpose
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.operate.pki.keys import (
    SigningKey,
    algorithm_of,
    generate_key,
    key_hash,
    open_key,
    seal_key,
    signing_hash,
)
from roadseal.operate.pki.status_list import StatusList, make_bitmap, sign_status_list
from roadseal.operate.pki.tables import AUDIT, AUTHORITY, BLOCKED_KEY, CERTIFICATE
from roadseal.store import Store

_DAY_S: Final = 86_400
_BACKDATE_S: Final = 300  # a device whose clock is a little behind takes its own certificate
_MAX_CSR_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """What is asked of an authority.

    Args:
        csr: PKCS #10 request, PEM or DER; only its key is taken from it.
        identity: whom the certificate is for: common name, and DNS name unless `names` are given.
        idempotency_key: names this request; repeating it gives the same certificate.
        names: DNS names of the subjectAltName.
        life_s: validity, seconds.
    """

    csr: bytes
    identity: str
    idempotency_key: str
    names: tuple[str, ...] = ()
    life_s: int = 30 * _DAY_S


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
        key: SigningKey,
        profile: Profile,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self.name = name
        self.chain = tuple(chain)
        self._store = store
        self._key = key
        self._profile = profile
        self._clock = clock
        self._emit = emit

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
        life_s: int = 3650 * _DAY_S,
    ) -> Authority:
        """Make a key and an authority: a root, or under `parent` an issuing one.

        Raises:
            RoadsealError: ``pki-algorithm``, ``pki-exists``.
        """
        key = generate_key(algorithm)
        now = clock.now()
        certificate = _authority_certificate(name, key, parent, now, life_s)
        chain = (certificate, *(parent.chain if parent else ()))
        authority = cls(store, name, chain, key, profile, clock, emit)
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
        try:
            with store.writing() as connection:
                connection.execute(
                    AUTHORITY.insert().values(
                        name=name,
                        chain=pem,
                        key=seal_key(key, passphrase),
                        next_index=0,
                        status_sequence=0,
                        audit_sequence=0,
                        audit_hash=bytes(32),
                    )
                )
                authority._audit(connection, [{"kind": "authority.created", "subject": name}])
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
    ) -> Authority:
        """Open an authority that `create` made.

        Raises:
            RoadsealError: ``pki-unknown``, ``pki-passphrase``.
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
        return cls(store, name, chain, open_key(row.key, passphrase), profile, clock, emit)

    def issue(self, request: IssueRequest) -> Issued:
        """Issue one certificate; see `issue_many`."""
        return self.issue_many([request])[0]

    def issue_many(self, requests: Sequence[IssueRequest]) -> list[Issued]:
        """Issue certificates, in order, with two disk flushes for all of them.

        Raises:
            RoadsealError: ``pki-csr``, ``pki-possession``, ``pki-key-profile``, ``pki-identity``,
                ``pki-key-blocked``, ``pki-idempotency``, ``pki-life``; nothing is issued then.
        """
        now = self._clock.now()
        checked = [self._check(request, now) for request in requests]
        with self._store.writing() as connection:
            reserved = self._reserve(connection, requests, checked, now)
        signed = [
            row["certificate"] or self._certificate(request, csr, row, now)
            for request, csr, row in zip(requests, checked, reserved, strict=True)
        ]
        issued, fresh = [], []
        with self._store.writing() as connection:
            self._lock(connection)
            for row, certificate in zip(reserved, signed, strict=True):
                at = (CERTIFICATE.c.authority == self.name) & (
                    CERTIFICATE.c.serial == row["serial"]
                )
                stored = connection.scalar(sa.select(CERTIFICATE.c.certificate).where(at))
                if stored is None:
                    # Somebody may have blocked it while it was signed.
                    _refuse_blocked(connection, row["key_hash"], row["identity"])
                    connection.execute(
                        CERTIFICATE.update().where(at).values(certificate=certificate)
                    )
                    fresh.append(row)
                issued.append(
                    Issued(
                        row["serial"],
                        row["identity"],
                        row["status_index"],
                        Time64(row["not_after"]),
                        stored or certificate,
                    )
                )
            self._audit(
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
        for row in fresh:
            facts = {"serial": row["serial"], "profile": self._profile.label}
            self._emit(Event(now, row["identity"], "certificate.issued", facts))
        return issued

    def revoke(self, serial: str, reason: x509.ReasonFlags, *, block_key: bool = False) -> None:
        """Revoke a certificate, and on demand never certify its key again; repeating is harmless.

        Raises:
            RoadsealError: ``pki-serial``.
        """
        now = self._clock.now()
        at = (CERTIFICATE.c.authority == self.name) & (CERTIFICATE.c.serial == serial)
        with self._store.writing() as connection:
            self._lock(connection)
            row = connection.execute(CERTIFICATE.select().where(at)).first()
            if row is None or row.certificate is None:
                raise RoadsealError(
                    "pki-serial",
                    f"{self.name} has issued no certificate with serial {serial}.",
                    advice="Look it up with `roadseal pki expiring`.",
                )
            if block_key:
                _block(connection, row.key_hash, now)
            if row.revoked_at is None:
                connection.execute(
                    CERTIFICATE.update().where(at).values(revoked_at=now, reason=reason.value)
                )
            self._audit(
                connection,
                [
                    {
                        "kind": "certificate.revoked",
                        "subject": row.identity,
                        "serial": serial,
                        "reason": reason.value,
                        "key_blocked": block_key,
                    }
                ],
            )
        facts = {"serial": serial, "reason": reason.value, "key_blocked": block_key}
        self._emit(Event(now, row.identity, "certificate.revoked", facts))

    def publish_status(self, *, life_s: int = 600) -> bytes:
        """Sign the revocation state of every certificate, with the next sequence number."""
        now = self._clock.now()
        with self._store.writing() as connection:
            head = self._lock(connection)
            sequence = head.status_sequence + 1
            self._set(connection, status_sequence=sequence)
            revoked = connection.scalars(
                sa.select(CERTIFICATE.c.status_index).where(
                    CERTIFICATE.c.authority == self.name, CERTIFICATE.c.revoked_at.is_not(None)
                )
            ).all()
        due = Time64(now + life_s * MICROSECONDS_PER_SECOND)
        bitmap = make_bitmap(head.next_index, revoked)
        return sign_status_list(
            StatusList(self.name, sequence, now, due, head.next_index, bitmap), self._key
        )

    def crl(self, *, life_s: int = _DAY_S) -> bytes:
        """Return a CRL (DER) of every revoked certificate that has not expired."""
        now = self._clock.now()
        with self._store.writing() as connection:
            head = self._lock(connection)
            self._set(connection, status_sequence=head.status_sequence + 1)
            rows = connection.execute(
                CERTIFICATE.select().where(
                    CERTIFICATE.c.authority == self.name,
                    CERTIFICATE.c.revoked_at.is_not(None),
                    CERTIFICATE.c.not_after >= now,
                )
            ).all()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.chain[0].subject)
            .last_update(to_datetime(now))
            .next_update(to_datetime(now) + timedelta(seconds=life_s))
            .add_extension(x509.CRLNumber(head.status_sequence + 1), critical=False)
            .add_extension(_authority_key_identifier(self.chain[0]), critical=False)
        )
        for row in rows:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(int(row.serial, 16))
                .revocation_date(to_datetime(Time64(row.revoked_at)))
            )
            if row.reason != x509.ReasonFlags.unspecified.value:  # RFC 5280 §5.3.1: leave it out
                flag = x509.ReasonFlags(row.reason)
                entry = entry.add_extension(x509.CRLReason(flag), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, signing_hash(self._key)).public_bytes(Encoding.DER)

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
        return [
            Issued(
                row.serial, row.identity, row.status_index, Time64(row.not_after), row.certificate
            )
            for row in rows
        ]

    def audit_holds(self) -> bool:
        """Whether the audit chain is whole: nothing changed, left out or cut off."""
        with self._store.reading() as connection:
            head = connection.execute(AUTHORITY.select().where(AUTHORITY.c.name == self.name)).one()
            rows = connection.execute(
                AUDIT.select().where(AUDIT.c.authority == self.name).order_by(AUDIT.c.sequence)
            ).all()
        previous = bytes(32)
        for number, row in enumerate(rows, 1):
            previous = hashlib.sha256(previous + row.entry).digest()
            if (row.sequence, row.hash) != (number, previous):
                return False
        return bool((head.audit_sequence, head.audit_hash) == (len(rows), previous))

    def _check(self, request: IssueRequest, now: Time64) -> x509.CertificateSigningRequest:
        csr = _read_csr(request.csr)
        accepted = self._profile[Purpose.TLS_AUTHENTICATION]
        algorithm = algorithm_of(csr.public_key())
        if algorithm is None or not accepted.accepts(algorithm):
            raise RoadsealError(
                "pki-key-profile",
                f"{self._profile.label} does not accept the key {algorithm or 'of this request'}.",
                advice=f"Make a key of {' or '.join(accepted.accept)}.",
            )
        end = Time64(now + request.life_s * MICROSECONDS_PER_SECOND)
        if request.life_s <= 0 or end > from_datetime(self.chain[0].not_valid_after_utc):
            raise RoadsealError(
                "pki-life",
                f"A life of {request.life_s} s ends outside the validity of {self.name}.",
                advice="Ask for a shorter life, or renew the authority.",
            )
        if not 0 < len(request.identity) <= 64:
            raise RoadsealError(
                "pki-identity",
                "An identity has 1 to 64 characters (RFC 5280, ub-common-name).",
                advice="Give a shorter name, and further ones as DNS names.",
            )
        return csr

    def _reserve(
        self,
        connection: sa.Connection,
        requests: Sequence[IssueRequest],
        checked: Sequence[x509.CertificateSigningRequest],
        now: Time64,
    ) -> list[dict[str, Any]]:
        head = self._lock(connection)
        index = head.next_index
        rows = []
        for request, csr in zip(requests, checked, strict=True):
            hashed = key_hash(csr.public_key())
            digest = _request_hash(request, hashed)
            known = connection.execute(
                CERTIFICATE.select().where(
                    CERTIFICATE.c.authority == self.name,
                    CERTIFICATE.c.idempotency_key == request.idempotency_key,
                )
            ).first()
            if known is not None and known.request_hash != digest:
                raise RoadsealError(
                    "pki-idempotency",
                    f"The key {request.idempotency_key!r} belongs to another request.",
                    advice="Choose a new idempotency key for each new request.",
                )
            if known is not None and known.certificate is not None:
                rows.append(dict(known._mapping))
                continue
            _refuse_blocked(connection, hashed, request.identity)
            if known is not None:
                rows.append(dict(known._mapping))
                continue
            row = {
                "authority": self.name,
                "serial": f"{_random_serial():x}",
                "idempotency_key": request.idempotency_key,
                "request_hash": digest,
                "identity": request.identity,
                "status_index": index,
                "key_hash": hashed,
                "not_after": now + request.life_s * MICROSECONDS_PER_SECOND,
            }
            connection.execute(CERTIFICATE.insert().values(**row))
            rows.append({**row, "certificate": None})
            index += 1
        self._set(connection, next_index=index)
        return rows

    def _certificate(
        self,
        request: IssueRequest,
        csr: x509.CertificateSigningRequest,
        row: dict[str, Any],
        now: Time64,
    ) -> bytes:
        names = request.names or (request.identity,)
        key = csr.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(request.identity))
            .issuer_name(self.chain[0].subject)
            .public_key(key)
            .serial_number(int(row["serial"], 16))
            .not_valid_before(to_datetime(now) - timedelta(seconds=_BACKDATE_S))
            .not_valid_after(to_datetime(Time64(row["not_after"])))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
                ),
                critical=False,
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(_authority_key_identifier(self.chain[0]), critical=False)
        )
        return builder.sign(self._key, signing_hash(self._key)).public_bytes(Encoding.DER)

    def _lock(self, connection: sa.Connection) -> Any:
        return connection.execute(
            AUTHORITY.select().where(AUTHORITY.c.name == self.name).with_for_update()
        ).one()

    def _set(self, connection: sa.Connection, **values: Any) -> None:
        connection.execute(AUTHORITY.update().where(AUTHORITY.c.name == self.name).values(**values))

    def _audit(self, connection: sa.Connection, entries: Sequence[dict[str, Any]]) -> None:
        if not entries:
            return
        head = self._lock(connection)
        sequence, previous = head.audit_sequence, head.audit_hash
        rows = []
        for facts in entries:
            sequence += 1
            timed = {"time": self._clock.now(), **facts}
            entry = json.dumps(timed, sort_keys=True, separators=(",", ":")).encode()
            previous = hashlib.sha256(previous + entry).digest()
            rows.append(
                {"authority": self.name, "sequence": sequence, "entry": entry, "hash": previous}
            )
        connection.execute(AUDIT.insert(), rows)
        self._set(connection, audit_sequence=sequence, audit_hash=previous)


def _authority_certificate(
    name: str, key: SigningKey, parent: Authority | None, now: Time64, life_s: int
) -> x509.Certificate:
    issuer = parent.chain[0].subject if parent else _name(name)
    own_identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    end = to_datetime(now) + timedelta(seconds=life_s)
    if parent:
        end = min(end, parent.chain[0].not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(_random_serial())
        .not_valid_before(to_datetime(now) - timedelta(seconds=_BACKDATE_S))
        .not_valid_after(end)
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=0 if parent else None), critical=True
        )
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(own_identifier, critical=False)
    )
    if not parent:
        return builder.sign(key, signing_hash(key))
    builder = builder.add_extension(_authority_key_identifier(parent.chain[0]), critical=False)
    return builder.sign(parent._key, signing_hash(parent._key))


def _read_csr(encoded: bytes) -> x509.CertificateSigningRequest:
    pem = encoded.lstrip().startswith(b"-----")
    load = x509.load_pem_x509_csr if pem else x509.load_der_x509_csr
    try:
        if len(encoded) > _MAX_CSR_BYTES:
            raise ValueError
        csr = load(encoded)
        csr.public_key()
        possessed = csr.is_signature_valid
    except Exception:
        raise RoadsealError(
            "pki-csr",
            "The certification request cannot be read.",
            advice="Send a PKCS #10 request, PEM or DER.",
        ) from None
    if not possessed:
        raise RoadsealError(
            "pki-possession",
            "The request is not signed by the key it asks to certify.",
            advice="Sign the request with its own key.",
        )
    return csr


def _block(connection: sa.Connection, hashed: bytes, now: Time64) -> None:
    at = BLOCKED_KEY.c.key_hash == hashed
    if connection.scalar(sa.select(BLOCKED_KEY.c.since).where(at)) is None:
        connection.execute(BLOCKED_KEY.insert().values(key_hash=hashed, since=now))


def _refuse_blocked(connection: sa.Connection, hashed: bytes, identity: str) -> None:
    at = BLOCKED_KEY.c.key_hash == hashed
    if connection.scalar(sa.select(BLOCKED_KEY.c.since).where(at)) is not None:
        raise RoadsealError(
            "pki-key-blocked",
            f"The key of {identity} is blocked.",
            advice="Make a new key on the device.",
        )


def _request_hash(request: IssueRequest, hashed_key: bytes) -> bytes:
    facts = [hashed_key.hex(), request.identity, list(request.names), request.life_s]
    return hashlib.sha256(json.dumps(facts).encode()).digest()


def _random_serial() -> int:
    return 1 << 126 | secrets.randbits(126)  # positive, 16 octets


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
