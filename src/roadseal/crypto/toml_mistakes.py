"""Every mistake of a TOML text at once: what can be read is checked, whatever else is wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from roadseal.crypto.toml_source import TomlError, TomlSource
from roadseal.errors import RoadsealError, all_of

_Model = TypeVar("_Model", bound=BaseModel)


class Mistakes:
    """Gathers errors, to raise them together."""

    def __init__(self) -> None:
        self._found: list[RoadsealError] = []

    def add(self, error: RoadsealError) -> None:
        """Keep an error."""
        self._found.extend(error.each)

    @contextmanager
    def gather(self) -> Iterator[None]:
        """An error inside the `with` ends it, and is kept."""
        try:
            yield
        except RoadsealError as error:
            self.add(error)

    def settle(self) -> None:
        """Raise what was gathered, in the order of the lines.

        Raises:
            RoadsealError: there was something.
        """
        if self._found:
            raise all_of(sorted(self._found, key=_line)) from None

    def validate(
        self,
        source: TomlSource,
        model: type[_Model],
        code: str,
        stand_ins: Mapping[str, Any],
    ) -> _Model:
        """Check a text against `model`, and keep what is wrong with it.

        Args:
            source: the text.
            model: of its root table.
            code: of the errors.
            stand_ins: what takes the place of a wrong value that has no default: by its keys with
                dots between, and `[]` for an element of an array.

        Returns:
            the text without what is wrong.

        Raises:
            RoadsealError: it is no TOML, or nothing can be made of it.
        """
        table = source.parse()
        try:
            return model.model_validate(table)
        except ValidationError as error:
            self._found.extend(source.explain(error, (), code))
            paths = [finding["loc"] for finding in error.errors(include_url=False)]
        try:
            return model.model_validate(_without(table, paths, stand_ins))
        except ValidationError:
            self.settle()
            raise


def _line(error: RoadsealError) -> int:
    return (error.line or 0) if isinstance(error, TomlError) else 0


def _without(
    table: Mapping[str, Any], paths: list[tuple[int | str, ...]], stand_ins: Mapping[str, Any]
) -> Any:
    rest: Any = copy.deepcopy(dict(table))
    for path in reversed(paths):  # from the end: what is taken out of an array moves what follows
        node, name = rest, ""
        for part, deeper in zip(path, [*path[1:], None], strict=True):
            name += "[]" if isinstance(part, int) else f".{part}" if name else part
            inside = node[part] if _has(node, part) else None
            if (isinstance(deeper, str) and isinstance(inside, dict)) or _has(inside, deeper):
                node = inside
                continue
            if name in stand_ins:
                node[part] = stand_ins[name]
            elif _has(node, part):
                del node[part]
            break
    return rest


def _has(node: Any, part: int | str | None) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, dict) and part in node
