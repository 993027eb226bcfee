"""Holding interviews with real devices: never faster than allowed, one connection a device."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from roadseal._core import read_answer
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Location
from roadseal.assess.inventory.probe import others
from roadseal.assess.inventory.probe import tls as tls_interview
from roadseal.assess.inventory.probe.interview import Heard, Interview, Random, Reply
from roadseal.assess.inventory.probe.target import Permission, Question, Target

MAX_ANSWER: Final = 256 << 10
"""Octets that are taken of one answer."""

_TICK_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Manner:
    """How interviews are held.

    Args:
        thorough: ask TLS servers for everything and not only for their preference.
        timeout_s: seconds that an answer may take.
        devices: devices that are asked at the same time.
    """

    thorough: bool = False
    timeout_s: float = 5.0
    devices: int = 64


def plan(targets: Iterable[Target], permission: Permission, manner: Manner) -> list[str]:
    """Say what a scan would send, without sending anything: the dry run."""
    questions = {
        Question.TLS: "up to 90 ClientHellos" if manner.thorough else "1 ClientHello",
        Question.SSH: "1 identification",
        Question.IKE: "up to 3 IKE_SA_INIT datagrams",
        Question.SNMP: "1 SNMPv3 discovery datagram",
    }
    return [
        f"{target}: {questions[target.question]}"
        + ("" if permission.allows(target) else "; NOT ALLOWED: outside the allow-list")
        for target in targets
    ]


def probe(
    targets: Sequence[Target],
    permission: Permission,
    random: Random,
    *,
    manner: Manner | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[tuple[Target, Heard]]:
    """Ask each target; the answers in the order of the targets.

    Args:
        targets: whom to ask.
        permission: what is allowed; it is checked before the first packet.
        random: source of octets, such as `secrets.token_bytes`.
        manner: how; by default one question a service.
        progress: called with 1 after each target.

    Raises:
        RoadsealError: ``probe-not-active`` or ``probe-not-allowed``; then nothing was sent.
    """
    permission.check(targets)
    run = _Run(permission, random, manner or Manner(), progress or (lambda _: None))
    return asyncio.run(run.all(targets))


def findings(target: Target, heard: Heard) -> list[Finding | Gap]:
    """What an interview says, as the inventory has it."""
    location = Location(target.endpoint)
    collector = f"probe/{target.question}"
    stated: list[Finding | Gap] = [
        spoken.at(target.endpoint, location, collector, confidence=0.95) for spoken in heard.spoken
    ]
    if heard.failure:
        stated.append(Gap(location, Cause.UNREADABLE, f"{target}: {heard.failure}"))
    return stated


class _Pace:
    """Lets so many pass a second, without looking at a clock."""

    def __init__(self, rate_per_s: float) -> None:
        self._rate = rate_per_s
        self._tokens = asyncio.Semaphore(1)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> _Pace:
        if math.isfinite(self._rate):
            self._task = asyncio.create_task(self._refill())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def pass_one(self) -> None:
        if self._task:
            await self._tokens.acquire()

    async def _refill(self) -> None:
        """Sleeping takes at least what is asked, so that the rate is a cap and not a promise."""
        pending = 0.0
        tick_s = max(_TICK_S, min(1.0, 1 / self._rate))
        while True:
            await asyncio.sleep(tick_s)
            pending = min(pending + self._rate * tick_s, max(1.0, self._rate * tick_s))
            while pending >= 1 and self._tokens.locked():
                self._tokens.release()
                pending -= 1


@dataclass
class _Run:
    permission: Permission
    random: Random
    manner: Manner
    progress: Callable[[int], None]

    async def all(self, targets: Sequence[Target]) -> list[tuple[Target, Heard]]:
        devices: defaultdict[str, list[int]] = defaultdict(list)
        for at, target in enumerate(targets):
            devices[target.address].append(at)
        heard: dict[int, Heard] = {}
        waiting = iter(devices.values())
        async with _Pace(self.permission.rate_per_s) as pace:

            async def worker() -> None:
                for places in waiting:  # shared by all workers: each device is taken once
                    for at in places:
                        heard[at] = await self._interview(targets[at], pace)
                        self.progress(1)

            workers = min(self.manner.devices, len(devices))
            await asyncio.gather(*(worker() for _ in range(workers)))
        return [(target, heard[at]) for at, target in enumerate(targets)]

    async def _interview(self, target: Target, pace: _Pace) -> Heard:
        talk = self._talk(target)
        question = next(talk)
        while True:
            await pace.pass_one()
            reply = await self._ask(target, question)
            try:
                question = talk.send(reply)
            except StopIteration as end:
                heard: Heard = end.value
                return heard

    def _talk(self, target: Target) -> Interview:
        match target.question:
            case Question.TLS:
                name = target.server_name
                return tls_interview.interview(name, self.random, thorough=self.manner.thorough)
            case Question.SSH:
                return others.ssh()
            case Question.IKE:
                return others.ike(self.random)
            case Question.SNMP:
                return others.snmp(self.random)

    async def _ask(self, target: Target, question: bytes) -> Reply:
        try:
            async with asyncio.timeout(self.manner.timeout_s):
                if target.question in {Question.TLS, Question.SSH}:
                    return await _over_tcp(target, question)
                return await _over_udp(target, question)
        except TimeoutError:
            return Reply(failure="silent")
        except ConnectionRefusedError:
            return Reply(failure="refused")
        except OSError as error:
            return Reply(failure=error.strerror or type(error).__name__)


class _Answer(asyncio.Protocol):
    """Collects an answer until the compiled reader says it is complete."""

    def __init__(self, target: Target, question: bytes) -> None:
        self._target = target
        self._question = question
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.reply: asyncio.Future[Reply] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_connection makes one
        self._transport = transport
        transport.write(self._question)

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = read_answer(self._target.question, bytes(self._received))
        if answer is None or answer["complete"] or answer["malformed"]:
            self._finish(answer)
        elif len(self._received) > MAX_ANSWER:
            self._finish(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._gone.set_result(None)
        if not self.reply.done():
            self._finish(read_answer(self._target.question, bytes(self._received)), lost=True)

    async def close(self) -> None:
        """End the connection, and wait for that: the next one to this device comes after it."""
        if self._transport:
            self._transport.abort()
            await self._gone

    def _finish(self, answer: dict[str, Any] | None, *, lost: bool = False) -> None:
        if self.reply.done():
            return
        if answer is None or (answer["malformed"] and not answer["complete"]):
            reply = Reply(failure="malformed")
        elif lost and not self._received:
            reply = Reply(failure="closed")
        else:
            reply = Reply(answer["said"], "malformed" if answer["malformed"] else "")
        self.reply.set_result(reply)


async def _over_tcp(target: Target, question: bytes) -> Reply:
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(
        lambda: _Answer(target, question), target.address, target.port
    )
    try:
        return await protocol.reply
    finally:
        await protocol.close()


class _Datagram(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _address: object) -> None:
        if not self.received.done():
            self.received.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self.received.done():
            self.received.set_exception(error)


async def _over_udp(target: Target, question: bytes) -> Reply:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        _Datagram, remote_addr=(target.address, target.port)
    )
    try:
        transport.sendto(question)
        answer = read_answer(target.question, await protocol.received)
        return Reply(failure="malformed") if answer is None else Reply(answer["said"])
    finally:
        transport.close()
