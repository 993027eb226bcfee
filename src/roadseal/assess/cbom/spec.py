"""The versions of CycloneDX that are written, and the official schemas of all that are read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final

import orjson


class Spec(StrEnum):
    """A version that Roadseal writes."""

    V1_6 = "1.6"
    V1_7 = "1.7"


READ: Final = ("1.4", "1.5", "1.6", "1.7")
"""Versions that are validated; before 1.4 there was no schema of this form."""

_SCHEMAS: Final = "cyclonedx.schema._res"  # cyclonedx-python-lib brings the official files
_BESIDE: Final = ("spdx", "jsf-0.82", "cryptography-defs")


@cache
def schema(version: str) -> Mapping[str, Any]:
    """The official JSON schema of a version."""
    return _load(f"bom-{version}")


@cache
def schemas_beside() -> Mapping[str, Mapping[str, Any]]:
    """The schemas that it refers to, by their file names."""
    return {f"{name}.SNAPSHOT.schema.json": _load(name) for name in _BESIDE}


@cache
def families() -> frozenset[str]:
    """The algorithm families of the 1.7 registry."""
    return _enumeration("algorithmFamiliesEnum")


@cache
def curves() -> frozenset[str]:
    """The elliptic curves of the 1.7 registry."""
    return _enumeration("ellipticCurvesEnum")


def _enumeration(name: str) -> frozenset[str]:
    definitions = schemas_beside()["cryptography-defs.SNAPSHOT.schema.json"]["definitions"]
    return frozenset(definitions[name]["enum"])


def _load(name: str) -> Mapping[str, Any]:
    path = resources.files(_SCHEMAS).joinpath(f"{name}.SNAPSHOT.schema.json")
    loaded: Mapping[str, Any] = orjson.loads(path.read_bytes())
    return loaded
