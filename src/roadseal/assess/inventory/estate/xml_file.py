"""Records in XML of any vocabulary: WFS answers in GML, DATEX II publications, portals' own.

The records are what a known name says (a feature's member, a DATEX II record, a row), else the
elements that repeat nearest to the root. Source: OGC 07-036r1 (GML), clauses 9.9 and 10.1; OGC
04-094 and 09-025r2 (WFS); CEN/TS 16157 (DATEX II).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from roadseal.assess.inventory.estate.gml import is_geometry, place_of_geometry
from roadseal.assess.inventory.estate.note import Action, note
from roadseal.assess.inventory.estate.place import Place
from roadseal.assess.inventory.estate.table import LIMITS, Table, table_of_records, unreadable

PLACE_COLUMN: Final = "geometry"

_MEMBERS: Final = ("member", "featureMember", "featureMembers")
_RECORDS: Final = ("Record", "row", "Row", "record")
_MAX_DEPTH: Final = 40
_APART: Final = " ; "

Fields = dict[tuple[str, ...], str]
"""The path of a value within its record, and the value."""


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def read_xml(path: Path) -> Table:
    """Read the records of an XML document as rows; a column for each value that a record may have.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-empty``, ``estate-too-large``.
    """
    if path.stat().st_size > LIMITS.tree_bytes:
        raise unreadable(
            path.name, f"it is XML of more than {LIMITS.tree_bytes >> 20} MiB", "Export it as CSV."
        )
    try:
        root = parse(path).getroot()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise unreadable(path.name, f"its XML is refused ({error})") from None
    elements = _records(root)
    if not elements:
        raise unreadable(path.name, "it is XML without records", "Export GeoJSON or CSV.")
    read: list[tuple[Fields, Place | None]] = []
    systems: set[str] = set()
    for element in elements:
        fields: Fields = {}
        places: list[tuple[Place | None, str]] = []
        _collect(element, (), fields, places)
        place = next((at for at, _ in places if at), None)
        if place is None and places:
            systems.add(places[0][1])
        read.append((fields, place))
    notes = tuple(note(0, "file", Action.DOUBTED, "projection", each) for each in sorted(systems))
    names = _names(fields for fields, _ in read)
    records = [_record(fields, place, names) for fields, place in read]
    placed = any(place for _, place in read)
    return table_of_records("xml", records, notes=notes, place=PLACE_COLUMN if placed else None)


def _record(
    fields: Fields, place: Place | None, names: Mapping[tuple[str, ...], str]
) -> Mapping[str, str]:
    record = {names[path]: value for path, value in fields.items()}
    if place:
        record[PLACE_COLUMN] = place.wkt
    return record


def _records(root: Element) -> list[Element]:
    """The elements that are records."""
    for name in _MEMBERS:
        if members := [each for each in root.iter() if local_name(each) == name]:
            features = [child for member in members for child in member]
            if any(len(feature) for feature in features):
                return features
    named = [each for each in root.iter() if local_name(each).endswith(_RECORDS)]
    records = [each for each in named if _is_record(each)]
    for name, _ in Counter(map(local_name, records)).most_common(1):
        return [each for each in records if local_name(each) == name]
    level = [root]
    for _ in range(_MAX_DEPTH):
        children = [child for element in level for child in element]
        counts = Counter(local_name(each) for each in children if len(each) or len(each.attrib) > 1)
        for name, count in counts.most_common(1):
            if count > 1:
                return [each for each in children if local_name(each) == name]
        level = children
    return []


def _is_record(element: Element) -> bool:
    """Whether an element has values of its own, and is not only a list of such (Socrata's row)."""
    name = local_name(element)
    return len(element.attrib) > 1 or any(local_name(child) != name for child in element)


def _collect(
    element: Element,
    path: tuple[str, ...],
    fields: Fields,
    places: list[tuple[Place | None, str]],
) -> None:
    """Put the values below `element` into `fields`, and its geometries into `places`."""
    if len(path) > _MAX_DEPTH:
        return
    for name, value in element.attrib.items():
        if name == "value" or not (path or name.startswith("_")):  # Socrata's own count: _id
            _put(fields, (*path, _attribute(name)), value)
    for child in element:
        name = local_name(child)
        if name == "boundedBy":
            continue
        if is_geometry(child):
            places.append(place_of_geometry(child))
        elif len(child) or (not (child.text or "").strip() and child.attrib):
            _collect(child, (*path, name), fields, places)
        elif name:
            _put(fields, (*path, name), " ".join((child.text or "").split()))


def _attribute(name: str) -> str:
    """An attribute's name; ``gml:id`` identifies an element of the document, not an asset."""
    namespace, _, local = name.rpartition("}")
    return f"gml_{local}" if "opengis.net/gml" in namespace else local


def _put(fields: Fields, path: tuple[str, ...], value: str) -> None:
    before = fields.get(path)
    if not before:
        fields[path] = value[: LIMITS.cell_chars]
    elif value and len(before) < LIMITS.cell_chars:
        fields[path] = before + _APART + value


def _names(records: Iterator[Fields]) -> Mapping[tuple[str, ...], str]:
    """For each path the shortest end of it that no other path has."""
    paths = dict.fromkeys(path for fields in records for path in fields)
    names = {}
    ends = Counter(path[-length:] for path in paths for length in range(1, len(path) + 1))
    for path in paths:
        length = next((n for n in range(1, len(path) + 1) if ends[path[-n:]] == 1), len(path))
        names[path] = "/".join(path[-length:])
    return names
