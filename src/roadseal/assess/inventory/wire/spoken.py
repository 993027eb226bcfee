"""What was spoken between two ends, in the words of the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Finding,
    Location,
    Role,
)
from roadseal.events import Fact

Session = Mapping[str, Any]
"""A session as `roadseal._core.FlowReader` gives it."""

PLAINTEXT: Final = AlgorithmUse("plaintext", Role.PLAINTEXT)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A protocol as it was spoken, whoever saw it.

    Args:
        protocol: such as ``TLS``, ``SSH``, ``DNP3``.
        version: such as ``1.2``; empty where the protocol has none or it was not seen.
        algorithms: what was used; with ``preferred=False`` what was offered or allowed.
        facts: details by stable names.
        outcome: why nothing was agreed; empty where something was, or where that was not seen.
    """

    protocol: str
    version: str = ""
    algorithms: tuple[AlgorithmUse, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    outcome: str = ""

    @property
    def name(self) -> str:
        """Protocol and version, for people."""
        return f"{self.protocol} {self.version}".strip()

    def failed(self, outcome: str) -> Spoken:
        """The same where the negotiation failed: nothing is used, but what went in clear did."""
        offered = (
            use if use.name == "plaintext" else replace(use, preferred=False)
            for use in self.algorithms
        )
        return replace(self, algorithms=tuple(dict.fromkeys(offered)), outcome=outcome)

    def at(
        self,
        endpoint: str,
        location: Location,
        collector: str,
        *,
        basis: Basis = Basis.OBSERVED,
        confidence: float = 1.0,
        facts: Mapping[str, Fact] | None = None,
    ) -> Finding:
        """State that this was spoken at `endpoint`, as seen at `location`."""
        used = [use.name for use in self.algorithms if use.preferred]
        title = f"{self.name} at {endpoint}" + (f": {', '.join(used)}" if used else "")
        if self.outcome:
            title += f" ({self.outcome})"
        stated: dict[str, Fact] = {
            "endpoint": endpoint,
            "protocol": self.protocol.lower(),
            "version": self.version,
            "outcome": self.outcome,
            **self.facts,
            **(facts or {}),
        }
        return Finding(
            collector,
            location,
            AssetType.PROTOCOL,
            title,
            self.algorithms,
            basis,
            confidence,
            facts={key: value for key, value in stated.items() if value not in (None, "")},
        )


def uses(*pairs: tuple[str | None, Role]) -> tuple[AlgorithmUse, ...]:
    """The algorithms that are known, each once, in the order given."""
    return tuple(dict.fromkeys(AlgorithmUse(name, role) for name, role in pairs if name))


def offers(names: Iterable[str], role: Role) -> tuple[AlgorithmUse, ...]:
    """Algorithms that were offered in a role, without saying that one is used."""
    return tuple(dict.fromkeys(AlgorithmUse(name, role, preferred=False) for name in names))


def channel_cipher(name: str | None) -> tuple[str | None, Role]:
    """The role of the cipher of a channel: without one, the channel is in clear."""
    return name, Role.PLAINTEXT if name == "null" else Role.ENCRYPTION


def endpoint(host: str, port: int) -> str:
    """``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
