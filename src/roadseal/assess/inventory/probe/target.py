"""Whom a live scan may ask: targets that were listed, inside networks that were allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from roadseal.assess.inventory.wire.spoken import endpoint
from roadseal.errors import RoadsealError


class Question(StrEnum):
    """What is asked of a target."""

    TLS = "tls"
    SSH = "ssh"
    IKE = "ike"
    SNMP = "snmp"


_PORTS = {Question.TLS: 443, Question.SSH: 22, Question.IKE: 500, Question.SNMP: 161}
_BY_PORT = {port: question for question, port in _PORTS.items()}


@dataclass(frozen=True, slots=True)
class Target:
    """One service of one device.

    Args:
        question: what is asked.
        address: an IP address: names are not resolved, for that would ask somebody else.
        port: its port.
        server_name: sent in the TLS hello, where the server needs one.
    """

    question: Question
    address: str
    port: int
    server_name: str | None = None

    @property
    def endpoint(self) -> str:
        """``address:port``."""
        return endpoint(self.address, self.port)

    def __str__(self) -> str:
        return f"{self.question}://{self.endpoint}"


def parse_target(text: str) -> Target:
    """Read ``tls://10.0.0.1:8443#server.name``; scheme and port may be left to each other.

    >>> str(parse_target("10.0.0.1:22")), str(parse_target("ike://[fe80::1]"))
    ('ssh://10.0.0.1:22', 'ike://[fe80::1]:500')

    Raises:
        RoadsealError: ``probe-target``.
    """
    rest, _, name = text.partition("#")
    scheme, separator, place = rest.partition("://")
    if not separator:
        scheme, place = "", rest
    host, port = _split(place)
    try:
        address = str(ipaddress.ip_address(host))
        number = int(port) if port else None
        question = Question(scheme) if scheme else _BY_PORT.get(number or 443, Question.TLS)
    except ValueError:
        raise RoadsealError(
            "probe-target",
            f"{text!r} is no target.",
            advice="Write an address and a port, such as 10.0.0.1:443 or ssh://10.0.0.1; no names.",
        ) from None
    if number is None:
        number = _PORTS[question]
    if not 0 < number < 65536:
        raise RoadsealError(
            "probe-target", f"{text!r} has no such port.", advice="Ports are 1 to 65535."
        )
    return Target(question, address, number, name or None)


def _split(place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        return host, rest.removeprefix(":")
    if place.count(":") > 1:
        return place, ""
    host, _, port = place.partition(":")
    return host, port


@dataclass(frozen=True, slots=True)
class Permission:
    """What a live scan is allowed.

    Args:
        active: whether anything may be sent at all.
        networks: only addresses in these are asked.
        rate_per_s: connections and datagrams a second, to all together.
    """

    active: bool
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    rate_per_s: float = 10.0

    @classmethod
    def of(cls, networks: Iterable[str], *, active: bool, rate_per_s: float = 10.0) -> Permission:
        """Read networks such as ``10.20.0.0/16``.

        Raises:
            RoadsealError: ``probe-network``.
        """
        try:
            return cls(active, tuple(map(ipaddress.ip_network, networks)), rate_per_s)
        except ValueError as error:
            raise RoadsealError(
                "probe-network", f"{error}.", advice="Write networks such as 10.20.0.0/16."
            ) from None

    def allows(self, target: Target) -> bool:
        """Whether the target's address lies in an allowed network."""
        address = ipaddress.ip_address(target.address)
        return any(address in network for network in self.networks)

    def check(self, targets: Iterable[Target]) -> None:
        """Refuse a scan of which one target is outside, before anything is sent.

        Raises:
            RoadsealError: ``probe-not-active`` or ``probe-not-allowed``.
        """
        if not self.active:
            raise RoadsealError(
                "probe-not-active",
                "A live scan sends packets to devices, and nobody has asked for that.",
                advice="Give --active, after agreeing with whoever runs these devices.",
            )
        for target in targets:
            if not self.allows(target):
                raise RoadsealError(
                    "probe-not-allowed",
                    f"{target.address} lies in no allowed network.",
                    advice="Add its network to the allow-list, or take it off the targets.",
                )
