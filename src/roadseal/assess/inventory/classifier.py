"""What an algorithm is, and what a quantum computer does to it, by its exact name.

The names are those of `roadseal.crypto.algorithms` where it has one, and follow its manner where it
has none: ``rsa-2048``, ``ecdsa-p256``, ``p256`` (key agreement on that curve), ``aes-128-gcm``,
``hmac-sha-256``. Names that standards and tools use are turned into these by
`roadseal.assess.inventory.identifiers`. A name that fits no template is unknown; it is never
taken for its neighbour, and unknown is never safe.

>>> classify("rsa-2048").bearing, classify("x25519mlkem768").bearing
(<Bearing.SHOR: 'shor'>, <Bearing.NONE: 'none'>)
>>> classify("description").bearing
<Bearing.UNKNOWN: 'unknown'>
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from roadseal.crypto.algorithms import Kind, registry
from roadseal.crypto.toml_source import TomlSource

MAX_NAME_CHARS: Final = 200
"""No algorithm has a longer name; a longer text is unknown at once."""


class Bearing(StrEnum):
    """What stands between an algorithm and its fall, worst first."""

    BROKEN_TODAY = "broken-today"  # needs no quantum computer
    UNKNOWN = "unknown"  # not recognised: a gap, not a comfort
    SHOR = "shor"  # a large quantum computer breaks it outright
    GROVER = "grover"  # loses a margin at most: its level says what is left
    NONE = "none"  # built to withstand a quantum computer

    @property
    def badness(self) -> int:
        """Higher is worse."""
        return len(Bearing) - list(Bearing).index(self)


@dataclass(frozen=True, slots=True)
class Classification:
    """What is known about an algorithm, in the words of CycloneDX 1.7.

    Args:
        name: its canonical name, or the spelling that nobody knows.
        bearing: what a quantum computer does to it.
        primitive: ``signature``, ``kem``, ``ae``, …; ``unknown``.
        family: of CycloneDX's registry; None where that has none.
        parameter_set: such as ``2048`` or ``SHA2-128s``.
        curve: of CycloneDX's registry, such as ``nist/P-256``.
        mode: of a block cipher.
        padding: of RSA.
        classical_bits: strength against a classical attacker; None where it is not fixed.
        nist_level: security category, 0 for none of them; None where it is not fixed.
        components: canonical names of what a combination is made of: it holds as long as one does.
    """

    name: str
    bearing: Bearing
    primitive: str = "unknown"
    family: str | None = None
    parameter_set: str | None = None
    curve: str | None = None
    mode: str | None = None
    padding: str | None = None
    classical_bits: int | None = None
    nist_level: int | None = None
    components: tuple[str, ...] = ()

    @property
    def functions(self) -> tuple[str, ...]:
        """What it is able to do: `cryptoFunctions` of CycloneDX."""
        return _FUNCTIONS.get(self.primitive, ("unknown",))


@lru_cache(maxsize=8192)
def classify(name: str) -> Classification:
    """Return what the algorithm called `name` is; of an unknown one, that it is unknown."""
    if len(name) > MAX_NAME_CHARS:
        return Classification(name, Bearing.UNKNOWN)
    if (row := registry().get(name)) and row.components:
        return _combined(name, row.components, _PRIMITIVES[row.kind])
    for template in _templates():
        if (match := template.pattern.fullmatch(name)) and (
            found := template.classify(name, match.groupdict())
        ):
            return found
    return Classification(name, Bearing.UNKNOWN)


def worst(names: Iterable[str]) -> Bearing:
    """Return the worst bearing of several algorithms that must all hold, such as of a suite."""
    return max((classify(name).bearing for name in names), key=lambda bearing: bearing.badness)


_FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "signature": ("sign", "verify"),
    "pke": ("encrypt", "decrypt"),
    "kem": ("encapsulate", "decapsulate"),
    "key-agree": ("keyderive",),
    "combiner": ("keyderive",),
    "block-cipher": ("encrypt", "decrypt"),
    "stream-cipher": ("encrypt", "decrypt"),
    "ae": ("encrypt", "decrypt", "tag"),
    "key-wrap": ("encrypt", "decrypt"),
    "hash": ("digest",),
    "mac": ("tag",),
    "kdf": ("keyderive",),
    "other": ("other",),
}
_PRIMITIVES: Final[Mapping[Kind, str]] = {  # of a combination of this kind
    Kind.SIGNATURE: "signature",
    Kind.KEM: "combiner",
    Kind.KEY_AGREEMENT: "combiner",
    Kind.HASH: "combiner",
    Kind.AEAD: "combiner",
}
_SLOT = re.compile(r"\\{(\w+)\\}")


@dataclass(frozen=True)
class _Template:
    """One row of ``classes.toml``."""

    pattern: re.Pattern[str]
    row: Mapping[str, Any]
    words: Mapping[str, Any]

    def classify(self, name: str, slots: Mapping[str, str]) -> Classification | None:
        """Describe what `name` says; None when its figures are none that exist."""
        row = self.row
        if "components" in row:
            parts = self._components(slots)
            return _combined(name, parts, row["primitive"])
        level = row.get("level", 0 if row["bearing"] == Bearing.SHOR else None)
        classical = row.get("classical")
        bits = int(slots["bits"]) if "bits" in slots else None
        if "levels" in row and (level := row["levels"].get(str(bits))) is None:
            return None
        broken = bits is not None and bits <= row.get("broken_up_to", 0)
        match row.get("strength"):
            case "modulus":
                classical = self._modulus_strength(bits or 0)
            case "key":
                if (level := self.words["strength"]["key"].get(str(bits))) is None:
                    return None
                classical = bits
            case "curve":
                classical = self._word("curve", slots)["classical"]
                broken = self._word("curve", slots).get("broken", False)
            case "hash":
                classical, level = (
                    self._word("hash", slots)[key] for key in ("classical", "level")
                )
        if row.get("hash_broken_matters", True):
            broken = broken or self._word("hash", slots).get("broken", False)
        return Classification(
            name,
            Bearing.BROKEN_TODAY if broken else Bearing(row["bearing"]),
            primitive=self._primitive(slots),
            family=row.get("family") or self._word("hash", slots).get("family"),
            parameter_set=self._parameter_set(slots),
            curve=row.get("curve") or self._word("curve", slots).get("curve"),
            mode=self._word("mode", slots).get("mode"),
            padding=row.get("padding"),
            classical_bits=classical,
            nist_level=level,
        )

    def _components(self, slots: Mapping[str, str]) -> tuple[str, ...]:
        if "pair" in slots:
            return tuple(slots["pair"].split("+"))
        return tuple(
            self.words["halves"][slots["half"]] if part == "{half}" else part.format(**slots)
            for part in self.row["components"]
        )

    def _primitive(self, slots: Mapping[str, str]) -> str:
        primitive: str = self.row["primitive"]
        return self._word("mode", slots)["primitive"] if primitive == "mode" else primitive

    def _parameter_set(self, slots: Mapping[str, str]) -> str | None:
        if "slh" in slots:
            return f"{slots['slh'].upper()}-{slots['bits']}{slots['speed']}"
        return slots.get("bits") or self._word("hash", slots).get("set")

    def _word(self, slot: str, slots: Mapping[str, str]) -> Mapping[str, Any]:
        word: Mapping[str, Any] = self.words[_VOCABULARIES[slot]].get(slots.get(slot), {})
        return word

    def _modulus_strength(self, bits: int) -> int | None:
        steps = [
            strength
            for size, strength in self.words["strength"]["modulus"].items()
            if int(size) <= bits
        ]
        return max(steps, default=None)


_VOCABULARIES: Final = {"curve": "curves", "hash": "hashes", "mode": "modes", "half": "halves"}
_PATTERNS: Final = {
    "bits": r"[1-9][0-9]{1,4}",
    "slh": r"sha2|shake",
    "speed": r"[sf]",
    "digest": r"sha256|sha512|shake256",
    "draft": r"[1-9][0-9]?",
    "pair": r"[a-z0-9-]+(?:\+[a-z0-9-]+){1,7}",
}


@cache
def _templates() -> tuple[_Template, ...]:
    file = resources.files(__package__).joinpath("classes.toml")
    words = TomlSource(file.name, file.read_text("utf-8")).parse()

    def slot(match: re.Match[str]) -> str:
        kind = match[1]
        if kind in _VOCABULARIES:
            inner = "|".join(map(re.escape, words[_VOCABULARIES[kind]]))
        else:
            inner = _PATTERNS[kind]
        return f"(?P<{kind}>{inner})"

    return tuple(
        _Template(re.compile(_SLOT.sub(slot, re.escape(template))), row, words)
        for template, row in words["classes"].items()
    )


def _combined(name: str, parts: tuple[str, ...], primitive: str) -> Classification:
    """Describe a combination: it holds as long as its best part holds."""
    each = [classify(part) for part in parts]
    bearing = min((part.bearing for part in each), key=lambda bearing: bearing.badness)
    if bearing is Bearing.BROKEN_TODAY and any(p.bearing is Bearing.UNKNOWN for p in each):
        bearing = Bearing.UNKNOWN
    return Classification(
        name,
        bearing,
        primitive=primitive,
        classical_bits=max((p.classical_bits for p in each if p.classical_bits), default=None),
        nist_level=max((p.nist_level for p in each if p.nist_level is not None), default=None),
        components=parts,
    )
