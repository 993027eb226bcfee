"""The way between a campaign's workers and units on the network: one order a unit, in the database.

Workers post orders and wait for answers (`Post` is a `Send`); units fetch theirs from whoever
serves them (`Mailbox`). No process needs to know another, and each may be killed: an order that was
fetched and not answered is fetched again, and an answer that no worker read waits for the next
worker that gives the same order.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock, Time64
from roadseal.fleet import Order
from roadseal.fleet.late import came_back, still_holds
from roadseal.operate.pki.tables import ORDER, UNIT
from roadseal.operate.pki.unit.order_wire import (
    encode_answer,
    encode_body,
    read_answer,
    read_body,
)
from roadseal.operate.pki.unit.orders import Answer, Enrol, Message
from roadseal.store import Store

_LOOK_S: Final = 0.1


class Mailbox:
    """The units' end."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def order_for(self, device: str) -> Message | None:
        """The order that `device` is to perform now; None: nothing."""
        with self._store.reading() as connection:
            row = connection.execute(
                ORDER.select().where(ORDER.c.device == device, ORDER.c.answer.is_(None))
            ).first()
            if row is None or not still_holds(connection, row.campaign, device, row.fence):
                return None
        # The time is that of the handing over: a unit sets a wrong clock by it.
        return Message(device, row.fence, self._clock.now(), read_body(row.body))

    def answer(self, device: str, fence: int, answer: Answer) -> bool:
        """Keep an answer; False if the order has been replaced. On the disk when it returns."""
        at = (ORDER.c.device == device) & (ORDER.c.fence == fence)
        with self._store.writing() as connection:
            row = connection.execute(ORDER.select().where(at).with_for_update()).first()
            if row is None:
                return False
            if row.answer is None:
                text = encode_answer(answer).decode()
                connection.execute(ORDER.update().where(at).values(answer=text, is_read=False))
                came_back(connection, row.campaign, device, fence, self._clock.now())
        return True

    def waiting(self, devices: Collection[str]) -> set[str]:
        """Those of `devices` that have an order without an answer; one look for all."""
        with self._store.reading() as connection:
            found = connection.scalars(sa.select(ORDER.c.device).where(ORDER.c.answer.is_(None)))
            return set(found) & set(devices)

    def saw(self, devices: Collection[str]) -> None:
        """Note that units have asked: workers wait for them, and come for answers they missed."""
        now = self._clock.now()
        with self._store.writing() as connection:
            known = set(connection.scalars(sa.select(UNIT.c.device)))
            for device in sorted(devices):
                if device in known:
                    at = UNIT.c.device == device
                    connection.execute(UNIT.update().where(at).values(seen_at=now))
                else:
                    connection.execute(UNIT.insert().values(device=device, seen_at=now))
            unread = ORDER.c.answer.is_not(None) & sa.not_(ORDER.c.is_read)
            for row in connection.execute(ORDER.select().where(unread)).all():
                came_back(connection, row.campaign, row.device, row.fence, now)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker waits.

    Args:
        answer_s: for the answers to one batch of orders.
        presence_s: a unit that has not asked for so long is not waited for; its order stays.
    """

    answer_s: float = 75.0
    presence_s: float = 150.0


class Post:
    """The workers' end: `send` is a `Send`.

    Args:
        store: where the orders are.
        campaign: whose they are.
        nonce_key: of the campaign; makes the nonces of probes.
        clock: the centre's.
        patience: with units.
        sleep: waits, in seconds.
    """

    def __init__(
        self,
        store: Store,
        campaign: str,
        nonce_key: bytes,
        clock: Clock,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._campaign = campaign
        self._nonce_key = nonce_key
        self._clock = clock
        self._patience = patience or Patience()
        self._sleep = sleep

    def nonce(self, order: Order) -> bytes:
        """The nonce of a probe: unknown before it is sent, and the same if it is sent again."""
        return hmac.digest(self._nonce_key, order.idempotency_key.encode(), "sha256")

    def send(self, messages: list[Message]) -> list[Answer | None]:
        """Post orders and return what units answer in time; None for who has not been heard."""
        answers = self._post(messages)
        awaited = {one.device: one.fence for one in messages if one.device not in answers}
        awaited = {device: awaited[device] for device in self._present(awaited)}
        ends = self._clock.now() + round(self._patience.answer_s * MICROSECONDS_PER_SECOND)
        while awaited:
            found = self._read(awaited)
            answers |= found
            awaited = {name: fence for name, fence in awaited.items() if name not in found}
            if not awaited or self._clock.now() > ends:
                break
            self._sleep(_LOOK_S)
        return [answers.get(one.device) for one in messages]

    def _post(self, messages: list[Message]) -> dict[str, Answer]:
        """Replace each unit's order; an unread answer to the same order is taken at once."""
        answers = {}
        with self._store.writing() as connection:
            for message in sorted(messages, key=lambda one: one.device):
                if isinstance(message.body, Enrol) and message.body.secret:
                    raise ValueError("a first secret is not kept at rest: give it to the unit")
                at, body = ORDER.c.device == message.device, encode_body(message.body)
                row = connection.execute(ORDER.select().where(at).with_for_update()).first()
                if row is not None and row.fence > message.fence:
                    continue  # a worker that woke up late: its claim has passed to another
                values = {
                    "campaign": self._campaign,
                    "fence": message.fence,
                    "body": body,
                    "posted_at": self._clock.now(),
                    "answer": None,
                    "is_read": False,
                }
                if row is None:
                    connection.execute(ORDER.insert().values(device=message.device, **values))
                    continue
                is_same = row.campaign == self._campaign and row.body == body
                if is_same and row.answer is not None and not row.is_read:
                    answers[message.device] = read_answer(row.answer.encode(), own=True)
                    values |= {"answer": row.answer, "is_read": True}
                connection.execute(ORDER.update().where(at).values(**values))
        return answers

    def _read(self, awaited: dict[str, int]) -> dict[str, Answer]:
        with self._store.reading() as connection:
            rows = connection.execute(
                ORDER.select().where(
                    ORDER.c.campaign == self._campaign,
                    ORDER.c.answer.is_not(None),
                    sa.not_(ORDER.c.is_read),
                )
            ).all()
        mine = [row for row in rows if awaited.get(row.device) == row.fence]
        if mine:
            with self._store.writing() as connection:
                for row in mine:
                    at = (ORDER.c.device == row.device) & (ORDER.c.fence == row.fence)
                    connection.execute(ORDER.update().where(at).values(is_read=True))
        return {row.device: read_answer(row.answer.encode(), own=True) for row in mine}

    def _present(self, devices: Collection[str]) -> set[str]:
        since = Time64(
            self._clock.now() - round(self._patience.presence_s * MICROSECONDS_PER_SECOND)
        )
        with self._store.reading() as connection:
            seen = connection.scalars(sa.select(UNIT.c.device).where(UNIT.c.seen_at >= since))
            return set(seen) & set(devices)
