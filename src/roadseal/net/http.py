"""HTTP/1.1 requests and responses as values, and what a peer may take.

A service is a function from `Request` to `Response`, so it is tested without a socket;
`serve_http` and `HttpClient` put it on the wire, over TLS inside a profile or in the clear.

Source: RFC 9110, RFC 9112; the framing is h11's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from roadseal.errors import RoadsealError
from roadseal.net.session import Negotiated


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How much and how long a peer may take.

    Args:
        head_bytes: of a request line or status line with its headers.
        body_bytes: of a body.
        message_s: from a message's first byte to its last, and for one write.
        idle_s: between two requests of a connection.
        requests: of one connection; it is closed after them.
    """

    head_bytes: int = 16_384
    body_bytes: int = 4 << 20
    message_s: float = 30.0
    idle_s: float = 60.0
    requests: int = 100_000


DEFAULT_HTTP_LIMITS: Final = HttpLimits()


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Args:
        method: in capitals: ``GET``.
        target: as it came, still escaped: ``/api/v1/keys/A%2FB/status?size=256``.
        headers: names in lower case; of repeated ones the values joined by a comma and a space.
        body: whole.
        peer: what the TLS session is, with the client's names; None in the clear.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: Negotiated | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", MappingProxyType(dict(self.headers)))

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's segments, each unescaped by itself: an escaped slash stays in its segment."""
        path = self.target.partition("?")[0]
        if "://" in path:
            path = urlsplit(path).path
        return tuple(unquote(segment) for segment in path.strip("/").split("/"))

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The query's pairs, in order, blank values kept."""
        text = self.target.partition("?")[2]
        return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=1000))


@dataclass(frozen=True, slots=True)
class Response:
    """One response; its length is added on the wire."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", MappingProxyType(dict(self.headers)))

    @classmethod
    def of_json(cls, status: int, value: Any) -> Response:
        """A response with `value` as JSON."""
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(status, {"content-type": "application/json"}, body)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            RoadsealError: ``http-not-json``.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise RoadsealError(
                "http-not-json",
                f"The server answered {self.status} with something that is not JSON.",
                advice="Check that the address is that of the service you mean.",
            ) from None


Handler = Callable[[Request], Awaitable[Response]]
"""A service; what it raises becomes a 500 that says nothing."""


class Channel(Protocol):
    """Bytes both ways: a `TlsStream`, or a `PlainStream`."""

    async def read(self, timeout_s: float) -> bytes:
        """Return what has come; empty at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    async def close(self) -> None:
        """Close; never raises for what the peer does."""
        ...


def joined_headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in lower case, repeated ones joined (RFC 9110 clause 5.2)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
