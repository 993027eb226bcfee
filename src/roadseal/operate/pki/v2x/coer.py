"""Canonical OER (ITU-T X.696) of the authorities' protocols, from descriptions of their types.

The messages on the air have their own codec in Rust; requests to authorities are rare, so theirs is
written for being read. A type decodes to plain values: a SEQUENCE to a dict without what is absent,
a CHOICE to (name, value), an ENUMERATED to its name. What a later edition added is kept as octets.
"""

# ruff: noqa: D102 - what `encode` and `read` do is said once, at `Type`

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

MAX_DEPTH: Final = 40
"""How deep types may nest; the deepest message of the protocols needs about 25."""


class CoerError(ValueError):
    """Octets that are not the encoding of the type."""


class Reader:
    """A cursor over octets."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0
        self.depth = 0

    def take(self, count: int) -> bytes:
        """The next octets."""
        end = self.at + count
        if end > len(self.octets):
            raise CoerError(f"it ends within a field at {self.at}")
        taken, self.at = self.octets[self.at : end], end
        return taken

    def length(self) -> int:
        """A length in its shortest form."""
        first = self.take(1)[0]
        if first < 0x80:
            return first
        octets = self.take(first & 0x7F)
        value = int.from_bytes(octets)
        if not octets or len(octets) > 4 or octets[0] == 0 or value < 0x80:
            raise CoerError(f"a length is not canonical at {self.at}")
        return value

    def counted(self) -> bytes:
        """Octets behind their length."""
        return self.take(self.length())


def _length(count: int) -> bytes:
    if count < 0x80:
        return bytes([count])
    octets = count.to_bytes((count.bit_length() + 7) // 8)
    return bytes([0x80 | len(octets)]) + octets


class Type:
    """What can be written and read."""

    def encode(self, value: Any) -> bytes:
        """The octets of a value."""
        raise NotImplementedError

    def read(self, reader: Reader) -> Any:
        """The value at the cursor."""
        raise NotImplementedError

    def decode(self, octets: bytes) -> Any:
        """The value of octets that hold nothing else.

        Raises:
            CoerError: they are not its encoding.
        """
        reader = Reader(octets)
        value = self.read(reader)
        if reader.at != len(octets):
            raise CoerError(f"something follows at {reader.at}")
        return value


@dataclass(frozen=True)
class Uint(Type):
    """An INTEGER of fixed size."""

    size: int

    def encode(self, value: int) -> bytes:
        return value.to_bytes(self.size)

    def read(self, reader: Reader) -> int:
        return int.from_bytes(reader.take(self.size))


@dataclass(frozen=True)
class Only(Type):
    """An octet that has one value: a version."""

    value: int

    def encode(self, value: int) -> bytes:
        return bytes([self.value])

    def read(self, reader: Reader) -> int:
        if reader.take(1)[0] != self.value:
            raise CoerError(f"the version is not {self.value} at {reader.at}")
        return self.value


@dataclass(frozen=True)
class Int32(Type):
    """An INTEGER of 32 bits with a sign."""

    def encode(self, value: int) -> bytes:
        return value.to_bytes(4, signed=True)

    def read(self, reader: Reader) -> int:
        return int.from_bytes(reader.take(4), signed=True)


@dataclass(frozen=True)
class Integer(Type):
    """An INTEGER behind its length."""

    signed: bool = True

    def encode(self, value: int) -> bytes:
        bits = (value if value >= 0 else ~value).bit_length() + self.signed
        octets = value.to_bytes(max(1, (bits + 7) // 8), signed=self.signed)
        return _length(len(octets)) + octets

    def read(self, reader: Reader) -> int:
        octets = reader.counted()
        value = int.from_bytes(octets, signed=self.signed)
        if not 1 <= len(octets) <= 8 or self.encode(value)[1:] != octets:
            raise CoerError(f"an integer is not canonical at {reader.at}")
        return value


@dataclass(frozen=True)
class Boolean(Type):
    """TRUE is 0xFF."""

    def encode(self, value: bool) -> bytes:
        return b"\xff" if value else b"\0"

    def read(self, reader: Reader) -> bool:
        octet = reader.take(1)
        if octet not in (b"\xff", b"\0"):
            raise CoerError(f"a boolean is not canonical at {reader.at}")
        return octet == b"\xff"


@dataclass(frozen=True)
class Octets(Type):
    """An OCTET STRING; of fixed size it has no length."""

    size: int | None = None

    def encode(self, value: bytes) -> bytes:
        if self.size is None:
            return _length(len(value)) + value
        if len(value) != self.size:
            raise CoerError(f"{len(value)} octets where {self.size} belong")
        return value

    def read(self, reader: Reader) -> bytes:
        return reader.counted() if self.size is None else reader.take(self.size)


@dataclass(frozen=True)
class Text(Type):
    """A UTF8String or IA5String."""

    encoding: str = "utf-8"

    def encode(self, value: str) -> bytes:
        octets = value.encode(self.encoding)
        return _length(len(octets)) + octets

    def read(self, reader: Reader) -> str:
        try:
            return reader.counted().decode(self.encoding)
        except UnicodeDecodeError:
            raise CoerError(f"a text is no {self.encoding} at {reader.at}") from None


@dataclass(frozen=True)
class Null(Type):
    """Nothing."""

    def encode(self, value: None) -> bytes:
        return b""

    def read(self, reader: Reader) -> None:
        return None


@dataclass(frozen=True)
class Enumerated(Type):
    """Names in order; a number of a later edition reads as ``#n``."""

    names: Sequence[str]

    def encode(self, value: str) -> bytes:
        return bytes([int(value[1:]) if value[0] == "#" else self.names.index(value)])

    def read(self, reader: Reader) -> str:
        number = reader.take(1)[0]
        if number >= 0x80:
            raise CoerError(f"an enumeration is out of range at {reader.at}")
        return self.names[number] if number < len(self.names) else f"#{number}"


@dataclass(frozen=True)
class SequenceOf(Type):
    """Any number of one type."""

    element: Type

    def encode(self, value: Sequence[Any]) -> bytes:
        count = Integer(signed=False).encode(len(value))
        return count + b"".join(self.element.encode(one) for one in value)

    def read(self, reader: Reader) -> list[Any]:
        count = Integer(signed=False).read(reader)
        if count > len(reader.octets) - reader.at:  # even the smallest element takes an octet
            raise CoerError(f"a count exceeds what is there at {reader.at}")
        return [self.element.read(reader) for _ in range(count)]


@dataclass(frozen=True)
class Record(Type):
    """A SEQUENCE.

    Args:
        fields: name and type, in order; a name with ``?`` is optional.
        additions: those after the extension marker; `None` if there is no marker.
    """

    fields: Mapping[str, Type]
    additions: Mapping[str, Type] | None = None

    @cached_property
    def _parts(self) -> list[tuple[str, Type, bool]]:
        """Name, type, and whether it is optional, of each field."""
        return [
            (name.removesuffix("?"), kind, name[-1] == "?") for name, kind in self.fields.items()
        ]

    def encode(self, value: Mapping[str, Any]) -> bytes:
        optional = [name for name, _, is_optional in self._parts if is_optional]
        additions = self.additions or {}
        added = [name for name in additions if name in value]
        bits = [bool(added)] if self.additions is not None else []
        bits += [name in value for name in optional]
        octets = _bits(bits)
        for name, kind, is_optional in self._parts:
            if name in value or not is_optional:
                octets += kind.encode(value[name])
        if added:
            present = _bits([name in value for name in additions])
            unused = -len(additions) % 8
            octets += _length(len(present) + 1) + bytes([unused]) + present
            for name in added:
                inner = additions[name].encode(value[name])
                octets += _length(len(inner)) + inner
        return octets

    def read(self, reader: Reader) -> dict[str, Any]:
        _descend(reader)
        extensible = self.additions is not None
        count = sum(is_optional for _, _, is_optional in self._parts) + extensible
        bits = iter(_read_bits(reader, count) if count else ())
        extended = extensible and next(bits)
        value = {
            name: kind.read(reader)
            for name, kind, is_optional in self._parts
            if not is_optional or next(bits)
        }
        if extended:
            self._read_additions(reader, value)
        reader.depth -= 1
        return value

    def _read_additions(self, reader: Reader, value: dict[str, Any]) -> None:
        bitmap = reader.counted()
        if len(bitmap) < 2 or bitmap[0] > 7:
            raise CoerError(f"an extension bitmap is malformed at {reader.at}")
        if not any(bitmap[1:]) or bitmap[-1] & ((1 << bitmap[0]) - 1):  # X.696 §16.2: canonical
            raise CoerError(f"an extension bitmap is not canonical at {reader.at}")
        count = 8 * (len(bitmap) - 1) - bitmap[0]
        known = list((self.additions or {}).items())
        for index in range(count):
            if bitmap[1 + index // 8] >> (7 - index % 8) & 1:
                octets = reader.counted()
                name, kind = known[index] if index < len(known) else (f"#{index}", None)
                value[name] = kind.decode(octets) if kind else octets


@dataclass(frozen=True)
class Choice(Type):
    """A CHOICE; alternatives after the extension marker stand behind their length.

    An alternative of a later edition reads as (``#n``, octets).
    """

    alternatives: Mapping[str, Type]
    extensions: Mapping[str, Type] = field(default_factory=dict)

    @cached_property
    def _known(self) -> list[tuple[str, Type]]:
        return [*self.alternatives.items(), *self.extensions.items()]

    def encode(self, value: tuple[str, Any]) -> bytes:
        name, inner = value
        octets: bytes
        if name in self.alternatives:
            index = list(self.alternatives).index(name)
            return bytes([0x80 | index]) + self.alternatives[name].encode(inner)
        if name.startswith("#"):
            return bytes([0x80 | int(name[1:])]) + Octets().encode(inner)
        index = len(self.alternatives) + list(self.extensions).index(name)
        octets = self.extensions[name].encode(inner)
        return bytes([0x80 | index]) + _length(len(octets)) + octets

    def read(self, reader: Reader) -> tuple[str, Any]:
        _descend(reader)
        tag = reader.take(1)[0]
        index = tag - 0x80
        if not 0 <= index < 0x3F:
            raise CoerError(f"a choice is malformed at {reader.at}")
        if index < len(self.alternatives):
            name, kind = self._known[index]
            value = name, kind.read(reader)
        else:
            octets = reader.counted()
            if index < len(self._known):
                name, kind = self._known[index]
                value = name, kind.decode(octets)
            else:
                value = f"#{index}", octets
        reader.depth -= 1
        return value


@dataclass(frozen=True)
class Kept(Type):
    """Another type as the octets that were received: those are what is hashed and verified."""

    inner: Callable[[], Type]

    def encode(self, value: bytes) -> bytes:
        return value

    def read(self, reader: Reader) -> bytes:
        start = reader.at
        self.inner().read(reader)
        return reader.octets[start : reader.at]


@dataclass(frozen=True)
class Deferred(Type):
    """A type that is described further down."""

    inner: Callable[[], Type]

    def encode(self, value: Any) -> bytes:
        return self.inner().encode(value)

    def read(self, reader: Reader) -> Any:
        return self.inner().read(reader)


def _descend(reader: Reader) -> None:
    reader.depth += 1
    if reader.depth > MAX_DEPTH:
        raise CoerError("it is nested too deeply")


def _bits(bits: Sequence[bool]) -> bytes:
    if not bits:
        return b""
    number = sum(bit << (len(bits) - 1 - index) for index, bit in enumerate(bits))
    return (number << (-len(bits) % 8)).to_bytes((len(bits) + 7) // 8)


def _read_bits(reader: Reader, count: int) -> list[bool]:
    octets = reader.take((count + 7) // 8)
    number, unused = int.from_bytes(octets), 8 * len(octets) - count
    if number & ((1 << unused) - 1):
        raise CoerError(f"unused bits of a preamble are set at {reader.at}")
    return [bool(number >> (unused + count - 1 - index) & 1) for index in range(count)]
