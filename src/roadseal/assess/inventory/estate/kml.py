"""Placemarks of KML: their data, the folder they lie in, and where they stand.

Source: OGC 12-007r2, clauses 9.1 (Feature), 9.3 (ExtendedData), 9.14 (Placemark), 10 (Geometry).
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from roadseal.assess.inventory.estate.place import Place, middle
from roadseal.assess.inventory.estate.table import LIMITS, Table, table_of_records, unreadable

PLACE_COLUMN: Final = "geometry"
_FOLDERS: Final = ("Folder", "Document")
_PLAIN: Final = ("name", "address", "phoneNumber", "Snippet", "description")
_MAX_CELLS: Final = 2_000


def read_kml(path: Path) -> Table:
    """Read the placemarks of a KML file.

    Raises:
        RoadsealError: ``estate-unreadable``, ``estate-too-large``.
    """
    try:
        records = [_record(placemark, folder) for placemark, folder in _placemarks(path)]
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise unreadable(path.name, f"its XML is refused ({error})") from None
    if not records:
        raise unreadable(path.name, "it is KML without placemarks", "Export the layer itself.")
    title = ""
    if len({record["folder"] for record in records}) == 1:
        title = records[0]["folder"]
        for record in records:
            del record["folder"]
    placed = any(PLACE_COLUMN in record for record in records)
    return table_of_records(
        "kml", list(records), place=PLACE_COLUMN if placed else None, title=title
    )


def _placemarks(path: Path) -> Iterator[tuple[Element, str]]:
    """Each placemark and the name of its folder, dropped from memory once it has been seen."""
    open_elements: list[Element] = []
    folders: list[str] = []
    with path.open("rb") as file:
        for event, element in iterparse(file, events=("start", "end")):
            name = _local(element)
            if event == "start":
                open_elements.append(element)
                if name in _FOLDERS:
                    folders.append("")
                continue
            open_elements.pop()
            parent = open_elements[-1] if open_elements else None
            if name == "name" and parent is not None and _local(parent) in _FOLDERS:
                folders[-1] = " ".join((element.text or "").split())
            elif name == "Placemark":
                yield element, next(filter(None, reversed(folders)), "")
                if parent is not None:
                    parent.clear()
            elif name in _FOLDERS:
                folders.pop()


def _record(placemark: Element, folder: str) -> dict[str, str]:
    record = {"folder": folder}
    for child in placemark:
        name = _local(child)
        text = " ".join("".join(child.itertext()).split())
        if name in _PLAIN and text:
            cells = _cells(text) if name == "description" else {}
            record.update(cells or {name: text[: LIMITS.cell_chars]})
        elif name in ("TimeStamp", "TimeSpan"):
            record |= {_local(each): (each.text or "").strip() for each in child}
    for element in placemark.iter():
        match _local(element):
            case "Data":
                value = next((each.text for each in element if _local(each) == "value"), "")
                record[element.get("name", "")] = (value or "").strip()
            case "SimpleData":
                record[element.get("name", "")] = (element.text or "").strip()
    if place := _place(placemark):
        record[PLACE_COLUMN] = place.wkt
    return record


def _place(placemark: Element) -> Place | None:
    """The middle of all corners; KML knows no other system than WGS 84, east before north."""
    corners = []
    for element in placemark.iter():
        text = element.text or ""
        if _local(element) == "coordinates":
            tuples = [each.split(",") for each in text.replace(", ", ",").split()]
        elif _local(element) == "coord":  # gx:Track
            tuples = [text.split()]
        else:
            continue
        for numbers in tuples:
            try:
                corners.append((float(numbers[0]), float(numbers[1])))
            except (IndexError, ValueError):
                continue
    return middle(corners)


def _cells(html: str) -> dict[str, str]:
    """A description that is a table of two columns (as ArcGIS exports), as names and values."""
    if "<td" not in html.casefold():
        return {}
    reader = _Rows()
    reader.feed(html[: LIMITS.cell_chars])
    pairs = [row for row in reader.rows if len(row) == 2 and row[0]]
    return {name: "" if value == "<Null>" else value for name, value in pairs}


class _Rows(HTMLParser):
    """The rows of the tables in a text; a table inside a cell has rows of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr" and len(self.rows) < _MAX_CELLS:
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell and self.rows and self.rows[-1]:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data}".strip()


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
