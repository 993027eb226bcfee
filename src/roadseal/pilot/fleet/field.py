"""The simulated way to simulated units: each obeys, keeps what it must, and then answers.

A unit of the EST sample is told to enrol by itself: it opens TLS to the authority's EST server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import Clock, Time64
from roadseal.errors import RoadsealError
from roadseal.net import HttpClient, Side, TlsContext, TlsProfile, TlsRefusedError
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.unit.device import DeviceState
from roadseal.operate.pki.unit.orders import Answer, Enrol, Install, Message, Probe, Refused, obey
from roadseal.pilot.fleet.units import Flash, Unit, read_units, write_flash
from roadseal.store import Store


class Field:
    """Units in a database, reached in simulated time.

    Args:
        store: where their flash is.
        clock: simulated time.
        est: name, port and TLS profile of the EST server; None: there is none.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        est: Callable[[], tuple[str, int, TlsProfile]] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._est = est
        self._keys = Flash()

    def send(self, messages: list[Message]) -> list[Answer | None]:
        """Deliver messages to units, one each; None from whoever is not reached."""
        now = self._clock.now()
        units = read_units(self._store, [one.device for one in messages])
        answers: dict[str, Answer | None] = {one.device: None for one in messages}
        kept: dict[str, tuple[DeviceState, int]] = {}
        for message in messages:
            unit = units.get(message.device)
            if unit is None or now < unit.faults.offline_until:
                continue
            state, answer = obey(unit.state, message, self._keys, _clock(unit, now))
            if unit.faults.defective and isinstance(message.body, Probe):
                answer = replace(answer, signature=bytes(len(answer.signature)))
            answers[message.device] = answer
            kept[message.device] = (state, unit.writes)
        for device in write_flash(self._store, kept, now):
            answers[device] = Answer(Refused.STALE)  # another order came between
        for message in messages:
            prepared = answers[message.device]
            if isinstance(message.body, Enrol) and prepared is not None and not prepared.refused:
                answers[message.device] = self._enrol(message, message.body, prepared)
        return [answers[one.device] for one in messages]

    def _enrol(self, message: Message, body: Enrol, prepared: Answer) -> Answer:
        """The unit goes to the EST server with its request, and installs what it gets."""
        if self._est is None:
            return Answer(Refused.CENTRE)
        unit = read_units(self._store, [message.device])[message.device]
        roots = [x509.load_der_x509_certificate(one) for one in unit.state.trust]
        try:
            certificate, chain = asyncio.run(
                self._over_est(roots, prepared.csr, message.device, body)
            )
        except (TlsRefusedError, OSError):
            return Answer(Refused.CENTRE)
        except RoadsealError as error:
            return Answer(Refused.CENTRE if " 503" in error.message else Refused.AUTHORITY)
        now = self._clock.now()
        install = replace(message, body=Install(certificate, chain))
        state, answer = obey(unit.state, install, self._keys, _clock(unit, now))
        if write_flash(self._store, {message.device: (state, unit.writes)}, now):
            return Answer(Refused.STALE)
        return replace(answer, csr=prepared.csr, certificate=certificate)

    async def _over_est(
        self, roots: list[x509.Certificate], csr: bytes, identity: str, body: Enrol
    ) -> tuple[bytes, tuple[bytes, ...]]:
        assert self._est is not None  # noqa: S101  # the caller has looked
        name, port, profile = self._est()
        context = TlsContext(Side.CLIENT, profile, [], roots, anonymous=True)
        http = HttpClient("127.0.0.1", port, context, clock=self._clock, expect=[name])
        async with http:
            client = EstClient(http, body.authority)
            chain = await client.authorities()
            certificate = await client.enrol(csr, identity, body.secret)
        between = [one for one in chain if one.issuer != one.subject]
        der = Encoding.DER
        return certificate.public_bytes(der), tuple(one.public_bytes(der) for one in between)


def _clock(unit: Unit, now: Time64) -> Time64:
    return Time64(max(now + unit.faults.clock_error_us, 0))
