"""The agent of a unit: keeps its certificate alive, and asks the centre for orders.

It asks once in a while, and keeps the line open while orders come. What it has done is on its disk
before it says so, so it may be killed at any moment.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import Clock, Time64, from_datetime
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.net import HttpClient, Response, Side, TlsContext, TlsRefusedError
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.tls_identity import tls_identity
from roadseal.operate.pki.unit.agent import DeviceAgent
from roadseal.operate.pki.unit.config import UnitConfig
from roadseal.operate.pki.unit.device import Credential, DeviceState, Renewal, renewal
from roadseal.operate.pki.unit.files import UnitFiles
from roadseal.operate.pki.unit.order_service import ORDERS
from roadseal.operate.pki.unit.order_wire import encode_answer, read_message
from roadseal.operate.pki.unit.orders import Message

_LINGER_S: Final = 15
"""How long the line stays open for a next order."""
_URGENT: Final = 0.1
"""Share of a certificate's life before its end in which nothing postpones a renewal."""


class Unit:
    """One unit; `run` it.

    Args:
        config: of the unit.
        files: its disk.
        clock: the machine's.
        emit: hears what happens.
    """

    def __init__(self, config: UnitConfig, files: UnitFiles, clock: Clock, emit: Emit) -> None:
        roots = tuple(one.public_bytes(Encoding.DER) for one in config.roots)
        self._config = config
        self._files = files
        self._clock = clock
        self._emit = emit
        self._agent = DeviceAgent(
            files.load() or DeviceState(config.identity, roots),
            files.save,
            files,
            self._est,
            clock,
            algorithm=config.algorithm,
            bootstrap=config.secret,
        )

    @property
    def state(self) -> DeviceState:
        """What is on its disk."""
        return self._agent.state

    async def run(self) -> None:
        """Go on until cancelled; what cannot be done now is tried again."""
        while True:
            await self.wake()
            await asyncio.sleep(self._config.poll_s * random.uniform(0.9, 1.1))  # noqa: S311  # against herds

    async def wake(self) -> int:
        """Renew if it is due, then perform every order that there is; returns how many."""
        await self._renew()
        done = 0
        for credential in self._credentials():
            try:
                while await self._perform_next(credential, _LINGER_S if done else 0):
                    done += 1
                    if self.state.preferred != credential:
                        return done + await self.wake()  # it shows another certificate now
                return done
            except (TlsRefusedError, OSError) as error:
                self._tell("unit.unreachable", reason=str(error))
            except RoadsealError as error:
                self._tell("unit.refused", reason=f"{error.code}: {error.message}")
        return done

    def _credentials(self) -> list[Credential]:
        """What it may be known by: if the centre does not take the one, perhaps the other."""
        return [one for one in (self.state.preferred, self.state.beside) if one is not None]

    async def _renew(self) -> None:
        if self._agent.is_ordered and not self._is_urgent():
            return
        try:
            due = await self._agent.wake()
        except (TlsRefusedError, OSError) as error:
            self._tell("unit.unreachable", reason=str(error))
        except RoadsealError as error:
            self._tell("unit.refused", reason=f"{error.code}: {error.message}")
        else:
            if due is not Renewal.KEEP and self.state.preferred:
                self._tell("unit.enrolled", how=str(due), serial=self.state.preferred.serial)

    def _is_urgent(self) -> bool:
        if self.state.preferred is None or renewal(self.state, self._clock.now()) in (
            Renewal.GRACE,
            Renewal.BOOTSTRAP,
        ):
            return True
        leaf = self.state.preferred.loaded
        end = from_datetime(leaf.not_valid_after_utc)
        life = end - from_datetime(leaf.not_valid_before_utc)
        return self.state.time(self._clock.now()) > end - _URGENT * life

    async def _perform_next(self, credential: Credential, wait_s: int) -> bool:
        """Fetch an order, perform it, answer; False if there is none."""
        path = f"/{'/'.join(ORDERS)}"
        async with self._http(credential) as http:
            response = await http.request("GET", f"{path}?wait={wait_s}")
            if response.status == 204:
                return False
            order = read_message(_accepted(response, 200).body, self._config.identity)
            answer = await self._agent.perform(order)
            if not answer.refused:
                self._tell("unit.obeyed", order=type(order.body).__name__, fence=order.fence)
            else:
                self._refused(order, str(answer.refused))
            said = await http.request(
                "POST",
                f"{path}/{order.fence}",
                body=encode_answer(answer),
                headers={"content-type": "application/json"},
            )
            if said.status != 409:  # the order was replaced meanwhile: the next one will come
                _accepted(said, 204)
        return True

    def _refused(self, order: Message, reason: str) -> None:
        self._tell("unit.declined", order=type(order.body).__name__, reason=reason)

    @asynccontextmanager
    async def _http(self, credential: Credential | None) -> AsyncIterator[HttpClient]:
        config, load = self._config, x509.load_der_x509_certificate
        mine = []
        if credential is not None:
            key = self._files.open(credential.key)
            chain = tuple(load(one) for one in credential.chain)
            mine = [tls_identity(key, credential.loaded, chain)]
        roots = [load(one) for one in self.state.trust]
        context = TlsContext(Side.CLIENT, config.profile, mine, roots, anonymous=not mine)
        clock = _Believed(self)
        async with HttpClient(
            config.host, config.port, context, clock=clock, expect=[config.name]
        ) as http:
            yield http

    @asynccontextmanager
    async def _est(self, credential: Credential | None) -> AsyncIterator[EstClient]:
        async with self._http(credential) as http:
            yield EstClient(http)

    def time(self) -> Time64:
        """The time as the unit believes it."""
        return self.state.time(self._clock.now())

    def _tell(self, kind: str, **facts: str | int) -> None:
        self._emit(Event(self.time(), self._config.identity, kind, facts))


class _Believed:
    """The unit's time as a clock."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def now(self) -> Time64:
        return self._unit.time()


def _accepted(response: Response, status: int) -> Response:
    if response.status != status:
        text = response.body[:300].decode(errors="replace").strip()
        raise RoadsealError(
            "unit-refused",
            f"The centre answered {response.status}: {text or 'no reason given'}",
            advice="Look at the centre's log.",
        )
    return response
