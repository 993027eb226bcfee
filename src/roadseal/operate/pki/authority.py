"""An authority: issues from certification requests, revokes, and says what is revoked.

The transaction that makes a certificate is in `issuing`; what is said of revoked ones in
`revocation`.

Source: RFC 5280 (certificates, CRL), RFC 2986 (requests), RFC 9881 (ML-DSA).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import Clock, from_datetime
from roadseal.crypto import Profile
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.operate.pki.approval import Action, require_approval
from roadseal.operate.pki.authority_certificate import authority_certificate
from roadseal.operate.pki.issuing import BACKDATE, Issued, Issuing, issued_of
from roadseal.operate.pki.key_policy import refuse_key
from roadseal.operate.pki.key_store import SOFTWARE, KeyStore, Token
from roadseal.operate.pki.ledger import Ledger
from roadseal.operate.pki.office import Office
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.request import DAY_S, IssueRequest
from roadseal.operate.pki.revocation import Revocations
from roadseal.operate.pki.serials import authority_serial, serial_with
from roadseal.operate.pki.signer import Signer
from roadseal.operate.pki.tables import AUTHORITY, CERTIFICATE, SUBORDINATE
from roadseal.operate.pki.template import subject_names, template_like
from roadseal.store import Store

__all__ = ["Authority", "Issued"]


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
        self._ledger = Ledger(store, name, clock)
        office = Office(store, name, self.chain[0], signer, clock, emit, self._ledger)
        self._revocations = Revocations(office)
        self._issuing = Issuing(office, profile)

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
                above = (parent.chain[0], parent._signer) if parent else None
                certificate = authority_certificate(name, signer, above, now, life_s, serial)
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
        row = authority_row(store, name)
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
        return self._issuing.issue_many(requests)

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
        life = present.not_valid_after_utc - present.not_valid_before_utc - BACKDATE
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
        return [issued_of(row._mapping) for row in rows]

    def audit_holds(self) -> bool:
        """Whether the audit chain is whole: nothing changed, left out or cut off."""
        return self._ledger.holds()

    def refuse_key(self, key: PublicKey, template: str) -> None:
        """Refuse a key that the profile does not accept for certificates of this kind.

        Raises:
            RoadsealError: ``pki-template``, ``pki-key-profile``.
        """
        refuse_key(self.profile, key, template)

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


def authority_row(store: Store, name: str) -> sa.Row[tuple[object, ...]]:
    """What the store has of an authority.

    Raises:
        RoadsealError: ``pki-unknown``.
    """
    with store.reading() as connection:
        row = connection.execute(AUTHORITY.select().where(AUTHORITY.c.name == name)).first()
    if row is None:
        raise RoadsealError(
            "pki-unknown",
            f"There is no authority called {name!r}.",
            advice="Create it with `roadseal pki init`, or name the one that is there.",
        )
    return row
