"""Units that speak EST and nothing else: a campaign's orders to them are fulfilled by what they do.

Nobody can tell such a unit anything. Its order lies in the mailbox until the unit comes by itself,
with its certificate, and does what was ordered:

    trust         it fetches cacerts, which has the new root for it
    enrol         it renews, and gets the certificate of the new authority
    switch        it opens a session with that certificate
    probe         the session is the proof: TLS has seen the key used (RFC 8446 §4.4.3)
    retire        it comes with the new certificate again; the old one is revoked

It cannot be taken back: both certificates stay valid then, and it goes on with the one it likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.operate.pki.est.enrolment import Holder, holder_of
from roadseal.operate.pki.tables import CERTIFICATE, FOREIGN, PERMIT
from roadseal.operate.pki.unit.mailbox import Mailbox
from roadseal.operate.pki.unit.orders import (
    Answer,
    DropTrust,
    Enrol,
    Message,
    Probe,
    Retire,
    Switch,
    SwitchBack,
    Trust,
)
from roadseal.store import Store


@dataclass(frozen=True, slots=True)
class Visit:
    """A unit that speaks EST only has come while an order waits for it.

    Args:
        holder: who it is, by the certificate of this session.
        certificate: of this session.
        order: that waits.
    """

    holder: Holder
    certificate: x509.Certificate
    order: Message


def enlist_foreign(store: Store, devices: list[str]) -> None:
    """Note that these units speak EST only."""
    with store.writing() as connection:
        known = set(connection.scalars(sa.select(FOREIGN.c.device)))
        rows = [{"device": device} for device in sorted({*devices} - known)]
        if rows:
            connection.execute(FOREIGN.insert(), rows)


class Witness:
    """Sees what units do at the EST door, and answers their orders for them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._mailbox = Mailbox(store, clock)

    def visit(self, certificate: x509.Certificate | None) -> Visit | None:
        """Who comes, if an order waits for it and its certificate is in force."""
        if certificate is None:
            return None
        try:
            holder = holder_of(self._store, certificate, self._clock.now())
        except RoadsealError:
            return None
        with self._store.reading() as connection:
            known = FOREIGN.c.device == holder.identity
            if connection.scalar(sa.select(FOREIGN.c.device).where(known)) is None:
                return None
        order = self._mailbox.order_for(holder.identity)
        return None if order is None else Visit(holder, certificate, order)

    def saw(self, visit: Visit, operation: str) -> None:
        """Answer the order if this successful operation fulfils it."""
        answer = self._answer(visit, operation)
        if answer is not None:
            self._mailbox.answer(visit.holder.identity, visit.order.fence, answer)

    def _answer(self, visit: Visit, operation: str) -> Answer | None:
        match visit.order.body:
            case Trust() | DropTrust() if operation == "cacerts":
                return Answer()
            case Enrol() if operation == "simplereenroll":
                return Answer()
            case Switch(request) if self._shown(visit) == f"{request}/enrol":
                return Answer()
            case Probe() if self._moved(visit):
                encoded = visit.certificate.public_bytes(Encoding.DER)
                return Answer(certificate=encoded, is_witnessed=True)
            case Retire() if self._moved(visit):
                return Answer(serial=f"{visit.certificate.serial_number:x}")
            case SwitchBack(request):
                return Answer(serial=self._issued_for(request))
        return None

    def _shown(self, visit: Visit) -> str | None:
        """The request that the certificate of this session was issued for."""
        with self._store.reading() as connection:
            return connection.scalar(
                sa.select(CERTIFICATE.c.idempotency_key).where(
                    CERTIFICATE.c.authority == visit.holder.authority,
                    CERTIFICATE.c.serial == f"{visit.certificate.serial_number:x}",
                )
            )

    def _moved(self, visit: Visit) -> bool:
        """Whether it has come with the certificate that its permit gave it."""
        at = (PERMIT.c.authority == visit.holder.authority) & (
            PERMIT.c.identity == visit.holder.identity
        )
        with self._store.reading() as connection:
            request = connection.scalar(sa.select(PERMIT.c.request).where(at))
        return request is not None and self._shown(visit) == f"{request}/enrol"

    def _issued_for(self, request: str) -> str:
        """The serial of what was issued for `request`: it may begin to use that at any moment."""
        with self._store.reading() as connection:
            serial = connection.scalar(
                sa.select(CERTIFICATE.c.serial).where(
                    CERTIFICATE.c.idempotency_key == f"{request}/enrol"
                )
            )
        return str(serial or "")
