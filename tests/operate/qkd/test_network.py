"""The key network: disjoint paths, cuts, and what an owned node learns."""

from __future__ import annotations

import itertools
import os
import random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.clock import SystemClock
from roadseal.errors import RoadsealError
from roadseal.operate.qkd.network import Network, Node, Span, rank
from roadseal.operate.qkd.relay import relay


def corridor() -> Network:
    """Centre and two control rooms, a ring of aggregation nodes, a cabinet at each."""
    rooms = [Node(name, relays=True) for name in ("tcc", "east", "west", "north", "south")]
    cabinets = [Node(f"rsu-{number}", relays=False) for number in range(4)]
    ring = ["tcc", "east", "south", "west", "north"]
    spans = [Span(a, b, 1e6) for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
    spans += [Span(f"rsu-{n}", at, 1e5) for n in range(4) for at in (ring[n], ring[n + 1])]
    return Network([*rooms, *cabinets], spans)


def mesh(count: int, seed: int = 1) -> Network:
    graph = nx.random_regular_graph(4, count, seed=seed)
    rng = random.Random(seed)
    spans = [Span(f"n{a}", f"n{b}", rng.uniform(1e4, 1e6)) for a, b in graph.edges]
    return Network([Node(f"n{n}", relays=True) for n in range(count)], spans)


def test_paths_share_no_node_and_pass_no_cabinet() -> None:
    net = corridor()
    route = net.route("rsu-0", "rsu-2", paths=2)
    first, second = (set(path[1:-1]) for path in route.paths)
    assert not first & second
    assert not any(node.startswith("rsu") for node in route.relays)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), paths=st.integers(1, 4))
def test_as_many_disjoint_paths_as_menger_says(seed: int, paths: int) -> None:
    net = mesh(20, seed)
    graph = nx.Graph([tuple(span.ends) for span in net.spans])
    most = nx.connectivity.local_node_connectivity(graph, "n0", "n11")
    if graph.has_edge("n0", "n11"):
        graph.remove_edge("n0", "n11")
        most = 1 + nx.connectivity.local_node_connectivity(graph, "n0", "n11")
    try:
        route = net.route("n0", "n11", paths=paths)
    except RoadsealError:
        assert paths > most
        return
    assert paths <= most
    inner = [node for path in route.paths for node in path[1:-1]]
    assert len(inner) == len(set(inner))
    for path in route.paths:
        for hop in itertools.pairwise(path):
            assert any(span.ends == frozenset(hop) for span in net.spans)


def test_a_full_pool_is_preferred_and_an_empty_one_not_used() -> None:
    nodes = [Node(name, relays=True) for name in "abcd"]
    spans = [Span("a", "b", 1e6), Span("b", "d", 1e6), Span("a", "c", 300), Span("c", "d", 300)]
    net = Network(nodes, spans)
    assert net.route("a", "d").paths == (("a", "b", "d"),)
    assert net.route("a", "d", paths=2).paths == (("a", "b", "d"), ("a", "c", "d"))
    spent = net.spent(net.route("a", "d", paths=2))
    with pytest.raises(RoadsealError, match="disjoint paths"):
        spent.route("a", "d", paths=2)
    assert spent.route("a", "d").paths == (("a", "b", "d"),)


def test_after_a_cut_there_is_another_way_in_time() -> None:
    net, clock = mesh(100), SystemClock()
    route = net.route("n0", "n50", paths=2)
    start_s = clock.cpu_s()
    again = net.cut(*route.paths[0][:2]).route("n0", "n50", paths=2)
    took_s = clock.cpu_s() - start_s
    hops = {frozenset(hop) for path in again.paths for hop in itertools.pairwise(path)}
    assert frozenset(route.paths[0][:2]) not in hops
    print(f"rerouted on 100 nodes in {took_s * 1e3:.0f} ms of CPU")


def test_one_owned_node_exposes_no_key_with_two_paths_and_does_with_one() -> None:
    net = corridor()
    single, double = (net.route("rsu-0", "rsu-2", paths=n) for n in (1, 2))
    for node in net.nodes:
        assert not double.exposed_by([node])
        assert single.exposed_by([node]) is (node in single.relays)
    assert double.exposed_by([path[1] for path in double.paths])
    assert set(net.weakest_nodes([double]).values()) == {0}
    assert max(net.weakest_nodes([single]).values()) == 1


def test_rank() -> None:
    assert rank([]) == rank([0]) == 0
    assert rank([0b101, 0b011, 0b110]) == 2
    assert rank([1, 2, 4, 7]) == 3


def test_a_key_arrives_and_no_relay_has_it() -> None:
    route = corridor().route("rsu-0", "rsu-2", paths=2)
    spent: list[tuple[str, str]] = []

    def hop_key(here: str, there: str, count: int) -> bytes:
        spent.append((here, there))
        return os.urandom(count)

    done = relay(route, hop_key, random_bytes=os.urandom)
    assert done.at_source == done.at_target
    assert len(done.at_source) == 32
    assert set(done.seen) == route.relays
    assert done.at_source not in done.seen.values()
    shares = [done.seen[path[1]] for path in route.paths]
    everything = bytes(a ^ b for a, b in zip(*shares, strict=True))
    assert everything != done.at_source  # all paths are not enough: ML-KEM is in it
    assert len(spent) == sum(len(path) - 1 for path in route.paths)


@pytest.mark.parametrize(
    "action",
    [
        lambda: Network([Node("a", relays=True)], [Span("a", "b", 1)]),
        lambda: corridor().route("tcc", "nowhere"),
        lambda: corridor().route("tcc", "tcc"),
        lambda: corridor().cut("tcc", "south"),
        lambda: corridor().route("rsu-0", "rsu-2", paths=3),
    ],
)
def test_what_cannot_be_says_what_to_do(action) -> None:
    with pytest.raises(RoadsealError) as caught:
        action()
    assert caught.value.advice
