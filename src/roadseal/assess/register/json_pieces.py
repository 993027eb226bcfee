"""A register's document as JSON: at once, or piece by piece with the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

_SORTED: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS


def register_bytes(register: Mapping[str, Any]) -> bytes:
    """The register as JSON: the same register, the same bytes."""
    return orjson.dumps(register, option=_SORTED) + b"\n"


def object_pieces(members: Mapping[str, Any], *, option: int = _SORTED) -> Iterator[bytes]:
    """An object of JSON, as orjson indents it.

    Args:
        members: in their order; an iterator is a list that is read as it is written.
        option: of orjson, for what is inside of them.
    """
    yield b"{"
    for at, (name, value) in enumerate(members.items()):
        yield (b",\n  " if at else b"\n  ") + orjson.dumps(name) + b": "
        if isinstance(value, Iterator):
            yield from _list_pieces(value, option)
        else:
            yield _indented(orjson.dumps(value, option=option), b"  ")
    yield b"\n}\n"


def _list_pieces(items: Iterable[Any], option: int) -> Iterator[bytes]:
    empty = True
    for item in items:
        yield b"[\n    " if empty else b",\n    "
        yield _indented(orjson.dumps(item, option=option), b"    ")
        empty = False
    yield b"[]" if empty else b"\n  ]"


def _indented(text: bytes, by: bytes) -> bytes:
    return text.replace(b"\n", b"\n" + by)  # no string of JSON has a line break in it
