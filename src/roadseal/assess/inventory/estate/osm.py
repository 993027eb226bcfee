"""OpenStreetMap XML: the elements that are road equipment, and how many were not.

Source: OpenStreetMap wiki, "OSM XML" and the keys ``highway``, ``crossing``, ``man_made``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from roadseal.assess.inventory.estate.note import Action, note
from roadseal.assess.inventory.estate.table import Table, table_of_records, unreadable

EQUIPMENT_COLUMN: Final = "equipment"
EQUIPMENT: Final[Mapping[str, Mapping[str, str]]] = {
    "highway": {
        "traffic_signals": "traffic signals",
        "speed_camera": "speed camera",
        "traffic_sign": "sign",
        "toll_gantry": "toll gantry",
    },
    "crossing": {"traffic_signals": "pedestrian signal"},
    "railway": {"level_crossing": "level crossing", "signal": "railway"},
    "man_made": {"surveillance": "camera", "monitoring_station": "detector"},
    "barrier": {"toll_booth": "toll booth"},
    "traffic_sign": {
        "variable_message": "message sign",
        "maxspeed;variable": "speed sign",
        "variable": "message sign",
    },
}
"""What is road equipment, by the key and value of a tag; the first that is there decides."""


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
            if not is_equipment(tags):
                others += bool(tags)
                continue
            record = {"@id": f"{element.tag}/{element.get('id', '')}", **tags}
            if place:
                record["geometry"] = f"POINT ({place[0]!r} {place[1]!r})"
            records.append(record)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise unreadable(path.name, f"its XML is refused ({error})") from None
    return table_of_equipment(path.name, records, others)


def is_equipment(tags: Mapping[str, str]) -> bool:
    """Whether an element with these tags is road equipment."""
    return bool(equipment_of(tags))


def equipment_of(tags: Mapping[str, str]) -> str:
    """What an element is, in a word; the empty one if it is no road equipment."""
    words = (values.get(tags.get(key, "")) for key, values in EQUIPMENT.items())
    return next(filter(None, words), "")


def table_of_equipment(name: str, records: Sequence[Mapping[str, str]], others: int) -> Table:
    """Make a table of road equipment, each with its tags; `others` elements were not.

    Raises:
        RoadsealError: ``estate-unreadable``.
    """
    if not records:
        raise unreadable(
            name, "it holds no road equipment", "Export highway=traffic_signals of the area."
        )
    notes = (
        (note(0, "file", Action.REJECTED, "outside-selection", f"{others} elements"),)
        if others
        else ()
    )
    named = [{**each, EQUIPMENT_COLUMN: equipment_of(each)} for each in records]
    return table_of_records("osm", list(named), notes=notes, place="geometry")


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
