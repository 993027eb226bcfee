"""CycloneDX in XML, turned into the shape of its JSON."""

from __future__ import annotations

from typing import Any, Final

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from roadseal.assess.inventory.imports.document import check_size, malformed

MAX_DEPTH: Final = 64

_LISTS = {  # element that holds a list = name of its entries; the JSON has an array there
    "components": "component",
    "cryptoFunctions": "cryptoFunction",
    "cipherSuites": "cipherSuite",
    "algorithms": "algorithm",
    "identifiers": "identifier",
    "tlsGroups": "tlsGroup",
    "tlsSignatureSchemes": "tlsSignatureScheme",
    "occurrences": "occurrence",
    "certificateStates": "certificateState",
    "certificateExtensions": "certificateExtension",
    "relatedCryptographicAssets": "relatedCryptographicAsset",
}
_REPEATED = {"certificationLevel", "encr", "prf", "integ", "ke", "auth", "certificateState"}
"""Elements that stand several times side by side where the JSON has an array."""

_FLAT = {"cryptoRef": "cryptoRefArray"}
"""Elements that stand side by side = the array of the JSON."""
_NUMBERS = {
    *("nistQuantumSecurityLevel", "classicalSecurityLevel", "size", "line", "offset"),
    *("keyLength", "group"),
}
"""Elements that hold a number: in XML everything is text."""

_PREFIX = "http://cyclonedx.org/schema/bom/"


def document_from_xml(data: bytes) -> dict[str, Any]:
    """Parse a document; entities and external references are refused.

    Raises:
        RoadsealError: ``report-malformed``.
    """
    check_size(data, "CycloneDX document")
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise malformed("CycloneDX document", str(error) or type(error).__name__) from None
    namespace, _, name = str(root.tag).partition("}")
    if name != "bom":
        raise malformed("CycloneDX document", "its root is no bom")
    document = _value(root, 0)
    assert isinstance(document, dict)  # noqa: S101 - a bom has elements or none, never only text
    document["specVersion"] = namespace.removeprefix("{").removeprefix(_PREFIX)
    return document


def _value(element: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise malformed("CycloneDX document", f"it is nested deeper than {MAX_DEPTH}")
    name = _local(element.tag)
    children = list(element)
    if name in _LISTS and children and all(_local(one.tag) == _LISTS[name] for one in children):
        return [_value(child, depth + 1) for child in children]
    if name == "dependencies":
        return [_dependency(child) for child in children]
    if not children and not element.attrib and name != "bom":
        said = (element.text or "").strip()
        number = name in _NUMBERS and len(said) < 10 and said.isdecimal() and said.isascii()
        return int(said) if number else said
    value: dict[str, Any] = {_local(key): text for key, text in element.attrib.items()}
    for child in children:
        key, inner = _local(child.tag), _value(child, depth + 1)
        if key in _FLAT:
            value.setdefault(_FLAT[key], []).append(inner)
        elif key in _REPEATED:
            value.setdefault(key, []).append(inner)
        else:
            value.setdefault(key, inner)
    return value


def _dependency(element: Any) -> dict[str, Any]:
    """What one component depends on, as the JSON has it."""
    inner = [child.get("ref") for child in element if _local(child.tag) == "dependency"]
    return {"ref": element.get("ref"), "dependsOn": inner}


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]
