"""GeoJSON, GeoJSON a line, TopoJSON, Esri JSON, what interfaces answer, and lists of records.

Source: RFC 7946; its predecessor of 2008 for the member ``crs``; Esri "Feature set" objects; OGC
18-088 (SensorThings); ETSI GS CIM 009 (NGSI-LD).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.assess.inventory.estate.osm import EQUIPMENT_COLUMN, equipment_of
from roadseal.assess.inventory.estate.place import in_degrees, is_known_system, shape_place
from roadseal.assess.inventory.estate.table import Table, table_of_records, unreadable
from roadseal.assess.inventory.estate.topology import topology_features

PLACE_COLUMN: Final = "geometry"
"""Where the place of a feature stands, as WKT in degrees."""

_THING: Final = "@iot.id"
"""By this a thing of SensorThings is known."""
_LIST_DEPTH: Final = 4
_LOOKED_INTO: Final = 3  # of a list's items, for a list within it
_EPSG: Final = re.compile(r"(?:EPSG|epsg)\D*(?:\d+\.\d+:|::?)?(\d{4,6})\s*$")


def read_json(path: Path) -> Table:
    """Read features or records.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``.
    """
    root = _load(path)
    features, srid = _features(root), _srid(root)
    said = root.get("name") if isinstance(root, dict) else None
    if features is None:
        said, features = _longest_list("", root)
    if not features:
        raise unreadable(
            path.name, "it holds neither features nor a list of records", "Export it as GeoJSON."
        )
    records = [_record(feature, srid) for feature in features if isinstance(feature, dict)]
    notes: tuple[Note, ...] = ()
    if records and not is_known_system(srid):
        notes = (note(0, "file", Action.DOUBTED, "projection", f"EPSG:{srid}"),)
    placed = any(PLACE_COLUMN in record for record in records)
    return table_of_records(
        "geojson",
        records,
        notes=notes,
        place=PLACE_COLUMN if placed else None,
        title=said if isinstance(said, str) else "",
    )


def _load(path: Path) -> Any:
    encoded = path.read_bytes().removeprefix(b"\xef\xbb\xbf").removeprefix(b"\x1e")
    try:
        return orjson.loads(encoded)
    except orjson.JSONDecodeError as error:
        lines = [line.lstrip(b"\x1e") for line in encoded.splitlines() if line.strip()]
        try:
            if len(lines) > 1:
                return [orjson.loads(line) for line in lines]
        except orjson.JSONDecodeError:
            pass
        raise unreadable(path.name, str(error)) from None


def _features(root: Any) -> list[Any] | None:
    match root:
        case list():
            return root
        case {"features": list(features)}:
            return features
        case {"type": "Topology", "objects": dict(layers)}:
            return topology_features(root, layers)
        case {"elements": list(elements)}:
            return [_of_overpass(each) for each in elements if isinstance(each, dict)]
        case {"type": "Feature"}:
            return [root]
        case {"meta": {"view": {"columns": list(columns)}}, "data": list(rows)}:
            return _of_socrata(columns, rows)
        case {"result": {"records": list(records)}}:  # CKAN's datastore
            return [
                {key: value for key, value in each.items() if key != "_id"}  # CKAN's own count
                for each in records
                if isinstance(each, dict)
            ]
        case {"data": list(records)} | {"results": list(records)} | {"records": list(records)}:
            return records
    return None


def _longest_list(name: str, value: Any, depth: int = 0) -> tuple[str, list[Any]]:
    """The longest list of objects in what an interface answers, and what it is called there."""
    found = [("", list[Any]())]
    inside: list[tuple[str, Any]] = []
    if isinstance(value, list):
        inside = [(name, each) for each in value[:_LOOKED_INTO]]
        if any(isinstance(each, dict) for each in value):
            found.append((name, value))
    elif isinstance(value, dict):
        inside = [(str(key), each) for key, each in value.items()]
    if depth < _LIST_DEPTH:
        found += [_longest_list(*each, depth + 1) for each in inside]
    return max(found, key=lambda each: len(each[1]))


def _of_socrata(columns: list[Any], rows: list[Any]) -> list[Any]:
    """Socrata's rows.json: the columns' names stand apart from the rows."""
    names = [
        each.get("name")
        if isinstance(each, dict) and each.get("dataTypeName") != "meta_data"
        else None
        for each in columns
    ]
    shown = [at for at, name in enumerate(names) if isinstance(name, str)]
    return [
        {str(names[at]): row[at] for at in shown if at < len(row)}
        for row in rows
        if isinstance(row, list)
    ]


def _of_overpass(element: Mapping[str, Any]) -> Mapping[str, Any]:
    """An element of OpenStreetMap as Overpass gives it, as a feature."""
    place = element.get("center", element)
    corners = element.get("geometry")
    geometry: Mapping[str, Any] | None = None
    if isinstance(corners, list) and corners:
        points = [[each.get("lon"), each.get("lat")] for each in corners if isinstance(each, dict)]
        geometry = {"type": "LineString", "coordinates": points}
    elif isinstance(place, dict):
        geometry = {"x": place.get("lon"), "y": place.get("lat")}
    said = element.get("tags")
    tags = {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}
    kind = {EQUIPMENT_COLUMN: known} if (known := equipment_of(tags)) else {}
    return {
        "id": f"{element.get('type')}/{element.get('id')}",
        "properties": {**tags, **kind},
        "geometry": geometry,
    }


def _srid(root: Any) -> int:
    match root:
        case {"crs": {"properties": {"name": str(name)}}}:
            code = _EPSG.search(name)
            return int(code[1]) if code else 0
        case {"spatialReference": {"latestWkid": int(code)}} | {
            "spatialReference": {"wkid": int(code)}
        }:
            return code
    return 0


def _record(feature: Mapping[str, Any], srid: int) -> Mapping[str, str]:
    properties = feature.get("properties", feature.get("attributes", feature.get("fields")))
    geometry = feature.get("geometry")
    if not isinstance(properties, dict):
        properties = {key: value for key, value in feature.items() if key != "geometry"}
    record = {str(key): _text(value) for key, value in properties.items()}
    if _THING in feature:
        geometry = _geometry_within(feature.get("Locations"), 0)
        record = {"name": _text(feature.get("name")), _THING: _text(feature[_THING]), **record}
    if "id" in feature and "id" not in record and properties is not feature:
        record["id"] = _text(feature["id"])
    if place := in_degrees(shape_place(geometry), srid):
        record[PLACE_COLUMN] = place.wkt
    return record


def _geometry_within(value: Any, depth: int) -> Any:
    """The first geometry of the locations of a thing, which may lie in a feature."""
    if isinstance(value, dict) and "coordinates" in value:
        return value
    inside = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    if depth < _LIST_DEPTH:
        return next(filter(None, (_geometry_within(each, depth + 1) for each in inside)), None)
    return None


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case int() | float():
            return str(value)
        case {"type": str(), "value": inner}:  # an attribute of NGSI
            return _text(inner)
        case _:
            return orjson.dumps(value).decode()
