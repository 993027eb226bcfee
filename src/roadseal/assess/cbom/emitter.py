"""Writing a CBOM as a stream of any length; the same findings give the same bytes."""

from __future__ import annotations

import hashlib
import uuid
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from roadseal.assess.cbom.components import (
    algorithm_component,
    algorithm_reference,
    finding_component,
)
from roadseal.assess.cbom.spec import Spec
from roadseal.assess.inventory.classifier import classify
from roadseal.assess.inventory.finding import Coverage, Finding

_SUBJECT: Final = "subject"
_OPTIONS: Final = orjson.OPT_SORT_KEYS


def write_cbom(
    findings: Iterable[Finding], coverage: Coverage, *, spec: Spec, name: str
) -> Iterator[bytes]:
    """Yield a CycloneDX document in pieces.

    Its serial number is made of its content: no time and no chance goes into it.

    Args:
        findings: what was found; they are gone through once and not held.
        coverage: what was not looked at: it becomes `compositions`.
        spec: the version.
        name: what was scanned.
    """
    digest = hashlib.sha256()
    for piece in _body(findings, coverage, spec, name):
        digest.update(piece)
        yield piece
    yield b',\n"serialNumber":"urn:uuid:%s"}\n' % str(_serial(digest.digest())).encode()


def _serial(digest: bytes) -> uuid.UUID:
    """A UUID of version 8 (RFC 9562 clause 5.8): made by a rule of our own, of a hash."""
    octets = bytearray(digest[:16])
    octets[6] = octets[6] & 0x0F | 0x80
    octets[8] = octets[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(octets))


def _body(
    findings: Iterable[Finding], coverage: Coverage, spec: Spec, name: str
) -> Iterator[bytes]:
    head = {
        "bomFormat": "CycloneDX",
        "specVersion": spec.value,
        "version": 1,
        "metadata": _metadata(coverage, name),
    }
    yield orjson.dumps(head, option=_OPTIONS)[:-1] + b',\n"components":['
    seen: set[int] = set()
    ids = array("Q")  # 64 bits of each finding are kept, not the finding
    used: dict[tuple[str, ...], int] = {}  # the distinct sets of algorithms, in order
    edges = array("L")  # of each finding the number of its set
    separator = b"\n"
    for finding in findings:
        key = int(finding.id, 16)
        if key in seen:
            continue
        seen.add(key)
        names = tuple(dict.fromkeys(use.name for use in finding.algorithms))
        edges.append(used.setdefault(names, len(used)))
        ids.append(key)
        component = finding_component(finding, spec, _finding_reference(key))
        yield separator + orjson.dumps(component, option=_OPTIONS)
        separator = b",\n"
    seen.clear()
    parts = _with_parts(name for names in used for name in names)
    for algorithm in parts:
        yield separator + orjson.dumps(algorithm_component(algorithm, spec), option=_OPTIONS)
        separator = b",\n"
    yield b'],\n"dependencies":['
    separator = b"\n"
    sets = [
        orjson.dumps([algorithm_reference(name) for name in names], option=_OPTIONS)
        for names in used
    ]
    for key, number in zip(ids, edges, strict=True):
        reference = _finding_reference(key).encode()
        yield separator + b'{"dependsOn":%s,"ref":"%s"}' % (sets[number], reference)
        separator = b",\n"
    for algorithm, components in parts.items():
        row: dict[str, Any] = {"ref": algorithm_reference(algorithm)}
        if components:
            row["dependsOn"] = [algorithm_reference(part) for part in components]
        yield separator + orjson.dumps(row, option=_OPTIONS)
        separator = b",\n"
    compositions = [{"aggregate": _aggregate(coverage), "assemblies": [_SUBJECT]}]
    yield b'],\n"compositions":' + orjson.dumps(compositions, option=_OPTIONS)


def _finding_reference(key: int) -> str:
    return f"finding/{key:016x}"


def _with_parts(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Every algorithm, and those that combinations are made of, in the order of their names."""
    found: dict[str, tuple[str, ...]] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = classify(name).components
            waiting += found[name]
    return dict(sorted(found.items()))


def _metadata(coverage: Coverage, name: str) -> dict[str, Any]:
    gaps = [
        {
            "name": f"roadseal:gap:{gap.cause.value}",
            "value": f"{gap.location.uri}: {gap.detail}",
        }
        for gap in coverage.gaps
    ]
    read = [
        {"name": "roadseal:coverage:read", "value": str(coverage.read)},
        {"name": "roadseal:coverage:read_bytes", "value": str(coverage.read_bytes)},
    ]
    tool = {"type": "application", "name": "roadseal", "publisher": "Roadseal"}
    return {
        "lifecycles": [{"phase": "discovery"}],
        "tools": {"components": [tool]},
        "component": {"type": "application", "bom-ref": _SUBJECT, "name": name},
        "properties": [*read, *gaps],
    }


def _aggregate(coverage: Coverage) -> str:
    """An empty scan is not complete: it says nothing."""
    if coverage.read == 0:
        return "unknown"
    return "complete" if coverage.complete else "incomplete"
