"""The corridor: signals, roads and bounds, read from a SUMO network.

A road-side unit (RSU) stands at every signal. A signal that controls several junctions (joined
traffic lights) gets one RSU at the centroid of its junctions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import sumolib

from roadseal.errors import RoadsealError
from roadseal.pilot.georeference import UtmZone, read_projection
from roadseal.pilot.scenario_xml import elements

Point = tuple[float, float]
"""Network metres (x, y)."""

_MOTOR_CLASSES = ("passenger", "bus", "emergency")


@dataclass(frozen=True, slots=True)
class SignalLink:
    """One movement through a signal: from a lane, over the stop line, into a lane.

    Args:
        index: position in the signal's state string; several movements may share one.
        from_lane: lane before the stop line.
        to_lane: lane after the junction.
        stop_line: where the lane ends, network metres.
        approach: polyline of the lane before the stop line.
        heading_deg: direction of travel at the stop line, clockwise from north.
        crossing: a pedestrian crossing, not a movement of vehicles.
    """

    index: int
    from_lane: str
    to_lane: str
    stop_line: Point
    approach: tuple[Point, ...]
    heading_deg: float
    crossing: bool


@dataclass(frozen=True, slots=True)
class SignalPhase:
    """One phase of a program; `state` has one character a link (SUMO's signal state letters)."""

    duration_s: float
    min_duration_s: float
    max_duration_s: float
    state: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A traffic signal and its RSU.

    Args:
        id: SUMO's id of the traffic light.
        x: position of the RSU, network metres.
        y: as `x`.
        longitude: WGS 84 degrees, None where the network is not georeferenced in UTM.
        latitude: as `longitude`.
        junctions: the junctions it controls.
        links: its movements, by index.
        foes: pairs of link indices (i < j) whose paths cross or merge (SUMO's right-of-way matrix).
        program_id: the program that runs at the start.
        program_type: `static`, `actuated`, `delay_based`, …
        phases: the program's phases in order.
    """

    id: str
    x: float
    y: float
    longitude: float | None
    latitude: float | None
    junctions: tuple[str, ...]
    links: tuple[SignalLink, ...]
    foes: frozenset[tuple[int, int]]
    program_id: str
    program_type: str
    phases: tuple[SignalPhase, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """One directed road for the map: its centre line and number of lanes."""

    id: str
    name: str
    lanes: int
    length_m: float
    polyline: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Corridor:
    """What the pilot knows of the place.

    Args:
        name: of the scenario.
        signals: with a program, sorted by id.
        roads: open to motor traffic, sorted by id.
        bounds: (min x, min y, max x, max y) of the roads, network metres.
        length_m: sum of the directed roads' lengths.
        sumo_version: which SUMO read it.
        source: where the network comes from, with its licence.
    """

    name: str
    signals: tuple[Signal, ...]
    roads: tuple[Road, ...]
    bounds: tuple[float, float, float, float]
    length_m: float
    sumo_version: str
    source: str

    def signal(self, signal_id: str) -> Signal:
        """Return the signal with this id.

        Raises:
            RoadsealError: `unknown-signal`.
        """
        for signal in self.signals:
            if signal.id == signal_id:
                return signal
        raise RoadsealError(
            "unknown-signal",
            f"The corridor {self.name} has no signal {signal_id!r}.",
            advice="It has "
            + ", ".join(each.id for each in self.signals[:20])
            + (", …." if len(self.signals) > 20 else "."),
        )


def read_corridor(
    net_file: Path, additional_files: Sequence[Path] = (), *, name: str, source: str
) -> Corridor:
    """Read a SUMO network.

    Args:
        net_file: `*.net.xml`.
        additional_files: SUMO additional files in loading order; a signal program there replaces
            the network's own, as in SUMO.
        name: what to call the corridor.
        source: where the network comes from, with its licence.

    Raises:
        RoadsealError: `network-unreadable`, `network-without-signals`.
    """
    net = _read_net(net_file)
    offset_x_m, offset_y_m = net.getLocationOffset()
    zone = read_projection(net._location.get("projParameter", "!"), offset_x_m, offset_y_m)
    programs = _added_programs(additional_files)
    signals = tuple(
        _signal(light, programs.get(light.getID()), zone)
        for light in sorted(net.getTrafficLights(), key=lambda light: str(light.getID()))
        if light.getConnections() and (light.getPrograms() or light.getID() in programs)
    )
    if not signals:
        raise RoadsealError(
            "network-without-signals",
            f"{net_file.name} has no traffic signal with a program.",
            advice="Choose a network with signals: an RSU stands at each.",
        )
    roads = tuple(
        Road(edge.getID(), edge.getName(), edge.getLaneNumber(), edge.getLength(), _shape(edge))
        for edge in sorted(net.getEdges(withInternal=False), key=lambda edge: str(edge.getID()))
        if any(edge.allows(vehicle_class) for vehicle_class in _MOTOR_CLASSES)
    )
    if not roads:
        raise RoadsealError(
            "network-without-roads",
            f"{net_file.name} has no road that is open to motor traffic.",
            advice="Choose a network of roads: vehicles on rails and paths do not take part.",
        )
    xs = [x for road in roads for x, _ in road.polyline]
    ys = [y for road in roads for _, y in road.polyline]
    return Corridor(
        name=name,
        signals=signals,
        roads=roads,
        bounds=(min(xs), min(ys), max(xs), max(ys)),
        length_m=sum(road.length_m for road in roads),
        sumo_version=sumolib.__version__,
        source=source,
    )


def _read_net(net_file: Path) -> Any:
    try:
        return sumolib.net.readNet(
            str(net_file), withPrograms=True, withInternal=True, withPedestrianConnections=True
        )
    except Exception as error:  # sumolib lets xml.sax, OSError, KeyError and ValueError through
        raise RoadsealError(
            "network-unreadable",
            f"{net_file} is not a readable SUMO network: {error}.",
            advice="Give a *.net.xml made by netconvert or netgenerate.",
        ) from error


def _signal(light: Any, program: Element | None, zone: UtmZone | None) -> Signal:
    connections = [
        (
            index,
            next(c for c in from_lane.getOutgoing() if c.getToLane() is to_lane),
        )
        for from_lane, to_lane, index in sorted(light.getConnections(), key=lambda item: item[2])
    ]
    nodes = {c.getFromLane().getEdge().getToNode() for _, c in connections}
    ordered = sorted(nodes, key=lambda node: str(node.getID()))
    x = sum(node.getCoord()[0] for node in ordered) / len(ordered)
    y = sum(node.getCoord()[1] for node in ordered) / len(ordered)
    longitude, latitude = zone.longitude_latitude(x, y) if zone else (None, None)
    program_id, program_type, phases = _program(light, program)
    return Signal(
        id=light.getID(),
        x=x,
        y=y,
        longitude=longitude,
        latitude=latitude,
        junctions=tuple(str(node.getID()) for node in ordered),
        links=tuple(_link(index, connection) for index, connection in connections),
        foes=_foes(connections),
        program_id=program_id,
        program_type=program_type,
        phases=phases,
    )


def _link(index: int, connection: Any) -> SignalLink:
    lane = connection.getFromLane()
    shape = tuple((float(x), float(y)) for x, y in lane.getShape())
    (x0, y0), (x1, y1) = shape[-2:]
    return SignalLink(
        index=index,
        from_lane=lane.getID(),
        to_lane=connection.getToLane().getID(),
        stop_line=shape[-1],
        approach=shape,
        heading_deg=math.degrees(math.atan2(x1 - x0, y1 - y0)) % 360,
        crossing=connection.getToLane().getEdge().getFunction() == "crossing",
    )


def _foes(connections: Sequence[tuple[int, Any]]) -> frozenset[tuple[int, int]]:
    pairs = set()
    for index, connection in connections:
        node = connection.getFromLane().getEdge().getToNode()
        request = _request(node, connection)
        for other_index, other in connections:
            if index >= other_index or other.getFromLane().getEdge().getToNode() is not node:
                continue
            if node.areFoes(request, _request(node, other)):
                pairs.add((index, other_index))
    return frozenset(pairs)


def _request(node: Any, connection: Any) -> int:
    """The number of a movement in the junction's matrix of foes.

    A signal may stop a turn a second time, within the junction: that link has no number of its own,
    its movement is the one that leads there.
    """
    number = int(node.getLinkIndex(connection))
    if number >= 0:
        return number
    lane = connection.getFromLane().getID()
    lanes = [lane for edge in node.getIncoming() for lane in edge.getLanes()]
    before = [each for start in lanes for each in start.getOutgoing()]
    numbers = [node.getLinkIndex(each) for each in before if each.getViaLaneID() == lane]
    if not numbers or numbers[0] < 0:
        raise RoadsealError(
            "network-unreadable",
            f"The junction {node.getID()} has no movement that leads over lane {lane}.",
            advice="Make the network again with netconvert.",
        )
    return int(numbers[0])


def _program(light: Any, added: Element | None) -> tuple[str, str, tuple[SignalPhase, ...]]:
    if added is not None:
        phases = tuple(
            _phase(
                float(phase.get("duration", "0")),
                float(phase.get("minDur", "-1")),
                float(phase.get("maxDur", "-1")),
                phase.get("state", ""),
            )
            for phase in added.iter("phase")
        )
        return added.get("programID", "0"), added.get("type", "static"), phases
    program_id, program = list(light.getPrograms().items())[-1]
    phases = tuple(
        _phase(float(phase.duration), float(phase.minDur), float(phase.maxDur), phase.state)
        for phase in program.getPhases()
    )
    return program_id, program.getType(), phases


def _phase(duration_s: float, min_s: float, max_s: float, state: str) -> SignalPhase:
    """SUMO marks a missing minimum or maximum with -1: the phase then lasts its duration."""
    return SignalPhase(
        duration_s, min_s if min_s >= 0 else duration_s, max_s if max_s >= 0 else duration_s, state
    )


def _added_programs(files: Iterable[Path]) -> dict[str, Element]:
    """Programs of additional files by signal; SUMO runs the one that was loaded last."""
    programs = {}
    for file in files:
        for element in elements(file):
            if element.tag == "tlLogic" and element.find("phase") is not None:
                programs[element.get("id", "")] = element
    return programs


def _shape(edge: Any) -> tuple[Point, ...]:
    return tuple((float(point[0]), float(point[1])) for point in edge.getShape())
