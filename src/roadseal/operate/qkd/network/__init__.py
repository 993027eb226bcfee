"""A key network of trusted nodes: keys over several links, and what an owned node learns.

A key goes hop by hop under a one-time pad of each link's QKD key, and a node in between sees it. So
it goes in shares over vertex-disjoint paths: all shares together are the key, and any number of
them short of all says nothing. What is used in the end is always mixed with an ML-KEM-768 key of
the two ends: an attacker needs every path and ML-KEM. Roadside cabinets are never in between.

Routing takes links by the level of their key pools, so that empty links are left alone. Everything
here is a function from values to values; moving key bytes is the relay's (`relay`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import networkx as nx

from roadseal.errors import RoadsealError

_NAMED = 20  # links in an error's advice
_FULL_BITS = 1e6
"""A pool of so many bits counts as full: above it only the number of hops decides."""


@dataclass(frozen=True, slots=True)
class Node:
    """A place with a KME.

    Args:
        name: unique.
        relays: whether keys of others may pass; never for a roadside cabinet.
    """

    name: str
    relays: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A QKD link between two nodes.

    Args:
        a: one node.
        b: the other.
        pool_bits: key at hand.
        up: whether it makes key.
    """

    a: str
    b: str
    pool_bits: float
    up: bool = True

    @property
    def ends(self) -> frozenset[str]:
        """Both nodes."""
        return frozenset((self.a, self.b))


@dataclass(frozen=True, slots=True)
class Route:
    """Vertex-disjoint paths, one a share.

    Args:
        paths: nodes of each path, both ends included.
        bits: of the key; every hop of every path uses up so many.
    """

    paths: tuple[tuple[str, ...], ...]
    bits: int

    @property
    def relays(self) -> frozenset[str]:
        """Nodes in between, which see a share each."""
        return frozenset(node for path in self.paths for node in path[1:-1])

    def exposed_by(self, owned: Iterable[str]) -> bool:
        """Whether an attacker who owns these nodes has every share.

        Over GF(2) the shares are the rows of an identity matrix, and the key is their sum: it lies
        in the span of the shares that are seen only if all are, which is what the rank decides.
        """
        mine = set(owned)
        seen = [i for i, path in enumerate(self.paths) if mine.intersection(path[1:-1])]
        rows = [1 << i for i in seen]
        key = (1 << len(self.paths)) - 1
        return rank([*rows, key]) == rank(rows)


class Network:
    """A key network at one moment.

    Args:
        nodes: by name.
        spans: links between them.

    Raises:
        RoadsealError: ``qkd-net-invalid``.
    """

    def __init__(self, nodes: Iterable[Node], spans: Iterable[Span]) -> None:
        self.nodes: Mapping[str, Node] = MappingProxyType({node.name: node for node in nodes})
        self.spans = tuple(spans)
        for span in self.spans:
            if span.a == span.b or not span.ends <= set(self.nodes) or span.pool_bits < 0:
                raise RoadsealError(
                    "qkd-net-invalid",
                    f"The link between {span.a!r} and {span.b!r} cannot be.",
                    advice="Give two different nodes that are listed, and a pool of 0 or more.",
                )

    def route(self, source: str, target: str, *, bits: int = 256, paths: int = 1) -> Route:
        """Find the cheapest vertex-disjoint paths with enough key on every hop.

        Args:
            source: node of the one end.
            target: node of the other.
            bits: of the key.
            paths: how many disjoint paths, and so shares.

        Raises:
            RoadsealError: ``qkd-net-unknown``, ``qkd-net-no-route``.
        """
        for name in (source, target):
            if name not in self.nodes or source == target:
                raise RoadsealError(
                    "qkd-net-unknown",
                    f"A route from {source!r} to {target!r} cannot be.",
                    advice=f"Choose two of: {', '.join(sorted(self.nodes))}.",
                )
        graph = self._flow_graph(source, target, bits, paths)
        try:
            flow = nx.max_flow_min_cost(graph, "source", "target")
        except nx.NetworkXException:
            flow = {}
        found = _paths(flow, source, target)
        if len(found) < paths:
            raise RoadsealError(
                "qkd-net-no-route",
                f"There are {len(found)} disjoint paths with {bits} bits of key from {source} to "
                f"{target}; {paths} are wanted.",
                advice="Wait for more key, add a link, or ask for fewer paths.",
            )
        return Route(tuple(sorted(found, key=lambda path: (len(path), path))), bits)

    def spent(self, route: Route) -> Network:
        """The network after a key has gone over a route."""
        used = {frozenset(hop) for path in route.paths for hop in pairwise(path)}
        spans = [
            replace(span, pool_bits=span.pool_bits - route.bits) if span.ends in used else span
            for span in self.spans
        ]
        return Network(self.nodes.values(), spans)

    def cut(self, a: str, b: str) -> Network:
        """The network without the link between two nodes: its pool is gone with it.

        Raises:
            RoadsealError: ``qkd-net-unknown``.
        """
        ends = frozenset((a, b))
        if not any(span.ends == ends for span in self.spans):
            links = ", ".join(sorted("–".join(sorted(span.ends)) for span in self.spans)[:_NAMED])
            raise RoadsealError(
                "qkd-net-unknown",
                f"There is no link {a}–{b}.",
                advice=f"Links of this network: {links}.",
            )
        spans = [replace(s, up=False, pool_bits=0) if s.ends == ends else s for s in self.spans]
        return Network(self.nodes.values(), spans)

    def weakest_nodes(self, routes: Iterable[Route]) -> dict[str, int]:
        """For each relaying node, how many of the routes it exposes when it is owned alone."""
        given = list(routes)
        return {
            name: sum(route.exposed_by([name]) for route in given)
            for name, node in sorted(self.nodes.items())
            if node.relays
        }

    def _flow_graph(self, source: str, target: str, bits: int, paths: int) -> nx.DiGraph:
        """Every node in two, an edge of capacity 1 between: a node is on one path only."""
        graph = nx.DiGraph()
        graph.add_edge("source", (source, "out"), capacity=paths, weight=0)
        graph.add_edge((target, "in"), "target", capacity=paths, weight=0)
        for name, node in self.nodes.items():
            if node.relays and name not in (source, target):
                graph.add_edge((name, "in"), (name, "out"), capacity=1, weight=0)
        for span in self.spans:
            if not span.up or span.pool_bits < bits:
                continue
            # Integers, as the algorithm needs them: a hop costs 1000, an empty pool as much again.
            level = min(span.pool_bits / _FULL_BITS, 1.0)
            weight = 1000 + round(1000 * (1 - math.sqrt(level)))
            for here, there in ((span.a, span.b), (span.b, span.a)):
                graph.add_edge((here, "out"), (there, "in"), capacity=1, weight=weight)
        return graph


def rank(rows: Sequence[int]) -> int:
    """Rank over GF(2) of rows written as integers."""
    basis: list[int] = []
    for row in rows:
        for known in basis:
            row = min(row, row ^ known)
        if row:
            basis.append(row)
    return len(basis)


def _paths(
    flow: Mapping[Any, Mapping[Any, int]], source: str, target: str
) -> list[tuple[str, ...]]:
    """Follow the units of a flow from source to target, each through nodes of its own."""
    following = {here: [to for to, units in way.items() if units] for here, way in flow.items()}
    found = []
    for at in following.get((source, "out"), ()):
        path = [source]
        while path[-1] != target:
            path.append(at[0])
            if at[0] != target:
                (out,) = following[at]
                (at,) = following[out]
        found.append(tuple(path))
    return found
