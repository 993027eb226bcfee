"""nDPI's labelled captures and what nDPI expects of each flow."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

DATA = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "inventory/ndpi"
CAPTURES = sorted(path.with_suffix("") for path in DATA.glob("*.out"))

Sockets = tuple[str, frozenset[tuple[str, int]]]
"""Transport and the two sockets, in no order: nDPI's guess of who is the client is not judged."""


@dataclass(frozen=True)
class Expected:
    """One line of nDPI's result.

    Args:
        protocol: such as ``TLS``, without what runs in it.
        version: such as ``TLSv1.2``.
        cipher: the suite's registered name.
        quic: such as ``Draft-29``, ``V-1``, ``Q046``.
        guessed: by port or address only, not by what was sent.
    """

    protocol: str
    version: str | None
    cipher: str | None
    quic: str | None
    guessed: bool


_LINE = re.compile(r"^\t\d+\t(TCP|UDP) (\S+) (?:<->|->) (\S+) (.*)$")


def expected(capture: Path) -> Iterator[tuple[Sockets, Expected]]:
    """Each flow that nDPI lists."""
    text = capture.with_name(capture.name + ".out").read_text("utf-8", errors="replace")
    for line in text.splitlines():
        if not (match := _LINE.match(line)):
            continue
        transport, one, other, rest = match.groups()

        def field(pattern: str, rest: str = rest) -> str | None:
            found = re.search(rf"\[{pattern}\]", rest)
            return found[1] if found else None

        protocol = field(r"proto: (?:\w+:)?[\d.]+/([^\].]*)[^\]]*")
        yield (
            (transport.lower(), frozenset({_socket(one), _socket(other)})),
            Expected(
                protocol or "",
                field(r"((?:D?TLS|SSL)v[^\]]*)"),
                field(r"Cipher: ([^\]]*)"),
                field(r"QUIC ver: ([^\]]*)"),
                "DPI" not in (field(r"Confidence: ([^\]]*)") or ""),
            ),
        )


def sockets(flow: dict[str, object]) -> Sockets:
    """The same key for a flow of ours."""
    ends = frozenset(
        {
            (str(flow["client"]), int(str(flow["client_port"]))),
            (str(flow["server"]), int(str(flow["server_port"]))),
        }
    )
    return str(flow["transport"]), ends


def _socket(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return str(ip_address(address.strip("[]"))), int(port)
