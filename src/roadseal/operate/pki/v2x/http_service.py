"""The authorities over HTTP: requests are posted as octets, lists are fetched.

Plain HTTP/1.1, as TS 102 941 allows: what matters is signed and encrypted inside. A request that
cannot be answered gets 400, and its verdict in the header `Roadseal-Verdict`. The paths are in the
documentation, page SCMS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import sqlalchemy as sa

from roadseal.clock import Clock, Time64
from roadseal.events import Emit, Event
from roadseal.net.http import Request, Response
from roadseal.operate.pki.v2x.eu_system import EuSystem
from roadseal.operate.pki.v2x.outcome import Outcome
from roadseal.operate.pki.v2x.us_periods import period_of
from roadseal.operate.pki.v2x.us_registration import RegistrationAuthority
from roadseal.operate.pki.v2x.us_system import UsSystem

MAX_REQUEST_BYTES: Final = 65_536
LIST_AGE_US: Final = 60_000_000
RETRY_S: Final = 10.0
_OCTETS: Final = "application/octet-stream"


async def make_batches(ra: RegistrationAuthority, clock: Clock, every_s: float, emit: Emit) -> None:
    """Make the batches of this period and the next, for who asked since; until cancelled.

    A database that fails costs the batches of this turn: they are made when it answers again.

    Args:
        ra: whose devices.
        clock: tells now.
        every_s: how long to wait in between, in seconds.
        emit: hears ``batch.unavailable``.
    """
    while True:
        now, wait_s = clock.now(), every_s
        try:
            for i in (period_of(now), period_of(now) + 1):
                await asyncio.to_thread(ra.produce, i, now)
        except sa.exc.DBAPIError as error:
            emit(Event(now, "database", "batch.unavailable", {"reason": type(error.orig).__name__}))
            wait_s = min(every_s, RETRY_S)
        await asyncio.sleep(wait_s)


class HttpService:
    """Answers requests; `serve_plain_http` puts it on the wire.

    Args:
        clock: tells now.
        access_point: the address under which stations reach it, written into trust lists.
        eu: the European system, if there is one.
        us: the US system, if there is one.
    """

    def __init__(
        self, clock: Clock, access_point: str, *, eu: EuSystem | None, us: UsSystem | None
    ) -> None:
        self._clock = clock
        now = clock.now
        self._posts: dict[tuple[str, ...], Callable[[bytes], Outcome]] = {}
        self._gets: dict[tuple[str, ...], Callable[[], bytes]] = {}
        self._certificates: dict[str, bytes] = {}
        self._lists: dict[tuple[str, ...], tuple[Time64, bytes]] = {}
        if eu:
            self._posts["eu", "ea"] = lambda body: eu.enrol(body, now())
            self._posts["eu", "aa"] = lambda body: eu.ticket(body, now())
            self._gets["eu", "ctl"] = lambda: eu.ctl(now(), access_point)
            self._gets["eu", "ectl"] = lambda: eu.ectl(now(), access_point)
            self._gets["eu", "crl"] = lambda: eu.crl(now())
            for root, _ in eu.in_use("root"):
                self._gets["eu", "ctl", root] = partial(_ctl, eu, clock, access_point, root)
                self._gets["eu", "crl", root] = partial(_crl, eu, clock, root)
            self._certificates |= {name: keys.certificate for name, keys in eu.keys.items()}
        if us:
            self._posts["us", "eca"] = lambda body: us.eca.handle(body, now())
            self._posts["us", "ra"] = lambda body: us.ra.handle(body, now())
            self._posts["us", "ra", "download"] = lambda body: us.ra.download(body, now())
            self._gets["us", "crl", "linked"] = lambda: us.ma.linked_crl(now())
            self._gets["us", "crl", "hash"] = lambda: us.ma.hash_crl(now())
            self._certificates |= {name: keys.certificate for name, keys in us.keys.items()}

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        path = request.segments
        if request.method == "POST" and path in self._posts:
            if len(request.body) > MAX_REQUEST_BYTES:
                return Response(413)
            # Signing and writing to the disk would hold up the other stations.
            return _response(await asyncio.to_thread(self._posts[path], request.body))
        if request.method in ("GET", "HEAD"):
            if path in self._gets:
                return _octets(await asyncio.to_thread(self._list, path))
            if len(path) == 2 and path[0] == "certificates" and path[1] in self._certificates:
                return _octets(self._certificates[path[1]])
        known = path in self._posts or path in self._gets
        return Response(405 if known else 404)

    def _list(self, path: tuple[str, ...]) -> bytes:
        """A list as it was at most a minute ago: fetching costs no signature and no number."""
        now = self._clock.now()
        made, octets = self._lists.get(path, (Time64(0), b""))
        if not octets or not 0 <= now - made < LIST_AGE_US:
            octets = self._gets[path]()
            self._lists[path] = now, octets
        return octets


def _ctl(eu: EuSystem, clock: Clock, access_point: str, root: str) -> bytes:
    return eu.ctl(clock.now(), access_point, root=root)


def _crl(eu: EuSystem, clock: Clock, root: str) -> bytes:
    return eu.crl(clock.now(), root=root)


def _response(outcome: Outcome) -> Response:
    headers = {"roadseal-verdict": outcome.verdict, "content-type": _OCTETS}
    if outcome.answer is None:
        return Response(400, headers)
    return Response(200, headers, outcome.answer)


def _octets(body: bytes) -> Response:
    return Response(200, {"content-type": _OCTETS}, body)
