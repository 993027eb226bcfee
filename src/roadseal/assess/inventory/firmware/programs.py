"""Programs: which cryptography they import, and which constants give away what they bring along.

An import says that a program can; it does not say that it does. Constants say the same of code
that is linked in. Both are `inferred`.

Sources: System V ABI, gABI 4.1 chapter 5 (dynamic linking); FIPS 197, 180-4, 202, 203, 204; RFC
1321; RFC 8439; SEC 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from roadseal.assess.inventory.collector import Context, Output, Signature, Source
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
from roadseal.crypto.toml_source import TomlSource

_ELF: Final = b"\x7fELF"
_CONSTANTS: Final = {  # octets = canonical name, what they are
    "637c777bf26b6fc53001672bfed7ab76": ("aes", "the S-box of AES"),
    "52096ad53036a538bf40a39e81f3d7fb": ("aes", "the inverse S-box of AES"),
    "78a46ad756b7c7e8db702024eecebdc1": ("md5", "the table of MD5"),
    "982f8a4291443771cffbc0b5a5dbb5e9": ("sha-256", "the table of SHA-256"),
    "428a2f9871374491b5c0fbcfe9b5dba5": ("sha-256", "the table of SHA-256"),
    "22ae28d7982f8a42cd65ef2391443771": ("sha-512", "the table of SHA-512"),
    "428a2f98d728ae227137449123ef65cd": ("sha-512", "the table of SHA-512"),
    "886a3f24d308a3852e8a191344737003": ("blowfish-cbc", "the P-array of Blowfish"),
    b"expand 32-byte k".hex(): ("chacha20", "the constant of ChaCha20"),
    "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b": ("ec-p256", "P-256"),
    "4b60d2273e3cce3bf6b053ccb0061d65bc86987655bdebb3e7933aaad835c65a": ("ec-p256", "P-256"),
    "ecfb0afd99fea1fa": ("ml-kem-768", "roots of unity of ML-KEM"),
    "f76400000231d8ff": ("ml-dsa-65", "roots of unity of ML-DSA"),
}  # fmt: skip
_MAX_SYMBOLS: Final = 200_000


@cache
def _constants() -> dict[bytes, tuple[str, str]]:
    return {bytes.fromhex(key): row for key, row in _CONSTANTS.items()}


@cache
def _symbols() -> dict[str, str]:
    file = resources.files(__package__).joinpath("symbols.toml")
    table: dict[str, str] = TomlSource(file.name, file.read_text("utf-8")).parse()["symbols"]
    return table


@dataclass(frozen=True)
class ProgramCollector:
    """Reads ELF imports and the constants of ciphers."""

    name: str = "binary"
    signatures: Sequence[Signature] = (
        Signature(_ELF, 0),
        *(Signature(bytes.fromhex(key)) for key in _CONSTANTS),
    )
    names: Sequence[str] = ()

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what `source` can do."""
        if source.data[:4] == _ELF:
            yield from _imports(source)
        if b"\0" not in source.data[:4096]:
            return  # a text that quotes a constant is no program
        seen: set[str] = set()
        for constant, (name, what) in _constants().items():
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


def _imports(source: Source) -> Iterator[Output]:
    try:
        names = _undefined(source)
    except (struct.error, ValueError, IndexError):
        yield Gap(Location(source.uri), Cause.UNREADABLE, "The symbols of an ELF file.")
        return
    found = {name: _symbols()[name] for name in names if name in _symbols()}
    by_algorithm: dict[str, list[str]] = {}
    for symbol, algorithm in found.items():
        by_algorithm.setdefault(algorithm, []).append(symbol)
    for algorithm, symbols in sorted(by_algorithm.items()):
        what = f"imports {', '.join(sorted(symbols)[:5])}"
        yield _finding(Location(source.uri), "import", what, [algorithm], 0.7)


def _undefined(source: Source) -> list[str]:
    """Names of the undefined dynamic symbols."""
    head = source.data[:64]
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    if wide:
        (table_at,) = struct.unpack(f"{order}Q", head[40:48])
        size, count = struct.unpack(f"{order}HH", head[58:62])
        section, symbol_size = f"{order}IIQQQQIIQQ", 24
    else:
        (table_at,) = struct.unpack(f"{order}I", head[32:36])
        size, count = struct.unpack(f"{order}HH", head[46:50])
        section, symbol_size = f"{order}IIIIIIIIII", 16
    if size != struct.calcsize(section):
        return []  # without sections there is nothing to read names from
    sections = [
        struct.unpack(section, source.data[table_at + index * size : table_at + (index + 1) * size])
        for index in range(count)
    ]
    names: list[str] = []
    for one in sections:
        if one[1] != 11 or one[6] >= count:  # SHT_DYNSYM
            continue
        strings = source.data[sections[one[6]][4] : sections[one[6]][4] + sections[one[6]][5]]
        table = source.data[one[4] : one[4] + min(one[5], _MAX_SYMBOLS * symbol_size)]
        for at in range(0, len(table) - symbol_size + 1, symbol_size):
            (name_at,) = struct.unpack(f"{order}I", table[at : at + 4])
            index_at = at + (6 if wide else 14)
            if struct.unpack(f"{order}H", table[index_at : index_at + 2])[0] == 0:
                end = strings.find(b"\0", name_at)
                names.append(strings[name_at:end].decode("ascii", "replace"))
    return names


PROGRAMS: Final = ProgramCollector()
"""Reads programs."""
