"""Programs: which cryptography they import, and which constants give away what they bring along.

An import says that a program can; it does not say that it does. Constants, and functions that it
has itself, say the same of code that is linked in. All are `inferred`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from roadseal.assess.inventory.collector import Context, Data, Output, Signature, Source
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Finding,
    Gap,
    Location,
    Role,
)
from roadseal.assess.inventory.firmware import elf, pe
from roadseal.assess.inventory.firmware.constants import constants
from roadseal.crypto.toml_source import TomlSource


@cache
def symbols() -> dict[str, str]:
    """Functions of cryptographic libraries = canonical name of the algorithm they name."""
    file = resources.files(__package__).joinpath("symbols.toml")
    table: dict[str, str] = TomlSource(file.name, file.read_text("utf-8")).parse()["symbols"]
    return table


@cache
def _libraries() -> dict[str, str]:
    file = resources.files(__package__).joinpath("symbols.toml")
    table: dict[str, str] = TomlSource(file.name, file.read_text("utf-8")).parse()["libraries"]
    return table


@dataclass(frozen=True)
class ProgramCollector:
    """Reads the names in ELF files and Windows programs, and the constants of ciphers."""

    name: str = "binary"
    signatures: Sequence[Signature] = (
        Signature(elf.MAGIC, 0),
        Signature(pe.MAGIC, 0),
        *(Signature(constant) for constant in constants()),
    )
    names: Sequence[str] = ()

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what `source` can do."""
        if source.data[:4] == elf.MAGIC:
            yield from _names(source, elf.read_names, "an ELF file")
        elif source.data[:2] == pe.MAGIC:
            yield from _names(source, pe.read_names, "a Windows program")
        if b"\0" not in source.data[:4096]:
            return  # a text that quotes a constant is no program
        seen: set[str] = set()
        for constant, (name, what) in constants().items():
            for offset in source.hits.get(constant, ())[:1]:
                if name not in seen:
                    seen.add(name)
                    yield _finding(
                        Location(source.uri, offset=offset), "constant", what, [name], 0.6
                    )


def _finding(location: Location, rule: str, what: str, names: list[str], sure: float) -> Finding:
    return Finding(
        f"binary/{rule}", location, AssetType.ALGORITHM, what,
        tuple(AlgorithmUse(name, Role.UNKNOWN, preferred=False) for name in names),
        Basis.INFERRED, sure, what,
    )  # fmt: skip


def _names(source: Source, read: Callable[[Data], elf.Names], what: str) -> Iterator[Output]:
    try:
        names = read(source.data)
    except (struct.error, ValueError, IndexError):
        yield Gap(Location(source.uri), Cause.UNREADABLE, f"The symbols of {what}.")
        return
    named = False
    for rule, verb, stated in (
        ("import", "imports", names.imported),
        ("export", "brings", names.defined),
    ):
        by_algorithm: dict[str, list[str]] = {}
        for symbol in stated & symbols().keys():
            by_algorithm.setdefault(symbols()[symbol], []).append(symbol)
        for algorithm, found in sorted(by_algorithm.items()):
            named = True
            what = f"{verb} {', '.join(sorted(found)[:5])}"
            yield _finding(Location(source.uri), rule, what, [algorithm], 0.7)
    if named:
        return
    linked = [name for name in names.needed if _stem(name) in _libraries()]
    if linked:
        what = f"links {', '.join(linked)}: what of it is used is decided at run time"
        yield _finding(Location(source.uri), "library", what, ["library-default"], 0.5)


def _stem(library: str) -> str:
    """A library's name without its version: ``libssl.so.3``, ``libcrypto-3-x64.dll``."""
    if library.lower().endswith(".dll"):
        return library.lower()[:-4].split("-")[0]
    return library.split(".so")[0]


PROGRAMS: Final = ProgramCollector()
"""Reads programs."""
