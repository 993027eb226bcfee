"""Orders for units over HTTP, inside mutually authenticated TLS.

    GET  /roadseal/orders?wait=20      200 an order · 204 none in that time
    POST /roadseal/orders/FENCE        204 kept · 409 the order has been replaced

A unit is who its certificate was issued to, and sees no orders but its own. Whoever has no
certificate of these authorities in force gets 401 or 403.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import sqlalchemy as sa

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.net import Request, Response
from roadseal.operate.pki.est.enrolment import holder_of
from roadseal.operate.pki.unit.mailbox import Mailbox
from roadseal.operate.pki.unit.order_wire import MAX_BYTES, encode_message, read_answer
from roadseal.store import Store

ORDERS: Final = ("roadseal", "orders")
MAX_WAIT_S: Final = 20.0
_LOOK_S: Final = 0.1
_NOTE_S: Final = 2.0
_AWAY_S: Final = 1.0


class OrderService:
    """Hands out orders and takes answers; `handle` is a `roadseal.net.Handler`.

    `run` must run beside it: it looks for new orders once for everybody who waits.
    """

    def __init__(self, store: Store, *, clock: Clock, emit: Emit) -> None:
        self._store = store
        self._mailbox = Mailbox(store, clock)
        self._clock = clock
        self._emit = emit
        self._seen: set[str] = set()
        self._waiting: dict[str, asyncio.Event] = {}

    async def run(self) -> None:
        """Wake who waits when there is an order, and note who has asked; until cancelled."""
        loop = asyncio.get_running_loop()
        noted_s = loop.time()
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                if self._waiting:
                    for device in self._mailbox.waiting(self._waiting.keys()):
                        self._waiting[device].set()
                if self._seen and loop.time() - noted_s > _NOTE_S:
                    self._mailbox.saw(self._seen)
                    self._seen, noted_s = set(), loop.time()
            except sa.exc.OperationalError as error:  # the database restarts: it comes back
                facts = {"reason": type(error.orig).__name__}
                self._emit(Event(self._clock.now(), "database", "order.unavailable", facts))
                await asyncio.sleep(_AWAY_S)

    async def handle(self, request: Request) -> Response:
        """Answer one request; never raises for what the unit does."""
        certificate = request.peer.peer_certificate if request.peer else None
        if certificate is None:
            return _text(401, "Come with a certificate.")
        try:
            device = holder_of(self._store, certificate, self._clock.now()).identity
            match request.method, *request.segments[len(ORDERS) :]:
                case ["GET"]:
                    return await self._order(device, _wait_s(request))
                case ["POST", fence] if fence.isascii() and fence.isdecimal() and len(fence) < 11:
                    return self._answer(device, int(fence), request.body)
            return Response(404)
        except RoadsealError as error:
            facts = {"reason": error.code}
            self._emit(Event(self._clock.now(), _named(request), "order.refused", facts))
            return _text(400 if error.code == "order-malformed" else 403, str(error))

    async def _order(self, device: str, wait_s: float) -> Response:
        self._seen.add(device)
        order = self._mailbox.order_for(device)
        if order is None and wait_s and device not in self._waiting:
            self._waiting[device] = asyncio.Event()
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        while order is None:
                            await self._waiting[device].wait()
                            self._waiting[device].clear()
                            order = self._mailbox.order_for(device)
            finally:
                del self._waiting[device]
        if order is None:
            return Response(204)
        return Response(200, {"content-type": "application/json"}, encode_message(order))

    def _answer(self, device: str, fence: int, body: bytes) -> Response:
        if len(body) > MAX_BYTES:
            return Response(413)
        self._seen.add(device)
        return Response(204 if self._mailbox.answer(device, fence, read_answer(body)) else 409)


def _wait_s(request: Request) -> float:
    text = dict(request.query).get("wait", "")
    return min(float(text), MAX_WAIT_S) if text.isascii() and text.isdecimal() else 0.0


def _named(request: Request) -> str:
    names = request.peer.peer_names if request.peer else frozenset()
    return ", ".join(sorted(names)) or "unknown"


def _text(status: int, text: str) -> Response:
    return Response(status, {"content-type": "text/plain; charset=utf-8"}, f"{text}\n".encode())
