"""The algorithms: what each is called, how large it is, what it withstands, and who says so.

The rows are data (`algorithms.toml`); this module checks them once and hands out frozen values.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError


class Kind(StrEnum):
    """What an algorithm does."""

    SIGNATURE = "signature"
    KEM = "kem"
    KEY_AGREEMENT = "key-agreement"
    HASH = "hash"
    AEAD = "aead"


class Status(StrEnum):
    """How firm the ground is, firmest first."""

    STANDARD = "standard"
    DRAFT = "draft"
    EXPERIMENTAL = "experimental"

    @staticmethod
    def least_firm(statuses: Iterable[Status]) -> Status:
        """Return the least firm of `statuses`: a whole is never firmer than its parts."""
        return max(statuses, key=list(Status).index, default=Status.STANDARD)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes in bytes, in the encoding that the source fixes; None where there is no such part.

    Of a hybrid TLS group, `public_key` is the client's share and `ciphertext` the server's.
    """

    public_key: int | None = None
    signature: int | None = None
    ciphertext: int | None = None
    shared_secret: int | None = None
    digest: int | None = None
    key: int | None = None
    nonce: int | None = None
    tag: int | None = None


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm with its parameters, as one row of `algorithms.toml`.

    Args:
        id: the name used everywhere, also in Rust; an experimental one ends in its version.
        kind: what it does.
        size_bytes: sizes of its parts.
        oid: object identifier, dotted; None where none is assigned.
        curve_oid: object identifier of the curve, where the algorithm's alone is ambiguous.
        ieee1609dot2_index: index in the CHOICEs PublicVerificationKey and Signature of IEEE 1609.2.
        ieee1609dot2_status: `STANDARD` when IEEE assigned that index.
        nist_category: 1 to 5, or None where none is claimed.
        components: ids of what a combination is made of; empty for a single algorithm.
        quantum_safe: whether it withstands a large quantum computer, as far as is known.
        recognised_only: Roadseal can name it, and refuses it in a profile.
        status: how firm its definition is.
        version: edition of its definition.
        source: standard and clause.
    """

    id: str
    kind: Kind
    size_bytes: Sizes
    oid: str | None
    curve_oid: str | None
    ieee1609dot2_index: int | None
    ieee1609dot2_status: Status | None
    nist_category: int | None
    components: tuple[str, ...]
    quantum_safe: bool
    recognised_only: bool
    status: Status
    version: str
    source: str


@cache
def registry() -> Mapping[str, Algorithm]:
    """Return every algorithm by id, in the order of the file."""
    file = resources.files(__package__).joinpath("algorithms.toml")
    return read_algorithms(TomlSource(file.name, file.read_text("utf-8")))


def algorithm(id: str) -> Algorithm:  # noqa: A002 - the row's own name for it
    """Return the algorithm called `id`.

    Raises:
        RoadsealError: ``unknown-algorithm``; the advice names the nearest id.
    """
    if found := registry().get(id):
        return found
    raise RoadsealError(
        "unknown-algorithm", f"No algorithm is called {id!r}.", advice=nearest_advice(id)
    )


def nearest_advice(id: str) -> str:  # noqa: A002
    """Return the sentence that names the ids nearest to a misspelt one."""
    near = difflib.get_close_matches(id, registry(), n=2)
    return f"Did you mean {' or '.join(near)}?" if near else "See algorithms.toml for the ids."


def read_algorithms(source: TomlSource) -> Mapping[str, Algorithm]:
    """Read and check a table of algorithms.

    Raises:
        RoadsealError: ``algorithm-row`` with file, line, row and remedy.
    """
    rows: dict[str, Algorithm] = {}
    indices: dict[int, str] = {}
    for id_, table in source.parse().items():
        if not isinstance(table, dict):
            raise source.error(
                "algorithm-row", (id_,), f"{id_} is not a table.", "Write it as a [table]."
            )
        row = source.validate(_Row, table, (id_,), "algorithm-row").freeze(id_)
        for key, message, advice in _problems(row, rows, indices):
            raise source.error("algorithm-row", (id_, key), f"{id_}: {message}", advice)
        if row.ieee1609dot2_index is not None:
            indices[row.ieee1609dot2_index] = id_
        rows[id_] = row
    return MappingProxyType(rows)


_NEEDED_SIZES: Mapping[Kind, tuple[str, ...]] = {
    Kind.SIGNATURE: ("public_key", "signature"),
    Kind.KEM: ("public_key", "ciphertext", "shared_secret"),
    Kind.KEY_AGREEMENT: ("shared_secret",),
    Kind.HASH: ("digest",),
    Kind.AEAD: ("key", "nonce", "tag"),
}


def _problems(
    row: Algorithm, earlier: Mapping[str, Algorithm], indices: Mapping[int, str]
) -> Iterable[tuple[str, str, str]]:
    """Yield (key, what is wrong, what to do) for each rule that a row breaks."""
    for part in _NEEDED_SIZES[row.kind]:
        if getattr(row.size_bytes, part) is None:
            yield "size_bytes", f"a {row.kind} needs the size {part}.", f"Add {part}."
    index = row.ieee1609dot2_index
    if index is not None and index in indices:
        yield "ieee1609dot2", f"index {index} belongs to {indices[index]}.", "Choose a free index."
    if row.status is Status.EXPERIMENTAL and not row.id.endswith(f"/{row.version}"):
        yield (
            "version",
            "an experimental id ends in its version.",
            f"Call it {row.id}/{row.version}.",
        )
    unknown = [component for component in row.components if component not in earlier]
    if unknown:
        yield "components", f"{unknown[0]} is not above this row.", "Name rows that stand above."
    elif row.components:
        parts = [earlier[component] for component in row.components]
        if row.quantum_safe != any(part.quantum_safe for part in parts):
            yield (
                "quantum_safe",
                "a combination is as safe as its safest component.",
                f"Set it to {str(not row.quantum_safe).lower()}.",
            )
        if Status.least_firm([row.status, *(part.status for part in parts)]) is not row.status:
            yield "status", "a combination is not firmer than its components.", "Lower the status."


_Size = Annotated[int | None, Field(strict=True, gt=0)]
_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Oid = Annotated[str | None, Field(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$")]


class _Edge(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _SizesRow(_Edge):
    public_key: _Size = None
    signature: _Size = None
    ciphertext: _Size = None
    shared_secret: _Size = None
    digest: _Size = None
    key: _Size = None
    nonce: _Size = None
    tag: _Size = None


class _Ieee1609Dot2(_Edge):
    index: Annotated[int, Field(strict=True, ge=0)]
    status: Status


class _Row(_Edge):
    kind: Kind
    size_bytes: _SizesRow
    oid: _Oid = None
    curve_oid: _Oid = None
    ieee1609dot2: _Ieee1609Dot2 | None = None
    nist_category: Annotated[int | None, Field(strict=True, ge=1, le=5)] = None
    components: tuple[str, ...] = ()
    quantum_safe: Annotated[bool, Field(strict=True)]
    recognised_only: Annotated[bool, Field(strict=True)] = False
    status: Status
    version: _Text
    source: _Text

    def freeze(self, id_: str) -> Algorithm:
        """Return the value that the rest of Roadseal sees."""
        choice = self.ieee1609dot2
        return Algorithm(
            id=id_,
            size_bytes=Sizes(**self.size_bytes.model_dump()),
            ieee1609dot2_index=choice.index if choice else None,
            ieee1609dot2_status=choice.status if choice else None,
            **self.model_dump(include=_COPIED),
        )


_COPIED = {
    "kind",
    "oid",
    "curve_oid",
    "nist_category",
    "components",
    "quantum_safe",
    "recognised_only",
    "status",
    "version",
    "source",
}
