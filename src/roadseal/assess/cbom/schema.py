"""Validating a CBOM against the official schemas, and what the schemas cannot say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

import jsonschema_rs
import orjson

from roadseal.assess.cbom.spec import READ, schema, schemas_beside

MAX_FAULTS: Final = 200
"""Faults after which nobody reads on."""
_MAX_DEPTH: Final = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong in a document.

    Args:
        where: path to it, such as ``components/3/cryptoProperties``.
        what: one sentence.
    """

    where: str
    what: str


def validate_cbom(encoded: bytes) -> tuple[Fault, ...]:
    """Everything that is wrong with a CycloneDX document in JSON; nothing if it is valid.

    Beside the schema of its own version: references that lead nowhere, and names used twice.

    Args:
        encoded: the document; whatever it is, it does not raise.
    """
    try:
        document = orjson.loads(encoded)
    except orjson.JSONDecodeError as error:
        return (Fault("", f"It is no JSON: {error}."),)
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        return (Fault("bomFormat", "It is no CycloneDX document in JSON."),)
    version = document.get("specVersion")
    if version not in READ:
        return (
            Fault("specVersion", f"Version {str(version)[:20]} is not one of {', '.join(READ)}."),
        )
    return tuple(islice(_faults(document, version), MAX_FAULTS))


def crypto_assets(encoded: bytes) -> int:
    """How many cryptographic assets a valid document holds; without any it proves nothing."""
    components = _components(orjson.loads(encoded), 0)
    return sum(each.get("type") == "cryptographic-asset" for each in components)


def _faults(document: dict[str, Any], version: str) -> Iterator[Fault]:
    try:
        for error in _validator(version).iter_errors(document):
            where = "/".join(map(str, error.instance_path))
            yield Fault(where, error.message[:300])
    except ValueError as error:  # nested beyond what the validator follows
        yield Fault("", str(error)[:300])
        return
    yield from _references(document)


@cache
def _validator(version: str) -> Any:
    registry = jsonschema_rs.Registry(
        [
            (f"http://cyclonedx.org/schema/{name}", dict(text))
            for name, text in schemas_beside().items()
        ]
    )
    return jsonschema_rs.Draft7Validator(dict(schema(version)), registry=registry)


def _references(document: dict[str, Any]) -> Iterator[Fault]:
    components = list(_components(document, 0))
    metadata = document.get("metadata")
    subject = metadata.get("component") if isinstance(metadata, dict) else None
    services = document.get("services")
    named = [*components, *([subject] if isinstance(subject, dict) else [])]
    named += (
        [each for each in services if isinstance(each, dict)] if isinstance(services, list) else []
    )
    counted = Counter(each["bom-ref"] for each in named if isinstance(each.get("bom-ref"), str))
    for reference, count in counted.items():
        if count > 1:
            yield Fault("components", f"The reference {reference!r} is used {count} times.")
    dependencies = document.get("dependencies")
    for number, row in enumerate(dependencies if isinstance(dependencies, list) else ()):
        if not isinstance(row, dict):
            continue
        depends = row.get("dependsOn")
        for reference in [row.get("ref"), *(depends if isinstance(depends, list) else ())]:
            if isinstance(reference, str) and reference not in counted and not _is_link(reference):
                yield Fault(f"dependencies/{number}", f"Nothing is called {reference!r}.")


def _components(holder: Any, depth: int) -> Iterator[dict[str, Any]]:
    inner = holder.get("components")
    if depth > _MAX_DEPTH or not isinstance(inner, list):
        return
    for each in inner:
        if isinstance(each, dict):
            yield each
            yield from _components(each, depth + 1)


def _is_link(reference: str) -> bool:
    """Whether it leads into another document."""
    return reference.startswith("urn:cdx:")
