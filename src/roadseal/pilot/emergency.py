"""Emergency vehicles, added to a scenario's demand.

They are ours, not the scenario's, and the scenario says so. Their routes are taken from the
demand's own: those that pass the most signals and are open to emergency vehicles throughout.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import sumolib

from roadseal.errors import RoadsealError
from roadseal.pilot.scenario import Scenario
from roadseal.pilot.scenario_xml import elements

Route = tuple[str, ...]
"""Edge ids in driving order."""

_FALLBACK_PAIRS = 200


@dataclass(frozen=True, slots=True)
class EmergencyDemand:
    """How many emergency vehicles, when, and how they drive.

    Args:
        count: how many.
        first_s: earliest departure after the begin of the scenario.
        last_s: latest departure after the begin of the scenario.
        blue_light: equip them with SUMO's bluelight device: traffic forms a rescue lane, and the
            vehicle disregards red lights and right of way altogether. Without it the vehicle obeys
            signals and only a granted request opens the way.
        speed_factor: of the speed limit.
    """

    count: int = 3
    first_s: float = 60.0
    last_s: float = 300.0
    blue_light: bool = True
    speed_factor: float = 1.0


def add_emergency_vehicles(
    scenario: Scenario, demand: EmergencyDemand, work_dir: Path, *, seed: int
) -> Scenario:
    """Return the scenario with emergency vehicles.

    Args:
        scenario: any; its files are only read.
        demand: how many, when, how.
        work_dir: where the route file goes.
        seed: of the departure times (and of the fallback routes).

    Raises:
        RoadsealError: `no-emergency-route`: no route of the network passes a signal.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    net = sumolib.net.readNet(str(scenario.net_file), withPrograms=True)
    rng = random.Random(f"emergency {seed}")  # noqa: S311  a simulation's draw, not a secret
    routes = _routes_by_signals(net, _demand_routes(scenario.route_files))
    if not routes:  # demand given as trips or flows: SUMO routes it itself
        routes = _routes_by_signals(net, _shortest_paths(net, rng))
    if not routes:
        raise RoadsealError(
            "no-emergency-route",
            f"No route of {scenario.name} passes a signal and is open to emergency vehicles.",
            advice="Choose another scenario, or write `emergency_vehicles = 0` into a TOML one.",
        )
    departures = sorted(
        round(scenario.begin_s + rng.uniform(demand.first_s, demand.last_s), 1)
        for _ in range(demand.count)
    )
    ids = tuple(f"emergency_{number}" for number in range(demand.count))
    file = work_dir.absolute() / f"{scenario.name[:80]}-emergency-{seed}-{demand.count}.rou.xml"
    root = _route_file(demand, zip(ids, departures, strict=True), routes)
    file.write_bytes(ElementTree.tostring(root))
    light = "with blue light" if demand.blue_light else "obeying signals"
    return scenario.with_vehicles(
        file, ids, f"{demand.count} emergency vehicles ({light}) added by Roadseal (seed {seed})."
    )


def _route_file(
    demand: EmergencyDemand, vehicles: Iterable[tuple[str, float]], routes: Sequence[Route]
) -> ElementTree.Element:
    root = ElementTree.Element("routes")
    kind = ElementTree.SubElement(
        root,
        "vType",
        id="roadseal_emergency",
        vClass="emergency",
        speedFactor=str(demand.speed_factor),
    )
    if demand.blue_light:
        ElementTree.SubElement(kind, "param", key="has.bluelight.device", value="true")
    for number, (vehicle_id, depart_s) in enumerate(vehicles):
        vehicle = ElementTree.SubElement(
            root,
            "vehicle",
            id=vehicle_id,
            type="roadseal_emergency",
            depart=f"{depart_s:.1f}",
            departLane="best",
            departSpeed="max",
        )
        ElementTree.SubElement(vehicle, "route", edges=" ".join(routes[number % len(routes)]))
    return root


def _demand_routes(files: Sequence[Path]) -> set[Route]:
    routes = set()
    for file in files:
        for element in elements(file):
            if element.tag == "route" and element.get("edges"):
                routes.add(tuple(element.get("edges", "").split()))
            if element.tag == "vehicle":
                element.clear()
    return routes


def _shortest_paths(net: Any, rng: random.Random) -> set[Route]:
    edges = sorted((e for e in net.getEdges() if e.allows("emergency")), key=lambda e: e.getID())
    starts = [edge for edge in edges if edge.is_fringe()] or edges
    routes = set()
    for _ in range(_FALLBACK_PAIRS if starts else 0):
        path, _ = net.getFastestPath(rng.choice(starts), rng.choice(starts), vClass="emergency")
        if path:
            routes.add(tuple(edge.getID() for edge in path))
    return routes


def _routes_by_signals(net: Any, routes: set[Route]) -> list[Route]:
    """Usable routes, most signals first, then longest; a part of an earlier one is left out."""
    with_program = {light.getID() for light in net.getTrafficLights() if light.getPrograms()}
    ranked = []
    for route in routes:
        signals = len(_signals_passed(net, route) & with_program)
        if signals:
            length_m = sum(net.getEdge(edge).getLength() for edge in route)
            ranked.append((-signals, -length_m, route))
    chosen: list[Route] = []
    for _, _, route in sorted(ranked):
        if not any(set(route) <= set(earlier) for earlier in chosen):
            chosen.append(route)
    return chosen


def _signals_passed(net: Any, route: Route) -> set[str]:
    """The signals a route passes; none if an emergency vehicle cannot drive all of it."""
    signals: set[str] = set()
    for here, there in pairwise(route):
        if not net.hasEdge(here) or not net.hasEdge(there):
            return set()
        connections = [
            connection
            for connection in net.getEdge(here).getConnections(net.getEdge(there))
            if connection.getFromLane().allows("emergency")
            and connection.getToLane().allows("emergency")
        ]
        if not connections:
            return set()
        signals.update(c.getTLSID() for c in connections if c.getTLSID())
    return signals
