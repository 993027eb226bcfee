"""A device's own upkeep over EST: it looks whether a renewal is due, and does it.

Every step is kept before the next one begins. An agent that was killed, or whose answer was lost,
comes again with the same request and gets the same certificate.

Source: RFC 7030 §4.2 (simple enrolment and re-enrolment).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.operate.pki.device import Credential, DeviceState, KeyRing, Renewal, renewal
from roadseal.operate.pki.device_orders import Refused, install, prepare
from roadseal.operate.pki.est_client import EstClient

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
        algorithm: of new keys.
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
        state, answer = prepare(self.state, self._request(due), self._algorithm, self._keys)
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
        chain = tuple(
            one.public_bytes(Encoding.DER) for one in authorities if one.issuer != one.subject
        )
        self._take(certificate.public_bytes(Encoding.DER), chain)
        return due

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

    def _keep(self, state: DeviceState) -> None:
        if state != self.state:
            self._save(state)
            self.state = state
