"""A mapping: which column of a source says what, as a small TOML that people read and change."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field

from roadseal.assess.inventory.estate.asset import Exposure, Kind, UpdatePath
from roadseal.assess.inventory.estate.dates import Order
from roadseal.assess.inventory.estate.place import Letter, is_known_system
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError

SINGLE: Final = (
    "id", "place", "latitude", "longitude", "zone", "kind", "corridor", "owner", "vendor", "model",
    "firmware", "installed", "end_of_life", "update_path", "address",
)  # fmt: skip
"""Fields that one column gives."""
SEVERAL: Final = ("name", "exposure", "services")
"""Fields that several columns give together."""
CONSTANT: Final = ("corridor", "owner", "vendor", "model", "update_path", "exposure")
"""Fields that may be said once for the whole file."""
DEGREES: Final = 4326
TRANSLATED: Final = ("kind", "update_path", "exposure", "services")
"""Fields whose values are translated by ``[values.FIELD]``."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rows that are not in service: those whose `column` has one of `values`."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """What a source's columns mean.

    Args:
        columns: field → columns, in order.
        values: field → value as in the file → value of Roadseal; compared without case.
        constants: field → value for every row that says nothing itself.
        kind: what a row is whose own kind is not said.
        date_order: which of day and month comes first.
        reject: which rows are not in service.
        epsg: the system of the coordinates where the file does not say it, as an EPSG code.
        swap: whether the columns of latitude and longitude are exchanged throughout.
        letter_o: what O behind degrees stands for.
        per_degree: into how many parts a degree is cut in its columns: 1, a million, or ten
            million as in SAE J2735.
    """

    columns: MappingOf[str, tuple[str, ...]]
    values: MappingOf[str, MappingOf[str, str]] = field(default_factory=dict)
    constants: MappingOf[str, str] = field(default_factory=dict)
    kind: Kind = Kind.UNKNOWN
    date_order: Order = Order.UNKNOWN
    reject: tuple[Rejection, ...] = ()
    epsg: int = 4326
    swap: bool = False
    letter_o: Letter = Letter.UNKNOWN
    per_degree: int = 1

    def to_toml(self) -> str:
        """Write it as the TOML that `read_mapping` reads."""
        document = tomlkit.document()
        document.add("version", tomlkit.item(1))
        document.add("kind", tomlkit.item(str(self.kind)))
        document.add("date_order", tomlkit.item(str(self.date_order)))
        if self.epsg != DEGREES:
            document.add("epsg", tomlkit.item(self.epsg))
        if self.swap:
            document.add("swap_latitude_longitude", tomlkit.item(value=True))
        if self.letter_o is not Letter.UNKNOWN:
            document.add("letter_o", tomlkit.item(str(self.letter_o)))
        if self.per_degree != 1:
            document.add("per_degree", tomlkit.item(self.per_degree))
        document.add("columns", tomlkit.item(
            {name: each[0] if name in SINGLE else list(each) for name, each in self.columns.items()}
        ))  # fmt: skip
        if self.constants:
            document.add("constants", tomlkit.item(dict(self.constants)))
        if self.values:
            document.add(
                "values", tomlkit.item({key: dict(each) for key, each in self.values.items()})
            )
        if self.reject:
            rows = [{"column": each.column, "values": list(each.values)} for each in self.reject]
            document.add("reject", tomlkit.item(rows))
        return tomlkit.dumps(document)


def read_mapping(source: TomlSource) -> Mapping:
    """Read and check a mapping.

    Raises:
        RoadsealError: with file, line and remedy.
    """
    row = source.validate(_File, source.parse(), (), "mapping-malformed")
    columns = {
        name: (each,) if isinstance(each, str) else tuple(each)
        for name, each in row.columns.model_dump(exclude_none=True).items()
    }
    values = row.values.model_dump(exclude_none=True)
    if not is_known_system(row.epsg):
        raise source.error(
            "mapping-malformed",
            ("epsg",),
            f"EPSG:{row.epsg} is no system that is known here.",
            "Look it up at epsg.org; 4326 is degrees.",
        )
    _check_values(source, values, row.constants.model_dump(exclude_none=True))
    return Mapping(
        columns,
        values,
        row.constants.model_dump(exclude_none=True),
        row.kind,
        row.date_order,
        tuple(Rejection(each.column, tuple(each.values)) for each in row.reject),
        row.epsg,
        row.swap_latitude_longitude,
        row.letter_o,
        row.per_degree,
    )


def load_mapping(path: Path) -> Mapping:
    """Load a mapping from its file.

    Raises:
        RoadsealError: ``mapping-unreadable``, or what is wrong in it, with its line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        raise RoadsealError(
            "mapping-unreadable",
            f"{path} is no readable TOML file.",
            advice="Let --guess --save-mapping FILE.toml write one to start from.",
        ) from None
    return read_mapping(TomlSource(path.name, text))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Column = Annotated[str, Field(min_length=1)]


class _Columns(_Strict):
    id: _Column | None = None
    name: _Column | list[_Column] | None = None
    place: _Column | None = None
    latitude: _Column | None = None
    longitude: _Column | None = None
    zone: _Column | None = None
    kind: _Column | None = None
    corridor: _Column | None = None
    owner: _Column | None = None
    vendor: _Column | None = None
    model: _Column | None = None
    firmware: _Column | None = None
    installed: _Column | None = None
    end_of_life: _Column | None = None
    update_path: _Column | None = None
    exposure: _Column | list[_Column] | None = None
    services: _Column | list[_Column] | None = None
    address: _Column | None = None


class _Values(_Strict):
    kind: dict[str, str] | None = None
    update_path: dict[str, str] | None = None
    exposure: dict[str, str] | None = None
    services: dict[str, str] | None = None


class _Constants(_Strict):
    corridor: str | None = None
    owner: str | None = None
    vendor: str | None = None
    model: str | None = None
    update_path: str | None = None
    exposure: str | None = None


class _Rejection(_Strict):
    column: str
    values: list[str]


class _File(_Strict):
    version: Literal[1]
    kind: Kind = Kind.UNKNOWN
    date_order: Order = Order.UNKNOWN
    epsg: int = Field(default=DEGREES, gt=0, lt=1_000_000)
    swap_latitude_longitude: bool = False
    letter_o: Letter = Letter.UNKNOWN
    per_degree: Literal[1, 1_000_000, 10_000_000] = 1
    columns: _Columns
    values: _Values = _Values()
    constants: _Constants = _Constants()
    reject: list[_Rejection] = []


_VOCABULARY: Final[MappingOf[str, frozenset[str]]] = {
    "kind": frozenset(Kind),
    "update_path": frozenset(UpdatePath),
    "exposure": frozenset(Exposure),
}


def _check_values(
    source: TomlSource, values: MappingOf[str, MappingOf[str, str]], constants: MappingOf[str, str]
) -> None:
    said: list[tuple[tuple[str, ...], str, str]] = [
        (("constants", name), name, value) for name, value in constants.items()
    ]
    for name, each in values.items():
        said += [(("values", name, key), name, value) for key, value in each.items()]
    for at, name, value in said:
        allowed = _VOCABULARY.get(name)
        if allowed and value and value not in allowed:
            raise source.error(
                "mapping-malformed",
                at,
                f"{value!r} is no {name.replace('_', ' ')}.",
                f"Use one of {', '.join(sorted(allowed))}, or nothing for unknown.",
            )
