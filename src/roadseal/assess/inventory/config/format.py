"""What a configuration language is, and the readings that many of them share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from roadseal.assess.inventory.config import spelling
from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.config.left_open import LeftOpen
from roadseal.assess.inventory.config.spelling import Uses, named
from roadseal.assess.inventory.finding import AlgorithmUse, Role

Reader = Callable[[Directive], tuple[str, Uses] | None]
"""Returns what is said, in words without secrets, and the algorithms."""

Said = tuple[Directive, str, Uses]
"""What follows from several statements, at the one that shows it best."""

Whole = Callable[[Sequence[Directive]], Iterator[Said]]
"""Reads what no statement says alone, such as that a listener has no TLS."""


@dataclass(frozen=True)
class Format:
    """One configuration language.

    Args:
        name: findings are called ``config/NAME``.
        protocol: what it configures.
        readers: by directive, in lower case.
        typical: directives that tell the format, in lower case; two must be there, or one that is
            read and a name of `files`.
        files: names, as globs in lower case.
        terminated: whether statements end in ``;``.
        whole: reads statements together.
        includes: directives, in lower case, whose words name further files; and which files of a
            folder are meant where a folder is named.
        left_open: how cryptography is turned on without a choice of algorithms.
    """

    name: str
    protocol: str
    readers: Mapping[str, Reader]
    typical: frozenset[str]
    files: tuple[str, ...]
    terminated: bool = False
    whole: Whole | None = None
    includes: Mapping[str, str] = field(default_factory=dict)
    left_open: LeftOpen | None = None


PLAIN = AlgorithmUse("plaintext", Role.PLAINTEXT)
PLAIN_ASIDE = AlgorithmUse("plaintext", Role.PLAINTEXT, preferred=False)
"""Plaintext that carries nothing away: on one machine, or of what is encrypted already."""

PSK = AlgorithmUse("psk", Role.LIVE_AUTHENTICATION)


def listed(read: Callable[[str], Uses]) -> Reader:
    """Any words, read as one list."""
    return lambda one: (one.value, read(one.value)) if one.words else None


def word(read: Callable[[str], Uses]) -> Reader:
    """One word: several are prose."""
    return lambda one: (one.value, read(one.value)) if len(one.words) == 1 else None


def names(read: Callable[[str], Uses]) -> Reader:
    """A list without spaces, of names of the field's form: other words are prose."""

    def reader(one: Directive) -> tuple[str, Uses] | None:
        named_so = len(one.words) == 1 and re.search(r"[-@*]|^none$", one.value)
        return (one.value, read(one.value)) if named_so else None

    return reader


def versions(one: Directive) -> tuple[str, Uses] | None:
    """Versions name no algorithm; those that fell are broken today (RFC 8996)."""
    on = spelling.tls_versions(one.words)
    old = [version for version in on if version in {"SSL 2.0", "SSL 3.0"}]
    return (
        (
            ", ".join(on),
            named([f"{v.lower().replace(' ', '-')}" for v in old], Role.LIVE_AUTHENTICATION),
        )
        if on
        else None
    )


def flag(text: str, use: AlgorithmUse, *values: str) -> Reader:
    """Say `text` and `use` where the directive has one of `values`, or any without them."""

    def read(one: Directive) -> tuple[str, Uses] | None:
        said = one.value.lower()
        return (text, [use]) if (said in values if values else bool(one.words)) else None

    return read
