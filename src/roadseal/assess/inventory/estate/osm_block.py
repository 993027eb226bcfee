"""A block of an OpenStreetMap PBF file: some thousands of elements with their words.

Source: ``osmformat.proto`` of OpenStreetMap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from roadseal.assess.inventory.estate.osm import EQUIPMENT, is_equipment
from roadseal.assess.inventory.estate.place import Place
from roadseal.assess.inventory.estate.protobuf import (
    Integers,
    deltas,
    fields,
    packed,
    signed,
    varints,
)

_PARTS_OF_A_DEGREE: Final = 1_000_000_000
_MEMBERS: Final = ("node", "way", "relation")

Reference = tuple[str, int]
"""Kind and number of an element."""


@dataclass(frozen=True, slots=True)
class Element:
    """A node, way or relation; `members` are a way's nodes and a relation's members."""

    kind: str
    number: int
    tags: dict[str, str]
    place: Place | None
    members: tuple[Reference, ...] = ()


class Block:
    """A PrimitiveBlock: some thousands of elements with their words."""

    def __init__(self, message: bytes) -> None:
        self._words: list[str] = []
        self._groups: list[bytes] = []
        self._granularity, self._north, self._east = 100, 0, 0
        self.tagged = 0
        for number, value, content in fields(message):
            match number:
                case 1:
                    self._words = [word.decode(errors="replace") for _, _, word in fields(content)]
                case 2:
                    self._groups.append(content)
                case 17:
                    self._granularity = value
                case 19:
                    self._north = _as_signed(value)
                case 20:
                    self._east = _as_signed(value)

    def elements(self) -> Iterator[Element]:
        """The road equipment; counts what has tags at all."""
        for group in self._groups:
            for number, _, content in fields(group):
                if number == 1:
                    yield from self._node(content)
                elif number == 2:
                    yield from self._dense(content)
        for each in (self.ways(_equips), self._relations()):
            yield from each

    def ways(self, wanted: Callable[[int, dict[str, str]], bool]) -> Iterator[Element]:
        """The ways that are wanted, by number and tags."""
        for content in self._parts(3):
            number, tags, rest = self._tagged(content)
            if wanted(number, tags):
                nodes = deltas(rest.get(8, b"")).tolist()
                yield Element("way", number, tags, None, tuple(("node", each) for each in nodes))

    def corners(self, wanted: Integers) -> Iterator[tuple[int, tuple[float, float]]]:
        """East and north of the nodes that are wanted, a sorted list."""
        for content in self._parts(2):
            numbers, north, east = _columns({number: each for number, _, each in fields(content)})
            at = np.minimum(np.searchsorted(wanted, numbers), len(wanted) - 1)
            for index in np.flatnonzero(wanted[at] == numbers).tolist():
                place = self._place(int(north[index]), int(east[index]))
                yield int(numbers[index]), (place.longitude, place.latitude)
        for content in self._parts(1):
            number, place = self._of_node(content)
            if number in wanted:
                yield number, (place.longitude, place.latitude)

    def _dense(self, content: bytes) -> Iterator[Element]:
        parts = {number: each for number, _, each in fields(content)}
        words = packed(parts.get(10, b""))
        ends = np.flatnonzero(words == 0)
        starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
        self.tagged += int(np.count_nonzero(ends > starts))
        hits = self._nodes_with_equipment(words, ends)
        if not hits:
            return
        numbers, north, east = _columns(parts)
        if len(ends) != len(numbers) or ends[-1] != len(words) - 1:
            raise ValueError("the tags are not as many as the nodes")
        for at in hits:
            pairs = words[starts[at] : ends[at]].tolist()
            tags = self._tags(pairs[::2], pairs[1::2])
            if is_equipment(tags):
                place = self._place(int(north[at]), int(east[at]))
                yield Element("node", int(numbers[at]), tags, place)

    def _nodes_with_equipment(self, words: Integers, ends: Integers) -> list[int]:
        """Where a key and a value that equipment has stand side by side."""
        known = {word: at for at, word in enumerate(self._words)}
        found: set[int] = set()
        for key, values in EQUIPMENT.items():
            if key not in known or not len(ends):
                continue
            at = np.flatnonzero(words[:-1] == known[key])
            behind = np.isin(words[at + 1], [known[each] for each in values if each in known])
            found.update(np.searchsorted(ends, at[behind]).tolist())
        return sorted(found - {len(ends)})

    def _node(self, content: bytes) -> Iterator[Element]:
        _, tags, _ = self._tagged(content)
        if is_equipment(tags):
            number, place = self._of_node(content)
            yield Element("node", number, tags, place)

    def _of_node(self, content: bytes) -> tuple[int, Place]:
        values = {number: value for number, value, _ in fields(content)}
        number, north, east = signed(
            np.array([_as_signed(values.get(each, 0)) for each in (1, 8, 9)])
        ).tolist()
        return number, self._place(north, east)

    def _relations(self) -> Iterator[Element]:
        for content in self._parts(4):
            number, tags, rest = self._tagged(content)
            if _equips(number, tags):
                kinds, members = packed(rest.get(10, b"")), deltas(rest.get(9, b""))
                pairs = zip(kinds.tolist(), members.tolist(), strict=False)
                told = tuple((_MEMBERS[kind], each) for kind, each in pairs if 0 <= kind <= 2)
                yield Element("relation", number, tags, None, told)

    def _parts(self, wanted: int) -> Iterator[bytes]:
        for group in self._groups:
            yield from (content for number, _, content in fields(group) if number == wanted)

    def _tagged(self, content: bytes) -> tuple[int, dict[str, str], dict[int, bytes]]:
        rest: dict[int, bytes] = {}
        own = 0
        for number, value, part in fields(content):
            if number == 1:
                own = _as_signed(value)
            else:
                rest[number] = part
        tags = self._tags(list(varints(rest.get(2, b""))), list(varints(rest.get(3, b""))))
        self.tagged += bool(tags)
        return own, tags, rest

    def _tags(self, keys: list[int], values: list[int]) -> dict[str, str]:
        words = self._words
        if any(not 0 <= each < len(words) for each in (*keys, *values)):
            raise ValueError("a tag is a word that is not there")
        return {words[key]: words[value] for key, value in zip(keys, values, strict=False)}

    def _place(self, north: int, east: int) -> Place:
        return Place(
            (self._north + self._granularity * north) / _PARTS_OF_A_DEGREE,
            (self._east + self._granularity * east) / _PARTS_OF_A_DEGREE,
        )


def _columns(parts: dict[int, bytes]) -> tuple[Integers, Integers, Integers]:
    """Number, north and east of dense nodes."""
    numbers, north, east = (deltas(parts.get(each, b"")) for each in (1, 8, 9))
    if not len(numbers) == len(north) == len(east):
        raise ValueError("the places are not as many as the nodes")
    return numbers, north, east


def _equips(_: int, tags: dict[str, str]) -> bool:
    return is_equipment(tags)


def _as_signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
