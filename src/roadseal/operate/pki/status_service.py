"""Revocation over HTTP: status list, CRL and OCSP for who polls; the list pushed to who listens.

The list is made anew when something was revoked or half its life is over, so polling costs nothing:
an unchanged one is answered with 304.

Source: RFC 5280 §5, RFC 6960 appendix A (OCSP over HTTP), RFC 9110 §13.1.2 (If-None-Match).
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections.abc import Collection, Sequence
from typing import Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock, Time64
from roadseal.errors import RoadsealError
from roadseal.net import HttpClient, Request, Response, TlsRefusedError
from roadseal.operate.pki.authority import Authority
from roadseal.operate.pki.standing import StatusKeeper, Taken

STATUS: Final = "application/vnd.roadseal.status"
_SHARD_NUMBER: Final = re.compile("[0-9]{1,4}")
_NOT_OURS: Final = b"\x30\x03\x0a\x01\x06"  # OCSPResponse with the status unauthorized(6)
LIFE_S: Final = 600
"""Validity of a published list, seconds."""


class StatusService:
    """Answers what is revoked; `handle` is a `roadseal.net.Handler`."""

    def __init__(self, authority: Authority, *, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock
        self._list = b""
        self._made = Time64(0)
        self._revision = -1

    def current(self) -> bytes:
        """The signed list, made anew if it has to be."""
        revision = self._authority.revision()
        half_us = LIFE_S * MICROSECONDS_PER_SECOND // 2
        if revision != self._revision or self._clock.now() > self._made + half_us:
            self._list = self._authority.publish_status(life_s=LIFE_S)
            self._made, self._revision = self._clock.now(), revision
        return self._list

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        name = self._authority.name
        match request.method, *request.segments:
            case "GET", "status", asked if asked == name:
                encoded = self.current()
                tag = f'"{self._made}-{self._revision}"'
                if tag in request.headers.get("if-none-match", ""):
                    return Response(304, {"etag": tag})
                return Response(200, {"content-type": STATUS, "etag": tag}, encoded)
            case "GET", "crl", file:
                shard = _shard(file, name)
                if shard is None:
                    return Response(404)
                encoded = self._authority.crl(shard=shard or None)
                return Response(200, {"content-type": "application/pkix-crl"}, encoded)
            case "POST", "ocsp":
                return self._ocsp(request.body)
            case "GET", "ocsp", *rest:
                try:
                    return self._ocsp(b64decode("/".join(rest), validate=True))
                except ValueError:
                    return self._ocsp(b"")
        return Response(404)

    def _ocsp(self, encoded: bytes) -> Response:
        headers = {"content-type": "application/ocsp-response"}
        return Response(200, headers, self._authority.ocsp(encoded))


async def answer_in_turn(services: Sequence[StatusService], request: Request) -> Response:
    """Answer for several authorities: by the first that knows what is asked."""
    for service in services:
        response = await service.handle(request)
        if response.status != 404 and response.body != _NOT_OURS:
            break
    return response


async def push_status(
    encoded: bytes, authority: str, listeners: Collection[HttpClient]
) -> dict[HttpClient, str]:
    """Send a list to everybody who listens, all at once; returns what each said."""

    async def push(listener: HttpClient) -> str:
        headers = {"content-type": STATUS}
        try:
            target = f"/status/{authority}"
            response = await listener.request("PUT", target, body=encoded, headers=headers)
        except (TlsRefusedError, RoadsealError) as error:
            return f"unreachable: {error}"
        return response.body.decode(errors="replace") or str(response.status)

    answers = await asyncio.gather(*(push(listener) for listener in listeners))
    return dict(zip(listeners, answers, strict=True))


class StatusListener:
    """The relying party's end of `push_status`; `handle` is a `roadseal.net.Handler`."""

    def __init__(self, keeper: StatusKeeper) -> None:
        self._keeper = keeper

    async def handle(self, request: Request) -> Response:
        """Take a pushed list."""
        match request.method, *request.segments:
            case "PUT", "status", authority:
                taken = self._keeper.take(authority, request.body)
                refused = taken is Taken.REFUSED
                return Response(400 if refused else 200, {}, taken.value.encode())
        return Response(404)


async def poll_status(client: HttpClient, authority: str, keeper: StatusKeeper) -> Taken | None:
    """Ask for the newest list; None if the server has none.

    Raises:
        TlsRefusedError: no session, or it broke off.
    """
    response = await client.request("GET", f"/status/{authority}")
    if response.status != 200:
        return None
    return keeper.take(authority, response.body)


def _shard(file: str, name: str) -> tuple[int, int] | tuple[()] | None:
    """The shard that a file name asks for: ``issuing.crl`` all, ``issuing-0-of-8.crl`` a part."""
    if file == f"{name}.crl":
        return ()
    number, of, count = file.removeprefix(f"{name}-").removesuffix(".crl").partition("-of-")
    if not of or not _SHARD_NUMBER.fullmatch(number) or not _SHARD_NUMBER.fullmatch(count):
        return None
    return (int(number), int(count)) if int(number) < int(count) else None
