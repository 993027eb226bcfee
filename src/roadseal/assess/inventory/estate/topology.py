"""TopoJSON: its layers as features of GeoJSON.

Source: The TopoJSON Format Specification 1.0, clauses 2.1.2 (transforms), 2.1.3 (arcs), 2.2
(geometry objects).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

Position = list[float]


def topology_features(root: Mapping[str, Any], layers: Mapping[str, Any]) -> list[Any]:
    """All geometries of all layers, each with its layer's name if there are several.

    A shape of lines becomes one line through all its corners: only its middle is asked for.
    """
    topology = _Topology(root)
    features = []
    for name, layer in layers.items():
        if not isinstance(layer, dict):
            continue
        members = layer.get("geometries") if layer.get("type") == "GeometryCollection" else [layer]
        for member in members if isinstance(members, list) else []:
            if isinstance(member, dict):
                feature = topology.feature(member)
                if len(layers) > 1:
                    feature["properties"] = {"layer": name, **feature["properties"]}
                features.append(feature)
    return features


class _Topology:
    def __init__(self, root: Mapping[str, Any]) -> None:
        match root.get("transform"):
            case {
                "scale": [float() | int() as x, float() | int() as y],
                "translate": [float() | int() as east, float() | int() as north],
            }:
                self._scale: Position | None = [x, y]
                self._origin: Position = [east, north]
            case _:
                self._scale, self._origin = None, [0.0, 0.0]
        arcs = root.get("arcs")
        self._arcs = [self._arc(each) for each in arcs] if isinstance(arcs, list) else []

    def feature(self, geometry: Mapping[str, Any]) -> dict[str, Any]:
        properties = geometry.get("properties")
        feature: dict[str, Any] = {
            "properties": properties if isinstance(properties, dict) else {},
            "geometry": {"type": "LineString", "coordinates": self._corners(geometry)},
        }
        return feature | ({"id": geometry["id"]} if "id" in geometry else {})

    def _corners(self, geometry: Mapping[str, Any]) -> list[Position]:
        match geometry:
            case {"type": "Point", "coordinates": position}:
                return self._placed([position])
            case {"type": "MultiPoint", "coordinates": list(positions)}:
                return self._placed(positions)
            case {"arcs": list(indices)}:
                return [
                    corner
                    for index in _flat(indices, 0)
                    if -len(self._arcs) <= index < len(self._arcs)
                    for corner in self._arcs[index if index >= 0 else ~index]
                ]
        return []

    def _placed(self, positions: list[Any]) -> list[Position]:
        scale, origin = self._scale, self._origin
        known = [each[:2] for each in positions if _is_position(each)]
        if scale is None:
            return known
        return [[x * scale[0] + origin[0], y * scale[1] + origin[1]] for x, y in known]

    def _arc(self, positions: Any) -> list[Position]:
        """An arc's corners; of a quantized topology each is told as the step from the last."""
        steps = (
            [each[:2] for each in positions if _is_position(each)]
            if isinstance(positions, list)
            else []
        )
        if self._scale is None:
            return steps
        return self._placed(list(accumulate(steps, lambda a, b: [a[0] + b[0], a[1] + b[1]])))


def _is_position(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(
            isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e15
            for n in value[:2]
        )
    )


def _flat(indices: list[Any], depth: int) -> list[int]:
    if depth > 4:
        return []
    flat: list[int] = []
    for each in indices:
        if isinstance(each, list):
            flat += _flat(each, depth + 1)
        elif isinstance(each, int) and not isinstance(each, bool):
            flat.append(each)
    return flat
