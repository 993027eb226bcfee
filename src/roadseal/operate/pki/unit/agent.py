"""A device's upkeep of its identity: it renews over EST when that is due, and obeys the centre.

Every step is kept before the next one begins. An agent that was killed, or whose answer was lost,
comes again with the same request and gets the same certificate.

Source: RFC 7030 §4.2 (simple enrolment and re-enrolment).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.net import TlsRefusedError
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.keys import algorithm_of
from roadseal.operate.pki.unit.device import Credential, DeviceState, KeyRing, Renewal, renewal
from roadseal.operate.pki.unit.orders import (
    Answer,
    Enrol,
    Message,
    Refused,
    install,
    obey,
    prepare,
)

_OWN: Final = ("bootstrap/", "renew/")
"""Begin the names of the requests that a device makes by itself."""

Dial = Callable[[Credential | None], AbstractAsyncContextManager[EstClient]]
"""Opens a session with the EST server, with a certificate or without."""


class DeviceAgent:
    """Keeps a device's certificate alive.

    Args:
        state: what the flash has.
        save: writes the flash; on the disk when it returns.
        keys: the device's keys.
        dial: the way to the EST server.
        clock: the device's.
        algorithm: of the first key; a renewal keeps the algorithm it has, and orders name theirs.
        bootstrap: returns the credential of the first enrolment; None if there is none.
    """

    def __init__(
        self,
        state: DeviceState,
        save: Callable[[DeviceState], None],
        keys: KeyRing,
        dial: Dial,
        clock: Clock,
        *,
        algorithm: str = "ml-dsa-65",
        bootstrap: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.state = state
        self._save = save
        self._keys = keys
        self._dial = dial
        self._clock = clock
        self._algorithm = algorithm
        self._bootstrap = bootstrap

    async def wake(self) -> Renewal:
        """Do what is due; returns what that was. Call it every now and then.

        Raises:
            RoadsealError: ``est-refused`` and others of `EstClient`, ``device-bootstrap``,
                ``device-certificate``; TlsRefusedError, OSError: the server was not reached. The
                device goes on with what it has, and tries again.
        """
        due = renewal(self.state, self._clock.now())
        if due is Renewal.KEEP:
            return due
        state, answer = prepare(self.state, self._request(due), self._kind(due), self._keys)
        self._keep(state)
        if due is Renewal.BOOTSTRAP:
            secret = self._bootstrap()
            if secret is None:
                raise RoadsealError(
                    "device-bootstrap",
                    f"{self.state.identity} has no certificate that renews itself.",
                    advice="Give it a new bootstrap credential.",
                )
            async with self._dial(None) as est:
                certificate = await est.enrol(answer.csr, self.state.identity, secret)
                authorities = await est.authorities()
        else:
            try:
                async with self._dial(self.state.preferred) as est:
                    certificate = await est.renew(answer.csr)
                    authorities = await est.authorities()
            except RoadsealError as error:
                if due is Renewal.GRACE and error.code == "est-forbidden":
                    self._spend_grace()
                raise
        self._take(certificate.public_bytes(Encoding.DER), _below_root(authorities))
        return due

    @property
    def is_ordered(self) -> bool:
        """Whether the centre has begun to change this device: it does not renew in between."""
        pending = self.state.pending
        return pending is not None and not pending.request.startswith(_OWN)

    async def perform(self, message: Message) -> Answer:
        """Do what the centre says, and keep it; what this returns may then be told."""
        state, answer = obey(self.state, message, self._keys, self._clock.now())
        self._keep(state)
        if isinstance(message.body, Enrol) and answer.refused is None:
            return await self._enrol(message.body, answer.csr)
        return answer

    async def _enrol(self, order: Enrol, csr: bytes) -> Answer:
        """Get the certificate that was ordered, and put it beside the one in use."""
        try:
            async with self._dial(None if order.secret else self.state.preferred) as session:
                est = session.at(order.authority)
                if order.secret:
                    certificate = await est.enrol(csr, self.state.identity, order.secret)
                else:
                    certificate = await est.renew(csr)
                chain = _below_root(await est.authorities())
        except (TlsRefusedError, OSError):
            return Answer(Refused.CENTRE)
        except RoadsealError as error:
            is_away = any(status in error.message for status in (" 202:", " 500:", " 503:"))
            return Answer(Refused.CENTRE if is_away else Refused.AUTHORITY)
        now, encoded = self.state.time(self._clock.now()), certificate.public_bytes(Encoding.DER)
        state, answer = install(self.state, encoded, chain, self._keys, now)
        self._keep(state)
        return replace(answer, elsewhere=len(csr) + len(encoded) + sum(map(len, chain)))

    def _take(self, certificate: bytes, chain: tuple[bytes, ...]) -> None:
        now = self.state.time(self._clock.now())
        state, answer = install(self.state, certificate, chain, self._keys, now)
        if answer.refused is not None or state.beside is None:
            raise RoadsealError(
                "device-certificate",
                f"The server's certificate is not taken: {answer.refused or Refused.MALFORMED}.",
                advice="Check the device's clock and the roots it trusts.",
            )
        self._keep(replace(state, preferred=state.beside, beside=None, pending=None))

    def _spend_grace(self) -> None:
        if self.state.preferred is not None:
            spent = self.state.preferred.serial
            self._keep(replace(self.state, grace_spent=spent, pending=None))

    def _request(self, due: Renewal) -> str:
        """The same name until it succeeds: one key for one renewal, however often it is tried."""
        before = self.state.preferred.certificate if self.state.preferred else b""
        kind = "bootstrap" if due is Renewal.BOOTSTRAP else "renew"
        return f"{kind}/{hashlib.sha256(before).hexdigest()}"

    def _kind(self, due: Renewal) -> str:
        present = self.state.preferred
        if due is Renewal.BOOTSTRAP or present is None:
            return self._algorithm
        return algorithm_of(present.loaded.public_key()) or self._algorithm

    def _keep(self, state: DeviceState) -> None:
        if state != self.state:
            self._save(state)
            self.state = state


def _below_root(authorities: Sequence[x509.Certificate]) -> tuple[bytes, ...]:
    return tuple(one.public_bytes(Encoding.DER) for one in authorities if one.issuer != one.subject)
