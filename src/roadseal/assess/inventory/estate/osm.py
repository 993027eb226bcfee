"""OpenStreetMap XML: the elements that are road equipment, and how many were not.

Source: OpenStreetMap wiki, "OSM XML" and the keys ``highway``, ``crossing``, ``man_made``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from roadseal.assess.inventory.estate.note import Action, note
from roadseal.assess.inventory.estate.table import Table, table_of_records, unreadable

_EQUIPMENT: Final = {
    "highway": {"traffic_signals", "speed_camera", "traffic_sign", "toll_gantry"},
    "crossing": {"traffic_signals"},
    "railway": {"level_crossing", "signal"},
    "man_made": {"surveillance", "monitoring_station"},
    "barrier": {"toll_booth"},
    "traffic_sign": {"variable_message", "maxspeed;variable", "variable"},
}


def read_osm(path: Path) -> Table:
    """Read the road equipment of an OpenStreetMap extract.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``.
    """
    places: dict[str, tuple[float, float]] = {}
    records: list[dict[str, str]] = []
    others = 0
    try:
        for element in _elements(path):
            place = _place(element, places)
            if place:
                places[_key(element.tag, element.get("id", ""))] = place
            tags = {tag.get("k", ""): tag.get("v", "") for tag in element.iterfind("tag")}
            if not any(tags.get(key) in values for key, values in _EQUIPMENT.items()):
                others += bool(tags)
                continue
            record = {"@id": f"{element.tag}/{element.get('id', '')}", **tags}
            if place:
                record["geometry"] = f"POINT ({place[0]!r} {place[1]!r})"
            records.append(record)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise unreadable(path.name, f"its XML is refused ({error})") from None
    if not records:
        raise unreadable(
            path.name, "it holds no road equipment", "Export highway=traffic_signals of the area."
        )
    notes = (
        (note(0, "file", Action.REJECTED, "outside-selection", f"{others} elements"),)
        if others
        else ()
    )
    return table_of_records("osm", list(records), notes=notes, place="geometry")


def _elements(path: Path) -> Iterator[Element]:
    """Nodes and ways, each dropped from memory once it has been seen."""
    root: Element | None = None
    with path.open("rb") as file:
        for event, element in iterparse(file, events=("start", "end")):
            if root is None:
                root = element
            if event == "end" and element.tag in ("node", "way", "relation"):
                yield element
                root.clear()


def _key(kind: str, reference: str) -> str:
    return reference if kind == "node" else f"{kind}/{reference}"


def _place(element: Element, places: dict[str, tuple[float, float]]) -> tuple[float, float] | None:
    """Longitude and latitude: a node's own, a way's or relation's middle, or Overpass's centre."""
    centre = element if element.tag == "node" else element.find("center")
    if centre is not None:
        longitude, latitude = float(centre.get("lon", "nan")), float(centre.get("lat", "nan"))
        return (longitude, latitude) if math.isfinite(longitude + latitude) else None
    references = [_key("node", each.get("ref", "")) for each in element.iterfind("nd")]
    references += [
        _key(each.get("type", ""), each.get("ref", "")) for each in element.iterfind("member")
    ]
    corners = [places[each] for each in dict.fromkeys(references) if each in places]
    if not corners:
        return None
    return (
        math.fsum(x for x, _ in corners) / len(corners),
        math.fsum(y for _, y in corners) / len(corners),
    )
