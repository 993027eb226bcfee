"""What the keystores of Java are made of: numbers, octets, certificates, serialised objects.

Source: Java Object Serialization Specification, chapter 6 ("Object Serialization Stream Protocol").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Location

_OBJECT_STREAM: Final = bytes.fromhex("aced0005")
_NULL, _REFERENCE, _CLASS, _OBJECT = 0x70, 0x71, 0x72, 0x73
_STRING, _ARRAY, _BLOCK, _END = 0x74, 0x75, 0x77, 0x78
_FIRST_HANDLE: Final = 0x7E0000
_WRITES_MORE: Final = 0x01  # SC_WRITE_METHOD
_WIDTHS: Final = {"B": 1, "C": 2, "D": 8, "F": 4, "I": 4, "J": 8, "S": 2, "Z": 1}
_MAX_NESTED: Final = 32


class TruncatedError(Exception):
    """The file ends in the middle of an entry."""


class UnknownObjectError(Exception):
    """A serialised object of a form that is not read."""


class Stream:
    """Octets one after the other.

    Args:
        data: of the whole file.
        at: where to begin.
    """

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self.at = at

    @property
    def left(self) -> int:
        """How many octets follow."""
        return len(self._data) - self.at

    def take(self, count: int) -> bytes:
        """Return the next octets.

        Raises:
            TruncatedError: there are not so many.
        """
        end = self.at + count
        if end > len(self._data):
            raise TruncatedError
        start, self.at = self.at, end
        return self._data[start:end]

    def number(self, octets: int = 4) -> int:
        """Return the next number, its most significant octet first."""
        return int.from_bytes(self.take(octets))

    def text(self) -> str:
        """Return the next text, whose length stands before it."""
        return self.take(self.number(2)).decode("utf-8", "replace")


def certificate_entry(uri: str, stream: Stream, *, typed: bool) -> Iterator[Finding | Gap]:
    """Describe the certificate that is next; `typed` says that its kind stands before it."""
    if typed:
        stream.text()  # "X.509"
    length = stream.number()
    at = Location(uri, offset=stream.at)
    if found := certificate(at, stream.take(length), "jks"):
        yield found
    else:
        yield Gap(at, Cause.UNREADABLE, "A certificate in the keystore cannot be read.")


def serialised_texts(stream: Stream) -> list[str]:
    """Pass over a serialised object, and return the texts that its fields hold.

    Raises:
        TruncatedError: it ends where it should not.
        UnknownObjectError: it has something that sealed keys do not have.
    """
    if stream.take(4) != _OBJECT_STREAM:
        raise UnknownObjectError
    objects = _Objects(stream)
    objects.content()
    return objects.texts


@dataclass(frozen=True)
class _ClassDescription:
    name: str
    fields: tuple[str, ...]  # codes of their types
    writes_more: bool
    parent: _ClassDescription | None


@dataclass
class _Objects:
    stream: Stream
    texts: list[str] = field(default_factory=list)
    _handles: list[_ClassDescription | None] = field(default_factory=list)
    _nested: int = 0

    def content(self) -> None:
        """One object, array, text, reference or null."""
        self._nested += 1
        if self._nested > _MAX_NESTED:
            raise UnknownObjectError
        match self.stream.number(1):
            case kind if kind == _OBJECT:
                described = self._class()
                self._handles.append(None)
                self._values(described)
            case kind if kind == _ARRAY:
                described = self._class()
                self._handles.append(None)
                width = _WIDTHS.get(described.name[1:] if described else "")
                if width is None:
                    raise UnknownObjectError
                self.stream.take(width * self.stream.number())
            case kind if kind == _STRING:
                self._handles.append(None)
                self.texts.append(self.stream.text())
            case kind if kind == _REFERENCE:
                self.stream.take(4)
            case kind if kind == _BLOCK:
                self.stream.take(self.stream.number(1))
            case kind if kind != _NULL:
                raise UnknownObjectError
        self._nested -= 1

    def _class(self) -> _ClassDescription | None:
        kind = self.stream.number(1)
        if kind == _NULL:
            return None
        if kind == _REFERENCE:
            number = self.stream.number() - _FIRST_HANDLE
            if not 0 <= number < len(self._handles) or self._handles[number] is None:
                raise UnknownObjectError
            return self._handles[number]
        if kind != _CLASS or len(self._handles) > _MAX_NESTED:
            raise UnknownObjectError
        name = self.stream.text()
        self.stream.take(8)  # serialVersionUID
        mine = len(self._handles)
        self._handles.append(None)
        flags = self.stream.number(1)
        types = []
        for _ in range(self.stream.number(2)):
            types.append(chr(self.stream.number(1)))
            self.stream.text()
            if types[-1] in "[L":
                self._type_name()
        self._annotations()
        described = _ClassDescription(name, tuple(types), bool(flags & _WRITES_MORE), self._class())
        self._handles[mine] = described
        return described

    def _type_name(self) -> None:
        """The name of a field's class, which is no value."""
        before = len(self.texts)
        self.content()
        del self.texts[before:]

    def _values(self, described: _ClassDescription | None) -> None:
        lineage = []
        while described:
            lineage.append(described)
            described = described.parent
        for one in reversed(lineage):
            for code in one.fields:
                if code in _WIDTHS:
                    self.stream.take(_WIDTHS[code])
                else:
                    self.content()
            if one.writes_more:
                self._annotations()

    def _annotations(self) -> None:
        while True:
            kind = self.stream.number(1)
            if kind == _END:
                return
            self.stream.at -= 1
            self.content()
